"""What a large catalogue costs 3scale, counted by the sandbox."""

import collections
import time

import pytest
import requests

from conftest import Helper, Sandbox, stop

SERVICES = 500
# Two pages of services, the plans, production's list, and staging's in pages of a hundred.
CALLS = 9


def journal(sandbox):
    """Calls so far, but for those of the key sweep, which begins when the helper is ready."""
    calls = requests.get(sandbox.admin + "/journal/3scale", timeout=10).json()["journal"]
    return [call for call in calls if call["path"] != "/admin/api/applications.json"]


def routes(entries):
    """How often each path was called, ids aside."""
    return collections.Counter(
        "/".join("N" if part.isdigit() else part for part in entry["path"].split("/")) for entry in entries)


@pytest.fixture(scope="module")
def unpromoted():
    """500 services that were never promoted to production."""
    sandbox = Sandbox("--services", str(SERVICES))
    ids = []
    for page in (1, 2):
        listed = requests.get(
            f"{sandbox.threescale}/admin/api/services.json?per_page=500&page={page}", timeout=20,
            auth=("", "sandbox-admin-token"))
        ids += [entry["service"]["id"] for entry in listed.json()["services"]]
    assert len(ids) == SERVICES
    with requests.Session() as session:
        for id in ids:
            session.put(f"{sandbox.admin}/services/{id}", json={"promoted": False}, timeout=10).raise_for_status()
    yield sandbox
    stop(sandbox.process)


def test_a_catalogue_that_was_never_promoted_takes_few_calls(unpromoted, capsys):
    requests.delete(unpromoted.admin + "/journal/3scale", timeout=10).raise_for_status()
    helper = Helper(unpromoted.keycloak, unpromoted.threescale, CATALOG_REFRESH_SECONDS="5")
    try:
        start = journal(unpromoted)
        end = time.monotonic() + 60
        # Each load reads two pages of services: the fifth is a third load's, so that one refresh has ended.
        while (seen := routes(journal(unpromoted)))["/admin/api/services.json"] < 5 and time.monotonic() < end:
            time.sleep(0.2)
        with capsys.disabled():
            print(f"\n{SERVICES} services, none promoted: {len(start)} calls at start, then {dict(seen)}")
        assert len(start) <= CALLS, routes(start)
        assert seen["/admin/api/services.json"] >= 4, "no refresh"
        refreshes = (seen["/admin/api/services.json"] + 1) // 2
        assert sum(seen.values()) <= CALLS * refreshes, seen
        assert not any("proxy.json" in path for path in seen), seen
        assert len(helper.services(unpromoted.token("ada"))) == SERVICES
    finally:
        helper.stop()
