"""Keys that end by themselves: expiry, retirement, and the deletion a day later."""

import hashlib
import hmac
import json
import re
import time

import pytest

from conftest import ADMIN_TOKEN, Helper, stop
from own_sandbox import helper, sandbox  # noqa: F401: fixtures
from redis_server import Redis
from tenant import add_application, admin, applications, sign_up, threescale
from test_key_changes import act, application, call, failure, keys, make, move
from test_key_rotation import create, rotate
from test_shared_state import wait_until, wait_up

DAY = 86400


def audit(log):
    lines = [json.loads(line) for line in log.splitlines() if '"logger":"audit"' in line]
    return [line for line in lines if line["outcome"] in ("expired", "retired", "removed")]


def metric(helper, name):
    found = re.search(rf"^{re.escape(name)} (\S+)$", helper.get("/metrics").text, re.M)
    return float(found.group(1)) if found else None


def edit(sandbox, key, members):
    """As a person may in 3scale's portals."""
    found = application(sandbox, key)
    threescale(sandbox, "PUT", f"accounts/{found['account_id']}/applications/{key}",
               description=found["description"].removesuffix("]") + f" {members}]")


def end_as_a_sweep(sandbox, key, offset):
    """The helper's seal, and the suspension that follows it."""
    moment = int(time.time()) + offset
    code = hmac.new(ADMIN_TOKEN.encode(), f"mlaas end {key} {moment}".encode(), hashlib.sha256).hexdigest()[:16]
    edit(sandbox, key, f"ended={moment}.{code}")
    move(sandbox, key, "suspend")


def restarted(sandbox, helper, **settings):
    """Another helper: it scans at its start. The imitated clock is right again."""
    helper.stop()
    admin(sandbox, "PUT", "/clock", offset_seconds=0)
    return Helper(sandbox.keycloak, sandbox.threescale, **settings)


@pytest.mark.parametrize("service", ["granite_chat", "embeddings", "vision"])
def test_a_key_stops_when_it_expires(sandbox, helper, service):
    token = sandbox.token()
    key = create(helper, token, "ci", service, expires_in=60).json()["data"]["key"]["id"]
    other = create(helper, token, "other", service).json()["data"]["key"]["id"]
    wait_until(lambda: metric(helper, "mlaas_sweep_accounts") == 1, 10)
    admin(sandbox, "PUT", "/clock", offset_seconds=120)
    # The helper learns of it by any answer; a Date has whole seconds.
    wait_until(lambda: {entry["id"]: entry["state"] for entry in keys(helper, token)} == {
        key: "expired", other: "live"}, 10)
    wait_until(lambda: application(sandbox, key)["state"] == "suspended", 60)
    assert application(sandbox, other)["state"] == "live"
    states = {entry["id"]: entry["state"] for entry in keys(helper, token)}
    assert states == {key: "expired", other: "live"}
    assert failure(act(helper, token, key, "resume")) == (409, "KEY_STATE_CONFLICT")
    lines = audit(helper.stop())
    assert [(line["outcome"], line["application_id"], line["service"]) for line in lines] == [
        ("expired", int(key), service)]


def test_a_replaced_key_stops_after_its_grace_and_its_successor_works_on(sandbox, helper):
    token = sandbox.token()
    old, _ = make(helper, token)
    new = rotate(helper, token, old, grace_seconds=1).json()["data"]["key"]["id"]
    wait_until(lambda: application(sandbox, old)["state"] == "suspended", 60)
    assert application(sandbox, new)["state"] == "live"
    assert [line["outcome"] for line in audit(helper.stop())] == ["retired"]


def test_after_an_outage_of_the_helper_a_scan_ends_what_is_over_and_deletes_what_ended_a_day_ago(sandbox, helper):
    token = sandbox.token()
    admin(sandbox, "PUT", "/clock", offset_seconds=-DAY - 900)
    old, _ = make(helper, token)
    new = rotate(helper, token, old, grace_seconds=1).json()["data"]["key"]["id"]
    ended = create(helper, token, "a").json()["data"]["key"]["id"]
    after = rotate(helper, token, ended, grace_seconds=0).json()["data"]["key"]["id"]
    suspended = create(helper, token, "b").json()["data"]["key"]["id"]
    move(sandbox, suspended, "suspend")
    # As a sweep has left it that ran then.
    time.sleep(1)
    end_as_a_sweep(sandbox, ended, -DAY - 900)
    later = restarted(sandbox, helper)
    try:
        wait_until(lambda: str(ended) not in [str(entry["id"]) for entry in applications(sandbox)], 60)
        wait_until(lambda: application(sandbox, old)["state"] == "suspended", 60)
        wait_until(lambda: metric(later, 'mlaas_keys{state="live"}') is not None, 30)
        # What has only just stopped is deleted a day from now.
        time.sleep(7)
        states = {str(entry["id"]): entry["state"] for entry in applications(sandbox)}
        assert states == {str(old): "suspended", new: "live", after: "live", suspended: "suspended"}
        assert metric(later, "mlaas_sweep_overdue_seconds") == 0
        assert sorted(line["outcome"] for line in audit(later.stop())) == ["removed", "retired"]
    finally:
        stop(later.process)


def test_what_the_operator_suspended_is_neither_deleted_nor_made_again_when_its_end_is_moved_into_the_past(sandbox, helper):
    token = sandbox.token()
    key, secret = make(helper, token)
    move(sandbox, key, "suspend")
    edit(sandbox, key, "expires=1")
    assert [entry["state"] for entry in keys(helper, token)] == ["suspended"]
    assert failure(call(helper, "DELETE", f"/api/keys/{key}", token)) == (409, "KEY_STATE_CONFLICT")
    assert failure(rotate(helper, token, key)) == (409, "KEY_STATE_CONFLICT")
    again = helper.init(token, helper.services(token)["granite_chat"]["id"]).json()["data"]
    assert again["is_new"] is False and again["key_state"] == "suspended"
    # Nor by a sweep under a rule that its age is over by.
    later = restarted(sandbox, helper, KEY_LIFETIME_MAX="1m")
    try:
        wait_until(lambda: metric(later, 'mlaas_keys{state="suspended"}') == 1, 30)
        assert [str(entry["id"]) for entry in applications(sandbox)] == [key]
        assert metric(later, "mlaas_sweep_accounts") == 0
    finally:
        stop(later.process)


def test_many_pages_are_scanned_and_unmarked_applications_stay(sandbox, helper):
    account = sign_up(sandbox, "carol")
    service = helper.services(sandbox.token())["granite_chat"]["id"]
    for _ in range(7):
        add_application(sandbox, account, service)
    token = sandbox.token()
    made = [create(helper, token, f"k{index}").json()["data"]["key"]["id"] for index in range(4)]
    rotated = rotate(helper, token, made[0], grace_seconds=0).json()["data"]["key"]["id"]
    later = restarted(sandbox, helper, API_PAGE_SIZE="3")
    try:
        wait_until(lambda: application(sandbox, made[0])["state"] == "suspended", 60)
        wait_until(lambda: metric(later, 'mlaas_keys{state="live"}') == 4, 30)
        states = [entry["state"] for entry in applications(sandbox)]
        assert states.count("live") == len(states) - 1 and application(sandbox, rotated)["state"] == "live"
    finally:
        stop(later.process)


def test_a_clock_that_differs_stops_the_sweep_and_the_log_and_a_metric_say_so(sandbox, helper):
    token = sandbox.token()
    key = create(helper, token, "ci", expires_in=60).json()["data"]["key"]["id"]
    admin(sandbox, "PUT", "/clock", offset_seconds=3600)
    keys(helper, token)
    wait_until(lambda: (metric(helper, "mlaas_sweep_clock_difference_seconds") or 0) > 3500, 20)
    time.sleep(3)
    assert application(sandbox, key)["state"] == "live"
    log = helper.stop()
    assert log.count("key sweep stopped: clocks differ") == 1 and not audit(log)


def test_a_replica_ends_a_key_that_another_was_told_to_end(sandbox):
    redis = Redis()
    replicas = [Helper(sandbox.keycloak, sandbox.threescale, REDIS_URL=redis.url()) for _ in range(2)]
    try:
        wait_up(replicas)
        token = sandbox.token()
        key, _ = make(replicas[0], token)
        rotate(replicas[0], token, key, grace_seconds=4)
        wait_until(lambda: metric(replicas[1], "mlaas_sweep_accounts") == 1, 10)
        replicas[0].process.kill()
        wait_until(lambda: application(sandbox, key)["state"] == "suspended", 60)
        assert [line["outcome"] for line in audit(replicas[1].stop())] == ["retired"]
    finally:
        for replica in replicas:
            stop(replica.process)
        redis.stop()
