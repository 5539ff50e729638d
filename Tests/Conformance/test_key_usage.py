"""GET /api/keys/{id}/usage: what 3scale's analytics say of a key, in whole steps of UTC."""

import datetime
import json

import pytest
import requests

from conftest import ADMIN_TOKEN, Helper, Sandbox, stop
from tenant import admin, applications, knobs, threescale

UTC = datetime.timezone.utc


class World:
    def __init__(self, **settings):
        self.sandbox = Sandbox()
        self.helper = Helper(self.sandbox.keycloak, self.sandbox.threescale, **settings)
        self.token = self.sandbox.token()
        listed = threescale(self.sandbox, "GET", "services")["services"]
        self.service = next(e["service"]["id"] for e in listed if e["service"]["system_name"] == "granite_chat")
        plans = threescale(self.sandbox, "GET", f"services/{self.service}/application_plans")["plans"]
        self.basic = next(p["application_plan"]["id"] for p in plans if p["application_plan"]["name"] == "Basic")
        answer = self.helper.init(self.token, str(self.service), plan_id=str(self.basic))
        assert answer.status_code == 200, answer.text
        self.key = self.helper.get("/api/keys", self.token).json()["data"]["keys"][0]["id"]

    def traffic(self, count, seconds_ago=0, metric="hits"):
        admin(self.sandbox, "POST", "/traffic", application_id=int(self.key), metric=metric, count=count,
              seconds_ago=seconds_ago)

    def answer(self, token=None, **query):
        return requests.get(f"{self.helper.url}/api/keys/{self.key}/usage", params=query, timeout=30,
                            headers={"Authorization": f"Bearer {token or self.token}"})

    def usage(self, **query):
        answer = self.answer(**query)
        assert answer.status_code == 200, answer.text
        data = answer.json()["data"]
        for metric in data["metrics"]:
            assert len(metric["values"]) == len(data["starts"]) and sum(metric["values"]) == metric["total"]
        return data

    def asked(self):
        journal = requests.get(self.sandbox.admin + "/journal/3scale", timeout=10).json()["journal"]
        return [entry for entry in journal if entry["path"].startswith("/stats/")]


@pytest.fixture
def world():
    world = World()
    yield world
    stop(world.helper.process)
    stop(world.sandbox.process)


def hits(data):
    return next(metric for metric in data["metrics"] if metric["metric"] == "hits")


def test_calls_are_counted_by_hour_day_and_month_with_the_limits_of_the_plan(world):
    world.traffic(3)
    world.traffic(4, seconds_ago=3 * 86400)
    now = datetime.datetime.now(UTC)
    days = world.usage(granularity="day")
    assert hits(days)["total"] == 7 and len(days["starts"]) == 30
    assert hits(days)["values"][-1] == 3 and hits(days)["values"][-4] == 4
    assert days["starts"][-1] == now.strftime("%Y-%m-%dT00:00:00Z")
    assert hits(days)["limits"] == [{"period": "minute", "value": 60}, {"period": "day", "value": 10000}]
    assert hits(days)["name"] and days["key"]["id"] == world.key
    hours = world.usage(granularity="hour")
    assert len(hours["starts"]) == 24 and hits(hours)["values"][-1] == 3
    months = world.usage(granularity="month")
    assert len(months["starts"]) == 12 and hits(months)["total"] == 7
    # A day is the sum of its hours.
    day = now.strftime("%Y-%m-%d")
    until = (now + datetime.timedelta(days=1)).strftime("%Y-%m-%d")
    assert sum(hits(world.usage(granularity="hour", since=day, until=until))["values"]) == 3


def test_every_metric_of_the_service_is_there_methods_included(world):
    parent = threescale(world.sandbox, "GET", f"services/{world.service}/metrics")["metrics"][0]["metric"]
    threescale(world.sandbox, "POST", f"services/{world.service}/metrics", friendly_name="Tokens", system_name="tokens",
               unit="token")
    threescale(world.sandbox, "POST", f"services/{world.service}/metrics/{parent['id']}/methods",
               friendly_name="Chat", system_name="chat")
    world.traffic(1234, metric="tokens")
    data = world.usage()
    found = {metric["metric"]: metric for metric in data["metrics"]}
    assert {"hits", "tokens"} <= set(found) and found["tokens"]["total"] == 1234 and found["tokens"]["unit"] == "token"
    method = next(metric for metric in data["metrics"] if "method_of" in metric)
    assert method["method_of"] == "hits" and found["tokens"]["limits"] == []


@pytest.mark.parametrize("offset", [5 * 3600, -9 * 3600])
def test_days_are_those_of_utc_whatever_zone_the_tenant_has(world, offset):
    knobs(world.sandbox, time_zone_offset=offset)
    world.traffic(5, seconds_ago=86400)
    now = datetime.datetime.now(UTC)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    since = (midnight - datetime.timedelta(days=1)).isoformat()
    data = world.usage(granularity="day", since=since, until=midnight.isoformat())
    assert data["starts"] == [(midnight - datetime.timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")]
    assert hits(data)["values"] == [5]
    # The same moments, written in another zone.
    zone = datetime.timezone(datetime.timedelta(hours=5, minutes=30))
    other = world.usage(granularity="day", since=(midnight - datetime.timedelta(days=1)).astimezone(zone).isoformat(),
                        until=midnight.astimezone(zone).isoformat())
    assert other["starts"] == data["starts"] and hits(other)["values"] == [5]


def test_the_longest_time_of_each_granularity_is_answered_and_more_is_refused_without_asking(world):
    world.traffic(2)
    end = datetime.datetime(2026, 11, 1, tzinfo=UTC)
    for granularity, days in (("hour", 90), ("day", 365), ("month", 3652)):
        first = end - datetime.timedelta(days=days)
        if granularity == "month":
            first = first.replace(day=1) if first.day == 1 else (first + datetime.timedelta(days=31)).replace(day=1)
        data = world.usage(granularity=granularity, since=first.isoformat(), until=end.isoformat())
        assert data["until"] == "2026-11-01T00:00:00Z"
        asked = len(world.asked())
        answer = world.answer(granularity=granularity, since=(end - datetime.timedelta(days=days + 32)).isoformat(),
                              until=end.isoformat())
        assert answer.status_code == 400 and answer.json()["error"]["details"][0]["field"] == "since"
        assert len(world.asked()) == asked


def test_an_answer_is_cached_for_a_minute_and_a_change_of_plan_is_seen(world):
    world.traffic(1)
    assert hits(world.usage())["total"] == 1
    asked = len(world.asked())
    world.traffic(1)
    assert hits(world.usage())["total"] == 1 and len(world.asked()) == asked
    made = applications(world.sandbox)[0]
    plans = threescale(world.sandbox, "GET", f"services/{world.service}/application_plans")["plans"]
    trial = next(p["application_plan"]["id"] for p in plans if p["application_plan"]["name"] == "Trial")
    threescale(world.sandbox, "PUT", f"accounts/{made['account_id']}/applications/{made['id']}/change_plan", plan_id=trial)
    changed = world.usage()
    assert hits(changed)["total"] == 2 and hits(changed)["limits"] == []
    metrics = world.helper.get("/metrics").text
    assert 'mlaas_cache_hits_total{cache="usage"} 1' in metrics and 'mlaas_cache_misses_total{cache="usage"} 2' in metrics


def test_a_token_without_the_scope_is_said_plainly_to_the_caller_and_to_the_operator(world):
    admin(world.sandbox, "POST", "/tokens", value="no-stats", scopes=["account_management"])
    helper = Helper(world.sandbox.keycloak, world.sandbox.threescale, THREESCALE_ADMIN_API_KEY="no-stats")
    try:
        answer = requests.get(f"{helper.url}/api/keys/{world.key}/usage", timeout=30,
                              headers={"Authorization": f"Bearer {world.token}"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (502, "UPSTREAM_ACCESS_DENIED")
        assert "scope `stats`" in answer.json()["error"]["message"]
        # Nothing else is hurt by it.
        assert helper.get("/api/keys", world.token).status_code == 200
        assert helper.get("/api/health/ready").status_code == 200
    finally:
        log = helper.stop()
    lines = [json.loads(line) for line in log.split("\n") if line.startswith("{")]
    warned = [line for line in lines if "get_usage" in json.dumps(line) and "Analytics API" in json.dumps(line)]
    assert warned and ADMIN_TOKEN not in log and "no-stats" not in log


def test_the_usage_of_another_persons_key_is_not_found_and_an_outage_is_an_error(world):
    answer = world.answer(token=world.sandbox.token("bob"))
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "KEY_NOT_FOUND")
    admin(world.sandbox, "POST", "/faults/3scale", kind="status", status=500, path="/stats/*")
    answer = world.answer()
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "UPSTREAM_UNAVAILABLE")
