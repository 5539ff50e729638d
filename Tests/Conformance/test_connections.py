"""Many connections, slow ones, and clients that go in the middle of something, on sockets of our own."""

import json
import os
import resource
import select
import socket
import statistics
import struct
import time

import pytest
import requests

import conftest
from conftest import Helper, stop

IDLE, SLOW = 9_400, 500
# A client address has 2,500 connections at most; loopback has many addresses.
PER_ADDRESS = 2_000
HEAD_SECONDS, BODY_SECONDS = 10, 30
MEMORY_KIB_MAX = 64 * 1024
HEALTH_SECONDS = 0.05
GET = b"GET /api/health HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST /api/services/init HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n"


@pytest.fixture(scope="module", autouse=True)
def descriptors():
    """Lets this process and those it starts hold that many sockets."""
    old = resource.getrlimit(resource.RLIMIT_NOFILE)
    if old[1] < IDLE + SLOW + 500:
        pytest.skip(f"needs {IDLE + SLOW + 500} descriptors, the limit is {old[1]}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (old[1], old[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, old)


@pytest.fixture
def own_helper(sandbox, descriptors):
    helper = Helper(sandbox.keycloak, sandbox.threescale)
    yield helper
    assert helper.process.poll() is None, "the helper has ended"
    helper.stop()
    assert helper.process.returncode == 0


def port_of(helper):
    return int(helper.url.rsplit(":", 1)[1])


def connect(helper, address=1):
    client = socket.socket()
    client.bind((f"127.0.0.{address}", 0))
    client.settimeout(60)
    client.connect(("127.0.0.1", port_of(helper)))
    return client


def read_answer(client):
    """One answer with its body; empty when the server closes first."""
    received = b""
    while b"\r\n\r\n" not in received:
        part = client.recv(65536)
        if not part:
            return received
        received += part
    head, body = received.split(b"\r\n\r\n", 1)
    length = int(next(line[15:] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")))
    while len(body) < length:
        body += client.recv(65536)
    return head + b"\r\n\r\n" + body


def memory_kib(helper):
    with open(f"/proc/{helper.process.pid}/status", encoding="ascii") as status:
        return int(next(line.split()[1] for line in status if line.startswith("VmRSS")))


def open_descriptors(helper):
    return len(os.listdir(f"/proc/{helper.process.pid}/fd"))


def health_seconds(helper, count=100):
    """How long each of some health checks takes, on connections of their own."""
    times = []
    for _ in range(count):
        began = time.monotonic()
        with connect(helper, 9) as client:
            client.sendall(GET)
            assert read_answer(client).startswith(b"HTTP/1.1 200 ")
        times.append(time.monotonic() - began)
    return times


def test_ten_thousand_connections_do_not_get_in_the_way(own_helper, capsys):
    before = memory_kib(own_helper)
    idle = [connect(own_helper, 2 + number // PER_ADDRESS) for number in range(IDLE)]
    began = time.monotonic()
    slow = []
    for number in range(SLOW):
        client = connect(own_helper, 8)
        client.sendall(GET[:20] if number % 2 else POST + b"{")
        slow.append(client)

    # Each slow client sends a byte now and then, which must not win it any time.
    health, ends, waiting = [], {}, dict(enumerate(slow))
    next_byte, deadline = began, began + BODY_SECONDS + 30
    while waiting and time.monotonic() < deadline:
        if time.monotonic() >= next_byte:
            next_byte += 1
            for client in waiting.values():
                try:
                    client.send(b"x")
                except OSError:
                    pass
            health += health_seconds(own_helper, 10)
        poller = select.poll()
        numbers = {client.fileno(): number for number, client in waiting.items()}
        for descriptor in numbers:
            poller.register(descriptor, select.POLLIN)
        for descriptor, _ in poller.poll(200):
            number = numbers[descriptor]
            answer = read_answer(waiting.pop(number))
            ends[number] = (time.monotonic() - began, answer[:12])
    more = memory_kib(own_helper) - before

    assert not waiting, f"{len(waiting)} slow clients are still served"
    assert {answer for _, answer in ends.values()} == {b"HTTP/1.1 408"}
    for number, (seconds, _) in ends.items():
        limit = HEAD_SECONDS if number % 2 else BODY_SECONDS
        assert limit - 1 < seconds < limit + 10, f"cut off after {seconds:.1f} s instead of {limit} s"
    # The idle ones have been left alone, and each still gets its answer.
    for client in idle[:: IDLE // 50]:
        client.sendall(GET)
        assert read_answer(client).startswith(b"HTTP/1.1 200 ")
    with capsys.disabled():
        print(f"\n{IDLE} idle and {SLOW} slow connections: health in {statistics.median(health) * 1000:.1f} ms "
              f"(worst of {len(health)}: {max(health) * 1000:.0f} ms), {more / 1024:.1f} MiB more")
    assert statistics.median(health) < HEALTH_SECONDS
    assert more < MEMORY_KIB_MAX
    for client in idle + slow:
        client.close()


STATES = {
    "connected": b"", "in the request line": b"GET /api", "in the head": GET[:-2], "in the body": POST + b"{",
    "answered": GET, "refused": b"nonsense\r\n\r\n", "pipelined": GET * 50, "working": GET.replace(b"health", b"services"),
    "in the chunks": POST.replace(b"Content-Length: 500", b"Transfer-Encoding: chunked") + b"5\r\nab",
    "waiting for leave": POST.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n"),
}


@pytest.mark.parametrize("goodbye", ["close", "reset", "half-close", "half-close and reset"])
@pytest.mark.parametrize("state", STATES)
def test_a_client_that_goes_leaves_nothing(module_helper, state, goodbye):
    before = open_descriptors(module_helper)
    clients = [connect(module_helper) for _ in range(20)]
    for client in clients:
        client.sendall(STATES[state])
    if state in ("answered", "refused", "pipelined"):
        for client in clients:
            assert client.recv(1)
    for client in clients:
        if "half" in goodbye:
            client.shutdown(socket.SHUT_WR)
        if "reset" in goodbye:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if goodbye == "half-close":
            # What was asked whole is answered, and then the server closes too.
            received = b""
            while part := client.recv(65536):
                received += part
            assert received.count(b"HTTP/1.1 200 ") == 0 or state in ("answered", "pipelined")
        client.close()
    end = time.monotonic() + 20
    while open_descriptors(module_helper) > before and time.monotonic() < end:
        time.sleep(0.02)
    assert open_descriptors(module_helper) <= before
    assert health_seconds(module_helper, 1)


@pytest.fixture(scope="module")
def module_helper(sandbox, descriptors):
    helper = Helper(sandbox.keycloak, sandbox.threescale)
    # Descriptors that are opened once and kept.
    for _ in range(3):
        health_seconds(helper, 5)
    yield helper
    helper.stop()
    assert helper.process.returncode == 0


def test_trusted_proxies_are_excepted_from_the_limit_of_an_address(sandbox, descriptors):
    helper = Helper(
        sandbox.keycloak, sandbox.threescale, SERVER_MAX_CONNECTIONS_PER_ADDRESS="3", TRUSTED_PROXIES="127.0.0.2/32")
    try:
        for address, expected in ((2, 8), (3, 3)):
            clients = [connect(helper, address) for _ in range(8)]
            answered = 0
            for client in clients:
                try:
                    client.sendall(GET)
                    answered += read_answer(client).startswith(b"HTTP/1.1 200 ")
                except OSError:
                    pass
            assert answered == expected, f"127.0.0.{address}"
            for client in clients:
                client.close()
    finally:
        helper.stop()


def reset(client):
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def metric(helper, name):
    text = helper.get("/metrics").text
    return float(next(line.split()[1] for line in text.splitlines() if line.startswith(name + " ")))


def is_at_rest(helper):
    try:
        return metric(helper, "http_server_active_requests") == 1
    except StopIteration:
        return False


def test_resets_under_overload_take_no_slot_along(sandbox, descriptors):
    """What waits for an answer and is reset gives its slot back, whichever route it asked for."""
    helper = Helper(
        sandbox.keycloak, sandbox.threescale, SERVER_MAX_REQUESTS_IN_FLIGHT="2", SERVER_MAX_REQUESTS_QUEUED="50",
        SERVER_QUEUE_TIMEOUT="50ms")
    try:
        for turn in range(50):
            clients = [connect(helper) for _ in range(40)]
            for client in clients:
                client.sendall(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n")
            if turn % 3:
                read_answer(clients.pop())
            for client in clients:
                reset(client)
        end = time.monotonic() + 10
        # The scrape itself is one; until the slots are free it is refused.
        while not is_at_rest(helper) and time.monotonic() < end:
            time.sleep(0.05)
        assert metric(helper, "http_server_active_requests") == 1
        assert metric(helper, "http_server_queued_requests") == 0
        # As many as there may be on each loop, at once.
        clients = [connect(helper) for _ in range(4)]
        for client in clients:
            client.sendall(b"GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert [read_answer(client)[:12] for client in clients] == [b"HTTP/1.1 200"] * 4
    finally:
        helper.stop()


CHUNKED = POST.replace(b"Content-Length: 500", b"Transfer-Encoding: chunked") + b"ffff\r\n" + b"x" * 60_000
FLOODS = {
    "unfinished bodies": (2_450, CHUNKED),
    "unfinished heads": (2_450, GET[:-2] + b"X: " + b"x" * 30_000),
    "unread answers": (200, b"GET /api/openapi.json HTTP/1.1\r\nHost: a\r\n\r\n" * 2_000),
}


@pytest.mark.parametrize("flood", FLOODS)
def test_a_flood_stays_within_the_memory_for_clients(sandbox, descriptors, flood, capsys):
    budget = 24 * 1024
    helper = Helper(sandbox.keycloak, sandbox.threescale, SERVER_MEMORY="24MiB")
    try:
        # Made once.
        health_seconds(helper, 20)
        before, most, health = memory_kib(helper), 0, []
        count, data = FLOODS[flood]
        clients = []
        for number in range(count):
            client = connect(helper)
            client.settimeout(0.2)
            try:
                client.sendall(data)
            except OSError:
                pass  # refused or not read: that is the point
            clients.append(client)
            if number % (count // 20) == 0:
                health += health_seconds(helper, 1)
                most = max(most, memory_kib(helper) - before)
        shed = metric(helper, "http_server_shed_connections_total")
        for client in clients:
            client.close()
        end = time.monotonic() + 15
        while memory_kib(helper) - before > budget / 4 and time.monotonic() < end:
            time.sleep(0.2)
        left = memory_kib(helper) - before
        with capsys.disabled():
            print(f"\n{flood}: {most / 1024:.1f} MiB at most, {left / 1024:.1f} MiB after, {shed:.0f} refused, "
                  f"health in {max(health) * 1000:.0f} ms at worst")
        # The allocator's own share comes on top of what is counted.
        assert most < budget * 1.6
        assert left < budget / 4
    finally:
        helper.stop()


def test_few_descriptors_shut_nobody_out(sandbox, tmp_path, monkeypatch):
    """A client that holds as many connections as it can get, where the process may open few descriptors."""
    starter = tmp_path / "mlaas-helper"
    starter.write_text(f"#!/bin/sh\nulimit -n 256\nexec {conftest.BIN / 'mlaas-helper'} \"$@\"\n", encoding="utf-8")
    starter.chmod(0o755)
    monkeypatch.setattr(conftest, "BIN", tmp_path)
    helper = Helper(sandbox.keycloak, sandbox.threescale)
    try:
        clients = [connect(helper, 2) for _ in range(400)]
        for _ in range(10):
            probe = connect(helper, 3)
            probe.settimeout(5)
            probe.sendall(GET)
            assert read_answer(probe).startswith(b"HTTP/1.1 200")
            probe.close()
        # An upstream is reached, too.
        assert helper.services(sandbox.token("ada"))
        for client in clients:
            client.close()
    finally:
        stop(helper.process)


FEW = {"SERVER_MAX_CONNECTIONS": "400", "SERVER_MAX_CONNECTIONS_PER_ADDRESS": "100"}
FOUR_ADDRESSES = [f"127.0.0.{2 + number % 4}" for number in range(400)]
# Longer than a client may come no further while there is no room.
NO_PROGRESS_SECONDS = 3


def connect_from(helper, host, data, receive_buffer=None):
    client = socket.socket()
    if receive_buffer:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        # Else one segment of loopback holds a whole answer, and the server sees nothing of how it is read.
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
    client.bind((host, 0))
    client.settimeout(30)
    client.connect(("127.0.0.1", port_of(helper)))
    client.sendall(data)
    return client


def fill(helper, hosts, data, receive_buffer=None):
    """As many connections as the helper takes, each with the same bytes."""
    held = []
    for host in hosts:
        try:
            held.append(connect_from(helper, host, data, receive_buffer))
        except OSError:
            pass
    time.sleep(0.5)
    return held


def is_answered(client):
    try:
        return read_answer(client).startswith(b"HTTP/1.1 200 ")
    except OSError:
        return False


def is_healthy(helper, host):
    try:
        with connect_from(helper, host, GET) as client:
            return is_answered(client)
    except OSError:
        return False


def used_up(log):
    """The lines that say that there are no connections left."""
    lines = [line for line in log.splitlines() if "connections are used up" in line]
    # A line for each refusal would be a flood of its own.
    assert 1 <= len(lines) <= 10
    return lines


def test_answers_that_are_not_read_shut_nobody_out(sandbox, descriptors):
    helper = Helper(sandbox.keycloak, sandbox.threescale, **FEW)
    try:
        started = connect_from(helper, "127.0.0.7", POST + b"{")
        held = fill(helper, FOUR_ADDRESSES, b"GET /api/openapi.json HTTP/1.1\r\nHost: a\r\n\r\n" * 20, 2048)
        # A probe comes in at once, and so it does later.
        assert all(is_healthy(helper, f"127.0.0.{10 + number}") for number in range(5))
        time.sleep(NO_PROGRESS_SECONDS)
        # More than are kept for addresses without a connection, so that others have to go.
        others = [connect_from(helper, f"127.0.1.{1 + number % 60}", GET) for number in range(240)]
        # On a busy machine some of the held ones have come further lately, and a newcomer is refused meanwhile.
        assert sum(is_answered(client) for client in others) > 200
        assert metric(helper, "http_server_evicted_connections_total") > 0
        # The slow client of another address has lost nothing.
        started.sendall(b" " * 499)
        assert read_answer(started).startswith(b"HTTP/1.1 4")
        for client in held + others + [started]:
            client.close()
    finally:
        log = helper.stop()
    line = json.loads(used_up(log)[0])
    assert line["limit"] == 400 and 90 <= line["largest"] <= 100, line


def test_answers_that_are_taken_slowly_on_every_connection_shut_nobody_out(sandbox, descriptors):
    """Each client takes a little more than what counts as progress, from one answer after the other."""
    helper = Helper(sandbox.keycloak, sandbox.threescale, **FEW)
    try:
        held = fill(helper, FOUR_ADDRESSES, b"GET /api/openapi.json HTTP/1.1\r\nHost: a\r\n\r\n" * 20, 2048)
        for client in held:
            client.setblocking(False)
        end = time.monotonic() + NO_PROGRESS_SECONDS
        while time.monotonic() < end:
            for client in held:
                try:
                    client.recv(1024)
                except OSError:
                    pass
            time.sleep(0.2)
        # More than are kept for addresses with few connections. None is idle, so that none of them goes for another.
        others = [connect_from(helper, f"127.0.1.{1 + number}", POST + b"{") for number in range(60)]
        answered = 0
        for client in others:
            try:
                client.sendall(b" " * 499)
                answered += read_answer(client).startswith(b"HTTP/1.1 4")
            except OSError:
                pass
            client.close()
        assert answered > 50
        for client in held:
            client.close()
    finally:
        helper.stop()


def test_requests_that_wait_for_3scale_on_every_connection_do_not_shut_out_a_probe(sandbox, descriptors):
    helper = Helper(sandbox.keycloak, sandbox.threescale, **FEW)
    faults = sandbox.admin + "/faults/3scale"
    try:
        token = sandbox.token("ada")
        requests.post(faults, timeout=20, json={"kind": "latency", "delay_ms": 8_000}).raise_for_status()
        body = b'{"service_id":2}'
        init = (b"POST /api/services/init HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
                b"Authorization: Bearer %s\r\n\r\n%s" % (len(body), token.encode(), body))
        held = fill(helper, FOUR_ADDRESSES, init)
        for number in range(15):
            assert is_healthy(helper, f"127.0.0.{10 + number % 3}"), number
        requests.delete(faults, timeout=20).raise_for_status()
        # Requests that are worked on stay: no client that waits for an answer is cut off. Those beyond the limit were refused at once.
        answers = 0
        for client in held:
            try:
                answers += read_answer(client).startswith(b"HTTP/1.1 ")
            except OSError:
                pass
            client.close()
        assert answers >= 360
    finally:
        requests.delete(faults, timeout=20)
        log = helper.stop()
    assert '"limit":400' in used_up(log)[0]


@pytest.mark.parametrize("begun", [b"GET / HTTP/1.1\r\nX:", POST + b"{"], ids=["head", "body"])
def test_requests_begun_from_as_many_addresses_shut_nobody_out(sandbox, descriptors, begun):
    helper = Helper(sandbox.keycloak, sandbox.threescale, **FEW)
    try:
        held = fill(helper, [f"127.1.{number // 200}.{number % 200 + 1}" for number in range(400)], begun)
        time.sleep(NO_PROGRESS_SECONDS)
        for number in range(15):
            assert is_healthy(helper, f"127.2.0.{number + 1}"), number
        for client in held:
            client.close()
    finally:
        log = helper.stop()
    assert '"limit":400' in used_up(log)[0]
