"""The sandbox's 3scale beside what a real one answered: the recorded requests are sent again, in order.

THREESCALE_FIXTURES names the folder of recordings; without it the replay is skipped. Every exchange must be equal, but for those that
threescale_differences.json names with their difference. That file may only shrink: the test also fails when an exchange in it is equal.
"""

import datetime
import json
import os
import time
from pathlib import Path

import pytest
import requests

from conftest import Sandbox, stop
from threescale_replay import TOKENS, Pairs, Replay, answer_differences, scenarios

FOLDER = os.environ.get("THREESCALE_FIXTURES") or ""
DIFFERENCES = Path(__file__).with_name("threescale_differences.json")
# Exchanges that are not compared, by the start of their path, with the reason.
LEFT_OUT = {
    "/admin/api/active_docs": "documentation that the product does not read",
    "/admin/api/backend_apis": "backends that the product does not read",
    "/admin/api/fields_definitions": "fields that the product does not read",
    "/admin/api/objects": "states of deletion that the product does not read",
    "/admin/api/provider": "the tenant itself",
    "/admin/api/settings": "settings of the developer portal",
    "/admin/api/users": "the tenant's own users",
}
# Asked once the background job had deleted an application from the gateway's backend.
AFTER_THE_JOB = ("when the background work is done", "when that is done")
# These two were recorded in an earlier run: their ids are not those of the others.
EARLIER_RUN = ("10-keys-at-the-gateway", "11-statistics")
# The statistics name days of the year in which they were recorded; usage limits count within a minute, so both begin early in one.
RECORDED_AT = datetime.datetime(2026, 11, 29, 2, 29, 2, tzinfo=datetime.timezone.utc)

needs_fixtures = pytest.mark.skipif(not FOLDER, reason="needs THREESCALE_FIXTURES")


def reason_to_leave_out(exchange):
    return next((f"{start}, {why}" for start, why in LEFT_OUT.items() if exchange["request"]["path"].startswith(start)), None)


class Tenant:
    """A sandbox that holds what the recorded tenant held, and the steps that the recordings leave out."""

    def __init__(self):
        self.sandbox, self.bare = Sandbox("--sample"), Sandbox("--bare")
        self.set("post", "tokens", {"provider_key": "provider-key-of-the-tenant"})
        scopes = {"stats": ["stats"], "account_only": ["account_management"], "bare_member": []}
        for name in ("rw", "ro", "stats", "account_only", "member", "bare_member", "no_service_member"):
            self.set("post", "tokens", {
                "value": TOKENS[name], "scopes": scopes.get(name, ["account_management", "stats"]), "read_only": name == "ro",
                "member": name.endswith("member"), **({"services": []} if name == "no_service_member" else {})})
        requests.post(f"{self.bare.admin}/tokens", json={"value": TOKENS["other"]}, timeout=10).raise_for_status()
        self.replay = Replay(int(self.sandbox.threescale.rsplit(":", 1)[1]))
        self.other = Replay(int(self.bare.threescale.rsplit(":", 1)[1]), "other-admin.example.com")
        self.pairs = self.replay.pairs

    def stop(self):
        for sandbox in (self.sandbox, self.bare):
            stop(sandbox.process)

    def set(self, method, path, body):
        requests.request(method, f"{self.sandbox.admin}/{path}", json=body, timeout=10).raise_for_status()

    def begin(self, scenario):
        self.replay.pairs = Pairs() if scenario == EARLIER_RUN[0] else self.replay.pairs if scenario in EARLIER_RUN else self.pairs
        offset = 0
        if scenario in EARLIER_RUN:
            offset = int(RECORDED_AT.timestamp() - datetime.datetime.now(datetime.timezone.utc).timestamp())
        self.set("put", "clock", {"offset_seconds": offset})

    def prepare(self, scenario, exchange):
        """What happened between the recorded exchanges: calls at the gateway, and a race that left twins."""
        bindings = self.replay.bindings
        if scenario == "11-statistics" and exchange["name"] == "period day":
            self.set("post", "traffic", {"application_id": int(bindings["app"]), "metric": "hits", "count": 6})
        if scenario.startswith("10-") and "server" in exchange["request"]:
            # The services' tokens stand in a configuration that is deployed.
            for name in ("svc", "svc2"):
                if name in bindings and f"{name}_token" not in bindings:
                    self.deploy(name)
            if exchange["name"] in AFTER_THE_JOB:
                time.sleep(0.5)
        if scenario == "12-races" and exchange["name"] == "one of twins read":
            self.set("put", "race", {"milliseconds": 600_000})
            for name in ("t1", "t2"):
                made = self.replay.send({
                    "method": "POST", "path": "/admin/api/accounts/{acc}/applications.json", "token": "rw",
                    "json": {"plan_id": "{basic}", "application_id": "an-id-of-twins", "name": "twin-0"}})
                bindings[name] = json.loads(made[2])["application"]["id"]
            self.set("put", "race", {"milliseconds": 0})

    def deploy(self, name):
        self.replay.send({"method": "POST", "path": f"/admin/api/services/{{{name}}}/proxy/deploy.json", "token": "rw"})
        answer = self.replay.send(
            {"method": "GET", "path": f"/admin/api/services/{{{name}}}/proxy/configs/sandbox/latest.json", "token": "rw"})
        self.replay.bindings[f"{name}_token"] = json.loads(answer[2])["proxy_config"]["content"]["backend_authentication_value"]

    def exchange(self, scenario, exchange):
        self.prepare(scenario, exchange)
        is_other = scenario.startswith("13-")
        return (self.other if is_other else self.replay).exchange(exchange)


class Result:
    """What came of a replay."""

    def __init__(self):
        self.compared, self.equal, self.left_out, self.differing = {}, {}, {}, {}

    def add(self, scenario, name, differences):
        self.compared[scenario] = self.compared.get(scenario, 0) + 1
        if differences:
            self.differing[name] = differences[0]
        else:
            self.equal[scenario] = self.equal.get(scenario, 0) + 1

    def leave_out(self, reason):
        self.left_out[reason] = self.left_out.get(reason, 0) + 1


@pytest.fixture(scope="module")
def tenant():
    tenant = Tenant()
    yield tenant
    tenant.stop()


@pytest.fixture(scope="module")
def replayed(tenant):
    result = Result()
    for scenario, exchanges in scenarios(FOLDER):
        tenant.begin(scenario)
        for number, exchange in enumerate(exchanges):
            reason = reason_to_leave_out(exchange)
            if reason:
                result.leave_out(reason)
            else:
                result.add(scenario, f"{scenario} {number}: {exchange['name']}", tenant.exchange(scenario, exchange))
    return result


def known_differences():
    return json.loads(DIFFERENCES.read_text(encoding="utf-8"))


@needs_fixtures
def test_hardly_anything_is_left_out(replayed, capsys):
    with capsys.disabled():
        print()
        for reason, count in replayed.left_out.items():
            print(f"left out, {count} exchanges: {reason}")
        for scenario, compared in replayed.compared.items():
            print(f"{scenario}: {compared} compared, {replayed.equal.get(scenario, 0)} equal")
        compared, left_out = sum(replayed.compared.values()), sum(replayed.left_out.values())
        print(f"in all: {compared} compared, {sum(replayed.equal.values())} equal, {left_out} left out")
        for name, difference in known_differences().items():
            print(f"known to differ: {name}: {difference['difference']} ({difference['reason']})")
    assert left_out * 10 <= compared + left_out


@needs_fixtures
def test_no_exchange_differs_in_another_way(replayed):
    known = known_differences()
    unknown = {
        name: found for name, found in replayed.differing.items()
        if name not in known or not found.startswith(known[name]["difference"])}
    assert unknown == {}


@needs_fixtures
def test_the_known_differences_still_exist(replayed):
    equal = [name for name in known_differences() if name not in replayed.differing]
    assert equal == [], "remove these from threescale_differences.json: they are equal now"


@needs_fixtures
def test_a_changed_message_of_the_sandbox_is_found(tenant):
    recorded = {
        "request": {"method": "GET", "path": "/admin/api/accounts/find.json?username=nobody-of-this-name", "token": "rw"},
        "response": {
            "status": 404, "headers": [["Content-Type", "application/json; charset=utf-8"]], "body": {"status": "Not found"}}}
    tenant.begin("06-accounts")
    assert tenant.replay.exchange(recorded) == []
    # The sandbox answers another text at that one path.
    tenant.set("post", "faults/3scale", {
        "kind": "status", "path": "/admin/api/accounts/find.json", "status": 404, "body": '{"status":"Not here"}', "count": 1})
    found = tenant.replay.exchange(recorded)
    assert any("'Not here', not 'Not found'" in difference for difference in found)


def answer(body, status=200):
    return status, {"content-type": "application/json; charset=utf-8"}, body


@pytest.mark.parametrize(("got", "wanted"), [
    ({"errors": {"name": ["can't be empty"]}}, {"errors": {"name": ["can't be blank"]}}),
    ({"errors": {"name": []}}, {"errors": {"name": [None]}}),
    ({"b": 1, "a": 1}, {"a": 1, "b": 1}),
    ({"a": 1}, {"a": 1, "b": None}),
    ({"fee": 0}, {"fee": 0.0}),
    ({"total": "6"}, {"total": 6}),
    ({"live": 1}, {"live": True}),
    ({"name": "Grante"}, {"name": "Granite"}),
    ({"created_at": "2026-11-29 02:00:00"}, {"created_at": "2026-11-29T02:00:00Z"}),
    ({"user_key": "0f8f"}, {"user_key": "0f8fad5bd9cb469fa165708677289501"}),
    ({"plans": [{"plan": {"id": 1}}, {"plan": {"id": 1}}]}, {"plans": [{"plan": {"id": 7}}, {"plan": {"id": 8}}]}),
    ({"links": [{"href": "https://h/admin/api/services/1/plans"}]}, {"links": [{"href": "https://h/admin/api/services/1/metrics"}]}),
    ("", {"status": "Not found"}),
])
def test_the_comparison_finds(got, wanted):
    assert answer_differences(answer(got), answer(wanted), Pairs()) != []


@pytest.mark.parametrize(("got", "wanted"), [
    ({"service": {"id": 2}, "service_id": 2}, {"service": {"id": 7}, "service_id": 7}),
    ({"user_key": "00000000000000000000000000000000"}, {"user_key": "0f8fad5bd9cb469fa165708677289501"}),
    ({"created_at": "2030-01-01T00:00:00Z"}, {"created_at": "2026-11-29T02:00:00Z"}),
    ({"links": [{"href": "https://h/admin/api/services/2"}]}, {"links": [{"href": "https://h/admin/api/services/7"}]}),
])
def test_the_comparison_takes(got, wanted):
    assert answer_differences(answer(got), answer(wanted), Pairs()) == []


@pytest.mark.parametrize(("status", "fields"), [
    (404, {"content-type": "application/json; charset=utf-8"}), (200, {"content-type": "application/json"}), (200, {}),
])
def test_the_comparison_finds_another_status_or_type(status, fields):
    assert answer_differences((status, fields, {}), answer({}), Pairs()) != []
