"""Programs that are started without some of their standard streams. The number of a closed stream would go to the next file or
connection, which then is written to, and which libuv refuses to close."""

import shlex
import subprocess

import pytest
import requests

from conftest import ADMIN_TOKEN, BIN, free_port, stop, wait_for


def start(program, closed, *words, **environment):
    line = f"exec {shlex.join([str(BIN / program), *words])} {closed}"
    return subprocess.Popen(
        ["sh", "-c", line], env={"PATH": "/usr/bin:/bin", **environment}, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL)


@pytest.mark.parametrize("closed", ["<&-", "<&- >&- 2>&-"])
def test_helper_and_sandbox_serve_and_end_without_standard_streams(closed):
    keycloak, threescale, admin, port = (free_port() for _ in range(4))
    sandbox = start(
        "mlaas-sandbox", closed, "--keycloak-port", str(keycloak), "--threescale-port", str(threescale), "--admin-port", str(admin))
    helper = None
    try:
        wait_for(f"http://127.0.0.1:{admin}/counts", sandbox)
        helper = start(
            "mlaas-helper", closed, KEYCLOAK_URL=f"http://127.0.0.1:{keycloak}", KEYCLOAK_REALM="mlaas",
            KEYCLOAK_CLIENT_ID="mlaas-client", THREESCALE_ADMIN_API_URL=f"http://127.0.0.1:{threescale}",
            THREESCALE_ADMIN_API_KEY=ADMIN_TOKEN, SERVER_HOST="127.0.0.1", SERVER_PORT=str(port), SHUTDOWN_DRAIN_SECONDS="0")
        wait_for(f"http://127.0.0.1:{port}/api/health/ready", helper)
        for _ in range(20):
            answer = requests.get(f"http://127.0.0.1:{port}/api/services", timeout=20, headers={"Connection": "close"})
            assert answer.status_code == 401
        stop(helper)
        assert helper.returncode == 0, helper.returncode
        stop(sandbox)
        assert sandbox.returncode == 0, sandbox.returncode
    finally:
        for process in filter(None, (helper, sandbox)):
            stop(process)
