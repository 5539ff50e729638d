"""Verifiers that we did not write, on the same tokens: each difference is known, with its reason."""

import os
from pathlib import Path

import pytest

import token_peers

PYTHON = Path(__file__).resolve().parents[2] / ".tools" / "identity" / "bin" / "python"


@pytest.mark.skipif(not PYTHON.exists() and os.environ.get("CI") != "true", reason="needs .tools/identity: ./setup.sh ci")
def test_every_difference_is_listed():
    count, found = token_peers.differences(PYTHON)
    assert count > 800
    assert [case for case in found if token_peers.reason(*case[1:]) is None] == []
    # On signatures no peer differs, and no peer refuses what is accepted here.
    assert {verdict for verdict in found.values()} == {"accepts"}
    assert token_peers.DOCUMENT.read_text(encoding="utf-8") == token_peers.document(count, found)
