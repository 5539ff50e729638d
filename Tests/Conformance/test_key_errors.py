"""Every error code that the OpenAPI document names for the routes of keys, seen through the front door."""

import concurrent.futures
import contextlib
import json
import socket
import time
from urllib.parse import urlsplit

import pytest
import requests

from conftest import Helper, stop
from openapi import DOCUMENT
from own_sandbox import sandbox  # noqa: F401: fixture
from tenant import add_application, admin, applications, knobs, sign_up, threescale
from test_key_changes import act, call, failure, make, move
from test_key_owners import validation_is_blind
from test_key_rotation import create

# The helper answers this one where it has a defect, so that no request can ask for it.
UNSEEN = {"INTERNAL_ERROR"}
WAYS = {}


def way(status, code, **settings):
    """How that answer is provoked: by a function of a sandbox and of a helper with those settings."""
    def add(function):
        WAYS[status, code] = (function, settings)
        return function
    return add


def documented():
    """Status and code of each error of each route of keys. Refusals that precede routing have no status of their own there."""
    found = set()
    for path, item in DOCUMENT["paths"].items():
        if not path.startswith("/api/keys"):
            continue
        for method in {"get", "post", "put", "patch", "delete"} & set(item):
            for status, answer in item[method]["responses"].items():
                if "$ref" in answer:
                    answer = DOCUMENT["components"]["responses"][answer["$ref"].rsplit("/", 1)[1]]
                found |= {(None if status == "default" else int(status), code) for code in answer.get("x-error-codes", [])}
    return found


@contextlib.contextmanager
def fault(sandbox, **members):
    admin(sandbox, "POST", "/faults/3scale", **members)
    try:
        yield
    finally:
        admin(sandbox, "DELETE", "/faults/3scale")


def raw(helper, *head, body=b""):
    """Status and code of the answer to these bytes."""
    address = urlsplit(helper.url)
    with socket.create_connection((address.hostname, address.port), timeout=30) as connection:
        connection.sendall("".join(line + "\r\n" for line in (*head, "")).encode() + body)
        answer = b""
        while b"\r\n\r\n" not in answer or b'"request_id"' not in answer:
            part = connection.recv(65536)
            assert part, answer
            answer += part
    return int(answer.split()[1]), json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"]


def plan(sandbox, name):
    """The id of a new plan of Granite Chat that needs an approval."""
    listed = threescale(sandbox, "GET", "services")["services"]
    service = next(entry["service"]["id"] for entry in listed if entry["service"]["system_name"] == "granite_chat")
    made = threescale(sandbox, "POST", f"services/{service}/application_plans", name=name, state_event="publish",
                      approval_required="true")
    return str(made["application_plan"]["id"])


# MARK: The request

@way(400, "INVALID_REQUEST")
def query(sandbox, helper):
    return helper.get("/api/keys?limit=none", sandbox.token())


@way(400, "MISSING_SERVICE_ID")
def service_missing(sandbox, helper):
    return call(helper, "POST", "/api/keys", sandbox.token(), json={"name": "ci"})


@way(413, "PAYLOAD_TOO_LARGE")
def large(sandbox, helper):
    return call(helper, "POST", "/api/keys", sandbox.token(), json={"name": "x" * 70_000})


@way(415, "UNSUPPORTED_MEDIA_TYPE")
def media(sandbox, helper):
    return call(helper, "POST", "/api/keys", sandbox.token(), data="name=ci")


@way(429, "RATE_LIMITED", RATE_LIMITS="read=1/hour")
def limited(sandbox, helper):
    token = sandbox.token()
    assert helper.get("/api/keys", token).status_code == 200
    return helper.get("/api/keys", token)


@way(404, "NOT_FOUND")
def no_id(sandbox, helper):
    return helper.get("/api/keys/", sandbox.token())


@way(404, "KEY_NOT_FOUND")
def no_key(sandbox, helper):
    return helper.get("/api/keys/999999", sandbox.token())


@way(404, "SERVICE_NOT_FOUND")
def no_service(sandbox, helper):
    return call(helper, "POST", "/api/keys", sandbox.token(), json={"name": "ci", "service_id": "999999"})


@way(404, "PLAN_NOT_FOUND")
def no_plan(sandbox, helper):
    return create(helper, sandbox.token(), "ci", plan_id="999999")


# MARK: The caller

@way(401, "MISSING_AUTH")
def no_token(sandbox, helper):
    return helper.get("/api/keys")


@way(401, "INVALID_TOKEN")
def bad_token(sandbox, helper):
    return helper.get("/api/keys", sandbox.token() + "x")


@way(400, "USER_INFO_ERROR")
def long_name(sandbox, helper):
    admin(sandbox, "POST", "/users", username="x" * 300)
    return helper.get("/api/keys", sandbox.token("x" * 300))


@way(403, "FORBIDDEN", MLAAS_REQUIRED_ROLE="a role that no person has")
def no_role(sandbox, helper):
    return helper.get("/api/keys", sandbox.token())


@way(403, "ACCOUNT_BLOCKED")
def blocked(sandbox, helper):
    token = sandbox.token()
    key, _ = make(helper, token)
    threescale(sandbox, "PUT", f"accounts/{applications(sandbox)[0]['account_id']}", state="rejected")
    return act(helper, token, key, "pause")


@way(409, "IDENTITY_CONFLICT")
def foreign(sandbox, helper):
    token = sandbox.token()
    service = helper.services(token)["granite_chat"]["id"]
    add_application(sandbox, sign_up(sandbox, "ada"), service, description=f"[mlaas owner={'a' * 24} ok]")
    return create(helper, token, "ci")


# MARK: The key

@way(403, "KEY_STATE_CONFLICT", MLAAS_SHOW_ONCE="true")
def shown_once(sandbox, helper):
    token = sandbox.token()
    return act(helper, token, make(helper, token)[0], "reveal")


@way(409, "KEY_STATE_CONFLICT")
def held(sandbox, helper):
    token = sandbox.token()
    key, _ = make(helper, token)
    move(sandbox, key, "suspend")
    return act(helper, token, key, "resume")


@way(409, "KEY_HAS_TWIN")
def twin(sandbox, helper):
    token = sandbox.token()
    key, secret = make(helper, token)
    with validation_is_blind(sandbox):
        add_application(sandbox, sign_up(sandbox, "pollux"), applications(sandbox)[0]["service_id"], user_key=secret)
    return act(helper, token, key, "pause")


@way(409, "KEY_LIMIT_REACHED", KEYS_PER_SERVICE="1")
def too_many(sandbox, helper):
    token = sandbox.token()
    assert create(helper, token, "a").status_code == 201
    return create(helper, token, "b")


@way(409, "KEY_UNAVAILABLE")
def no_credential(sandbox, helper):
    token = sandbox.token()
    key, _ = make(helper, token)
    knobs(sandbox, hide_credentials=True)
    return act(helper, token, key, "reveal")


@way(409, "NO_PLANS_FOUND")
def no_plans(sandbox, helper):
    return create(helper, sandbox.token(), "ci", "rerank")


@way(409, "PLAN_NEEDS_APPROVAL", CATALOG_REFRESH_SECONDS="200ms")
def gated(sandbox, helper):
    token = sandbox.token()
    key, _ = make(helper, token)
    wanted = plan(sandbox, "Gated")
    end = time.monotonic() + 30
    while True:
        answer = call(helper, "PUT", f"/api/keys/{key}/plan", token, json={"plan_id": wanted})
        # Until the catalogue has it.
        if answer.status_code != 404 or time.monotonic() > end:
            return answer
        time.sleep(0.1)


# MARK: What is behind

@way(502, "ACCOUNT_CREATION_FAILED")
def no_account(sandbox, helper):
    body = '{"errors":{"org_name":["is invalid"]}}'
    with fault(sandbox, kind="status", status=422, body=body, method="POST", path="/admin/api/signup.json"):
        return create(helper, sandbox.token(), "ci")


@way(502, "APPLICATION_CREATION_FAILED")
def no_application(sandbox, helper):
    body = '{"errors":{"name":["is invalid"]}}'
    with fault(sandbox, kind="status", status=422, body=body, method="POST", path="/admin/api/accounts/*/applications.json"):
        return create(helper, sandbox.token(), "ci")


@way(502, "UPSTREAM_ACCESS_DENIED")
def denied(sandbox, helper):
    with fault(sandbox, kind="status", status=403, body='{"error":"Access denied"}'):
        return helper.get("/api/keys", sandbox.token())


@way(502, "UPSTREAM_ERROR")
def nonsense(sandbox, helper):
    with fault(sandbox, kind="html", status=200):
        return helper.get("/api/keys", sandbox.token())


@way(503, "UPSTREAM_UNAVAILABLE", API_RETRY_COUNT="0")
def unavailable(sandbox, helper):
    with fault(sandbox, kind="status", status=500):
        return helper.get("/api/keys", sandbox.token())


@way(504, "UPSTREAM_TIMEOUT", API_TIMEOUT="1s", API_RETRY_COUNT="0")
def slow(sandbox, helper):
    with fault(sandbox, kind="latency", delay_ms=4000):
        return helper.get("/api/keys", sandbox.token())


@way(503, "OVERLOADED", SERVER_LOOPS="1", SERVER_MAX_REQUESTS_IN_FLIGHT="1", SERVER_MAX_REQUESTS_QUEUED="0")
def overloaded(sandbox, helper):
    token = sandbox.token()
    with fault(sandbox, kind="latency", delay_ms=3000), concurrent.futures.ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: helper.get("/api/keys", token), range(4)))
    return next(answer for answer in answers if answer.status_code == 503)


# MARK: Refused before the route is asked

@way(None, "INVALID_REQUEST")
def blank_in_name(sandbox, helper):
    return raw(helper, "GET /api/keys HTTP/1.1", "Host: a", "X Y: z")


@way(None, "NOT_FOUND")
def no_route(sandbox, helper):
    return raw(helper, "GET /api/keys/1/nothing HTTP/1.1", "Host: a")


@way(None, "METHOD_NOT_ALLOWED")
def no_method(sandbox, helper):
    return raw(helper, "PUT /api/keys HTTP/1.1", "Host: a", "Content-Length: 0")


@way(None, "REQUEST_TIMEOUT", SERVER_BODY_TIMEOUT="500ms")
def slow_body(sandbox, helper):
    return raw(helper, "POST /api/keys HTTP/1.1", "Host: a", "Content-Type: application/json", "Content-Length: 9")


@way(None, "PAYLOAD_TOO_LARGE")
def large_body(sandbox, helper):
    return raw(helper, "POST /api/keys HTTP/1.1", "Host: a", "Content-Type: application/json", "Content-Length: 70000")


@way(None, "URI_TOO_LONG")
def long_target(sandbox, helper):
    return raw(helper, f"GET /api/keys?{'x' * 9000} HTTP/1.1", "Host: a")


@way(None, "HEADERS_TOO_LARGE")
def long_head(sandbox, helper):
    return raw(helper, "GET /api/keys HTTP/1.1", "Host: a", *(f"X-{index}: {'x' * 1000}" for index in range(40)))


@way(None, "EXPECTATION_FAILED")
def expectation(sandbox, helper):
    return raw(helper, "POST /api/keys HTTP/1.1", "Host: a", "Expect: more", "Content-Length: 0")


@way(None, "NOT_IMPLEMENTED")
def coding(sandbox, helper):
    return raw(helper, "POST /api/keys HTTP/1.1", "Host: a", "Transfer-Encoding: gzip, chunked")


@way(None, "HTTP_VERSION_NOT_SUPPORTED")
def version(sandbox, helper):
    return raw(helper, "GET /api/keys HTTP/2.0", "Host: a")


def test_the_document_names_the_codes_that_are_seen_here_and_no_other():
    assert set(WAYS) == {(status, code) for status, code in documented() if code not in UNSEEN}


@pytest.mark.parametrize("status, code", WAYS, ids=lambda value: str(value))
def test_each_code_is_seen(sandbox, status, code):
    provoke, settings = WAYS[status, code]
    helper = Helper(sandbox.keycloak, sandbox.threescale, **settings)
    try:
        answer = provoke(sandbox, helper)
        seen = answer if isinstance(answer, tuple) else failure(answer)
        assert seen == (seen[0] if status is None else status, code) and seen[0] >= 400
        if isinstance(answer, requests.Response):
            assert answer.json()["error"]["message"] and answer.json()["error"]["request_id"]
    finally:
        stop(helper.process)
