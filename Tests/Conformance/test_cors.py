"""Pages of other origins: listed ones may call the API, others see no difference, and no page does unless it is set."""

import socket

import pytest
import requests

from conftest import Helper, stop

PORTAL = "https://portal.example.com"


@pytest.fixture(scope="module")
def open_helper(sandbox):
    helper = Helper(sandbox.keycloak, sandbox.threescale, CORS_ALLOWED_ORIGINS=f"{PORTAL}, http://localhost:3000")
    yield helper
    stop(helper.process)


def cors(answer):
    return {name.lower(): value for name, value in answer.headers.items() if name.lower().startswith("access-control-")}


def preflight(helper, origin, path="/api/services/init", method="POST"):
    return requests.options(helper.url + path, timeout=10, headers={
        "Origin": origin, "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization,content-type"})


def test_off_unless_set(helper):
    assert cors(preflight(helper, PORTAL)) == {}
    answer = requests.get(helper.url + "/api/health", headers={"Origin": PORTAL}, timeout=10)
    assert cors(answer) == {} and "Vary" not in answer.headers


@pytest.mark.parametrize("origin", [PORTAL, "http://localhost:3000"])
def test_a_preflight_needs_no_token_and_says_what_is_allowed(open_helper, origin):
    answer = preflight(open_helper, origin)
    assert answer.status_code == 204 and answer.headers["Vary"] == "Origin"
    fields = cors(answer)
    assert fields["access-control-allow-origin"] == origin
    assert "POST" in fields["access-control-allow-methods"].split(", ")
    assert {"authorization", "content-type"} <= set(fields["access-control-allow-headers"].lower().split(", "))
    assert int(fields["access-control-max-age"]) > 0
    assert "access-control-allow-credentials" not in fields


@pytest.mark.parametrize("origin", [
    "https://evil.example.com", "https://portal.example.com.evil.example", "http://portal.example.com",
    "https://portal.example.com:8443", "null", "*", "", PORTAL.upper()])
def test_an_origin_that_is_not_listed_gets_nothing(open_helper, origin):
    for answer in (preflight(open_helper, origin),
                   requests.get(open_helper.url + "/api/health", headers={"Origin": origin}, timeout=10)):
        assert cors(answer) == {} and answer.headers["Vary"] == "Origin"


def test_successes_and_failures_can_be_read(sandbox, open_helper):
    token = sandbox.token()
    for path, headers, status in (("/api/services", {"Authorization": f"Bearer {token}"}, 200), ("/api/services", {}, 401),
                                  ("/nothing", {}, 404), ("/api/openapi.json", {}, 200)):
        answer = requests.get(open_helper.url + path, headers={"Origin": PORTAL, **headers}, timeout=10)
        assert answer.status_code == status
        fields = cors(answer)
        assert fields["access-control-allow-origin"] == PORTAL
        assert {"X-Request-ID", "Retry-After", "WWW-Authenticate"} <= set(fields["access-control-expose-headers"].split(", "))


def test_a_request_without_an_origin_is_told_only_that_it_matters(open_helper):
    answer = requests.get(open_helper.url + "/api/health", timeout=10)
    assert cors(answer) == {} and answer.headers["Vary"] == "Origin"


def raw(helper, request):
    host, port = helper.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(request.encode())
        return connection.makefile("rb").read().decode()


REFUSED = [
    (400, "GET /a[b] HTTP/1.1\r\nHost: a\r\n"), (400, "GET / HTTP/1.1\r\n"),
    (413, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 70000\r\n"),
    (414, f"GET /{'a' * 9000} HTTP/1.1\r\nHost: a\r\n"), (417, "GET / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n"),
    (431, "GET / HTTP/1.1\r\nHost: a\r\n" + "A: b\r\n" * 70), (501, "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n"),
]


@pytest.mark.parametrize("status, request_text", REFUSED)
def test_a_refusal_before_routing_can_be_read_as_well(open_helper, status, request_text):
    more = "A: b\r\n" * 40 if status == 431 else ""
    for origin, is_allowed in ((PORTAL, True), ("https://evil.example.com", False)):
        text = raw(open_helper, f"{request_text}Origin: {origin}\r\nX-Request-ID: mine\r\n{more}\r\n")
        assert text.startswith(f"HTTP/1.1 {status} ") and "x-request-id: mine\r\n" in text, text
        assert (f"access-control-allow-origin: {PORTAL}\r\n" in text) == is_allowed
        assert ("access-control-expose-headers: " in text) == is_allowed and "vary: Origin\r\n" in text
