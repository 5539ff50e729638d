"""Races in the sandbox's 3scale have the outcomes that were counted in a real one.

THREESCALE_FIXTURES names the folder of recordings; without it these tests are skipped."""

import concurrent.futures
import json
import os
import threading
from pathlib import Path

import pytest
import requests

from conftest import ADMIN_TOKEN, Sandbox, stop
from tenant import admin, knobs, published_plan, sign_up, threescale

FOLDER = os.environ.get("THREESCALE_FIXTURES") or ""
AT_ONCE = 4
ROUNDS = 10

pytestmark = pytest.mark.skipif(not FOLDER, reason="needs THREESCALE_FIXTURES")


def counted(name):
    """The recorded counts of a race."""
    return json.loads((Path(FOLDER) / "12-races.json").read_text(encoding="utf-8"))["counts"][name]


def form_of(answer):
    """An answer as the counts name it."""
    return str(answer.status_code) if answer.status_code < 300 else f"{answer.status_code} {json.dumps(answer.json() if answer.content else '')}"


@pytest.fixture(scope="module")
def sandbox():
    sandbox = Sandbox()
    # Long enough that requests sent together overlap on a busy machine.
    knobs(sandbox, commit_milliseconds=60)
    admin(sandbox, "PUT", "/seed", seed=11)
    yield sandbox
    stop(sandbox.process)


@pytest.fixture(scope="module")
def services(sandbox):
    return {
        entry["service"]["system_name"]: entry["service"]["id"]
        for entry in threescale(sandbox, "GET", "services")["services"]}


def together(sandbox, path, form, method="POST", count=AT_ONCE):
    """The answers to one request that is sent several times at once."""
    barrier = threading.Barrier(count)

    def send(_):
        barrier.wait(timeout=20)
        return requests.request(
            method, f"{sandbox.threescale}/admin/api/{path}.json", data=form, auth=("", ADMIN_TOKEN), timeout=20)
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        return list(pool.map(send, range(count)))


def rounds(sandbox, path, form):
    """Of each round the answers' forms, and how many creates succeeded."""
    seen, successes = set(), []
    for turn in range(ROUNDS):
        answers = together(sandbox, path, form(turn))
        seen |= {form_of(answer) for answer in answers}
        successes.append(sum(answer.status_code == 201 for answer in answers))
    return seen, successes


def test_signups_without_a_password_can_all_succeed(sandbox):
    seen, successes = rounds(sandbox, "signup", lambda turn: {"org_name": f"bare{turn}", "username": f"bare{turn}"})
    assert seen <= set(counted("signup of one user name, without a password")["answers"])
    assert max(successes) > 1


def test_of_signups_with_a_password_one_succeeds(sandbox):
    seen, successes = rounds(sandbox, "signup", lambda turn: {
        "org_name": f"word{turn}", "username": f"word{turn}", "password": "long enough, surely"})
    wanted = set(counted("signup of one user name, with a password")["answers"])
    assert seen <= wanted, seen - wanted
    # The refusal at the commit is of the user alone, and came more often than the other.
    assert '422 {"errors": {"username": ["has already been taken"]}}' in seen
    assert set(successes) == {1}


@pytest.mark.parametrize(("service", "member", "name"), [
    ("granite_chat", "application_id", "application, one application_id, mode 1"),
    ("embeddings", "application_id", "application, one application_id, mode 2"),
    ("granite_chat", "user_key", "application, one user_key, mode 1"),
])
def test_several_applications_of_one_id_or_key_can_be_made(sandbox, services, service, member, name):
    account = sign_up(sandbox, f"races.{service}.{member}"[:40])
    plan = published_plan(sandbox, services[service])
    seen, successes = rounds(
        sandbox, f"accounts/{account}/applications", lambda turn: {"plan_id": plan, member: f"the-same-{turn}"})
    assert seen <= set(counted(name)["answers"])
    assert min(successes) >= 1 and max(successes) > 1


def test_of_changes_after_raced_creates_at_most_one_succeeds(sandbox, services):
    account = sign_up(sandbox, "races.changes")
    path = f"accounts/{account}/applications"
    plan = published_plan(sandbox, services["granite_chat"])
    succeeded = []

    def change(made):
        id = made.json()["application"]["id"]
        return requests.put(
            f"{sandbox.threescale}/admin/api/{path}/{id}.json", data={"description": "changed"},
            auth=("", ADMIN_TOKEN), timeout=20)
    for turn in range(ROUNDS):
        made = [answer for answer in together(sandbox, path, {"plan_id": plan, "application_id": f"changed-{turn}"})
                if answer.status_code == 201]
        with concurrent.futures.ThreadPoolExecutor(len(made)) as pool:
            changes = list(pool.map(change, made))
        succeeded.append(sum(answer.status_code == 200 for answer in changes))
        assert {form_of(answer) for answer in changes} <= {
            "200", '422 {"errors": {"application_id": ["has already been taken"]}}'}
    assert max(succeeded) <= 1


def test_a_key_that_is_added_twice_at_once_is_a_conflict(sandbox, services):
    account = sign_up(sandbox, "races.keys")
    plan = published_plan(sandbox, services["embeddings"])
    made = threescale(sandbox, "POST", f"accounts/{account}/applications", plan_id=plan)["application"]["id"]
    admin(sandbox, "PUT", "/race", milliseconds=60_000)
    answers = [form_of(answer) for answer in together(
        sandbox, f"accounts/{account}/applications/{made}/keys", {"key": "the-same-key"})]
    admin(sandbox, "PUT", "/race", milliseconds=0)
    assert sorted(answers) == ["201"] + ['409 ""'] * (AT_ONCE - 1)
    assert set(answers) <= set(counted("one key added to one application")["answers"])


def test_find_varies_between_two_accounts_of_one_name(sandbox):
    admin(sandbox, "PUT", "/race", milliseconds=60_000)
    made = {sign_up(sandbox, "races.found", org_name=name) for name in ("First of them", "Second of them")}
    admin(sandbox, "PUT", "/race", milliseconds=0)
    found = [threescale(sandbox, "GET", "accounts/find", username="races.found")["account"]["id"] for _ in range(40)]
    assert set(found) == made
