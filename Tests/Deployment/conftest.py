"""The image and the chart, checked with the tools that operators use.

Run by scripts/image/check.sh and scripts/chart.sh, which name the container engine's own storage. The sandbox is the
one of Tests/Conformance.
"""

import contextlib
import importlib.util
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / ".tools"
IMAGE = os.environ.get("MLAAS_IMAGE", "localhost/mlaas-helper:latest")
# What OpenShift's restricted security context allows, and no more.
RESTRICTED = ["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--user", "1000650000:0",
              "--memory", "64m", "--network", "host"]


def _conformance():
    """Its conftest under another name than ours."""
    folder = ROOT / "Tests" / "Conformance"
    sys.path.append(str(folder))
    specification = importlib.util.spec_from_file_location("conformance_conftest", folder / "conftest.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


conformance = _conformance()


def run(*command, check=True, **options):
    """Runs a command and returns it as completed, its output as text."""
    done = subprocess.run([str(word) for word in command], text=True, capture_output=True, check=False, **options)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done


def podman(*arguments, **options):
    return run("podman", *arguments, **options)


class Container(conformance.Helper):
    """The image, running on the host's loopback with a file of variables."""

    def __init__(self, env_file, port, *options, ready=True):
        self.url = f"http://127.0.0.1:{port}"
        self.name = podman("run", "-d", *RESTRICTED, "--env-file", env_file, *options, IMAGE).stdout.strip()
        wait_until(lambda: answers(self.url + ("/api/health/ready" if ready else "/api/health")), self.logs)

    def logs(self):
        done = podman("logs", self.name, check=False)
        return done.stdout + done.stderr

    def inspect(self, template):
        return podman("inspect", self.name, "--format", template).stdout.strip()

    def remove(self):
        podman("rm", "-f", "-t", "1", self.name, check=False)


def answers(url):
    try:
        return requests.get(url, timeout=2).status_code == 200
    except requests.RequestException:
        return False


def wait_until(condition, describe=str, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"not in {seconds} s:\n{describe()}")
        time.sleep(0.1)


@pytest.fixture(scope="module")
def sandbox():
    sandbox = conformance.Sandbox()
    yield sandbox
    conformance.stop(sandbox.process)


def variables(sandbox, port, **more):
    """The environment of an installation of the original Flask service, as its operators wrote it."""
    return {
        "KEYCLOAK_URL": sandbox.keycloak, "KEYCLOAK_REALM": "mlaas", "KEYCLOAK_CLIENT_ID": "mlaas-client",
        "KEYCLOAK_CLIENT_SECRET": "mlaas-client-secret", "THREESCALE_ADMIN_API_URL": sandbox.threescale,
        "THREESCALE_ADMIN_API_KEY": conformance.ADMIN_TOKEN, "FLASK_ENV": "production", "FLASK_APP": "app.py",
        "LOG_LEVEL": "INFO", "SERVER_HOST": "127.0.0.1", "SERVER_PORT": str(port), "API_TIMEOUT": "30",
        "API_RETRY_COUNT": "3", **more}


@pytest.fixture
def container(sandbox, tmp_path):
    """Starts containers by variables that differ from those of the original service, and removes them."""
    with contextlib.ExitStack() as stack:
        def start(*options, ready=True, port=None, **more):
            port = port or conformance.free_port()
            file = tmp_path / f"{port}.env"
            values = variables(sandbox, port, **more)
            file.write_text("".join(f"{name}={value}\n" for name, value in values.items()), encoding="utf-8")
            started = Container(file, port, *options, ready=ready)
            stack.callback(started.remove)
            return started
        yield start


def person(sandbox, name):
    """A person whom 3scale does not know yet, signed in."""
    requests.post(sandbox.admin + "/users", json={"username": name}, timeout=10).raise_for_status()
    return sandbox.token(name)


def main_job(helper, token):
    """Sees the services, gets a key for one of each mode, and gets the same again."""
    for system_name in ("granite_chat", "embeddings", "vision"):
        service = helper.services(token)[system_name]
        assert service["has_api_key"] is False
        first, again = (helper.init(token, service["id"]) for _ in range(2))
        assert (first.status_code, again.status_code) == (200, 200), first.text + again.text
        first, again = first.json()["data"], again.json()["data"]
        assert (first["is_new"], again["is_new"]) == (True, False) and first["api_key"] == again["api_key"]
        assert helper.services(token)[system_name]["api_key"] == first["api_key"]


@pytest.fixture(scope="session")
def image():
    """What the engine says about the image."""
    return json.loads(podman("image", "inspect", IMAGE).stdout)[0]
