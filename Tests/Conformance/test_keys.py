"""What callers see of their API keys, and which of them `init` and the list of services answer."""

import calendar
import hashlib
import re
import time

import pytest

from conftest import Helper, stop
from own_sandbox import sandbox  # noqa: F401: fixtures
from tenant import applications, threescale


@pytest.fixture
def helper(sandbox):
    helper = Helper(sandbox.keycloak, sandbox.threescale, APPLICATIONS_CACHE_SECONDS="0")
    yield helper
    stop(helper.process)


def keys(helper, token, query=""):
    answer = helper.get("/api/keys" + query, token)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]["keys"]


def failure(answer):
    return answer.status_code, answer.json().get("error", {}).get("code")


def make(helper, token, *names):
    """Keys named `default`, by the system name of their service: what `init` answers."""
    services = helper.services(token)
    answers = {name: helper.init(token, services[name]["id"]) for name in names}
    assert all(answer.status_code == 200 for answer in answers.values())
    return {name: answer.json()["data"] for name, answer in answers.items()}


def mark(application, members=""):
    """A description with the owner of this application and other members."""
    owner = re.search(r"owner=([0-9a-f]{24})", application["description"]).group(1)
    return f"By a test [mlaas owner={owner} {members} ok]"


def describe(sandbox, application, members):
    threescale(
        sandbox, "PUT", f"accounts/{application['account_id']}/applications/{application['id']}",
        description=mark(application, members))


def add(sandbox, application, members, **form):
    """Another application of the same owner on the same service."""
    form = {"plan_id": application["plan_id"], "name": "By a test", "description": mark(application, members), **form}
    path = f"accounts/{application['account_id']}/applications"
    return threescale(sandbox, "POST", path, **form)["application"]


def seconds(stamp):
    return calendar.timegm(time.strptime(stamp, "%Y-%m-%dT%H:%M:%SZ"))


def test_a_caller_without_keys_has_an_empty_list_and_nothing_is_created(sandbox, helper):
    assert keys(helper, sandbox.token()) == [] and applications(sandbox) == []


def test_keys_are_listed_with_what_tells_them_apart_and_without_their_secrets(sandbox, helper):
    token = sandbox.token()
    made = make(helper, token, "granite_chat", "embeddings")
    listed = helper.get("/api/keys", token)
    found = {key["service"]["system_name"]: key for key in listed.json()["data"]["keys"]}
    assert set(found) == set(made)
    for name, key in found.items():
        secret = made[name]["api_key"]
        assert secret not in listed.text
        assert key["fingerprint"] == hashlib.sha256(secret.encode()).hexdigest()[:8]
        assert key["hint"] == f"{secret[:9]}…{secret[-4:]}"
        assert (key["name"], key["state"], key["generation"]) == ("default", "live", 1)
        assert key["plan"] == made[name]["plan"] and not {"note", "expires_at", "replaces", "retires_at"} & set(key)
        assert abs(time.time() - seconds(key["created_at"])) < 60
        one = helper.get(f"/api/keys/{key['id']}", token)
        assert one.json()["data"]["key"] == key and secret not in one.text
        assert one.headers["Cache-Control"] == "no-store"


def test_another_persons_key_and_no_key_are_not_found(sandbox, helper):
    token = sandbox.token()
    make(helper, token, "granite_chat")
    key = keys(helper, token)[0]["id"]
    assert failure(helper.get(f"/api/keys/{key}", sandbox.token("bob"))) == (404, "KEY_NOT_FOUND")
    assert keys(helper, sandbox.token("bob")) == []
    for wrong in ("999999", "x", "-1", "007", "9" * 30):
        assert failure(helper.get(f"/api/keys/{wrong}", token)) == (404, "KEY_NOT_FOUND")


def test_the_list_is_filtered_and_paged(sandbox, helper):
    token = sandbox.token()
    make(helper, token, "granite_chat", "embeddings")
    first = applications(sandbox)[0]
    for name in ("a", "b", "c"):
        add(sandbox, first, f"key={name}")
    everything = keys(helper, token)
    assert len(everything) == 5
    service = str(first["service_id"])
    assert [key["name"] for key in keys(helper, token, f"?service_id={service}")] == ["a", "b", "c", "default"]
    assert keys(helper, token, "?state=paused") == [] and keys(helper, token, "?state=live") == everything
    seen, query = [], "?limit=2"
    while query:
        data = helper.get("/api/keys" + query, token).json()["data"]
        assert len(data["keys"]) <= 2
        seen += data["keys"]
        query = f"?limit=2&cursor={data['next_cursor']}" if "next_cursor" in data else None
    assert seen == everything
    # A key that is deleted between two pages moves no other.
    page = helper.get(f"/api/keys?limit=2&service_id={service}", token).json()["data"]
    gone = page["keys"][1]["id"]
    threescale(sandbox, "DELETE", f"accounts/{first['account_id']}/applications/{gone}")
    rest = helper.get(f"/api/keys?limit=2&service_id={service}&cursor={page['next_cursor']}", token).json()["data"]
    assert [key["name"] for key in rest["keys"]] == ["c", "default"] and "next_cursor" not in rest


@pytest.mark.parametrize("query, field", [
    ("limit=0", "limit"), ("limit=101", "limit"), ("limit=x", "limit"), ("limit=1&limit=2", "limit"), ("limit=", "limit"),
    ("state=dead", "state"), ("service_id=x", "service_id"), ("cursor=7", "cursor"), ("cursor=7.Ci.1.1", "cursor"),
    ("more=1", "more"), ("state=%ff", "state"), ("%ff=1", "query"),
])
def test_a_query_that_is_wrong_is_refused_by_name(sandbox, helper, query, field):
    answer = helper.get("/api/keys?" + query, sandbox.token())
    assert failure(answer) == (400, "INVALID_REQUEST")
    assert [detail["field"] for detail in answer.json()["error"]["details"]] == [field]


def test_generations_ends_and_suspensions_are_told(sandbox, helper):
    token = sandbox.token()
    make(helper, token, "granite_chat", "embeddings")
    old, other = applications(sandbox)
    add(sandbox, old, "gen=2 grace=600")
    add(sandbox, old, "key=dated expires=4102444800 x=y")
    add(sandbox, old, "key=ended expires=1700000000")
    threescale(sandbox, "PUT", f"accounts/{other['account_id']}/applications/{other['id']}/suspend")
    # Unconfirmed: another call is making it.
    owner = re.search(r"owner=\w+", old["description"]).group(0)
    add(sandbox, old, "", description=f"[mlaas {owner} attempt=0f key=young]")
    found = {(key["name"], key["generation"], key["service"]["id"]): key for key in keys(helper, token)}
    service = str(old["service_id"])
    assert len(found) == 5
    successor = found["default", 2, service]
    assert successor["state"] == "live" and successor["replaces"] == str(old["id"]) and successor["note"] == "By a test"
    retiring = found["default", 1, service]
    assert retiring["state"] == "retiring"
    assert seconds(retiring["retires_at"]) == seconds(successor["created_at"]) + 600
    assert found["dated", 1, service]["expires_at"] == "2100-01-01T00:00:00Z"
    assert found["dated", 1, service]["state"] == "live" and found["ended", 1, service]["state"] == "expired"
    assert found["default", 1, str(other["service_id"])]["state"] == "suspended"


def test_init_and_the_list_of_services_answer_the_current_generation_of_the_key_named_default(sandbox, helper):
    token = sandbox.token()
    first = make(helper, token, "granite_chat")["granite_chat"]
    old = applications(sandbox)[0]
    add(sandbox, old, "key=ci", user_key="of-another-name")
    assert make(helper, token, "granite_chat")["granite_chat"] == {**first, "is_new": False}
    # A rotation that died before its application was confirmed.
    owner = re.search(r"owner=\w+", old["description"]).group(0)
    add(sandbox, old, "", description=f"[mlaas {owner} attempt=0f gen=2]")
    time.sleep(3.2)
    assert make(helper, token, "granite_chat")["granite_chat"]["api_key"] == first["api_key"]
    assert len(applications(sandbox)) == 3
    add(sandbox, old, "gen=2", user_key="of-the-second-generation")
    assert make(helper, token, "granite_chat")["granite_chat"]["api_key"] == "of-the-second-generation"
    assert helper.services(token)["granite_chat"]["api_key"] == "of-the-second-generation"


def test_a_key_of_a_service_that_roles_hide_is_not_found(sandbox, helper):
    token = sandbox.token()
    make(helper, token, "granite_chat", "embeddings")
    hiding = Helper(sandbox.keycloak, sandbox.threescale, MLAAS_SERVICE_ROLES="granite_chat=unassigned")
    try:
        assert [key["service"]["system_name"] for key in keys(hiding, token)] == ["embeddings"]
        hidden = next(key for key in keys(helper, token) if key["service"]["system_name"] == "granite_chat")
        assert failure(hiding.get(f"/api/keys/{hidden['id']}", token)) == (404, "KEY_NOT_FOUND")
    finally:
        stop(hiding.process)


def test_a_key_is_listed_at_once_by_a_replica_that_shares_nothing(sandbox, helper):
    token = sandbox.token()
    other = Helper(sandbox.keycloak, sandbox.threescale)
    try:
        assert keys(other, token) == []
        make(helper, token, "granite_chat")
        assert len(keys(other, token)) == 1
    finally:
        stop(other.process)


@pytest.mark.parametrize("state", ["rejected", "suspended"])
def test_no_key_of_a_blocked_account_is_shown(sandbox, helper, state):
    token = sandbox.token()
    make(helper, token, "granite_chat")
    key = keys(helper, token)[0]["id"]
    account = applications(sandbox)[0]["account_id"]
    threescale(sandbox, "PUT", f"accounts/{account}", state=state)
    fresh = Helper(sandbox.keycloak, sandbox.threescale)
    try:
        for path in ("/api/keys", f"/api/keys/{key}"):
            assert failure(fresh.get(path, token)) == (403, "ACCOUNT_BLOCKED")
    finally:
        stop(fresh.process)


def test_keys_cannot_be_listed_while_3scale_is_away(sandbox, helper):
    token = sandbox.token()
    make(helper, token, "granite_chat")
    stop(sandbox.process)
    answer = helper.get("/api/keys", token)
    assert answer.status_code in (503, 504) and answer.json()["error"]["code"] in ("UPSTREAM_UNAVAILABLE", "UPSTREAM_TIMEOUT")
