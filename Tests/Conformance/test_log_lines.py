"""What the log says when strangers set its pace, and that nothing erases the audit trail."""

import json
import os
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
        # Nobody reads: more than the pipe and the queue of ordinary lines take.
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
    helper = Helper(sandbox.keycloak, sandbox.threescale, MLAAS_REQUIRED_ROLE="nobody-has-this")
    try:
        assert helper.get("/api/services", sandbox.token("ada")).status_code == 403
    finally:
        log = lines(helper.stop())
    told = [line for line in log if line.get("status") == 403]
    assert len(told) == 1
    assert told[0]["user"] == "ada" and told[0]["code"] == "FORBIDDEN" and told[0]["request_id"]
