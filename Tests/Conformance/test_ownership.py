"""Whose key it is, through the front door: blocked accounts, keys without credentials, marks, and moved marks."""

import base64
import json
import os
import subprocess

import pytest
import requests

from conftest import ADMIN_TOKEN, BIN, Helper, Sandbox, stop
from tenant import applications, knobs, threescale


@pytest.fixture
def systems():
    """A sandbox and a helper for one test: the tenant is changed in it."""
    sandbox = Sandbox()
    helper = Helper(sandbox.keycloak, sandbox.threescale)
    yield sandbox, helper
    helper.stop()
    stop(sandbox.process)


def new_person(sandbox, name):
    requests.post(sandbox.admin + "/users", json={"username": name}, timeout=10).raise_for_status()
    return sandbox.token(name)


def claims(token):
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


@pytest.mark.parametrize("state", ["rejected", "suspended", "scheduled_for_deletion"])
def test_a_blocked_account_gets_no_key(systems, state):
    sandbox, helper = systems
    token = new_person(sandbox, "blocked")
    services = helper.services(token)
    account = helper.init(token, services["granite_chat"]["id"]).json()["data"]["account_id"]
    threescale(sandbox, "PUT", f"accounts/{account}", state=state)
    answer = helper.init(token, services["embeddings"]["id"])
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "ACCOUNT_BLOCKED")
    assert {entry["service_id"] for entry in applications(sandbox, account)} == {int(services["granite_chat"]["id"])}


def test_a_key_without_a_credential_is_not_answered(systems):
    sandbox, helper = systems
    token = new_person(sandbox, "keyless")
    service = helper.services(token)["granite_chat"]["id"]
    knobs(sandbox, hide_credentials=True)
    answer = helper.init(token, service)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "KEY_UNAVAILABLE")
    assert int(answer.headers["Retry-After"]) > 0
    knobs(sandbox, hide_credentials=False)
    assert helper.init(token, service).json()["data"]["api_key"]


def test_what_is_answered_is_confirmed_and_marked(systems):
    sandbox, helper = systems
    token = new_person(sandbox, "marked")
    services = helper.services(token)
    first = helper.init(token, services["granite_chat"]["id"]).json()["data"]
    made = threescale(
        sandbox, "POST", f"accounts/{first['account_id']}/applications", description="From the portal",
        plan_id=helper.get(f"/api/services/{services['embeddings']['id']}/plans", token).json()["data"]["plans"][0]["id"])
    second = helper.init(token, services["embeddings"]["id"])
    assert second.status_code == 200 and second.json()["data"]["is_new"] is False, second.text
    descriptions = {entry["id"]: entry["description"] for entry in applications(sandbox, first["account_id"])}
    assert all("[mlaas owner=" in text and text.endswith(" ok]") for text in descriptions.values())
    assert descriptions[made["application"]["id"]].startswith("From the portal [mlaas owner=")


def test_marks_move_to_another_identity_issuer(systems, tmp_path):
    sandbox, helper = systems
    token = new_person(sandbox, "mover")
    service = helper.services(token)["granite_chat"]["id"]
    first = helper.init(token, service).json()["data"]
    subjects = tmp_path / "subjects"
    subjects.write_text(claims(token)["sub"] + "\n")
    environment = {
        "PATH": os.environ["PATH"], "KEYCLOAK_URL": sandbox.keycloak, "KEYCLOAK_REALM": "mlaas",
        "KEYCLOAK_CLIENT_ID": "mlaas-client", "THREESCALE_ADMIN_API_URL": sandbox.threescale,
        "THREESCALE_ADMIN_API_KEY": ADMIN_TOKEN}

    def move(*options, source=claims(token)["iss"], target="https://new.example.com/realms/mlaas"):
        return subprocess.run(
            [BIN / "mlaas-helper", "owners", "move", "--from", source, "--to", target, "--subjects", subjects, *options],
            env=environment, capture_output=True, text=True, timeout=60)

    before = applications(sandbox, first["account_id"])
    dry = move()
    assert dry.returncode == 0 and "Would change 1, already moved 0" in dry.stdout, dry.stdout + dry.stderr
    assert applications(sandbox, first["account_id"]) == before
    assert "Changed 1, already moved 0" in move("--apply").stdout
    assert "Changed 0, already moved 1" in move("--apply").stdout
    # The helper still knows the person by the former issuer: the key is another owner's now.
    refused = helper.init(token, service)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "IDENTITY_CONFLICT")
    back = move("--apply", source="https://new.example.com/realms/mlaas", target=claims(token)["iss"])
    assert "Changed 1" in back.stdout
    assert helper.init(token, service).json()["data"]["api_key"] == first["api_key"]


def test_a_person_whose_name_3scale_does_not_take_keeps_the_key_after_a_move(systems, tmp_path):
    """The user's name in 3scale holds digits of the owner mark, which the move changes."""
    sandbox, helper = systems
    token = new_person(sandbox, "zoë.moves")
    service = helper.services(token)["granite_chat"]["id"]
    first = helper.init(token, service).json()["data"]
    issuer, target = claims(token)["iss"], "https://new.example.com/realms/mlaas"
    subjects = tmp_path / "subjects"
    subjects.write_text(claims(token)["sub"])
    environment = {
        "PATH": os.environ["PATH"], "KEYCLOAK_URL": sandbox.keycloak, "KEYCLOAK_REALM": "mlaas",
        "KEYCLOAK_CLIENT_ID": "mlaas-client", "THREESCALE_ADMIN_API_URL": sandbox.threescale,
        "THREESCALE_ADMIN_API_KEY": ADMIN_TOKEN}
    moved = subprocess.run(
        [BIN / "mlaas-helper", "owners", "move", "--from", issuer, "--to", target, "--subjects", subjects, "--apply"],
        env=environment, capture_output=True, text=True, timeout=60)
    assert moved.returncode == 0 and "Changed 1" in moved.stdout, moved.stdout + moved.stderr
    after = Helper(sandbox.keycloak, sandbox.threescale, KEYCLOAK_ISSUERS=f"{issuer}={target}")
    try:
        assert after.services(token)["granite_chat"].get("api_key") == first["api_key"]
        assert after.init(token, service).json()["data"]["api_key"] == first["api_key"]
    finally:
        after.stop()
    assert len(applications(sandbox)) == 1
