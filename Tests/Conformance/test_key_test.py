"""POST /api/keys/{id}/test: one request to the model's gateway with the key, and what its answer means."""

import contextlib
import http.server
import json
import ssl
import subprocess
import threading
import time
from email.utils import parsedate_to_datetime

import pytest
import requests

from conftest import ADMIN_TOKEN, Helper, Sandbox, free_port, stop
from tenant import admin, applications, knobs, threescale


class World:
    """A sandbox whose services have their public addresses at its gateway, and a helper on it."""

    def __init__(self, **settings):
        self.gateway_port = free_port()
        self.sandbox = Sandbox("--gateway-port", str(self.gateway_port), "--gateway-endpoints")
        self.settings = settings
        self.helper = None
        self.token = self.sandbox.token()

    def start(self, **settings):
        """What is to be seen in the catalogue is set before."""
        self.helper = Helper(self.sandbox.keycloak, self.sandbox.threescale, APPLICATIONS_CACHE_SECONDS="0",
                             **self.settings, **settings)

    def service(self, name):
        listed = threescale(self.sandbox, "GET", "services")["services"]
        return next(entry["service"]["id"] for entry in listed if entry["service"]["system_name"] == name)

    def proxy(self, name, **form):
        threescale(self.sandbox, "PUT", f"services/{self.service(name)}/proxy", **form)
        admin(self.sandbox, "PUT", f"/services/{self.service(name)}", promoted=True)

    def key(self, name, **members):
        """The id of the key that init makes."""
        answer = self.helper.init(self.token, str(self.service(name)), **members)
        assert answer.status_code == 200, answer.text
        service = str(self.service(name))
        keys = self.helper.get(f"/api/keys?service_id={service}", self.token).json()["data"]["keys"]
        return keys[0]["id"]

    def move_clock(self, seconds):
        """Until the `Date` of answers has followed: servers look at their clock four times a second."""
        def date():
            return parsedate_to_datetime(requests.get(self.sandbox.threescale, timeout=10).headers["Date"])

        before = date()
        admin(self.sandbox, "PUT", "/clock", offset_seconds=seconds)
        deadline = time.monotonic() + 20
        while (date() - before).total_seconds() < seconds:
            assert time.monotonic() < deadline, "the clock did not move"
            time.sleep(0.05)

    def post(self, path, token=None):
        return requests.post(self.helper.url + path, timeout=40, headers={"Authorization": f"Bearer {token or self.token}"})

    def test(self, key):
        answer = self.post(f"/api/keys/{key}/test")
        assert answer.status_code == 200, answer.text
        data = answer.json()["data"]
        assert data["key"]["id"] == key and data["explanation"] and data["advice"]
        return data

    def application(self, key):
        made = next(each for each in applications(self.sandbox) if str(each["id"]) == key)
        return f"accounts/{made['account_id']}/applications/{key}"

    def stop(self):
        if self.helper:
            stop(self.helper.process)
        stop(self.sandbox.process)


@pytest.fixture
def world():
    world = World()
    yield world
    world.stop()


@contextlib.contextmanager
def model(answer, certificate=None):
    """A server in a gateway's place: `answer(handler)` writes what it says. Yields its URL and the requests it got."""
    seen = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append((self.path, dict(self.headers)))
            answer(self)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    scheme = "http"
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        scheme = "https"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"{scheme}://127.0.0.1:{server.server_address[1]}", seen
    finally:
        server.shutdown()
        server.server_close()


def says(status, body=b"", **fields):
    def answer(handler):
        handler.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **fields}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        with contextlib.suppress(OSError):
            handler.wfile.write(body)
    return answer


def test_a_key_that_works_is_told_with_the_models_wherever_the_service_wants_the_key(world):
    world.start()
    for name in ("granite_chat", "embeddings", "code_assist"):
        data = world.test(world.key(name))
        assert (data["verdict"], data["status"], data["models"]) == ("works", 200, [name])
        assert data["latency_ms"] >= 0 and data["url"].endswith(f"/{name}/v1/models")
    # The operator's approval is awaited, and then given.
    pending = world.key("speech_to_text")
    data = world.test(pending)
    assert (data["verdict"], data["status"]) == ("not_yet", 403) and "approval" in data["explanation"]
    threescale(world.sandbox, "PUT", world.application(pending) + "/accept")
    assert world.test(pending)["verdict"] == "works"


def test_nothing_but_the_key_goes_along(world):
    with model(says(200, b'{"data":[{"id":"m1"},{"id":"m2"},{"no":"id"}]}')) as (url, seen):
        world.proxy("granite_chat", endpoint=url + "/base")
        world.start(OTEL_EXPORTER_OTLP_ENDPOINT="")
        data = world.test(world.key("granite_chat"))
    assert (data["verdict"], data["models"]) == ("works", ["m1", "m2"])
    (path, fields), = seen
    secret = applications(world.sandbox)[0]["user_key"]
    assert path == "/base/v1/models" and fields.pop("user_key") == secret
    assert {name.lower() for name in fields} <= {"host", "accept", "user-agent", "accept-encoding"}
    text = json.dumps(fields) + world.helper.stop()
    assert ADMIN_TOKEN not in text and secret not in text and world.token not in text


def test_the_path_is_the_one_that_the_description_names(world):
    with model(says(200, b"{}")) as (url, seen):
        world.proxy("granite_chat", endpoint=url)
        threescale(world.sandbox, "PUT", f"services/{world.service('granite_chat')}",
                   description="Chat by Granite. test: GET /health?deep=1")
        world.start()
        data = world.test(world.key("granite_chat"))
    assert data["verdict"] == "works" and "models" not in data and data["url"] == url + "/health?deep=1"
    assert [path for path, _ in seen] == ["/health?deep=1"]


def test_a_key_that_was_stopped_is_refused_and_the_reason_is_told(world):
    knobs(world.sandbox, gateway_processes=1, gateway_caches=False)
    world.start()
    key = world.key("granite_chat")
    assert world.test(key)["verdict"] == "works"
    assert world.post(f"/api/keys/{key}/pause").status_code == 200
    data = world.test(key)
    assert (data["verdict"], data["status"]) == ("refused", 403) and "paused" in data["explanation"]
    assert "/resume" in data["advice"]
    assert world.post(f"/api/keys/{key}/resume").status_code == 200
    assert world.test(key)["verdict"] == "works"
    threescale(world.sandbox, "PUT", world.application(key) + "/suspend")
    data = world.test(key)
    assert data["verdict"] == "refused" and "operator" in data["explanation"]


def test_a_process_that_remembers_a_key_lets_it_pass_after_its_pause_and_the_answer_says_so(world):
    knobs(world.sandbox, gateway_processes=2, gateway_remembers_seconds=60, gateway_caches=False)
    world.start()
    key = world.key("granite_chat")
    # Until both processes have seen it.
    for _ in range(12):
        assert world.test(key)["verdict"] == "works"
    assert world.post(f"/api/keys/{key}/pause").status_code == 200
    verdicts = [world.test(key) for _ in range(24)]
    assert {each["verdict"] for each in verdicts} == {"works", "refused"}
    passed = next(each for each in verdicts if each["verdict"] == "works")
    assert "still accepts" in passed["explanation"] and "60 seconds" in passed["advice"]
    world.move_clock(61)
    assert {world.test(key)["verdict"] for _ in range(12)} == {"refused"}


def test_a_key_that_was_deleted_in_3scale_is_not_found(world):
    knobs(world.sandbox, backend_deletion_milliseconds=2000)
    world.start()
    key = world.key("granite_chat")
    threescale(world.sandbox, "DELETE", world.application(key))
    answer = world.post(f"/api/keys/{key}/test")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "KEY_NOT_FOUND")


def test_a_new_key_that_the_gateway_does_not_know_yet_is_asked_again(world):
    world.start()
    key = world.key("granite_chat")
    refusal = {"kind": "status", "status": 403, "body": "Authentication failed"}
    admin(world.sandbox, "POST", "/faults/gateway", count=3, **refusal)
    assert world.test(key)["verdict"] == "works"
    assert len(requests.get(world.sandbox.admin + "/journal/gateway", timeout=10).json()["journal"]) == 4
    admin(world.sandbox, "POST", "/faults/gateway", **refusal)
    began = time.monotonic()
    data = world.test(key)
    assert (data["verdict"], data["status"]) == ("not_yet", 403) and time.monotonic() - began > 4
    # One that has stood for longer is refused.
    world.move_clock(120)
    assert world.test(key)["verdict"] == "refused"


def test_a_limit_that_is_reached_is_told(world):
    world.start()
    service = world.service("granite_chat")
    plans = threescale(world.sandbox, "GET", f"services/{service}/application_plans")["plans"]
    basic = next(plan["application_plan"]["id"] for plan in plans if plan["application_plan"]["name"] == "Basic")
    limits = threescale(world.sandbox, "GET", f"application_plans/{basic}/limits")["limits"]
    limit = next(each["limit"] for each in limits if each["limit"]["period"] == "day")
    threescale(world.sandbox, "PUT",
               f"application_plans/{basic}/metrics/{limit['metric_id']}/limits/{limit['id']}", value=2, period="day")
    key = world.key("granite_chat", plan_id=str(basic))
    verdicts = [world.test(key) for _ in range(6)]
    assert verdicts[0]["verdict"] == "works"
    assert (verdicts[-1]["verdict"], verdicts[-1]["status"]) == ("over_limit", 429)


def test_a_path_without_a_mapping_rule_and_a_model_without_the_path(world):
    world.start()
    key = world.key("granite_chat")
    service = world.service("granite_chat")
    admin(world.sandbox, "PUT", f"/services/{service}",
          mapping_rules=[{"method": "GET", "pattern": "/v2/", "metric": "hits", "delta": 1}])
    data = world.test(key)
    assert (data["verdict"], data["status"]) == ("no_route", 404)
    with model(says(404, b'{"detail":"Not Found"}')) as (url, _):
        world.proxy("embeddings", endpoint=url)
        stop(world.helper.process)
        world.start()
        data = world.test(world.key("embeddings"))
        assert (data["verdict"], data["status"]) == ("model_error", 404)


@pytest.mark.parametrize("answer, verdict, status", [
    (says(401, b'{"error":"Unauthorized"}'), "model_error", 401),
    (says(403, b'{"error":"no"}'), "model_error", 403),
    (says(403, b"Authentication failed\n", Content_Type="text/plain; charset=us-ascii"), "not_yet", 403),
    (says(302, Location="http://127.0.0.1:9/elsewhere"), "model_error", 302),
    (says(503, b"<html>Application is not available</html>", Content_Type="text/html"), "model_error", 503),
    (says(500, b"{}"), "model_error", 500),
    (says(200, b"x" * (3 << 20)), "model_error", None),
    (says(200, b'{"data":"none"}'), "works", 200),
], ids=["401 of the model", "403 of the model", "403 of the gateway", "redirect", "503", "500", "too long", "no list"])
def test_answers_of_the_model_are_told_from_those_of_the_gateway(world, answer, verdict, status):
    with model(answer) as (url, seen):
        world.proxy("granite_chat", endpoint=url)
        world.start()
        data = world.test(world.key("granite_chat"))
        assert (data["verdict"], data.get("status")) == (verdict, status) and "models" not in data
        assert len(seen) == 1 or verdict == "not_yet"


def test_a_gateway_that_is_not_there_or_does_not_answer(world):
    def hangs(_):
        time.sleep(14)

    world.proxy("granite_chat", endpoint=f"http://127.0.0.1:{free_port()}")
    with model(hangs) as (url, _):
        world.proxy("embeddings", endpoint=url)
        world.proxy("code_assist", endpoint="")
        world.start()
        data = world.test(world.key("granite_chat"))
        assert data["verdict"] == "unreachable" and "status" not in data and "onnect" in data["explanation"]
        began = time.monotonic()
        data = world.test(world.key("embeddings"))
        assert data["verdict"] == "unreachable" and 8 < time.monotonic() - began < 14 and data["latency_ms"] > 8000
        data = world.test(world.key("code_assist"))
        assert data["verdict"] == "unreachable" and "url" not in data and "latency_ms" not in data


def test_a_certificate_that_is_not_trusted_is_told_and_one_of_the_bundle_is_accepted(world, tmp_path):
    pair = tmp_path / "pair.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", pair, "-out", tmp_path / "ca.pem",
                    "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"],
                   check=True, capture_output=True)
    with open(pair, "a", encoding="utf-8") as file:
        file.write((tmp_path / "ca.pem").read_text())
    with model(says(200, b'{"data":[{"id":"m"}]}'), certificate=pair) as (url, seen):
        world.proxy("granite_chat", endpoint=url)
        world.start()
        key = world.key("granite_chat")
        data = world.test(key)
        assert data["verdict"] == "untrusted_certificate" and "status" not in data and seen == []
        stop(world.helper.process)
        world.start(CA_BUNDLE=str(tmp_path / "ca.pem"))
        assert world.test(key)["verdict"] == "works"


def test_tests_are_limited_recorded_and_counted_and_keys_of_others_are_not_tested(world):
    world.start(RATE_LIMITS="read=off;write=off")
    key = world.key("granite_chat")
    other = world.sandbox.token("bob")
    answer = world.post(f"/api/keys/{key}/test", other)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "KEY_NOT_FOUND")
    for _ in range(10):
        world.test(key)
    answer = world.post(f"/api/keys/{key}/test")
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "RATE_LIMITED")
    assert 'mlaas_key_tests_total{verdict="works"} 10' in world.helper.get("/metrics").text
    lines = [json.loads(line) for line in world.helper.stop().split("\n") if line.startswith("{")]
    tested = [line for line in lines if line.get("logger") == "audit" and line["outcome"] == "tested"]
    assert len(tested) == 10 and all(line["verdict"] == "works" and line["application_id"] == int(key) for line in tested)


def test_a_key_of_openid_connect_is_not_tested(world):
    world.start()
    answer = world.post(f"/api/keys/{world.key('vision')}/test")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "KEY_STATE_CONFLICT")
