"""A sandbox and a helper for each test, where tests change what is in them: import both names for the ones of `conftest`."""

import pytest

from conftest import Helper, Sandbox, stop


@pytest.fixture
def sandbox():
    sandbox = Sandbox()
    yield sandbox
    stop(sandbox.process)


@pytest.fixture
def helper(sandbox):
    helper = Helper(sandbox.keycloak, sandbox.threescale)
    yield helper
    stop(helper.process)
