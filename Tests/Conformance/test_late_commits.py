"""Replicas that share nothing call at once while 3scale gives ids before it commits: what was answered stays."""

import concurrent.futures
import contextlib
import threading

import pytest

from conftest import Helper, Sandbox, stop
from tenant import admin, applications, knobs

REPLICAS = 8
ROUNDS = 20
COMMIT_MILLISECONDS = 30


@pytest.fixture(scope="module")
def replicas():
    sandbox = Sandbox()
    with contextlib.ExitStack() as stack:
        stack.callback(stop, sandbox.process)
        helpers = []
        for _ in range(REPLICAS):
            helpers.append(Helper(sandbox.keycloak, sandbox.threescale, API_TIMEOUT="60s"))
            stack.callback(stop, helpers[-1].process)
        yield sandbox, helpers


@pytest.mark.parametrize("has_account", [True, False])
def test_every_key_that_was_answered_lives(replicas, has_account):
    sandbox, helpers = replicas
    service = helpers[0].services(sandbox.token())["granite_chat"]["id"]
    other = helpers[0].services(sandbox.token())["embeddings"]["id"]
    lost, doubled, answered = [], [], 0
    with concurrent.futures.ThreadPoolExecutor(REPLICAS) as pool:
        for turn in range(ROUNDS):
            name = f"late{turn}{'with' if has_account else 'without'}"
            admin(sandbox, "POST", "/users", username=name)
            admin(sandbox, "PUT", "/seed", seed=turn)
            knobs(sandbox, commit_milliseconds=0)
            token = sandbox.token(name)
            if has_account:
                assert helpers[0].init(token, other).status_code == 200
            knobs(sandbox, commit_milliseconds=COMMIT_MILLISECONDS)
            barrier = threading.Barrier(REPLICAS)

            def init(helper):
                barrier.wait()
                return helper.init(token, service)
            answers = [answer for answer in pool.map(init, helpers) if answer.status_code == 200]
            keys = {answer.json()["data"]["api_key"] for answer in answers}
            account = {answer.json()["data"]["account_id"] for answer in answers}
            answered += len(answers)
            live = {entry["user_key"] for one in account for entry in applications(sandbox, one)
                    if entry["service_id"] == int(service) and entry["state"] == "live"}
            lost += [(turn, key) for key in keys - live]
            doubled += [turn] if len(keys) > 1 else []
            assert keys, "no replica answered a key"
    assert not lost and not doubled, f"{len(lost)} answered keys are gone, {len(doubled)} rounds answered two"
    assert answered >= ROUNDS * REPLICAS * 9 // 10
