"""What a caller can do with an API key: reveal, pause, resume, change, revoke."""

import concurrent.futures
import json
import re
import socket
import struct
import time

import pytest
import requests

from conftest import Helper, stop
from own_sandbox import helper, sandbox  # noqa: F401: fixtures
from redis_server import Redis
from tenant import add_application, admin, applications, sign_up, threescale
from test_shared_state import wait_until, wait_up


def call(helper, method, path, token, **options):
    return requests.request(
        method, helper.url + path, headers={"Authorization": f"Bearer {token}"}, timeout=30, **options)


def act(helper, token, key, name):
    return call(helper, "POST", f"/api/keys/{key}/{name}", token)


def keys(helper, token):
    answer = helper.get("/api/keys", token)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]["keys"]


def failure(answer):
    return answer.status_code, answer.json().get("error", {}).get("code")


def make(helper, token, name="granite_chat"):
    """A key's id and its secret."""
    answer = helper.init(token, helper.services(token)[name]["id"])
    assert answer.status_code == 200, answer.text
    found = next(key for key in keys(helper, token) if key["service"]["system_name"] == name)
    return found["id"], answer.json()["data"]["api_key"]


def application(sandbox, key):
    return next(entry for entry in applications(sandbox) if str(entry["id"]) == key)


def move(sandbox, key, event):
    account = application(sandbox, key)["account_id"]
    threescale(sandbox, "PUT", f"accounts/{account}/applications/{key}/{event}")


def audit(helper, outcome):
    lines = [json.loads(line) for line in helper.stop().splitlines() if '"logger":"audit"' in line]
    return [line for line in lines if line["outcome"] == outcome]


@pytest.mark.parametrize("service, members", [
    ("granite_chat", set()), ("embeddings", {"app_id", "app_key"}), ("vision", {"client_id", "client_secret"})])
def test_a_secret_is_revealed_to_its_owner_alone_and_each_time_is_recorded(sandbox, helper, service, members):
    token = sandbox.token()
    key, secret = make(helper, token, service)
    answer = act(helper, token, key, "reveal")
    data = answer.json()["data"]
    assert (answer.status_code, data["api_key"], data["key"]["id"]) == (200, secret, key)
    assert members <= set(data["credentials"])
    assert failure(act(helper, sandbox.token("bob"), key, "reveal")) == (404, "KEY_NOT_FOUND")
    lines = audit(helper, "revealed")
    assert len(lines) == 1 and lines[0]["application_id"] == int(key) and lines[0]["user"] == "ada"
    assert lines[0]["key_fingerprint"] == data["key"]["fingerprint"] and secret not in json.dumps(lines)


def test_secrets_are_revealed_ten_times_a_minute(sandbox):
    helper = Helper(sandbox.keycloak, sandbox.threescale, RATE_LIMITS="read=off;write=off")
    try:
        token = sandbox.token()
        key, _ = make(helper, token)
        answers = [act(helper, token, key, "reveal") for _ in range(11)]
        assert [answer.status_code for answer in answers] == [200] * 10 + [429]
        assert answers[0].headers["RateLimit-Policy"] == '"reveal";q=10;w=60'
        assert len(keys(helper, token)) == 1
    finally:
        stop(helper.process)


@pytest.mark.parametrize("service", ["granite_chat", "embeddings", "vision"])
def test_where_secrets_are_shown_once_only_the_call_that_makes_a_key_answers_its_secret(sandbox, service):
    helper = Helper(sandbox.keycloak, sandbox.threescale, MLAAS_SHOW_ONCE="true")
    try:
        token = sandbox.token()
        key, secret = make(helper, token, service)
        again = helper.init(token, helper.services(token)[service]["id"])
        listed = helper.get("/api/services", token)
        assert again.status_code == 200 and again.json()["data"]["is_new"] is False
        assert helper.services(token)[service]["has_api_key"] is True
        refused = act(helper, token, key, "reveal")
        assert failure(refused) == (403, "KEY_STATE_CONFLICT")
        for answer in (again, listed, refused, helper.get("/api/keys", token)):
            assert secret not in answer.text
        assert "api_key" not in again.json()["data"] and "api_key" not in helper.services(token)[service]
    finally:
        stop(helper.process)


def test_a_key_is_paused_and_resumed_by_its_owner_and_both_may_be_repeated(sandbox, helper):
    token = sandbox.token()
    key, secret = make(helper, token)
    for _ in range(2):
        answer = act(helper, token, key, "pause")
        assert answer.status_code == 200 and answer.json()["data"]["stops_within_seconds"] == 60
        assert answer.json()["data"]["key"]["state"] == "paused"
        assert application(sandbox, key)["state"] == "suspended"
    assert helper.services(token)["granite_chat"]["key_state"] == "suspended"
    for _ in range(2):
        answer = act(helper, token, key, "resume")
        assert answer.status_code == 200 and answer.json()["data"]["key"]["state"] == "live"
        assert application(sandbox, key)["state"] == "live" and "paused=" not in application(sandbox, key)["description"]
    service = helper.services(token)["granite_chat"]
    assert (service["key_state"], service["api_key"]) == ("live", secret)
    log = helper.stop()
    assert log.count('"outcome":"paused"') == 1 and log.count('"outcome":"resumed"') == 1


def test_what_the_operator_suspended_cannot_be_resumed_whatever_the_description_says(sandbox, helper):
    token = sandbox.token()
    key, _ = make(helper, token)
    act(helper, token, key, "pause")
    paused = application(sandbox, key)
    act(helper, token, key, "resume")
    move(sandbox, key, "suspend")
    path = f"accounts/{paused['account_id']}/applications/{key}"
    sealed = re.search(r"paused=(\d+)\.(\w+)", paused["description"])
    made_up = paused["description"].replace(sealed.group(0), f"paused={int(sealed.group(1)) + 1}.{sealed.group(2)}")
    plain = paused["description"].replace(sealed.group(0), f"paused={int(time.time())}")
    # The last is the one of the pause itself, put back within its minute.
    for description in (made_up, plain, plain.replace("paused=", "x="), paused["description"]):
        threescale(sandbox, "PUT", path, description=description)
        for name in ("resume", "pause"):
            answer = act(helper, token, key, name)
            assert failure(answer) == (409, "KEY_STATE_CONFLICT") and "operator" in answer.json()["error"]["message"]
        assert application(sandbox, key)["state"] == "suspended"


def test_a_note_and_an_end_are_changed_and_a_pause_outlives_that(sandbox, helper):
    token = sandbox.token()
    key, _ = make(helper, token)
    act(helper, token, key, "pause")
    answer = call(helper, "PATCH", f"/api/keys/{key}", token, json={"note": "For [nightly] runs", "expires_in": 3600})
    found = answer.json()["data"]["key"]
    assert (answer.status_code, found["note"], found["state"]) == (200, "For [nightly] runs", "paused")
    assert "expires_at" in found and keys(helper, token) == [found]
    answer = call(helper, "PATCH", f"/api/keys/{key}", token, json={"note": None, "expires_in": None})
    assert not {"note", "expires_at"} & set(answer.json()["data"]["key"])
    assert call(helper, "PATCH", f"/api/keys/{key}", token, json={}).status_code == 200
    assert act(helper, token, key, "resume").status_code == 200
    assert len(audit(helper, "changed")) == 2


@pytest.mark.parametrize("body, field", [
    ({"expires_in": 59}, "expires_in"), ({"expires_in": "60"}, "expires_in"), ({"expires_in": 1.5}, "expires_in"),
    ({"note": "a\nb"}, "note"), ({"note": "a" * 256}, "note"), ({"note": 1}, "note"), ({"name": "x"}, "name")])
def test_a_change_that_is_wrong_is_refused_by_name(sandbox, helper, body, field):
    token = sandbox.token()
    key, _ = make(helper, token)
    answer = call(helper, "PATCH", f"/api/keys/{key}", token, json=body)
    assert failure(answer) == (400, "INVALID_REQUEST")
    assert [detail["field"] for detail in answer.json()["error"]["details"]] == [field]


def test_a_key_whose_time_is_over_is_neither_paused_nor_changed(sandbox, helper):
    token = sandbox.token()
    key, _ = make(helper, token)
    found = application(sandbox, key)
    description = found["description"].replace("]", " expires=1700000000]")
    threescale(sandbox, "PUT", f"accounts/{found['account_id']}/applications/{key}", description=description)
    for name in ("pause", "resume"):
        assert failure(act(helper, token, key, name)) == (409, "KEY_STATE_CONFLICT")
    assert failure(call(helper, "PATCH", f"/api/keys/{key}", token, json={"expires_in": 60})) == (409, "KEY_STATE_CONFLICT")
    assert call(helper, "DELETE", f"/api/keys/{key}", token).status_code == 200


def test_a_key_is_revoked_with_the_generations_before_it_and_that_may_be_repeated(sandbox, helper):
    token = sandbox.token()
    key, _ = make(helper, token)
    first = application(sandbox, key)
    owner = re.search(r"owner=\w+", first["description"]).group(0)
    path = f"accounts/{first['account_id']}/applications"
    added = {
        members: threescale(sandbox, "POST", path, plan_id=first["plan_id"], name="x",
                            description=f"[mlaas {owner} {members} ok]")["application"]["id"]
        for members in ("gen=2", "gen=3", "key=other")}
    answer = call(helper, "DELETE", f"/api/keys/{added['gen=2']}", token)
    assert answer.status_code == 200
    assert answer.json()["data"] == {"id": str(added["gen=2"]), "stops_within_seconds": 60}
    assert {entry["id"] for entry in applications(sandbox)} == {added["gen=3"], added["key=other"]}
    again = call(helper, "DELETE", f"/api/keys/{added['gen=2']}", token)
    assert again.status_code == 200 and again.json()["data"] == answer.json()["data"]
    assert helper.services(token)["granite_chat"]["has_api_key"] is True
    assert len(audit(helper, "revoked")) == 2


def test_a_revoked_key_is_suspended_before_it_is_deleted(sandbox, helper):
    token = sandbox.token()
    key, secret = make(helper, token)
    admin(sandbox, "POST", "/faults/3scale", kind="status", status=500, method="DELETE", path="/admin/api/accounts/*", count=3)
    assert call(helper, "DELETE", f"/api/keys/{key}", token).status_code in (502, 503)
    assert application(sandbox, key)["state"] == "suspended"
    assert helper.services(token)["granite_chat"]["key_state"] == "suspended"
    assert call(helper, "DELETE", f"/api/keys/{key}", token).status_code == 200
    assert applications(sandbox) == []
    assert helper.services(token)["granite_chat"]["has_api_key"] is False
    new = helper.init(token, helper.services(token)["granite_chat"]["id"]).json()["data"]
    assert new["is_new"] is True and new["api_key"] != secret


def test_another_persons_key_is_left_alone(sandbox, helper):
    key, _ = make(helper, sandbox.token())
    other = sandbox.token("bob")
    for method, path in (("POST", "/pause"), ("POST", "/resume"), ("POST", "/reveal")):
        assert failure(call(helper, method, f"/api/keys/{key}{path}", other)) == (404, "KEY_NOT_FOUND")
    assert failure(call(helper, "PATCH", f"/api/keys/{key}", other, json={"note": "mine"})) == (404, "KEY_NOT_FOUND")
    assert call(helper, "DELETE", f"/api/keys/{key}", other).status_code == 200
    assert application(sandbox, key)["state"] == "live"


def test_a_key_from_the_portal_is_changed_only_once_it_has_been_marked(sandbox, helper):
    token = sandbox.token()
    services = helper.services(token)
    account = sign_up(sandbox, "ada")
    key = str(add_application(sandbox, account, services["granite_chat"]["id"])["id"])
    for method, path in (("POST", "/pause"), ("DELETE", "")):
        assert failure(call(helper, method, f"/api/keys/{key}{path}", token)) == (409, "KEY_STATE_CONFLICT")
    time.sleep(3.2)
    assert helper.init(token, services["granite_chat"]["id"]).status_code == 200
    assert act(helper, token, key, "pause").status_code == 200


def test_pauses_and_resumptions_at_once_end_in_one_state_and_none_fails(sandbox, helper):
    token = sandbox.token()
    key, _ = make(helper, token)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: act(helper, token, key, "pause"), range(16)))
    assert {answer.status_code for answer in answers} <= {200, 409} and answers[0].status_code == 200
    assert keys(helper, token)[0]["state"] == "paused"


def test_every_change_is_known_to_other_replicas_at_once(sandbox):
    redis = Redis()
    replicas = [Helper(sandbox.keycloak, sandbox.threescale, REDIS_URL=redis.url(), REDIS_TIMEOUT="10s", APPLICATIONS_CACHE_SECONDS="1h")
                for _ in range(2)]
    try:
        wait_up(replicas)
        token = sandbox.token()
        key, _ = make(replicas[0], token)

        def state(replica):
            service = replica.services(token)["granite_chat"]
            return service.get("key_state")

        def becomes(expected):
            end = time.monotonic() + 10
            while state(replicas[1]) != expected:
                assert time.monotonic() < end, expected
                time.sleep(0.05)
        becomes("live")
        act(replicas[0], token, key, "pause")
        becomes("suspended")
        act(replicas[0], token, key, "resume")
        becomes("live")
        call(replicas[0], "DELETE", f"/api/keys/{key}", token)
        becomes(None)
    finally:
        for replica in replicas:
            stop(replica.process)
        redis.stop()


def test_a_pause_is_done_to_its_end_when_its_client_goes(sandbox, helper):
    """With its first write alone, a later suspension by the operator would count as the owner's."""
    token = sandbox.token("ada")
    key, _ = make(helper, token)
    admin(sandbox, "POST", "/faults/3scale", path="/admin/api/accounts/*/applications/*", method="PUT", kind="latency", delay_ms=500)
    client = socket.create_connection(("127.0.0.1", int(helper.url.rsplit(":", 1)[1])))
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.sendall(f"POST /api/keys/{key}/pause HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
    # While 3scale is at the first of both writes.
    time.sleep(0.2)
    client.close()
    wait_until(lambda: application(sandbox, key)["state"] == "suspended")
    admin(sandbox, "DELETE", "/faults/3scale")
    assert [each["state"] for each in keys(helper, token)] == ["paused"]


def test_a_pause_waits_for_a_change_that_3scale_carries_out_slowly(sandbox, helper):
    """Carried out after the pause, the change would take the pause's seal away."""
    token = sandbox.token("ada")
    key, _ = make(helper, token)
    admin(sandbox, "POST", "/faults/3scale", path="/admin/api/accounts/*/applications/*", method="PUT", kind="latency",
          delay_ms=2_000, count=1)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        change = pool.submit(call, helper, "PATCH", f"/api/keys/{key}", token, json={"note": "slow"})
        time.sleep(0.3)
        assert act(helper, token, key, "pause").status_code == 200
        assert change.result().status_code == 200
    assert [(each["state"], each["note"]) for each in keys(helper, token)] == [("paused", "slow")]
    assert act(helper, token, key, "resume").status_code == 200


def test_a_plan_change_that_3scale_carries_out_slowly_leaves_a_pause_its_owners(sandbox, helper):
    token = sandbox.token("ada")
    key, _ = make(helper, token)
    assert act(helper, token, key, "pause").status_code == 200
    service = keys(helper, token)[0]["service"]["id"]
    plans = call(helper, "GET", f"/api/services/{service}/plans", token).json()["data"]["plans"]
    present = application(sandbox, key)["plan_id"]
    other = next(plan["id"] for plan in plans if str(plan["id"]) != str(present) and not plan["approval_required"])
    admin(sandbox, "POST", "/faults/3scale", path="/admin/api/accounts/*/applications/*/change_plan*", method="PUT",
          kind="latency", delay_ms=5_000, count=1)
    answer = call(helper, "PUT", f"/api/keys/{key}/plan", token, json={"plan_id": other})
    assert answer.status_code == 200, answer.text
    assert [each["state"] for each in keys(helper, token)] == ["paused"]


def test_a_pause_that_3scale_refuses_leaves_no_code_behind(sandbox, helper):
    token = sandbox.token("ada")
    key, _ = make(helper, token)
    admin(sandbox, "POST", "/faults/3scale", path="/admin/api/accounts/*/applications/*/suspend.json", kind="status", status=500)
    assert act(helper, token, key, "pause").status_code == 503
    admin(sandbox, "DELETE", "/faults/3scale")
    assert "paused=" not in application(sandbox, key)["description"]
    assert [each["state"] for each in keys(helper, token)] == ["live"]
