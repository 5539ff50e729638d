"""Each route by outcome, the log lines they leave, and how the process begins and ends."""

import json
import os
import signal
import socket
import subprocess
import time

import pytest
import requests

from conftest import ADMIN_TOKEN, BIN, Helper, stop, wait_for

SECURITY = {
    "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "X-XSS-Protection": "1; mode=block",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "Content-Security-Policy": "default-src 'self'", "Referrer-Policy": "no-referrer",
}
JSON = {"Content-Type": "application/json"}


def call(helper, method, path, token=None, **options):
    headers = {**({"Authorization": f"Bearer {token}"} if token else {}), **options.pop("headers", {})}
    return requests.request(method, helper.url + path, headers=headers, timeout=30, **options)


def code(answer):
    return answer.status_code, answer.json()["error"]["code"]


@pytest.mark.parametrize("method, path, headers, body, expected", [
    ("GET", "/api/services", {}, None, (401, "MISSING_AUTH")),
    ("GET", "/api/services/1", {}, None, (401, "MISSING_AUTH")),
    ("GET", "/api/services/1/plans", {}, None, (401, "MISSING_AUTH")),
    ("POST", "/api/services/init", JSON, "{}", (401, "MISSING_AUTH")),
    ("GET", "/api/services", {"Authorization": "Basic YTpi"}, None, (401, "MISSING_AUTH")),
    ("GET", "/api/services", {"Authorization": "Bearer "}, None, (401, "MISSING_AUTH")),
    ("GET", "/api/services", {"Authorization": "DPoP x"}, None, (401, "MISSING_AUTH")),
    ("GET", "/api/services?access_token=x", {}, None, (401, "MISSING_AUTH")),
    ("GET", "/api/services?a=b&access%5Ftoken=x", {}, None, (401, "MISSING_AUTH")),
    ("GET", "/api/services?access_token=x", {"Authorization": "Bearer a.b.c"}, None, (400, "INVALID_REQUEST")),
    ("GET", "/api/services", {"Authorization": "Bearer a.b.c"}, None, (401, "INVALID_TOKEN")),
    ("GET", "/api/services", {"Authorization": "Bearer a, Bearer b"}, None, (400, "INVALID_REQUEST")),
    ("GET", "/nothing", {}, None, (404, "NOT_FOUND")),
    ("GET", "/api/services/1/plans/2", {}, None, (404, "NOT_FOUND")),
    ("DELETE", "/api/services", {}, None, (405, "METHOD_NOT_ALLOWED")),
    ("GET", "/api/services/init", {}, None, (405, "METHOD_NOT_ALLOWED")),
    ("TRACE", "/api/health", {}, None, (405, "METHOD_NOT_ALLOWED")),
    ("POST", "/api/services/init", JSON, "x" * 70_000, (413, "PAYLOAD_TOO_LARGE")),
    ("GET", "/" + "a" * 9_000, {}, None, (414, "URI_TOO_LONG")),
    ("GET", "/api/health", {"X-Large": "a" * 40_000}, None, (431, "HEADERS_TOO_LARGE")),
    ("GET", "/api/health", {"Expect": "tea"}, None, (417, "EXPECTATION_FAILED")),
])
def test_requests_without_a_good_token(helper, method, path, headers, body, expected):
    answer = call(helper, method, path, headers=headers, data=body)
    assert code(answer) == expected
    for name, value in SECURITY.items():
        assert answer.headers[name] == value
    assert answer.headers["X-Request-ID"] == answer.json()["error"]["request_id"]
    assert answer.headers["Cache-Control"] == "no-store"
    if expected[0] == 401:
        assert answer.headers["WWW-Authenticate"].startswith('Bearer realm="mlaas"')


@pytest.mark.parametrize("headers, body, expected", [
    (JSON, b"", (400, "INVALID_REQUEST")), (JSON, b"{", (400, "INVALID_REQUEST")), (JSON, b"[]", (400, "INVALID_REQUEST")),
    (JSON, b"\xff", (400, "INVALID_REQUEST")), (JSON, b"{}", (400, "MISSING_SERVICE_ID")),
    (JSON, b'{"service_id":null}', (400, "MISSING_SERVICE_ID")), (JSON, b'{"service_id":"  "}', (400, "MISSING_SERVICE_ID")),
    (JSON, b'{"service_id":true}', (400, "INVALID_REQUEST")), (JSON, b'{"service_id":1.5}', (400, "INVALID_REQUEST")),
    (JSON, b'{"service_id":"1","other":1}', (400, "INVALID_REQUEST")),
    (JSON, b'{"service_id":"1","service_id":"2"}', (400, "INVALID_REQUEST")),
    (JSON, b'{"service_id":"x"}', (404, "SERVICE_NOT_FOUND")), (JSON, b'{"service_id":999999}', (404, "SERVICE_NOT_FOUND")),
    ({"Content-Type": "text/plain"}, b"{}", (415, "UNSUPPORTED_MEDIA_TYPE")), ({}, b"{}", (415, "UNSUPPORTED_MEDIA_TYPE")),
])
def test_bodies_of_init(sandbox, helper, headers, body, expected):
    answer = call(helper, "POST", "/api/services/init", sandbox.token(), headers=headers, data=body)
    assert code(answer) == expected
    if expected[1] == "INVALID_REQUEST":
        assert answer.json()["error"]["details"]


def test_an_integer_and_a_charset_are_fine(sandbox, helper):
    token = sandbox.token("bob")
    service = int(helper.services(token)["granite_chat"]["id"])
    answer = call(helper, "POST", "/api/services/init", token, data=json.dumps({"service_id": service}),
                  headers={"Content-Type": "Application/JSON; charset=utf-8"})
    assert answer.status_code == 200


def test_head_and_options(helper):
    head = call(helper, "HEAD", "/api/health")
    assert head.status_code == 200 and head.content == b"" and head.headers["Content-Length"] == "84"
    options = call(helper, "OPTIONS", "/api/services/init")
    assert options.status_code == 204 and options.headers["Allow"] == "OPTIONS, POST"


def test_one_service_and_its_plans(sandbox, helper):
    token = sandbox.token()
    chat = helper.services(token)["granite_chat"]
    one = call(helper, "GET", f"/api/services/{chat['id']}", token).json()["data"]["service"]
    assert {name: value for name, value in one.items() if name != "plans"} == chat
    assert [plan["name"] for plan in one["plans"]] == ["Trial", "Basic"]
    plans = call(helper, "GET", f"/api/services/{chat['id']}/plans", token).json()["data"]["plans"]
    assert plans[1]["limits"] == [
        {"metric": "hits", "period": "minute", "value": 60}, {"metric": "hits", "period": "day", "value": 10000}]
    assert code(call(helper, "GET", "/api/services/0", token)) == (404, "SERVICE_NOT_FOUND")


@pytest.mark.parametrize("fault, expected", [
    ({"kind": "status", "status": 500}, (503, "UPSTREAM_UNAVAILABLE")),
    ({"kind": "status", "status": 429}, (503, "UPSTREAM_UNAVAILABLE")),
    ({"kind": "status", "status": 403, "body": '{"error":"Access denied"}'}, (502, "UPSTREAM_ACCESS_DENIED")),
    ({"kind": "html", "status": 200}, (502, "UPSTREAM_ERROR")),
    ({"kind": "redirect", "body": "http://127.0.0.1:1/"}, (502, "UPSTREAM_ERROR")),
    ({"kind": "drop"}, (503, "UPSTREAM_UNAVAILABLE")),
    ({"kind": "truncate"}, (503, "UPSTREAM_UNAVAILABLE")),
    ({"kind": "latency", "delay_ms": 5000}, (504, "UPSTREAM_TIMEOUT")),
])
def test_what_3scale_cannot_do_has_a_code(sandbox, fault, expected):
    helper = Helper(sandbox.keycloak, sandbox.threescale, API_TIMEOUT="1", API_RETRY_COUNT="1")
    requests.post(sandbox.admin + "/faults/3scale", json=fault, timeout=10).raise_for_status()
    try:
        began = time.monotonic()
        answer = call(helper, "GET", "/api/services", sandbox.token("carol"))
        assert code(answer) == expected and time.monotonic() - began < 3
        assert ("Retry-After" in answer.headers) == (expected[0] == 503)
    finally:
        requests.delete(sandbox.admin + "/faults/3scale", timeout=10)
        stop(helper.process)


def test_required_roles(sandbox):
    helper = Helper(
        sandbox.keycloak, sandbox.threescale, MLAAS_REQUIRED_ROLE="ml-users", MLAAS_SERVICE_ROLES="vision=ml-admins")
    try:
        answer = call(helper, "GET", "/api/services", sandbox.token("carol"))
        assert code(answer) == (403, "FORBIDDEN") and "insufficient_scope" in answer.headers["WWW-Authenticate"]
        assert "vision" not in helper.services(sandbox.token("ada"))
        assert "vision" in helper.services(sandbox.token("bob"))
    finally:
        stop(helper.process)


def test_it_starts_without_its_dependencies_says_why_and_recovers(sandbox):
    requests.post(sandbox.admin + "/faults/3scale", json={"kind": "drop"}, timeout=10)
    helper = Helper(sandbox.keycloak, sandbox.threescale, ready=False, API_RETRY_COUNT="0")
    try:
        answer = call(helper, "GET", "/api/health/ready")
        assert code(answer) == (503, "NOT_READY")
        assert {"name": "catalog", "status": "down"} in answer.json()["data"]["checks"]
        assert code(call(helper, "GET", "/api/services", sandbox.token())) == (503, "UPSTREAM_UNAVAILABLE")
        requests.delete(sandbox.admin + "/faults/3scale", timeout=10)
        wait_for(helper.url + "/api/health/ready", helper.process, seconds=10)
    finally:
        requests.delete(sandbox.admin + "/faults/3scale", timeout=10)
        log = helper.stop()
    assert "the catalogue could not be loaded" in log


def test_logs_hold_no_secret(sandbox):
    helper = Helper(sandbox.keycloak, sandbox.threescale, LOG_LEVEL="trace", KEYCLOAK_CLIENT_SECRET="client-s3cret")
    token = sandbox.token("bob")
    secrets = [token, token.split(".")[2], ADMIN_TOKEN, "client-s3cret", "query-s3cret", "bob-password"]
    for service in helper.services(token).values():
        answer = helper.init(token, service["id"])
        if answer.status_code == 200:
            secrets.append(answer.json()["data"]["api_key"])
    call(helper, "GET", "/api/services?access_token=query-s3cret", token)
    call(helper, "GET", "/api/services", sandbox.token("bob", kind="id_token"))
    call(helper, "GET", "/api/services", "not-a-token-s3cret")
    for kind in ("drop", "html", "truncate"):
        requests.post(sandbox.admin + "/faults/3scale", json={"kind": kind, "count": 4}, timeout=10)
        call(helper, "GET", "/api/services", sandbox.token("ada"))
    requests.delete(sandbox.admin + "/faults/3scale", timeout=10)
    log = helper.stop()
    lines = [json.loads(line) for line in log.splitlines()]
    assert {"timestamp", "level", "logger", "message"} <= set.intersection(*(set(line) for line in lines))
    assert any(line["logger"] == "audit" and line["outcome"] == "created" for line in lines)
    assert any(line.get("check") == "kind" and "ID token" in line.get("hint", "") for line in lines)
    for secret in secrets + ["not-a-token-s3cret"]:
        assert secret not in log


def test_sigterm_lets_requests_finish_and_exits_0(sandbox):
    helper = Helper(sandbox.keycloak, sandbox.threescale, SHUTDOWN_DRAIN_SECONDS="1")
    helper.process.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    assert code(call(helper, "GET", "/api/health/ready")) == (503, "NOT_READY")
    answer = call(helper, "GET", "/api/health")
    assert answer.status_code == 200 and answer.headers["Connection"] == "close"
    assert helper.process.wait(timeout=10) == 0


def test_a_second_sigterm_ends_at_once(sandbox):
    helper = Helper(sandbox.keycloak, sandbox.threescale, SHUTDOWN_DRAIN_SECONDS="60")
    helper.process.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    helper.process.send_signal(signal.SIGTERM)
    assert helper.process.wait(timeout=5) != 0


def test_a_bad_configuration_is_told_at_once():
    result = subprocess.run(
        [BIN / "mlaas-helper"], env={"PATH": os.environ["PATH"], "SERVER_PORT": "x"}, capture_output=True, text=True,
        timeout=10)
    assert result.returncode == 78
    for name in ("SERVER_PORT", "KEYCLOAK_URL", "KEYCLOAK_REALM", "KEYCLOAK_CLIENT_ID", "THREESCALE_ADMIN_API_URL",
                 "THREESCALE_ADMIN_API_KEY"):
        assert name in result.stderr


def test_a_port_in_use_is_said(helper):
    port = helper.url.rsplit(":", 1)[1]
    environment = {
        "PATH": os.environ["PATH"], "KEYCLOAK_URL": "https://sso.example.com", "KEYCLOAK_REALM": "mlaas",
        "KEYCLOAK_CLIENT_ID": "c", "THREESCALE_ADMIN_API_URL": "https://t.example.com", "THREESCALE_ADMIN_API_KEY": "k",
        "SERVER_HOST": "127.0.0.1", "SERVER_PORT": port}
    result = subprocess.run([BIN / "mlaas-helper"], env=environment, capture_output=True, text=True, timeout=20)
    assert result.returncode == 69 and f"127.0.0.1:{port}" in result.stderr and "EADDRINUSE" in result.stderr


def test_metrics_are_exposed(helper):
    call(helper, "GET", "/api/health")
    text = call(helper, "GET", "/metrics").text
    assert 'http_server_request_duration_seconds_count{http_route="/api/health"' in text
    assert "mlaas_catalog_services 6" in text


@pytest.mark.parametrize("fields", [
    {"Content-Type": "application /json"}, {"Content-Type": "application/ json"}, {"Content-Type": "application/json, application/json"},
    {"Content-Type": ";application/json"}, {"Content-Type": "application/json\tx"}])
def test_a_media_type_is_read_strictly(sandbox, helper, fields):
    answer = call(helper, "POST", "/api/services/init", sandbox.token(), data=b'{"service_id":"1"}', headers=fields)
    assert code(answer) == (415, "UNSUPPORTED_MEDIA_TYPE") and "Accept-Encoding" not in answer.headers


def test_a_second_media_type_is_refused(sandbox, helper):
    host, port = helper.url.removeprefix("http://").split(":")
    body = '{"service_id":"1"}'
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall((
            f"POST /api/services/init HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {sandbox.token()}\r\nContent-Length: {len(body)}\r\n"
            f"Content-Type: application/json\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n{body}").encode())
        assert connection.makefile("rb").read().startswith(b"HTTP/1.1 415 ")


@pytest.mark.parametrize("coding, status", [("gzip", 415), ("br", 415), ("identity, gzip", 415), ("identity", 404), ("", 404)])
def test_a_body_with_a_content_coding_is_refused_by_name(sandbox, helper, coding, status):
    answer = call(helper, "POST", "/api/services/init", sandbox.token(), data=b'{"service_id":"999999"}',
                  headers={**JSON, "Content-Encoding": coding})
    assert answer.status_code == status
    assert answer.headers.get("Accept-Encoding") == ("identity" if status == 415 else None)


def test_the_authority_of_an_absolute_target_names_the_resource(helper):
    host, port = helper.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(b"GET http://real.example/.well-known/oauth-protected-resource HTTP/1.1\r\nHost: other.example\r\n"
                           b"Connection: close\r\n\r\n")
        body = connection.makefile("rb").read().split(b"\r\n\r\n", 1)[1]
    assert json.loads(body)["resource"] == "https://real.example"


def test_a_refused_head_has_no_body(helper):
    host, port = helper.url.removeprefix("http://").split(":")
    for status, request in ((413, "HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 70000"), (417, "HEAD / HTTP/1.1\r\nHost: a\r\nExpect: tea"),
                            (404, "HEAD /nothing HTTP/1.1\r\nHost: a\r\nConnection: close"), (400, "HEAD / HTTP/1.1")):
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(f"{request}\r\nX-Request-ID: mine\r\n\r\n".encode())
            head, body = connection.makefile("rb").read().split(b"\r\n\r\n", 1)
        assert head.startswith(f"HTTP/1.1 {status} ".encode()) and body == b"" and b"x-request-id: mine" in head
