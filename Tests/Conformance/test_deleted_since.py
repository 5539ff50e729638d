"""Services and plans that were deleted in 3scale since the last refresh of the catalogue: no 502, and no account for nothing."""

import time

import pytest

from conftest import Helper, stop
from own_sandbox import sandbox  # noqa: F401: fixtures
from tenant import accounts, admin, applications, threescale


@pytest.fixture
def stale(sandbox):
    """A helper that has the catalogue of its start, and refreshes it for a reason alone."""
    helper = Helper(sandbox.keycloak, sandbox.threescale, CATALOG_REFRESH_SECONDS="1h")
    yield helper
    stop(helper.process)


def person(sandbox, helper, has_account):
    """A token and the ids of all services. With an account in 3scale, or unknown to it."""
    admin(sandbox, "POST", "/users", username="dana")
    token = sandbox.token("dana")
    services = {name: entry["id"] for name, entry in helper.services(token).items()}
    if has_account:
        assert helper.init(token, services["embeddings"]).status_code == 200
    return token, services


def delete(sandbox, path):
    threescale(sandbox, "DELETE", path)


def published(sandbox, service):
    """Ids of the service's published plans by name."""
    listed = threescale(sandbox, "GET", f"services/{service}/application_plans")["plans"]
    plans = [entry["application_plan"] for entry in listed]
    return {plan["name"]: plan["id"] for plan in plans if plan["state"] == "published" and not plan["custom"]}


def refused(answer):
    return answer.status_code, answer.json().get("error", {}).get("code")


@pytest.mark.parametrize("has_account", [True, False])
@pytest.mark.parametrize("gone, wanted, expected", [
    ("service", None, (404, "SERVICE_NOT_FOUND")), ("service", "Basic", (404, "SERVICE_NOT_FOUND")),
    ("Basic", "Basic", (404, "PLAN_NOT_FOUND")), ("plans", None, (409, "NO_PLANS_FOUND"))])
def test_a_key_for_what_is_gone_is_refused_with_no_account_and_no_application(
        sandbox, stale, has_account, gone, wanted, expected):
    token, services = person(sandbox, stale, has_account)
    chat = services["granite_chat"]
    plans = published(sandbox, chat)
    before = len(accounts(sandbox)), len(applications(sandbox))
    if gone == "service":
        delete(sandbox, f"services/{chat}")
    for name, plan in plans.items():
        if gone in ("plans", name):
            delete(sandbox, f"services/{chat}/application_plans/{plan}")
    began = time.monotonic()
    answer = stale.init(token, chat, **({"plan_id": str(plans[wanted])} if wanted else {}))
    took = time.monotonic() - began
    assert refused(answer) == expected, answer.text
    # An account that was signed up for more than 1.5 s ago may be another call's by now, so that it stays.
    if took < 1.5:
        assert len(accounts(sandbox)) == before[0]
    assert len(applications(sandbox)) == before[1]
    # That answer refreshed the catalogue.
    assert ("granite_chat" in stale.services(token)) == (gone != "service")


def test_the_plans_of_a_deleted_service_are_404(sandbox, stale):
    token, services = person(sandbox, stale, has_account=False)
    delete(sandbox, f"services/{services['vision']}")
    answer = stale.get(f"/api/services/{services['vision']}/plans", token)
    assert refused(answer) == (404, "SERVICE_NOT_FOUND"), answer.text


def test_a_plan_that_the_helper_chose_and_is_gone_asks_to_try_again_and_the_next_call_has_a_key(sandbox, stale):
    token, services = person(sandbox, stale, has_account=False)
    chat = services["granite_chat"]
    # Without a default the lowest id is chosen.
    delete(sandbox, f"services/{chat}/application_plans/{published(sandbox, chat)['Trial']}")
    answer = stale.init(token, chat)
    assert refused(answer) == (409, "NO_PLANS_FOUND") and "Try again" in answer.text
    again = stale.init(token, chat)
    assert again.status_code == 200 and again.json()["data"]["plan"]["name"] == "Basic"
