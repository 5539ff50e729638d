"""Starts the sandbox and the helper on free loopback ports for clients that we did not write."""

import itertools
import os
import random
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
import requests

import openapi

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("MLAAS_BIN", ROOT / ".build" / "debug"))
ADMIN_TOKEN = "sandbox-admin-token"


openapi.install()


def pytest_configure(config):
    config.addinivalue_line("markers", "alone: measures or needs what a machine can do, so that no other test may run beside it")


# Before the hook of pytest-xdist, which reads the marks.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """In a parallel run the tests of a file share a process. A real Keycloak needs the machine: tests that ask it run alone."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group(item.path.name))
        if "real_keycloak" in item.fixturenames:
            item.add_marker("alone")


# Ports for servers, below those that the system gives to clients. Processes of a parallel run take none of each other's, and a
# process takes none again for long.
PORTS_EACH = 22_000 // int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
offsets = itertools.count(random.randrange(PORTS_EACH))


def free_port():
    for offset in offsets:
        port = 10_000 + PORTS_EACH * WORKER + offset % PORTS_EACH
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        openapi.forget(port)
        return port


def wait_for(url, process, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args[0]} ended with {process.returncode}")
        try:
            if requests.get(url, timeout=2).status_code == 200:
                return
        except requests.RequestException:
            pass
        time.sleep(0.05)
    raise RuntimeError(f"{url} did not answer 200 in {seconds} s")


def stop(process):
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)


class Sandbox:
    def __init__(self, *words):
        ports = [free_port() for _ in range(3)]
        self.keycloak, self.threescale, self.admin = (f"http://127.0.0.1:{port}" for port in ports)
        options = zip(("--keycloak-port", "--threescale-port", "--admin-port"), map(str, ports))
        self.process = subprocess.Popen(
            [BIN / "mlaas-sandbox", *(word for pair in options for word in pair), *words],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(self.admin + "/counts", self.process)

    def token(self, user="ada", client="mlaas-client", keycloak=None, kind="access_token", scope="openid"):
        answer = requests.post(
            f"{keycloak or self.keycloak}/realms/mlaas/protocol/openid-connect/token", timeout=20,
            data={"grant_type": "password", "client_id": client, "client_secret": f"{client}-secret",
                  "username": user, "password": f"{user}-password", "scope": scope})
        answer.raise_for_status()
        return answer.json()[kind]


class Helper:
    def __init__(self, keycloak, threescale, ready=True, **settings):
        port = int(settings.get("SERVER_PORT") or free_port())
        self.url = f"http://127.0.0.1:{port}"
        openapi.watch(self.url)
        environment = {
            "PATH": os.environ["PATH"], "KEYCLOAK_URL": keycloak, "KEYCLOAK_REALM": "mlaas",
            "KEYCLOAK_CLIENT_ID": "mlaas-client", "THREESCALE_ADMIN_API_URL": threescale,
            "THREESCALE_ADMIN_API_KEY": ADMIN_TOKEN, "SERVER_HOST": "127.0.0.1", "SERVER_PORT": str(port),
            **{name: value for name, value in os.environ.items() if name.endswith("SAN_OPTIONS")},
            "SHUTDOWN_DRAIN_SECONDS": "0", "KEYCLOAK_KEYS_COOLDOWN": "1s", "RATE_LIMITS": "off", **settings}
        self.log = tempfile.TemporaryFile("w+", encoding="utf-8")
        self.process = subprocess.Popen(
            [BIN / "mlaas-helper"], env=environment, stdout=self.log, stderr=subprocess.STDOUT)
        wait_for(self.url + ("/api/health/ready" if ready else "/api/health"), self.process)

    def logged(self):
        """What it has logged so far. The file is the process's own too, so that nothing here may move its offset."""
        return os.pread(self.log.fileno(), os.fstat(self.log.fileno()).st_size, 0).decode()

    def stop(self):
        """Ends it and returns what it has logged."""
        stop(self.process)
        self.log.seek(0)
        return self.log.read()

    def get(self, path, token=None):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return requests.get(self.url + path, headers=headers, timeout=30)

    def init(self, token, service, **members):
        return requests.post(
            self.url + "/api/services/init", timeout=30, headers={"Authorization": f"Bearer {token}"},
            json={"service_id": service, **members})

    def services(self, token):
        answer = self.get("/api/services", token)
        assert answer.status_code == 200, answer.text
        return {service["system_name"]: service for service in answer.json()["data"]["services"]}


@pytest.fixture(scope="module")
def sandbox():
    sandbox = Sandbox()
    yield sandbox
    stop(sandbox.process)


@pytest.fixture(scope="module")
def helper(sandbox):
    helper = Helper(sandbox.keycloak, sandbox.threescale)
    yield helper
    stop(helper.process)


def start_keycloak(tries=2):
    """A real Keycloak's port and process. One that ends before it is ready is started once more, and its last lines are shown."""
    port = free_port()
    process = subprocess.Popen(
        [ROOT / "scripts" / "keycloak.sh", str(port)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if process.stdout.readline().strip() == "ready":
        return port, process
    words = process.communicate(timeout=60)[1]
    if tries > 1:
        print(f"Keycloak did not start ({process.returncode}), once more: {words}")
        return start_keycloak(tries - 1)
    pytest.fail(f"Keycloak did not start ({process.returncode}): {words}", pytrace=False)


@pytest.fixture(scope="session")
def real_keycloak():
    """A real Keycloak's URL; skipped, by name, where no distribution is named."""
    if not (os.environ.get("KEYCLOAK_HOME") or os.environ.get("KEYCLOAK_ARCHIVE")):
        pytest.skip("needs KEYCLOAK_HOME or KEYCLOAK_ARCHIVE, and KEYCLOAK_REALM_FILE")
    port, process = start_keycloak()
    yield f"http://127.0.0.1:{port}"
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=60)
