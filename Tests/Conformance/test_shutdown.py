"""SIGTERM under full load: not one accepted request is lost, ten times in a row."""

import shutil
import signal
import socket
import subprocess
import threading
import time

import pytest

from conftest import Helper
from test_connections import GET, connect, port_of, read_answer

ROUNDS = 10
PIPELINED = 8


class Client(threading.Thread):
    """Asks without pause until the port is closed, and notes what was lost.

    A request counts as accepted when the server has taken its connection and has not said before that the connection
    ends (RFC 9112 §9.6: what is sent after that has not been accepted)."""

    def __init__(self, helper, depth=1):
        super().__init__(daemon=True)
        self.helper, self.depth = helper, depth
        self.answered, self.lost = 0, []

    def run(self):
        while True:
            try:
                client = connect(self.helper, 3)
            except OSError:
                return
            with client:
                while self.ask(client):
                    pass

    def ask(self, client):
        """Sends requests and reads their answers. False when the connection ends."""
        try:
            client.sendall(GET * self.depth)
            received = b""
            for _ in range(self.depth):
                while b"\r\n\r\n" not in received or not self.whole(received):
                    part = client.recv(65536)
                    if not part:
                        self.lost.append("closed without an answer")
                        return False
                    received += part
                answer, received = self.whole(received)
                if not answer.startswith(b"HTTP/1.1 200 "):
                    self.lost.append(answer[:20].decode())
                self.answered += 1
                if b"\r\nconnection: close\r\n" in answer.lower():
                    return False
        except OSError as error:
            self.lost.append(f"{type(error).__name__}")
            return False
        return True

    @staticmethod
    def whole(received):
        """The first answer and what follows it; None while it is not whole."""
        head, _, rest = received.partition(b"\r\n\r\n")
        length = int(next(line[15:] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")))
        return (head + b"\r\n\r\n" + rest[:length], rest[length:]) if len(rest) >= length else None


def test_no_accepted_request_is_lost(sandbox, capsys):
    wrk = shutil.which("wrk")
    total, rates = 0, []
    for number in range(ROUNDS):
        helper = Helper(sandbox.keycloak, sandbox.threescale, SHUTDOWN_DRAIN_SECONDS="1")
        idle = [connect(helper, 4) for _ in range(50)]
        for client in idle[::2]:
            client.sendall(GET)
            assert read_answer(client).startswith(b"HTTP/1.1 200 ")
        slow = [connect(helper, 5) for _ in range(20)]
        for client in slow:
            client.sendall(GET[:25])
        clients = [Client(helper) for _ in range(4)] + [Client(helper, PIPELINED) for _ in range(4)]
        for client in clients:
            client.start()
        load = wrk and subprocess.Popen(
            [wrk, "-t1", "-c32", "-d1", f"{helper.url}/api/health"], stdout=subprocess.PIPE, text=True)
        time.sleep(0.4 + number * 0.03)
        began = time.monotonic()
        helper.process.send_signal(signal.SIGTERM)
        # A slow client that ends its request in time is answered too.
        for client in slow:
            client.sendall(GET[25:])
            assert read_answer(client).startswith(b"HTTP/1.1 200 ")
        assert helper.process.wait(timeout=45) == 0
        for client in clients:
            client.join(timeout=30)
            assert not client.is_alive()
        lost = [reason for client in clients for reason in client.lost]
        assert not lost, f"round {number}: {len(lost)} lost: {set(lost)}"
        total += sum(client.answered for client in clients)
        for client in idle:
            # Closed properly, with no word and no reset.
            assert client.recv(1) == b""
            client.close()
        if load:
            words = load.communicate(timeout=30)[0]
            assert "Non-2xx" not in words, words
            rates.append(words.split(" requests in ")[0].split()[-1])
        assert time.monotonic() - began < 40
    with capsys.disabled():
        print(f"\n{ROUNDS} shutdowns, {total} requests of our own answered, none lost; beside them wrk: {' '.join(rates)}")


def drain(helper):
    """Asks the helper to end, and waits until it says so."""
    helper.process.send_signal(signal.SIGTERM)
    end = time.monotonic() + 10
    while helper.get("/api/health/ready").status_code != 503 and time.monotonic() < end:
        time.sleep(0.02)


def test_a_second_signal_ends_at_once(sandbox):
    helper = Helper(sandbox.keycloak, sandbox.threescale, SHUTDOWN_DRAIN_SECONDS="60")
    drain(helper)
    began = time.monotonic()
    helper.process.send_signal(signal.SIGTERM)
    helper.process.wait(timeout=30)
    assert time.monotonic() - began < 15


@pytest.mark.parametrize("path", ["/api/health", "/nowhere"])
def test_while_draining_each_answer_ends_its_connection(sandbox, path):
    helper = Helper(sandbox.keycloak, sandbox.threescale, SHUTDOWN_DRAIN_SECONDS="5")
    drain(helper)
    with connect(helper) as client:
        client.sendall(GET.replace(b"/api/health", path.encode()))
        answer = read_answer(client)
        assert b"connection: close" in answer.lower()
        assert client.recv(1) == b""
    assert helper.process.wait(timeout=45) == 0
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", port_of(helper)), timeout=5)
