"""What bounds an owner's keys: their lifetimes, their number, their plans, and what the operator has suspended."""

import concurrent.futures
import json
import re
import time

import pytest

from conftest import Helper, stop
from own_sandbox import helper, sandbox  # noqa: F401: fixtures
from tenant import admin, applications, threescale
from test_key_changes import act, application, call, failure, keys, make, move
from test_key_rotation import create, rotate

STAMP = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")


@pytest.fixture
def bounded(sandbox):
    helper = Helper(
        sandbox.keycloak, sandbox.threescale, KEYS_PER_SERVICE="3", KEY_LIFETIME_DEFAULT="1h", KEY_LIFETIME_MAX="2h")
    yield helper
    stop(helper.process)


def seconds(text):
    assert STAMP.match(text), text
    return time.mktime(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ")) - time.timezone


def plans(helper, token, service="granite_chat"):
    found = helper.services(token)[service]
    answer = helper.get(f"/api/services/{found['id']}/plans", token)
    return answer.json()["data"]["plans"]


def put_plan(helper, token, key, plan):
    return call(helper, "PUT", f"/api/keys/{key}/plan", token, json={"plan_id": plan})


def test_keys_end_where_the_operator_limits_their_life_and_init_warns_of_it(sandbox, bounded):
    token = sandbox.token()
    service = bounded.services(token)["granite_chat"]["id"]
    for _ in range(2):
        answer = bounded.init(token, service)
        assert answer.status_code == 200
        assert abs(seconds(answer.headers["X-MLaaS-Key-Expires"]) - time.time() - 3600) < 60
    found = keys(bounded, token)[0]
    assert found["expires_at"] == answer.headers["X-MLaaS-Key-Expires"]
    # Whatever the description says.
    entry = application(sandbox, found["id"])
    path = f"accounts/{entry['account_id']}/applications/{found['id']}"
    threescale(sandbox, "PUT", path, description=re.sub(r" expires=\d+", "", entry["description"]))
    assert seconds(keys(bounded, token)[0]["expires_at"]) == seconds(found["created_at"]) + 7200
    refused = create(bounded, token, "ci", expires_in=7201)
    assert failure(refused) == (400, "INVALID_REQUEST")
    assert [detail["field"] for detail in refused.json()["error"]["details"]] == ["expires_in"]
    made = create(bounded, token, "ci", expires_in=7200).json()["data"]["key"]
    refused = call(bounded, "PATCH", f"/api/keys/{made['id']}", token, json={"expires_in": 10_000})
    assert failure(refused) == (400, "INVALID_REQUEST")


def test_without_a_limit_init_makes_keys_without_an_end_and_warns_of_one_that_comes(sandbox, helper):
    token = sandbox.token()
    service = helper.services(token)["granite_chat"]["id"]
    assert "X-MLaaS-Key-Expires" not in helper.init(token, service).headers
    key = keys(helper, token)[0]["id"]
    for left, warns in ((15 * 86400, False), (13 * 86400, True)):
        assert call(helper, "PATCH", f"/api/keys/{key}", token, json={"expires_in": left}).status_code == 200
        assert ("X-MLaaS-Key-Expires" in helper.init(token, service).headers) is warns


def test_a_key_says_on_which_day_it_was_last_used(sandbox, helper):
    token = sandbox.token()
    key, _ = make(helper, token)
    assert "last_used_on" not in keys(helper, token)[0]
    for days in (3, 2):
        admin(sandbox, "POST", "/traffic", application_id=int(key), metric="hits", count=1, seconds_ago=days * 86400)
    day = application(sandbox, key)["first_daily_traffic_at"][:10]
    assert keys(helper, token)[0]["last_used_on"] == day


def test_the_plan_is_changed_for_one_that_needs_no_approval(sandbox):
    services = threescale(sandbox, "GET", "services")["services"]
    service = next(entry["service"]["id"] for entry in services if entry["service"]["system_name"] == "granite_chat")
    made = {
        name: str(threescale(
            sandbox, "POST", f"services/{service}/application_plans", name=name, state_event="publish",
            approval_required=approval)["application_plan"]["id"])
        for name, approval in (("Wide", "false"), ("Gated", "true"))}
    helper = Helper(sandbox.keycloak, sandbox.threescale)
    try:
        token = sandbox.token()
        key, _ = make(helper, token)
        changed = put_plan(helper, token, key, made["Wide"])
        assert changed.status_code == 200
        assert changed.json()["data"]["key"]["plan"] == {"id": made["Wide"], "name": "Wide"}
        assert put_plan(helper, token, key, made["Wide"]).status_code == 200
        assert failure(put_plan(helper, token, key, made["Gated"])) == (409, "PLAN_NEEDS_APPROVAL")
        assert failure(put_plan(helper, token, key, "999999")) == (404, "PLAN_NOT_FOUND")
        assert failure(put_plan(helper, token, key, None)) == (400, "INVALID_REQUEST")
        assert failure(put_plan(helper, sandbox.token("bob"), key, made["Wide"])) == (404, "KEY_NOT_FOUND")
        assert str(application(sandbox, key)["plan_id"]) == made["Wide"]
    finally:
        stop(helper.process)


def test_a_paused_key_stays_paused_when_its_plan_changes(sandbox, helper):
    token = sandbox.token()
    key, _ = make(helper, token)
    plan = next(plan for plan in plans(helper, token) if not plan["approval_required"])
    assert act(helper, token, key, "pause").status_code == 200
    assert put_plan(helper, token, key, plan["id"]).status_code == 200
    assert keys(helper, token)[0]["state"] == "paused"


def test_names_made_at_once_are_no_more_than_the_operator_allows(sandbox, bounded):
    token = sandbox.token()
    make(bounded, token, "embeddings")
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda index: create(bounded, token, f"k{index}"), range(10)))
    made = [answer for answer in answers if answer.status_code == 201]
    assert {failure(answer) for answer in answers if answer.status_code != 201} == {(409, "KEY_LIMIT_REACHED")}
    chat = bounded.services(token)["granite_chat"]["id"]
    assert 1 <= len(made) <= 3
    assert [str(entry["service_id"]) for entry in applications(sandbox)].count(chat) == len(made)


def edit(sandbox, key, old, new):
    """What a person may do in the developer portal."""
    entry = application(sandbox, key)
    assert old in entry["description"]
    threescale(
        sandbox, "PUT", f"accounts/{entry['account_id']}/applications/{key}",
        description=entry["description"].replace(old, new))


def test_names_that_are_edited_in_3scale_make_no_room(sandbox, bounded):
    token = sandbox.token()
    made = [create(bounded, token, name).json()["data"]["key"]["id"] for name in ("a", "b", "c")]
    edit(sandbox, made[1], "key=b", "key=a")
    assert failure(create(bounded, token, "d")) == (409, "KEY_LIMIT_REACHED")


def test_keys_that_are_edited_to_be_unconfirmed_make_no_room(sandbox, bounded):
    token = sandbox.token()
    made = [create(bounded, token, name).json()["data"]["key"]["id"] for name in ("a", "b", "c")]
    time.sleep(2.5)
    for key in made:
        edit(sandbox, key, " ok]", "]")
    time.sleep(3.5)
    assert failure(create(bounded, token, "d")) == (409, "KEY_LIMIT_REACHED")


def test_a_generation_that_is_edited_to_another_name_makes_no_room_for_rotations(sandbox, bounded):
    token = sandbox.token()
    key = [create(bounded, token, name).json()["data"]["key"]["id"] for name in ("a", "b", "c")][0]
    for name in ("d", "e", "f"):
        answer = rotate(bounded, token, key)
        if answer.status_code != 201:
            break
        edit(sandbox, key, "key=a", f"key={name}")
        key = answer.json()["data"]["key"]["id"]
    assert failure(answer) == (409, "KEY_LIMIT_REACHED")
    assert len(applications(sandbox)) == 5


@pytest.mark.parametrize("others", [[], ["a"]])
def test_what_the_operator_suspended_is_not_deleted_whatever_its_description_says(sandbox, helper, others):
    token = sandbox.token()
    made = {name: create(helper, token, name).json()["data"]["key"]["id"] for name in ("a", "b")}
    move(sandbox, made["b"], "suspend")
    edit(sandbox, made["b"], "key=b ok]", "key=a]")
    for name in others:
        edit(sandbox, made[name], " ok]", "]")
    time.sleep(3.5)
    assert create(helper, token, "a").status_code == 200
    assert application(sandbox, made["b"])["state"] == "suspended"


def test_what_the_operator_suspended_cannot_be_revoked_and_made_again(sandbox, helper):
    token = sandbox.token()
    key, secret = make(helper, token)
    move(sandbox, key, "suspend")
    refused = call(helper, "DELETE", f"/api/keys/{key}", token)
    assert failure(refused) == (409, "KEY_STATE_CONFLICT") and "operator" in refused.json()["error"]["message"]
    assert failure(rotate(helper, token, key)) == (409, "KEY_STATE_CONFLICT")
    again = helper.init(token, helper.services(token)["granite_chat"]["id"]).json()["data"]
    assert (again["key_state"], again["is_new"], again["api_key"]) == ("suspended", False, secret)


def test_revoking_a_generation_keeps_an_older_one_that_the_operator_suspended(sandbox, helper):
    token = sandbox.token()
    old, _ = make(helper, token)
    new = rotate(helper, token, old).json()["data"]["key"]["id"]
    move(sandbox, old, "suspend")
    assert call(helper, "DELETE", f"/api/keys/{new}", token).status_code == 200
    assert [str(entry["id"]) for entry in applications(sandbox)] == [old]
    service = helper.services(token)["granite_chat"]
    assert (service["has_api_key"], service["key_state"]) == (False, "suspended")


@pytest.mark.parametrize("act_name, event, outcome, state", [
    ("pause", "suspend", "paused", "paused"), ("resume", "resume", "resumed", "live")])
def test_an_act_whose_answer_is_lost_is_looked_up_and_recorded_as_done(
        sandbox, helper, act_name, event, outcome, state):
    token = sandbox.token()
    key, _ = make(helper, token)
    if act_name == "resume":
        act(helper, token, key, "pause")
    admin(sandbox, "POST", "/faults/3scale", kind="drop_after_commit", method="PUT",
          path=f"/admin/api/accounts/*/applications/*/{event}.json", count=1)
    assert act(helper, token, key, act_name).status_code == 200
    assert keys(helper, token)[0]["state"] == state
    lines = [json.loads(line) for line in helper.stop().splitlines() if '"logger":"audit"' in line]
    outcomes = [line["outcome"] for line in lines if line["outcome"] in (outcome, "failed")]
    assert outcomes == [outcome]


def test_a_revocation_whose_answer_is_lost_is_recorded_as_done(sandbox, helper):
    token = sandbox.token()
    key, _ = make(helper, token)
    admin(sandbox, "POST", "/faults/3scale", kind="drop_after_commit", method="DELETE",
          path="/admin/api/accounts/*/applications/*", count=1)
    assert call(helper, "DELETE", f"/api/keys/{key}", token).status_code == 200
    assert applications(sandbox) == []
    log = helper.stop()
    assert log.count('"outcome":"revoked"') == 1 and '"outcome":"failed"' not in log
