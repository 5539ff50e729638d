"""The rows of the attack table that are one token each, against a listening process; `test_token_situations.py` has the
others. Every refusal is the same answer, and no token makes the helper fetch anything."""

import re
from pathlib import Path

import pytest
import requests

from identity import Keys, World, counter, outbound, refused
from token_cases import CASES


@pytest.fixture(scope="module")
def world(sandbox):
    world = World(Keys(), sandbox.threescale)
    yield world
    world.close()


@pytest.fixture(scope="module")
def gate(world):
    helper = world.helper(KEYCLOAK_KEYS_COOLDOWN="1h")
    # Spends the one fetch that unknown key ids may cause in this hour.
    helper.get("/api/services", world.forge.token(header={"kid": "unknown"}))
    yield helper
    log = helper.stop()
    for text in ("1=1--", "fake: log line", "\x1b", "/dev/null", "jndi"):
        assert text not in log


@pytest.mark.parametrize("row, name, make, status", CASES, ids=[f"row-{row:02}-{name}"[:80] for row, name, *_ in CASES])
def test_row(world, gate, row, name, make, status):
    token = make(world)
    before = outbound(gate), len(world.traps.journal)
    answer = requests.get(gate.url + "/api/services", headers={"Authorization": f"Bearer {token}"}, timeout=30)
    if status == 401:
        refused(answer)
    else:
        assert answer.status_code == status, answer.text
    # A second time, past whatever was remembered of the first.
    again = requests.get(gate.url + "/api/services", headers={"Authorization": f"Bearer {token}"}, timeout=30)
    assert again.status_code == status
    assert (outbound(gate), len(world.traps.journal)) == before


def test_a_good_token_is_accepted_after_all_that(world, gate):
    assert gate.process.poll() is None
    assert gate.get("/api/services", world.forge.token()).status_code == 200
    assert counter(gate, "mlaas_auth_total", outcome="refused", reason="other") == 0


def test_every_row_of_the_table_is_there():
    rows = {row for row, *_ in CASES}
    for path in Path(__file__).parent.glob("test_token_situations*.py"):
        rows |= {int(found) for found in re.findall(r"def test_row_(\d+)_", path.read_text(encoding="utf-8"))}
    assert sorted(rows) == list(range(1, 98))
