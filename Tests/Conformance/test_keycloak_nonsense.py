"""Answers of Keycloak with status 200 that are no answers, as a page of a proxy is."""

import time

import pytest

from identity import counter, keys, world  # noqa: F401: fixtures


@pytest.mark.parametrize("body", [b"<html>Sign in</html>", b"", b"{}"])
def test_an_answer_that_is_no_key_set_is_counted_as_malformed(world, body):  # noqa: F811
    world.issuer.answers[world.issuer.certs("mlaas")] = (200, body)
    helper = world.helper(ready=False)
    try:
        calls = {"system": "keycloak", "operation": "keys"}
        end = time.monotonic() + 10
        while not counter(helper, "mlaas_upstream_requests_total", outcome="malformed", **calls):
            assert time.monotonic() < end
            time.sleep(0.1)
        assert counter(helper, "mlaas_upstream_requests_total", outcome="ok", **calls) == 0
    finally:
        helper.stop()
