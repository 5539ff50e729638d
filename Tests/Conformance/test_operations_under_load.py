"""What operators look at while every slot for requests is taken."""

import socket
import time

import pytest
import requests

from conftest import Helper

pytestmark = pytest.mark.alone

SLOTS, QUEUED = 2, 2


def ask(helper, token):
    client = socket.create_connection(("127.0.0.1", int(helper.url.rsplit(":", 1)[1])), timeout=20)
    client.sendall(f"GET /api/services HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
    return client


def status(client):
    return client.recv(12).decode()


def test_requests_that_wait_for_a_slow_system_hold_up_neither_metrics_nor_health(sandbox):
    helper = Helper(
        sandbox.keycloak, sandbox.threescale, SERVER_LOOPS="1", SERVER_MAX_REQUESTS_IN_FLIGHT=str(SLOTS),
        SERVER_MAX_REQUESTS_QUEUED=str(QUEUED), SERVER_QUEUE_TIMEOUT="60s")
    clients = []
    try:
        token = sandbox.token("ada")
        fault = requests.post(
            sandbox.admin + "/faults/3scale", timeout=20, json={"kind": "latency", "delay_ms": 20_000})
        fault.raise_for_status()
        clients = [ask(helper, token) for _ in range(SLOTS + QUEUED)]
        # Once one is refused, all slots and the whole queue are taken.
        end = time.monotonic() + 20
        while time.monotonic() < end:
            last = ask(helper, token)
            clients.append(last)
            last.settimeout(0.5)
            try:
                assert status(last) == "HTTP/1.1 503"
                break
            except TimeoutError:
                pass
        else:
            raise AssertionError("no request was refused")
        for path in ("/metrics", "/api/health", "/api/health/ready"):
            assert requests.get(helper.url + path, timeout=20).status_code == 200, path
    finally:
        requests.delete(sandbox.admin + "/faults/3scale", timeout=20)
        for client in clients:
            client.close()
        # It would wait for the slow system.
        helper.process.kill()
        helper.process.wait()
