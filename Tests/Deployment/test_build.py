"""How the image is built: twice alike, and from a package repository that asks for a password."""

import base64
import hashlib
import http.server
import json
import os
import re
import threading
import urllib.request
from pathlib import Path

import pytest

from conftest import IMAGE, ROOT, podman, run

USER, PASSWORD = "builder", "a-password-that-no-layer-keeps"


def program(image):
    """The digest of the program in an image."""
    name = podman("create", image).stdout.strip()
    try:
        return hashlib.sha256(run("bash", "-c", f"podman cp {name}:/usr/bin/mlaas-helper - | tar -xO | base64").stdout.encode()).hexdigest()
    finally:
        podman("rm", name)


def test_two_builds_of_one_commit_are_the_same(image):
    """Everything is built anew: no layer of the first build is taken."""
    run(ROOT / "scripts/image/build.sh", "--no-cache", "-t", "localhost/mlaas-helper:again")
    again = json.loads(podman("image", "inspect", "localhost/mlaas-helper:again").stdout)[0]
    try:
        assert program("localhost/mlaas-helper:again") == program(IMAGE)
        assert again["RootFS"]["Layers"] == image["RootFS"]["Layers"]
        assert again["Labels"] == image["Labels"]
    finally:
        podman("rmi", "localhost/mlaas-helper:again", check=False)


def upstream_sources():
    """This machine's own sources of Debian: {path: URL of the archive}, and the suites as written."""
    for file in ("/etc/apt/sources.list.d/debian.sources", "/etc/apt/sources.list"):
        if Path(file).exists():
            text = Path(file).read_text(encoding="utf-8")
            urls = re.findall(r"https?://[^\s]+", re.sub("(?m)^#.*$", "", text))
            if urls:
                return dict.fromkeys(urls), text
    return pytest.skip("needs apt sources on this machine")


class Mirror(http.server.BaseHTTPRequestHandler):
    """A company's repository: passes on what those may have who give the password."""

    archives = []
    refused = 0
    served = 0

    def do_GET(self):
        wanted = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if self.headers.get("Authorization") != wanted:
            Mirror.refused += 1
            self.send_error(401)
            return
        _, index, path = self.path.split("/", 2)
        try:
            with urllib.request.urlopen(f"{Mirror.archives[int(index)]}/{path}", timeout=60) as answer:
                body = answer.read()
        except urllib.error.HTTPError as error:
            self.send_error(error.code)
            return
        Mirror.served += 1
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def mirror():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Mirror)
    threading.Thread(target=server.serve_forever).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def test_packages_come_from_a_repository_with_a_password(mirror, tmp_path):
    """The lines of the Containerfile that install, with its secrets; and without the password they fail."""
    archives, text = upstream_sources()
    Mirror.archives = [url.rstrip("/") for url in archives]
    for index, url in enumerate(archives):
        text = re.sub(re.escape(url) + r"(?=\s)", f"{mirror}/{index}", text)
    (tmp_path / "sources").write_text(text, encoding="utf-8")
    (tmp_path / "auth").write_text(f"machine {mirror} login {USER} password {PASSWORD}\n", encoding="utf-8")
    # A mirror may be a snapshot, whose lists are past their date.
    (tmp_path / "conf").write_text('Acquire::Check-Valid-Until "false";\n', encoding="utf-8")
    stage = re.search(r"FROM \$\{DEBIAN\}.*?(?=COPY scripts/image/rootfs)", (ROOT / "Containerfile").read_text(), re.S).group()
    file = tmp_path / "Containerfile"
    file.write_text("ARG DEBIAN\n" + stage, encoding="utf-8")
    build = ["buildah", "build", "--no-cache", "-t", "localhost/mlaas-mirrored", "--build-arg",
             f"DEBIAN={os.environ.get('DEBIAN', 'localhost/mlaas-debian')}", "-f", file,
             "--secret", f"id=apt_sources,src={tmp_path}/sources", "--secret", f"id=apt_conf,src={tmp_path}/conf"]
    refused = run(*build, ROOT, check=False)
    assert refused.returncode != 0 and Mirror.refused > 0 and Mirror.served == 0
    assert "401" in refused.stdout + refused.stderr

    run(*build, "--secret", f"id=apt_auth,src={tmp_path}/auth", ROOT)
    assert Mirror.served > 3
    saved = tmp_path / "mirrored.tar"
    podman("save", "-q", "-o", saved, "localhost/mlaas-mirrored")
    podman("rmi", "localhost/mlaas-mirrored", check=False)
    kept = saved.read_bytes()
    assert PASSWORD.encode() not in kept and mirror.encode() not in kept
