"""Limits through the front door: who is counted, what the answers say, and whose word on addresses is believed."""

import re

import pytest
import requests

from conftest import Helper, stop

FIELD = re.compile(r'^"([a-z_0-9-]+)";r=(\d+);t=(\d+)$')


@pytest.fixture()
def limited(sandbox):
    """Starts helpers with given settings and stops them."""
    started = []

    def start(**settings):
        helper = Helper(sandbox.keycloak, sandbox.threescale, **settings)
        started.append(helper)
        return helper

    yield start
    for helper in started:
        stop(helper.process)


def get(helper, token=None, path="/api/services", **headers):
    if token:
        headers["Authorization"] = f"Bearer {token}"
    return requests.get(helper.url + path, headers=headers, timeout=20)


def test_answers_say_what_is_left_and_refusals_when_to_come_back(sandbox, limited):
    helper = limited(RATE_LIMITS="read=3/minute")
    token = sandbox.token("ada")
    for remaining in (2, 1, 0):
        answer = get(helper, token)
        assert answer.status_code == 200
        assert answer.headers["RateLimit-Policy"] == '"read";q=3;w=60'
        name, left, reset = FIELD.match(answer.headers["RateLimit"]).groups()
        assert (name, int(left)) == ("read", remaining) and 1 <= int(reset) <= 63
    answer = get(helper, token)
    assert answer.status_code == 429
    error = answer.json()["error"]
    assert error["code"] == "RATE_LIMITED" and "Try again in" in error["message"] and error["request_id"]
    assert 1 <= int(answer.headers["Retry-After"]) <= 63
    assert answer.headers["Retry-After"] == FIELD.match(answer.headers["RateLimit"]).group(3)
    # Another caller is not concerned; nor are a service that is not there and the one that is refused.
    missing = get(helper, sandbox.token("bob"), "/api/services/999")
    assert missing.status_code == 404 and missing.headers["RateLimit"].startswith('"read";r=2;')
    metrics = get(helper, path="/metrics").text
    assert 'mlaas_rate_limited_total{policy="read"} 1' in metrics


def test_writes_have_their_own_limits_and_all_must_have_room(sandbox, limited):
    helper = limited(RATE_LIMITS="write=2/minute,3/day;read=off")
    token = sandbox.token("ada")
    service = helper.services(token)["granite_chat"]["id"]
    assert "RateLimit" not in get(helper, token).headers
    first = helper.init(token, service)
    assert first.status_code == 200
    assert first.headers["RateLimit-Policy"] == '"write-60s";q=2;w=60, "write-86400s";q=3;w=86400'
    assert first.headers["RateLimit"].startswith('"write-60s";r=1;')
    # A body that is refused was a request too.
    assert helper.init(token, service, surprise=1).status_code == 400
    assert helper.init(token, service).status_code == 429


def test_health_and_metrics_are_never_limited(sandbox, limited):
    helper = limited(RATE_LIMITS="read=1/day;write=1/day;auth_failure=1/day")
    for path in ("/api/health", "/api/health/ready", "/metrics"):
        for _ in range(5):
            answer = get(helper, path=path)
            assert answer.status_code == 200 and "RateLimit" not in answer.headers


def test_bad_tokens_are_limited_by_address_and_good_ones_keep_working(sandbox, limited):
    helper = limited(RATE_LIMITS="read=100/minute;auth_failure=3/minute")
    codes = [get(helper, "bad.token.here").status_code for _ in range(5)]
    assert codes == [401, 401, 401, 429, 429]
    refused = get(helper, "bad.token.here")
    assert refused.json()["error"]["code"] == "RATE_LIMITED" and int(refused.headers["Retry-After"]) >= 1
    assert get(helper, sandbox.token("ada")).status_code == 200


def test_requests_without_a_token_are_counted_by_address(sandbox, limited):
    helper = limited(RATE_LIMITS="read=2/minute")
    assert [get(helper).status_code for _ in range(3)] == [401, 401, 429]
    assert get(helper, sandbox.token("ada")).status_code == 200


def attempts(helper, *header_sets):
    """How each request of one client after another fares when one bad token uses the limit up."""
    return [get(helper, "bad.token.here", **headers).status_code for headers in header_sets]


def test_nobody_is_believed_by_default(sandbox, limited):
    helper = limited(RATE_LIMITS="auth_failure=1/minute")
    codes = attempts(
        helper, {}, {"X-Forwarded-For": "198.51.100.1"}, {"Forwarded": "for=198.51.100.2"},
        {"X-Forwarded-For": "198.51.100.3", "Forwarded": "for=198.51.100.3"})
    assert codes == [401, 429, 429, 429]


def test_a_trusted_proxy_is_believed_and_no_more_than_what_it_wrote(sandbox, limited):
    helper = limited(RATE_LIMITS="auth_failure=1/minute", TRUSTED_PROXIES="127.0.0.0/8, 10.0.0.0/8,2001:db8:aa::/48")
    codes = attempts(
        helper,
        {"X-Forwarded-For": "198.51.100.1"}, {"X-Forwarded-For": "198.51.100.2"},
        {"X-Forwarded-For": "198.51.100.1"},
        # What stands before the client's own address is the client's invention.
        {"X-Forwarded-For": "203.0.113.9, 198.51.100.1"}, {"X-Forwarded-For": "10.1.1.1, 198.51.100.1, 10.0.0.7"},
        # An address in other clothes is the same address.
        {"X-Forwarded-For": "::ffff:198.51.100.1"}, {"Forwarded": 'for="198.51.100.1:4711";proto=https'},
        # One IPv6 customer has a whole /64.
        {"Forwarded": 'for="[2001:db8:1:2::1]:99"'}, {"X-Forwarded-For": "2001:db8:1:2:ffff::7"},
        {"X-Forwarded-For": "2001:db8:1:3::1"})
    assert codes == [401, 401, 429, 429, 429, 429, 429, 401, 429, 401]


def test_fields_that_disagree_or_are_malformed_leave_the_proxys_address(sandbox, limited):
    helper = limited(RATE_LIMITS="auth_failure=1/minute", TRUSTED_PROXIES="127.0.0.1")
    codes = attempts(
        helper,
        {"X-Forwarded-For": "198.51.100.1", "Forwarded": "for=198.51.100.2"},
        {"X-Forwarded-For": "198.51.100.3, what?"}, {"Forwarded": 'for="198.51.100.4'}, {"Forwarded": "for=_hidden"},
        {"X-Forwarded-For": ""})
    assert codes == [401, 429, 429, 429, 429]


def test_the_log_shows_the_same_address(sandbox, limited):
    helper = limited(TRUSTED_PROXIES="127.0.0.1")
    get(helper, "bad.token.here", **{"X-Forwarded-For": "203.0.113.9, 198.51.100.77"})
    log = helper.stop()
    assert '"ip":"198.51.100.77"' in log and "203.0.113.9" not in log


@pytest.mark.parametrize("name, value", [
    ("RATE_LIMITS", "read=fast"), ("RATE_LIMITS", "reads=1/minute"), ("TRUSTED_PROXIES", "10.0.0.1/8"),
    ("TRUSTED_PROXIES", "proxy.example.com"), ("REDIS_URL", "http://redis:6379"), ("REDIS_URL", "redis://:hunter2@h/x"),
])
def test_mistakes_are_told_by_name_before_anything_starts(sandbox, name, value):
    with pytest.raises(RuntimeError, match="78"):
        Helper(sandbox.keycloak, sandbox.threescale, **{name: value})
