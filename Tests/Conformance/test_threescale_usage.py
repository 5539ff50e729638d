"""The sandbox's analytics: usage by hour, day and month, in time zones with their summer time, and what 3scale refuses."""

import datetime

import pytest
import requests

from conftest import Sandbox, stop
from tenant import add_application, admin, applications, published_plan, sign_up, threescale

SUMMER = datetime.datetime(2026, 7, 15, 12, 0, tzinfo=datetime.timezone.utc)


@pytest.fixture(scope="module")
def tenant():
    """A sandbox in July 2026, and an application that was used for forty days."""
    sandbox = Sandbox()
    now = datetime.datetime.now(datetime.timezone.utc)
    admin(sandbox, "PUT", "/clock", offset_seconds=int((SUMMER - now).total_seconds()))
    admin(sandbox, "PUT", "/seed", seed=7)
    listed = threescale(sandbox, "GET", "services")["services"]
    service = next(entry["service"]["id"] for entry in listed if entry["service"]["system_name"] == "granite_chat")
    account = sign_up(sandbox, "usage.user")
    sandbox.application = add_application(sandbox, account, service)
    admin(sandbox, "POST", "/traffic", days=40)
    yield sandbox
    stop(sandbox.process)


def usage(sandbox, token="sandbox-admin-token", **parameters):
    return requests.get(
        f"{sandbox.threescale}/stats/applications/{sandbox.application['id']}/usage.json", timeout=10, auth=("", token),
        params={"metric_name": "hits", **parameters})


def values(sandbox, **parameters):
    answer = usage(sandbox, **parameters)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert sum(body["values"]) == body["total"]
    return body["values"], body["period"]


def test_hours_days_and_months_count_the_same_calls(tenant):
    hours, _ = values(tenant, granularity="hour", since="2026-07-01", until="2026-07-14 23:59:59")
    days, _ = values(tenant, granularity="day", since="2026-07-01", until="2026-07-14")
    months, _ = values(tenant, granularity="month", since="2026-06-01", until="2026-07-31")
    all_days, _ = values(tenant, granularity="day", since="2026-06-01", until="2026-07-31")
    assert len(hours) == 14 * 24 and len(days) == 14 and len(months) == 2
    assert days == [sum(hours[24 * day:24 * day + 24]) for day in range(14)] and sum(days) > 0
    assert months == [sum(all_days[:30]), sum(all_days[30:])]


@pytest.mark.parametrize(("zone", "name", "offset", "hours"), [
    ("UTC", "Etc/UTC", "Z", 0), ("Madrid", "Europe/Madrid", "+02:00", 2), ("Europe/Madrid", "Europe/Madrid", "+02:00", 2),
    ("London", "Europe/London", "+01:00", 1), ("Kolkata", "Asia/Kolkata", "+05:30", 5.5),
    ("Pacific Time (US & Canada)", "America/Los_Angeles", "-07:00", -7),
])
def test_a_day_is_the_zones_own(tenant, zone, name, offset, hours):
    day, period = values(tenant, granularity="day", since="2026-07-10", until="2026-07-10", timezone=zone)
    assert period["timezone"] == name and period["since"] == f"2026-07-10T00:00:00{offset}"
    assert period["until"] == f"2026-07-10T23:59:59{offset}"
    start = datetime.datetime(2026, 7, 10) - datetime.timedelta(hours=int(hours))
    in_utc, _ = values(
        tenant, granularity="hour", since=start.strftime("%Y-%m-%d %H:%M:%S"),
        until=(start + datetime.timedelta(hours=23, minutes=59)).strftime("%Y-%m-%d %H:%M:%S"))
    if hours == int(hours):
        assert day == [sum(in_utc)]


@pytest.mark.parametrize(("date", "zone", "offset"), [
    ("2026-03-28", "Madrid", "+01:00"), ("2026-03-30", "Madrid", "+02:00"), ("2026-10-24", "Madrid", "+02:00"),
    ("2026-10-26", "Madrid", "+01:00"), ("2026-03-07", "Eastern Time (US & Canada)", "-05:00"),
    ("2026-03-09", "Eastern Time (US & Canada)", "-04:00"), ("2026-10-31", "Eastern Time (US & Canada)", "-04:00"),
    ("2026-11-02", "Eastern Time (US & Canada)", "-05:00"),
])
def test_summer_time_begins_and_ends_on_its_sundays(tenant, date, zone, offset):
    _, period = values(tenant, granularity="day", since=date, until=date, timezone=zone)
    assert period["since"] == f"{date}T00:00:00{offset}"


@pytest.mark.parametrize(("granularity", "since", "limit"), [
    ("hour", "2026-04-01", "90 days"), ("day", "2025-07-01", "1 year"), ("month", "2016-07-01", "10 years"),
    ("21600", "2026-01-01", "6 months"),
])
def test_a_range_has_a_longest_length(tenant, granularity, since, limit):
    answer = usage(tenant, granularity=granularity, since=since, until="2026-07-15")
    assert answer.status_code == 400
    assert answer.json() == {"error": f"Time range for the granularity must be less than {limit}"}


def test_a_token_needs_the_scope_and_its_owner_the_service(tenant):
    scope = {"error": "Your access token does not have the correct permissions"}
    admin(tenant, "POST", "/tokens", value="accounts-alone", scopes=["account_management"])
    admin(tenant, "POST", "/tokens", value="usage-alone", scopes=["stats"])
    admin(tenant, "POST", "/tokens", value="member-of-nothing", member=True, services=[])
    day = {"granularity": "day", "since": "2026-07-10", "until": "2026-07-10"}
    refused = usage(tenant, "accounts-alone", **day)
    assert (refused.status_code, refused.json()) == (403, scope)
    assert usage(tenant, "usage-alone", **day).status_code == 200
    for token in ("member-of-nothing", "no-such-token"):
        refused = usage(tenant, token, **day)
        assert (refused.status_code, refused.json()) == (403, {"status": "Forbidden"})
    listed = requests.get(f"{tenant.threescale}/admin/api/accounts.json", auth=("", "usage-alone"), timeout=10)
    assert (listed.status_code, listed.json()) == (403, scope)


def test_an_application_shows_its_first_use_a_minute_later(tenant):
    account = tenant.application["account_id"]
    plan = published_plan(tenant, tenant.application["service_id"])
    made = threescale(tenant, "POST", f"accounts/{account}/applications", plan_id=plan, name="new")["application"]

    def shown():
        application = next(entry for entry in applications(tenant, account) if entry["id"] == made["id"])
        return application["first_traffic_at"], application["first_daily_traffic_at"]

    use = {"application_id": made["id"], "metric": "hits", "count": 1}
    admin(tenant, "POST", "/traffic", **use)
    assert shown() == (None, None)
    admin(tenant, "POST", "/traffic", **use, seconds_ago=3 * 86_400)
    admin(tenant, "POST", "/traffic", **use, seconds_ago=2 * 86_400)
    assert [stamp[:10] for stamp in shown()] == ["2026-07-12", "2026-07-13"]


def test_what_the_operator_changes_is_seen_by_everybody(tenant):
    account = tenant.application["account_id"]
    path = f"accounts/{account}/applications/{tenant.application['id']}"
    for event, state, enabled in (("suspend", "suspended", False), ("resume", "live", True)):
        threescale(tenant, "PUT", f"{path}/{event}")
        application = threescale(tenant, "GET", path)["application"]
        assert (application["state"], application["enabled"]) == (state, enabled)
    again = requests.put(
        f"{tenant.threescale}/admin/api/{path}/resume.json", auth=("", "sandbox-admin-token"), timeout=10)
    assert again.json() == {"errors": {"state": ["cannot transition via \"resume\""]}} and again.status_code == 422
