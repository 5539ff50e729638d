"""`mlaas` against a real Keycloak: its device page, its login page, its tokens and its end of a session."""

import json
import os
import subprocess

import pytest
import requests

from command_line import CommandLine
from conftest import ROOT, Helper, Sandbox, stop

# The Python that drives Chromium.
DRIVER = ROOT / ".tools" / "contract" / "bin" / "python"
SIGN_IN = ROOT / "Tests" / "Browser" / "keycloak_sign_in.py"
needs_chromium = pytest.mark.skipif(not DRIVER.exists(), reason="needs .tools/contract and Chromium: ./setup.sh ci")


@pytest.fixture(scope="module")
def helper(real_keycloak):
    sandbox = Sandbox()
    helper = Helper(real_keycloak, sandbox.threescale, CLI_CLIENT_ID="mlaas-cli")
    yield helper
    stop(helper.process)
    stop(sandbox.process)


@pytest.fixture
def cli(helper, tmp_path):
    return CommandLine(tmp_path, helper.url)


def test_a_person_signs_in_on_another_device_and_gets_a_key(cli):
    status, _, error = cli.sign_in_by_device("ada")
    assert status == 0 and "as ada" in error, error
    assert cli.run("key", "get", "granite_chat").stdout.strip()


def test_a_person_refuses_on_the_other_device(cli):
    status, _, error = cli.sign_in_by_device("ada", accept=False)
    assert status == 1 and "refused" in error, error


def test_a_person_signs_in_with_a_browser_on_any_port(cli):
    done = cli.sign_in_by_browser("zoë")
    assert done.returncode == 0 and "as zoë" in done.stderr, done.stderr
    assert cli.json("whoami")["user"] == "zoë"


def test_a_sign_in_is_renewed_and_ended(cli):
    assert cli.sign_in_by_browser("bob").returncode == 0
    first = cli.record()
    cli.age(100_000)
    assert cli.json("whoami")["user"] == "bob"
    renewed = cli.record()
    assert renewed["access_token"] != first["access_token"] and renewed["refresh_token"]
    cli.run("logout")
    answer = requests.post(
        renewed["token_endpoint"], timeout=20,
        data={"grant_type": "refresh_token", "client_id": "mlaas-cli", "refresh_token": renewed["refresh_token"]})
    assert answer.status_code == 400 and answer.json()["error"] == "invalid_grant", answer.text
    cli.run("whoami", status=3)


def test_a_session_that_the_administrator_ended_asks_for_a_sign_in(cli, real_keycloak):
    assert cli.sign_in_by_browser("bob").returncode == 0
    record = cli.record()
    answer = requests.post(
        record["revocation_endpoint"], data={"client_id": "mlaas-cli", "token": record["refresh_token"]}, timeout=20)
    assert answer.status_code == 200
    cli.age(100_000)
    done = cli.run("services", status=3)
    assert "has ended" in done.stderr and not list(cli.folder.glob("*.json"))


# In Chromium, by Keycloak's own pages

@needs_chromium
def test_chromium_signs_in_and_comes_back_to_the_program(cli, tmp_path):
    report = tmp_path / "report.json"
    done = cli.run(
        "login", status=None, timeout=150, environment={"BROWSER": f"{DRIVER} {SIGN_IN} {report} ada"})
    assert done.returncode == 0 and "as ada" in done.stderr and not done.stdout, done.stderr
    seen = json.loads(report.read_text())
    assert seen["title"] == "Signed in" and "close this window" in seen["text"]
    assert cli.json("whoami")["user"] == "ada"
    assert cli.run("key", "get", "granite_chat", "--format", "json").stdout


def by_device(report, *words):
    """Opens the page of the code without the code, and types it as a person does who read it from a terminal."""
    def page(url, user, _):
        place, code = url.split("?user_code=")
        done = subprocess.run(
            [DRIVER, SIGN_IN, report, user, place, "--code", code, *words], capture_output=True, text=True, timeout=150,
            env={"PATH": os.environ["PATH"], "HOME": str(report.parent)})
        assert done.returncode == 0, done.stderr
    return page


@needs_chromium
def test_a_code_typed_into_keycloaks_page_in_chromium_signs_in(cli, tmp_path):
    report = tmp_path / "report.json"
    status, out, error = cli.sign_in_by_device("bob", page=by_device(report))
    assert status == 0 and not out and "as bob" in error, error
    assert cli.json("whoami")["user"] == "bob"
    assert "Success" in json.loads(report.read_text())["text"]


@needs_chromium
def test_no_on_keycloaks_page_in_chromium_is_status_1(cli, tmp_path):
    status, out, error = cli.sign_in_by_device("bob", page=by_device(tmp_path / "report.json", "--no"))
    assert status == 1 and not out and "refused in the browser" in error, error
    assert not list(cli.folder.glob("*.json"))
