"""Known secrets go through every route, every fault and every log level; then everything that leaves the helper for its
operators is searched for them: the log, the metrics, the spans, and what its commands print."""

import base64
import json
import re
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, quote, urlsplit

import pytest
import requests
from conftest import Collector, Recorder, harness, lines
from redis_impostor import ESCAPED, PASSWORD, Impostor

LEVELS = ["trace", "debug", "info", "notice", "warning", "error", "critical"]
FAULTS = ["latency", "status", "status_after_commit", "drop", "drop_after_commit", "empty", "html", "truncate",
          "malformed", "drip", "redirect"]
# What the systems behind answer with while they misbehave. The text of `error` is theirs to tell the operator; what else
# is in such a body is not.
FAULT_BODY = '{"error":"Something is wrong","access_token":"fault-body-s3cret","errors":"fault-body-s3cret"}'
CONFIGURED = {
    "KEYCLOAK_CLIENT_SECRET": "client-s3cret-4d1f", "REDIS_URL": "redis://:redis-s3cret-77aa@127.0.0.1:1/0",
    "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20otlp-s3cret-09bd",
}
SENT = ["query-s3cret-51", "path-s3cret-52", "body-s3cret-53", "cookie-s3cret-54", "bearer-s3cret-55", "basic-s3cret-56",
        "header-s3cret-57", "raw-s3cret-58", "agent-s3cret-59"]


def tampered(token, **header):
    """The token with another header: its signature fails, and a new `kid` makes the helper ask Keycloak."""
    head, payload, signature = token.split(".")
    changed = json.loads(base64.urlsafe_b64decode(head + "==")) | header
    encoded = base64.urlsafe_b64encode(json.dumps(changed).encode()).decode().rstrip("=")
    return f"{encoded}.{payload}.{signature}"


def forms(secret):
    """How a secret may look where it should not be."""
    raw = secret.encode()
    yield from {secret, quote(secret, safe=""), json.dumps(secret)[1:-1], base64.b64encode(raw).decode().rstrip("="),
                base64.urlsafe_b64encode(raw).decode().rstrip("="), raw.hex(),
                base64.b64encode(b":" + raw).decode().rstrip("=")}
    for part in secret.split("."):
        # Of a token neither claims nor signature may be told. Its header is no secret.
        if len(part) > 60 and part != secret.split(".")[0]:
            yield part
            yield part[-40:]


class World:
    """The same helper at every level, half of them with logs for people, on recorders before one sandbox."""

    def __init__(self):
        self.sandbox = harness.Sandbox()
        self.collector = Collector()
        self.threescale = Recorder(self.sandbox.threescale)
        self.secrets = {harness.ADMIN_TOKEN, "client-s3cret-4d1f", "redis-s3cret-77aa", "otlp-s3cret-09bd",
                        "fault-body-s3cret", *SENT}
        self.helpers = []
        for number, level in enumerate(LEVELS):
            self.helpers.append(harness.Helper(
                self.sandbox.keycloak, self.threescale.url, LOG_LEVEL=level,
                LOG_FORMAT="json" if number % 2 == 0 else "text", API_TIMEOUT="500ms", API_RETRY_COUNT="1",
                APPLICATIONS_CACHE_SECONDS="0", KEYCLOAK_KEYS_COOLDOWN="10ms", KEYCLOAK_KEYS_REFRESH="1s",
                CATALOG_REFRESH_SECONDS="200ms", OTEL_EXPORTER_OTLP_ENDPOINT=self.collector.url, **CONFIGURED))

    def fault(self, system, kind):
        requests.post(
            f"{self.sandbox.admin}/faults/{system}", timeout=10,
            json={"kind": kind, "status": 500 if kind != "status" else 401, "body": FAULT_BODY, "delay_ms": 300})

    def heal(self):
        for system in ("3scale", "keycloak"):
            requests.delete(f"{self.sandbox.admin}/faults/{system}", timeout=10)

    def close(self):
        self.heal()
        logs = [helper.stop() for helper in self.helpers]
        harness.stop(self.sandbox.process)
        self.threescale.close()
        self.collector.close()
        return logs


def every_route(helper, token, services):
    """One request of each kind, with a secret wherever a caller can put one."""
    # A token in the query beside one in the field is two credentials, and the request ends there.
    query, tokens = "?query-s3cret-51=1", "?access_token=query-s3cret-51&query-s3cret-51=1"
    extra = {"Cookie": "session=cookie-s3cret-54", "X-Api-Key": "header-s3cret-57", "User-Agent": "agent-s3cret-59",
             "Referer": "https://example.com/?query-s3cret-51",
             "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}
    bearer = {"Authorization": f"Bearer {token}", **extra}
    calls = [("GET", path, headers, None) for headers in (bearer, extra) for path in (
        "/api/health", "/api/health/ready", "/api/services", f"/api/services/{services[0]}",
        f"/api/services/{services[0]}/plans", "/api/services/path-s3cret-52", "/api/services/path-s3cret-52/plans",
        "/metrics", "/path-s3cret-52/?path-s3cret-52", "/api/openapi.json", "/docs", "/docs/path-s3cret-52",
        "/.well-known/oauth-protected-resource")]
    for body in (*({"service_id": service} for service in services), {"service_id": "body-s3cret-53"},
                 {"service_id": services[0], "plan_id": "body-s3cret-53"},
                 {"service_id": services[0], "password": "body-s3cret-53"}, ["body-s3cret-53"], "body-s3cret-53", None):
        calls.append(("POST", "/api/services/init", bearer, json.dumps(body)))
    calls += [
        ("POST", "/api/services/init", bearer, '{"body-s3cret-53": body-s3cret-53'),
        ("POST", "/api/services/init", {**bearer, "Content-Type": "text/body-s3cret-53"}, "body-s3cret-53"),
        ("GET", "/api/services", {**extra, "Authorization": "Bearer bearer-s3cret-55"}, None),
        ("GET", "/api/services", {**extra, "Authorization": "Bearer bearer-s3cret-55.bearer-s3cret-55.x"}, None),
        ("GET", "/api/services", {**extra, "Authorization": f"Bearer {token}, Bearer bearer-s3cret-55"}, None),
        ("GET", "/api/services",
         {**extra, "Authorization": "Basic " + base64.b64encode(b"ada:basic-s3cret-56").decode()}, None),
        ("GET", "/api/services", {**extra, "Authorization": "Bearer " + tampered(token, kid="new-key")}, None),
        ("GET", "/api/services", {**extra, "Authorization": "Bearer " + tampered(token, alg="none")}, None),
        ("GET", "/api/services", {**extra, "Authorization": f"Bearer {token}x"}, None),
        ("GET", "/api/services" + tokens, bearer, None), ("GET", "/api/services" + tokens, extra, None),
        ("OPTIONS", "/api/services", bearer, None), ("DELETE", "/api/services/path-s3cret-52", bearer, None)]
    statuses = set()
    for method, path, headers, body in calls:
        headers = {"Content-Type": "application/json", **headers} if body is not None else headers
        answer = requests.request(
            method, helper.url + path + (query if "?" not in path else ""), headers=headers, data=body, timeout=30)
        statuses.add(answer.status_code)
    return statuses


def malformed(helper):
    """Bytes that never become a request, with secrets in them."""
    address = urlsplit(helper.url)
    for head in ("GET /raw-s3cret-58 HTTP/1.1\r\nraw-s3cret-58\r\n\r\n", "raw-s3cret-58\r\n\r\n",
                 "GET / HTTP/1.1\r\nHost: raw-s3cret-58 x\r\n\r\n", "GET / HTTP/9.9\r\nX: raw-s3cret-58\r\n\r\n",
                 "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: raw-s3cret-58\r\n\r\n",
                 "GET / HTTP/1.1\r\nHost: a\r\nX: " + "raw-s3cret-58" * 4000 + "\r\n\r\n"):
        with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
            try:
                connection.sendall(head.encode())
                connection.recv(200)
            except OSError:
                pass


@pytest.fixture(scope="module")
def output():
    """(where, text) of everything, and the secrets that must not be in it."""
    world = World()
    texts = []
    try:
        tokens = [world.sandbox.token(user) for user in ("ada", "bob", "carol", "zoë")]
        others = [world.sandbox.token("ada", kind=kind) for kind in ("id_token", "refresh_token")]
        world.secrets |= {*tokens, *others, *(f"{user}-password" for user in ("ada", "bob", "carol", "zoë"))}
        services = [service["id"] for service in world.helpers[0].services(tokens[0]).values()]
        statuses = set()

        def drive(pair):
            number, helper = pair
            found = every_route(helper, tokens[number % len(tokens)], services)
            for token in others:
                helper.get("/api/services", token)
            malformed(helper)
            return found

        with ThreadPoolExecutor(len(world.helpers)) as pool:
            for system, kind in [(None, None), *((system, kind) for system in ("3scale", "keycloak") for kind in FAULTS)]:
                if kind:
                    world.fault(system, kind)
                for found in pool.map(drive, enumerate(world.helpers)):
                    statuses |= found
                world.heal()
            # Healed, everybody gets keys: they are secrets from now on.
            for helper in world.helpers:
                harness.wait_for(helper.url + "/api/health/ready", helper.process, seconds=30)
            for found in pool.map(drive, enumerate(world.helpers)):
                statuses |= found
        assert {200, 204, 400, 401, 404, 405, 415, 502, 503, 504} <= statuses, statuses
        for token in tokens:
            for service in world.helpers[0].services(token).values():
                world.secrets |= {service["api_key"]} if service.get("api_key") else set()
        for _, path, headers, body in world.threescale.requests:
            # Passwords for signup and keys are made by the helper itself; here they pass by.
            form = parse_qs(body.decode(errors="replace"))
            world.secrets |= {value for name in ("password", "key") for value in form.get(name, [])}
            world.secrets.add(headers.get("authorization", harness.ADMIN_TOKEN).removeprefix("Basic "))
        texts += [(f"metrics at {level}", helper.get("/metrics").text)
                  for level, helper in zip(LEVELS, world.helpers)]
    finally:
        logs = world.close()
    texts += [(f"log at {level}", log) for level, log in zip(LEVELS, logs)]
    texts.append(("spans", "\n".join(body.decode() for _, _, _, body in world.collector.requests)))
    environment = {
        "KEYCLOAK_URL": "http://127.0.0.1:1", "KEYCLOAK_REALM": "mlaas", "KEYCLOAK_CLIENT_ID": "mlaas-client",
        "THREESCALE_ADMIN_API_URL": "http://127.0.0.1:1", "THREESCALE_ADMIN_API_KEY": harness.ADMIN_TOKEN, **CONFIGURED}
    for command in (["config", "print"], ["config", "check"], ["--version"]):
        result = subprocess.run(
            [harness.BIN / "mlaas-helper", *command], env=environment, capture_output=True, text=True, timeout=60)
        texts.append((" ".join(command), result.stdout + result.stderr))
    return texts, world.secrets, tokens


def found_in(texts, secrets):
    return {(where, secret[:24]) for secret in secrets for form in forms(secret)
            for where, text in texts if form in text}


def test_no_secret_is_in_anything_that_operators_see(output):
    texts, secrets, _ = output
    assert len(secrets) > 25
    assert found_in(texts, secrets) == set()


def test_the_search_finds_what_is_there(output):
    """The other test would be worth nothing if the texts were empty or the search blind."""
    texts, secrets, tokens = output
    by_name = dict(texts)
    assert all(line["message"] for line in lines(by_name["log at trace"]))
    assert '"logger":"audit"' in by_name["log at trace"] and "key_fingerprint" in by_name["log at trace"]
    assert "request_id=" in by_name["log at debug"] and by_name["log at error"]
    assert "GET /api/services" in by_name["spans"] and "3scale" in by_name["spans"]
    assert all("mlaas_auth_total" in by_name[f"metrics at {level}"] for level in LEVELS)
    assert "<redacted>" in by_name["config print"]
    planted = [("planted", text) for text in (
        tokens[0], tokens[0].split(".")[2][-40:], base64.b64encode(b":" + harness.ADMIN_TOKEN.encode()).decode(),
        quote("query-s3cret-51"))]
    assert len(found_in(planted, secrets)) == 4


@pytest.mark.parametrize("kind", Impostor.ANSWERS)
def test_what_answers_in_place_of_redis_cannot_make_us_tell_its_password(kind):
    sandbox, impostor = harness.Sandbox(), Impostor(kind)
    helper = harness.Helper(sandbox.keycloak, sandbox.threescale, LOG_LEVEL="trace", REDIS_URL=impostor.url)
    try:
        end = time.monotonic() + 30
        metrics = ""
        while not re.search(r"mlaas_redis_errors_total\{.*\} [1-9]", metrics) and time.monotonic() < end:
            time.sleep(0.1)
            metrics = helper.get("/metrics").text
        assert helper.get("/api/services", sandbox.token("ada")).status_code == 200
    finally:
        log = helper.stop()
        impostor.close()
        harness.stop(sandbox.process)
    assert "redis is in trouble" in log
    assert found_in([("log", log), ("metrics", metrics)], {PASSWORD, ESCAPED, "s3cret"}) == set()
