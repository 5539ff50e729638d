"""What the log says when strangers set its pace, and that nothing erases the audit trail."""

import json
import os
import socket
import subprocess
import threading
import time

import requests

from conftest import ADMIN_TOKEN, BIN, Helper, free_port, stop, wait_for

CREATES = 20


def lines(text):
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def test_a_slow_reader_of_the_log_gets_every_audit_line_beside_a_flood_of_refused_tokens(sandbox):
    names = [f"audited-{number}" for number in range(CREATES)]
    for name in names:
        requests.post(sandbox.admin + "/users", json={"username": name}, timeout=10)
    tokens = [sandbox.token(name) for name in names]
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    read, write = os.pipe()
    process = subprocess.Popen(
        [BIN / "mlaas-helper"], stdout=write, stderr=subprocess.DEVNULL, env={
            "PATH": os.environ["PATH"], "KEYCLOAK_URL": sandbox.keycloak, "KEYCLOAK_REALM": "mlaas",
            "KEYCLOAK_CLIENT_ID": "mlaas-client", "THREESCALE_ADMIN_API_URL": sandbox.threescale,
            "THREESCALE_ADMIN_API_KEY": ADMIN_TOKEN, "SERVER_HOST": "127.0.0.1", "SERVER_PORT": str(port),
            "SHUTDOWN_DRAIN_SECONDS": "0", "RATE_LIMITS": "off", "LOG_LEVEL": "debug",
            **{name: value for name, value in os.environ.items() if name.endswith("SAN_OPTIONS")}})
    os.close(write)
    received = []
    reads = threading.Event()

    def read_log():
        reads.wait()
        while data := os.read(read, 65536):
            received.append(data)

    reader = threading.Thread(target=read_log)
    reader.start()
    try:
        wait_for(url + "/api/health/ready", process)
        session = requests.Session()
        # No program reads: more than the pipe and the queue of ordinary lines take.
        end = time.monotonic() + 60
        while time.monotonic() < end:
            for _ in range(200):
                assert session.get(
                    url + "/api/services", headers={"Authorization": "Bearer bad"}, timeout=10).status_code == 401
            text = session.get(url + "/metrics", timeout=10).text
            if any(line.startswith("mlaas_log_dropped_lines_total") and not line.endswith(" 0")
                   for line in text.splitlines()):
                break
        services = session.get(
            url + "/api/services", headers={"Authorization": f"Bearer {tokens[0]}"}, timeout=10).json()["data"]["services"]
        service = next(entry["id"] for entry in services if entry["system_name"] == "granite_chat")
        for token in tokens:
            answer = requests.post(
                url + "/api/services/init", json={"service_id": service}, timeout=30,
                headers={"Authorization": f"Bearer {token}"})
            assert answer.status_code == 200, answer.text
    finally:
        reads.set()
        stop(process)
        reader.join(30)
        os.close(read)
    log = lines(b"".join(received).decode())
    created = [line["user"] for line in log if line["logger"] == "audit" and line.get("outcome") == "created"]
    assert sorted(created) == sorted(names)


def test_refused_tokens_and_429_write_few_lines_and_a_sum(sandbox):
    helper = Helper(sandbox.keycloak, sandbox.threescale, RATE_LIMITS="read=5/hour;auth_failure=30/hour")
    try:
        bad = [helper.get("/api/services", "bad").status_code for _ in range(120)]
        assert bad.count(401) == 30 and bad.count(429) == 90
        token = sandbox.token("ada")
        good = [helper.get("/api/services", token).status_code for _ in range(25)]
        assert good.count(200) == 5 and good.count(429) == 20
    finally:
        log = lines(helper.stop())
    refused = [line for line in log if line["message"] == "a token was refused"]
    assert sum(line.get("suppressed", 1) for line in refused) == 30
    limited = [line for line in log if line.get("code") == "RATE_LIMITED"]
    # The address' first and the person's first.
    assert len(limited) == 2
    assert [line.get("user") for line in limited] == [None, "ada"]
    for line in limited:
        assert line["level"] == "info" and line["status"] == 429
        assert line["route"] == "/api/services" and line["request_id"]


def test_a_forbidden_caller_is_named_in_one_line(sandbox):
    helper = Helper(sandbox.keycloak, sandbox.threescale, MLAAS_REQUIRED_ROLE="no-caller-has-this")
    try:
        assert helper.get("/api/services", sandbox.token("ada")).status_code == 403
    finally:
        log = lines(helper.stop())
    told = [line for line in log if line.get("status") == 403]
    assert len(told) == 1
    assert told[0]["user"] == "ada" and told[0]["code"] == "FORBIDDEN" and told[0]["request_id"]


def test_a_service_without_plans_is_one_line_and_a_wrong_id_none(sandbox):
    """What docs/production-checklist.md says of the default level."""
    helper = Helper(sandbox.keycloak, sandbox.threescale)
    try:
        token = sandbox.token("ada")
        assert helper.init(token, helper.services(token)["rerank"]["id"]).status_code == 409
        assert helper.init(token, "99999").status_code == 404
    finally:
        log = [line for line in lines(helper.stop()) if 400 <= line.get("status", 0) < 500]
    assert [(line["status"], line["user"], line["code"]) for line in log] == [(409, "ada", "NO_PLANS_FOUND")]
    assert "'rerank'" in log[0]["error"] and "publish" in log[0]["error"]


def test_a_warning_about_the_configuration_is_one_line_of_the_log_and_nothing_else(sandbox):
    helper = Helper(
        sandbox.keycloak, sandbox.threescale, KEYCLOAK_REALMS="mlaas", LOG_FORMAT="%(asctime)s - %(message)s")
    text = helper.stop()
    told = [line for line in lines(text) if line["message"] == "configuration warning"]
    assert [line["level"] for line in told] == ["warning"] * 2
    assert sorted(line["error"].split()[0].rstrip(":") for line in told) == ["KEYCLOAK_REALMS", "LOG_FORMAT"]
    # Standard error goes to the same file.
    assert all(line.startswith("{") for line in text.splitlines() if line)


def raw(url, head):
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(head)
        received = b""
        while data := connection.recv(65536):
            received += data
    return received


def test_what_the_parser_refuses_with_501_and_505_has_bounded_lines_with_the_request_id(sandbox):
    helper = Helper(sandbox.keycloak, sandbox.threescale)
    try:
        coded = raw(helper.url, b"POST /api/services/init HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n")
        assert coded.startswith(b"HTTP/1.1 501")
        newer = [raw(helper.url, b"GET / HTTP/2.7\r\nHost: x\r\n\r\n") for _ in range(60)]
        assert all(answer.startswith(b"HTTP/1.1 505") for answer in newer)
    finally:
        log = lines(helper.stop())
    told = {code: [line for line in log if line.get("code") == code]
            for code in ("NOT_IMPLEMENTED", "HTTP_VERSION_NOT_SUPPORTED")}
    assert len(told["NOT_IMPLEMENTED"]) == 1
    line = told["NOT_IMPLEMENTED"][0]
    assert line["message"] == "a request failed" and line["level"] == "info" and line["status"] == 501
    assert line["request_id"] in coded.decode() and line["ip"] == "127.0.0.1" and "chunked" in line["error"]
    assert sum(line.get("suppressed", 1) for line in told["HTTP_VERSION_NOT_SUPPORTED"]) == 60
    ids = "".join(answer.decode() for answer in newer)
    assert all(line["request_id"] in ids for line in told["HTTP_VERSION_NOT_SUPPORTED"] if "suppressed" not in line)


def test_a_readiness_answer_of_503_has_a_line_that_says_why(sandbox):
    helper = Helper(f"http://127.0.0.1:{free_port()}", sandbox.threescale, ready=False)
    try:
        answer = helper.get("/api/health/ready")
        assert answer.status_code == 503
    finally:
        log = lines(helper.stop())
    told = [line for line in log if line.get("code") == "NOT_READY"]
    assert len(told) == 1
    assert told[0]["message"] == "a request failed" and told[0]["level"] == "info" and told[0]["status"] == 503
    assert told[0]["route"] == "/api/health/ready" and "keycloak" in told[0]["error"]
    assert told[0]["request_id"] == answer.headers["X-Request-ID"]
