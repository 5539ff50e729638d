"""What operators set, as the built program reads it: files of variables, secrets, and what SIGHUP reads again."""

import json
import signal
import subprocess
import time

import pytest
import requests

from conftest import ADMIN_TOKEN, BIN, Helper, stop

GOOD = {
    "KEYCLOAK_URL": "https://sso.corp.test", "KEYCLOAK_REALM": "mlaas", "KEYCLOAK_CLIENT_ID": "mlaas-client",
    "THREESCALE_ADMIN_API_URL": "https://t.corp.test", "THREESCALE_ADMIN_API_KEY": "s3cret",
}


def config(command, file, **environment):
    return subprocess.run([BIN / "mlaas-helper", "config", command, "--env-file", file], env=environment,
                          capture_output=True, text=True, timeout=20, check=False)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_a_file_with_any_line_ends_is_read_whole(tmp_path, start, end):
    lines = ["# made on another system", *(f"{name}={value}" for name, value in GOOD.items()), "MLAAS_REQUIRED_ROLE=ml"]
    file = tmp_path / ".env"
    file.write_bytes((start + end.join(lines) + end).encode())
    printed = config("print", file)
    assert printed.returncode == 0, printed.stderr
    assert f"MLAAS_REQUIRED_ROLE=ml  # from {file}" in printed.stdout


@pytest.mark.parametrize("line", ["SECRET s3cret", "'s3cret", "A='s3cret' s3cret", "LOG_LEVEL=\"info\\nX=s3cret\"",
                                  "KEYCLOAK_JWKS_URL=https://a:s3cret@sso.corp.test",
                                  "HTTPS_PROXY=http://u:s3cret@proxy:no"])
def test_no_refused_line_is_repeated(tmp_path, line):
    file = tmp_path / ".env"
    file.write_text("".join(f"{name}={value}\n" for name, value in GOOD.items()) + line + "\n")
    for command in ("check", "print"):
        done = config(command, file)
        assert done.returncode == 78
        assert "s3cret" not in done.stdout + done.stderr


def test_sighup_reads_the_client_secret_again(sandbox, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("wrong\n")
    helper = Helper(sandbox.keycloak, sandbox.threescale, KEYCLOAK_CLIENT_SECRET_FILE=str(secret),
                    KEYCLOAK_INTROSPECTION="true", BREAKER_FAILURES="1000")
    try:
        def status():
            bearer = {"Authorization": f"Bearer {sandbox.token('ada')}"}
            return requests.get(helper.url + "/api/services", headers=bearer, timeout=20).status_code
        assert status() == 503
        secret.write_text("mlaas-client-secret\r\n")
        helper.process.send_signal(signal.SIGHUP)
        end = time.monotonic() + 20
        while status() != 200:
            assert time.monotonic() < end, "the new secret is not used"
            time.sleep(0.2)
    finally:
        log = [json.loads(line) for line in helper.stop().splitlines()]
    refused = [line for line in log if line.get("operation") == "introspection" and line["message"] == "dependency call failed"]
    assert refused and all("KEYCLOAK_CLIENT_SECRET" in line["hint"] for line in refused)


def test_a_probe_repeats_no_warning_of_the_configuration(tmp_path):
    """A container engine keeps what each check prints, and would show that in place of the cause."""
    file = tmp_path / ".env"
    file.write_text("".join(f"{name}={value}\n" for name, value in GOOD.items())
                    + "KEYCLOAK_REALMS=x\nLOG_FORMAT=%(message)s\nSERVER_PORT=9\n")
    assert config("check", file).stderr.count("warning") == 2
    probe = subprocess.run([BIN / "mlaas-helper", "healthcheck", "--env-file", file], env={}, capture_output=True,
                           text=True, timeout=20, check=False)
    assert probe.returncode == 1 and len(probe.stderr.splitlines()) == 1 and "did not answer" in probe.stderr


def test_what_is_printed_says_what_a_running_helper_reads_again(tmp_path):
    file = tmp_path / ".env"
    file.write_text("".join(f"{name}={value}\n" for name, value in GOOD.items()))
    comment = "".join(line for line in config("print", file).stdout.splitlines() if line.startswith("# "))
    for words in ("read at its start", "reload finished", "SIGHUP", "KEYCLOAK_CLIENT_SECRET", "CA_BUNDLE"):
        assert words in comment
