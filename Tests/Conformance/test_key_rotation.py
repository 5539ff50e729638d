"""Keys under names, and their rotation."""

import concurrent.futures
import re

import pytest

from conftest import Helper, stop
from own_sandbox import helper, sandbox  # noqa: F401: fixtures
from tenant import admin, applications, threescale
from test_key_changes import act, application, audit, call, failure, keys, make


def create(helper, token, name, service="granite_chat", **members):
    service = helper.services(token)[service]["id"]
    return call(helper, "POST", "/api/keys", token, json={"service_id": service, "name": name, **members})


def rotate(helper, token, key, **members):
    return call(helper, "POST", f"/api/keys/{key}/rotate", token, **({"json": members} if members else {}))


@pytest.mark.parametrize("service", ["granite_chat", "embeddings", "vision"])
def test_a_key_of_a_name_is_made_once_beside_the_one_named_default(sandbox, helper, service):
    token = sandbox.token()
    default, secret = make(helper, token, service)
    first = create(helper, token, "ci", service, note="For CI", expires_in=3600)
    data = first.json()["data"]
    assert first.status_code == 201 and data["is_new"] is True and data["api_key"] != secret
    assert (data["key"]["name"], data["key"]["note"], data["key"]["state"]) == ("ci", "For CI", "live")
    assert "expires_at" in data["key"]
    again = create(helper, token, "ci", service, note="Other")
    assert again.status_code == 200 and again.json()["data"] == {**data, "is_new": False}
    assert len(applications(sandbox)) == 2
    assert helper.services(token)[service]["api_key"] == secret
    found = create(helper, token, "default", service)
    assert found.status_code == 200 and found.json()["data"]["key"]["id"] == default


def test_the_first_call_of_a_person_may_be_for_a_name(sandbox, helper):
    token = sandbox.token()
    assert create(helper, token, "ci").status_code == 201
    assert helper.services(token)["granite_chat"]["has_api_key"] is False
    assert len(applications(sandbox)) == 1


def test_one_name_at_once_through_replicas_that_share_nothing_makes_one_key(sandbox):
    replicas = [Helper(sandbox.keycloak, sandbox.threescale) for _ in range(2)]
    try:
        token = sandbox.token()
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda index: create(replicas[index % 2], token, "ci"), range(16)))
        assert sorted(answer.status_code for answer in answers) == [200] * 15 + [201]
        assert len({answer.json()["data"]["api_key"] for answer in answers}) == 1 == len(applications(sandbox))
    finally:
        for replica in replicas:
            stop(replica.process)


def test_names_beyond_the_limit_are_refused_and_generations_count_once(sandbox):
    helper = Helper(sandbox.keycloak, sandbox.threescale, KEYS_PER_SERVICE="2")
    try:
        token = sandbox.token()
        made = create(helper, token, "a").json()["data"]["key"]["id"]
        assert rotate(helper, token, made).status_code == 201
        assert create(helper, token, "b").status_code == 201
        assert failure(create(helper, token, "c")) == (409, "KEY_LIMIT_REACHED")
        assert create(helper, token, "b").status_code == 200
        # The one call that simple clients know always works.
        assert make(helper, token)
        call(helper, "DELETE", f"/api/keys/{made}", token)
    finally:
        stop(helper.process)


@pytest.mark.parametrize("members, field", [
    ({"name": "Ci"}, "name"), ({"name": None}, "name"), ({"name": "ci", "expires_in": 1}, "expires_in"),
    ({"name": "ci", "more": 1}, "more"), ({"name": "ci", "note": "\u0007"}, "note")])
def test_a_creation_that_is_wrong_is_refused_by_name(sandbox, helper, members, field):
    token = sandbox.token()
    service = helper.services(token)["granite_chat"]["id"]
    answer = call(helper, "POST", "/api/keys", token, json={"service_id": service, **members})
    assert failure(answer) == (400, "INVALID_REQUEST")
    assert [detail["field"] for detail in answer.json()["error"]["details"]] == [field]
    assert failure(call(helper, "POST", "/api/keys", token, json={"name": "ci"})) == (400, "MISSING_SERVICE_ID")
    assert applications(sandbox) == []


@pytest.mark.parametrize("service", ["granite_chat", "embeddings", "vision"])
def test_a_rotation_makes_one_successor_and_the_old_key_works_on(sandbox, helper, service):
    token = sandbox.token()
    key, secret = make(helper, token, service)
    first = rotate(helper, token, key, grace_seconds=600)
    data = first.json()["data"]
    assert first.status_code == 201 and data["is_new"] is True and data["api_key"] != secret
    assert (data["key"]["generation"], data["key"]["replaces"], data["key"]["state"]) == (2, key, "live")
    assert data["replaced"]["state"] == "retiring" and "retires_at" in data["replaced"]
    assert data["stops_within_seconds"] == 60 and data["key"]["plan"] == data["replaced"]["plan"]
    assert application(sandbox, key)["state"] == "live"
    again = rotate(helper, token, key)
    assert again.status_code == 200 and again.json()["data"] == {**data, "is_new": False}
    assert len(applications(sandbox)) == 2
    assert helper.services(token)[service]["api_key"] == data["api_key"]
    assert helper.init(token, helper.services(token)[service]["id"]).json()["data"]["api_key"] == data["api_key"]
    # During the grace.
    second = rotate(helper, token, data["key"]["id"])
    assert second.status_code == 201 and second.json()["data"]["key"]["generation"] == 3
    lines = audit(helper, "rotated")
    assert [line["application_id"] for line in lines] == [int(data["key"]["id"]), int(second.json()["data"]["key"]["id"])]


def test_a_lost_answer_of_a_rotation_is_answered_when_it_is_sent_again(sandbox, helper):
    token = sandbox.token()
    key, _ = make(helper, token)
    admin(sandbox, "POST", "/faults/3scale", kind="drop_after_commit", method="POST", path="/admin/api/accounts/*/applications*", count=1)
    first = rotate(helper, token, key)
    assert first.status_code in (200, 201, 503, 504)
    again = rotate(helper, token, key)
    assert again.status_code in (200, 201) and again.json()["data"]["key"]["generation"] == 2
    assert len(applications(sandbox)) == 2


def test_one_rotation_at_once_through_three_replicas_has_one_successor(sandbox):
    replicas = [Helper(sandbox.keycloak, sandbox.threescale) for _ in range(3)]
    try:
        token = sandbox.token()
        key, _ = make(replicas[0], token)
        with concurrent.futures.ThreadPoolExecutor(9) as pool:
            answers = list(pool.map(lambda index: rotate(replicas[index % 3], token, key), range(30)))
        assert {answer.status_code for answer in answers} <= {200, 201}
        assert sum(answer.status_code == 201 for answer in answers) == 1
        assert len({answer.json()["data"]["api_key"] for answer in answers}) == 1
        assert len(applications(sandbox)) == 2
    finally:
        for replica in replicas:
            stop(replica.process)


def test_what_does_not_work_is_not_rotated(sandbox, helper):
    token = sandbox.token()
    key, _ = make(helper, token)
    act(helper, token, key, "pause")
    assert failure(rotate(helper, token, key)) == (409, "KEY_STATE_CONFLICT")
    assert failure(rotate(helper, token, key, grace_seconds=10**9)) == (400, "INVALID_REQUEST")
    assert failure(rotate(helper, sandbox.token("bob"), key)) == (404, "KEY_NOT_FOUND")
    assert len(applications(sandbox)) == 1


def test_a_successor_that_the_operator_suspends_gives_the_name_back_and_cannot_be_revoked(sandbox, helper):
    token = sandbox.token()
    key, secret = make(helper, token)
    successor = rotate(helper, token, key).json()["data"]["key"]["id"]
    threescale(sandbox, "PUT", f"accounts/{application(sandbox, key)['account_id']}/applications/{successor}/suspend")
    assert {entry["id"]: entry["state"] for entry in keys(helper, token)} == {key: "live", successor: "suspended"}
    assert failure(call(helper, "DELETE", f"/api/keys/{successor}", token)) == (409, "KEY_STATE_CONFLICT")
    assert call(helper, "DELETE", f"/api/keys/{key}", token).status_code == 200
    assert [str(entry["id"]) for entry in applications(sandbox)] == [successor]


def test_every_grace_stands_in_the_description_of_the_successor(sandbox, helper):
    token = sandbox.token()
    key, _ = make(helper, token)
    successor = rotate(helper, token, key).json()["data"]["key"]["id"]
    assert re.search(r"\[mlaas owner=\w+ attempt=\w+ gen=2 grace=86400 ok\]$", application(sandbox, successor)["description"])
