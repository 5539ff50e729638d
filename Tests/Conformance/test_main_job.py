"""The main job through the front door, with an HTTP client that we did not write."""

import concurrent.futures

import pytest
import requests

from conftest import Helper, stop

MODES = {"granite_chat": "api_key", "embeddings": "app_id_and_key", "vision": "oidc"}


@pytest.mark.parametrize("system_name, method", MODES.items())
def test_a_person_gets_one_key(sandbox, helper, system_name, method):
    name = f"new.{system_name}"
    requests.post(sandbox.admin + "/users", json={"username": name}, timeout=10).raise_for_status()
    token = sandbox.token(name)
    before = helper.services(token)[system_name]
    assert before["authentication_method"] == method
    assert before["has_api_key"] is False and "api_key" not in before

    first = helper.init(token, before["id"])
    assert first.status_code == 200, first.text
    data = first.json()["data"]
    assert data["is_new"] is True and data["key_state"] == "live" and data["api_key"]
    again = helper.init(token, before["id"]).json()["data"]
    assert again["is_new"] is False and again["api_key"] == data["api_key"]

    after = helper.services(token)[system_name]
    assert after["has_api_key"] is True and after["api_key"] == data["api_key"]
    if method == "app_id_and_key":
        assert after["credentials"]["app_key"] == data["api_key"] and after["credentials"]["app_id"]
    if method == "oidc":
        assert after["credentials"]["client_secret"] == data["api_key"] and after["credentials"]["client_id"]


def test_a_hundred_calls_at_once_make_one_application(sandbox, helper):
    requests.post(sandbox.admin + "/users", json={"username": "crowd"}, timeout=10)
    token = sandbox.token("crowd")
    service = helper.services(token)["granite_chat"]["id"]
    before = requests.get(sandbox.admin + "/counts", timeout=10).json()
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(lambda _: helper.init(token, service), range(100)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["data"]["api_key"] for answer in answers}) == 1
    assert sum(answer.json()["data"]["is_new"] for answer in answers) == 1
    after = requests.get(sandbox.admin + "/counts", timeout=10).json()
    assert after["applications"] == before["applications"] + 1 and after["accounts"] == before["accounts"] + 1


@pytest.mark.parametrize("kind", ["drop_after_commit", "status_after_commit", "truncate", "empty", "html", "drop"])
def test_a_create_that_fails_is_looked_up_and_never_repeated(sandbox, helper, kind):
    name = f"unlucky.{kind}"
    requests.post(sandbox.admin + "/users", json={"username": name}, timeout=10)
    token = sandbox.token(name)
    service = helper.services(token)["embeddings"]["id"]
    fault = {"kind": kind, "method": "POST", "path": "/admin/api/accounts/*/applications.json", "count": 1, "status": 502}
    requests.post(sandbox.admin + "/faults/3scale", json=fault, timeout=10).raise_for_status()
    first = helper.init(token, service)
    committed = kind in ("drop_after_commit", "status_after_commit", "truncate", "empty")
    assert first.status_code == (200 if committed else 503), first.text
    if committed:
        assert first.json()["data"]["is_new"] is True
    second = helper.init(token, service).json()["data"]
    assert second["is_new"] is (not committed)
    admin = requests.get(
        f"{sandbox.threescale}/admin/api/accounts/{second['account_id']}/applications.json",
        auth=("", "sandbox-admin-token"), timeout=10).json()
    assert len(admin["applications"]) == 1


def test_an_unfinished_plan_waits_for_approval(sandbox, helper):
    token = sandbox.token("carol")
    data = helper.init(token, helper.services(token)["speech_to_text"]["id"]).json()
    assert data["message"] == "API key awaiting approval" and data["data"]["key_state"] == "pending"
    assert helper.services(token)["speech_to_text"]["has_api_key"] is False


def test_what_cannot_be_had_is_said(sandbox, helper):
    token = sandbox.token("bob")
    services = helper.services(token)
    assert helper.init(token, services["rerank"]["id"]).json()["error"]["code"] == "NO_PLANS_FOUND"
    answer = helper.init(token, services["granite_chat"]["id"], plan_id="999999")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "PLAN_NOT_FOUND")


def test_a_name_that_3scale_does_not_take_gets_a_key(sandbox, helper):
    token = sandbox.token("zoë")
    service = helper.services(token)["granite_chat"]["id"]
    made = helper.init(token, service)
    assert made.status_code == 200 and made.json()["data"]["is_new"] is True, made.text
    data = helper.get("/api/services", token).json()["data"]
    assert data["user"]["soeid"] == "zoë"
    assert {entry["id"]: entry for entry in data["services"]}[service]["api_key"] == made.json()["data"]["api_key"]


def test_tokens_of_other_kinds_are_refused(sandbox, helper):
    for token in [
        sandbox.token(kind="id_token"), sandbox.token(kind="refresh_token"), sandbox.token(client="other-app"),
        sandbox.token(client="lightweight-app"), sandbox.token(client="es256-app"),
    ]:
        answer = helper.get("/api/services", token)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "INVALID_TOKEN")
        assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


def test_a_token_by_a_brand_new_key_works_on_its_first_request(sandbox, helper):
    requests.post(sandbox.admin + "/keys", timeout=10).raise_for_status()
    assert helper.get("/api/services", sandbox.token("bob")).status_code == 200


@pytest.mark.parametrize("status, body", [
    (404, "<html>no such page</html>"), (404, '{"status":404,"error":"Not Found"}'), (404, '{"error":"route not found"}'), (401, "")])
def test_keys_are_shown_while_something_else_answers_for_3scale(sandbox, status, body):
    """As a proxy that lost its route, or asks for credentials: it says nothing of the person's account."""
    helper = Helper(sandbox.keycloak, sandbox.threescale, APPLICATIONS_CACHE_SECONDS="0", ACCOUNT_CACHE_SECONDS="0")
    token = sandbox.token("ada")
    service = helper.services(token)["granite_chat"]["id"]
    assert helper.init(token, service).status_code == 200
    assert helper.services(token)["granite_chat"]["has_api_key"] is True
    key = helper.get("/api/keys", token).json()["data"]["keys"][0]["id"]
    requests.post(sandbox.admin + "/faults/3scale", json={"kind": "status", "status": status, "body": body}, timeout=10)
    try:
        answer = helper.get("/api/services", token)
        shown = {each["system_name"]: each for each in answer.json()["data"]["services"]}
        assert answer.status_code == 200 and answer.headers["X-MLaaS-Stale"] == "true"
        assert shown["granite_chat"]["has_api_key"] is True
        revoked = requests.delete(
            f"{helper.url}/api/keys/{key}", headers={"Authorization": f"Bearer {token}"}, timeout=20)
        assert revoked.status_code in (502, 503), revoked.text
    finally:
        requests.delete(sandbox.admin + "/faults/3scale", timeout=10)
        stop(helper.process)


def test_lists_outlive_3scale_and_creates_are_refused(sandbox, helper):
    token = sandbox.token("erin.o-neil")
    service = helper.services(token)["vision"]["id"]
    helper.init(token, service)
    helper.services(token)
    requests.post(sandbox.admin + "/faults/3scale", json={"kind": "drop"}, timeout=10)
    try:
        assert helper.services(token)["vision"]["has_api_key"] is True
        answer = helper.init(token, helper.services(token)["granite_chat"]["id"])
        assert answer.status_code == 503 and "Retry-After" in answer.headers
        assert helper.get("/api/health").status_code == 200
    finally:
        requests.delete(sandbox.admin + "/faults/3scale", timeout=10)
    assert helper.init(token, service).status_code == 200
