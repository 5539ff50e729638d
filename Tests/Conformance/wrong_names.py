#!/usr/bin/env python3
"""The helper with a name server that does not answer, or wrongly: run by test_names.py in namespaces of its own, where port
53 of loopback is free and /etc/resolv.conf is ours. Prints a line of JSON for each way to be wrong that it is given."""

import json
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

from conftest import Helper, Sandbox, stop

CLASS_IN, TYPE_A = 1, 1
# Longer than the end of the helper may take, so that it shows when the end waits for a request of the helper's own.
API_SECONDS = 12
HEALTH_CHECKS = 100


class NameServer(threading.Thread):
    """Answers each question for an IPv4 address with 127.0.0.1, or does wrong in one of the ways that `mode` names."""

    def __init__(self):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 53))
        self.mode, self.asked = "silent", 0
        self.start()

    def run(self):
        while True:
            question, sender = self.socket.recvfrom(2048)
            self.asked += 1
            answer = getattr(self, self.mode)(question)
            if answer is not None:
                self.socket.sendto(answer, sender)

    @staticmethod
    def reply(question, code=0, flags=0x8180, records=()):
        end = question.index(b"\0", 12) + 5
        head = question[:2] + struct.pack(">HHHHH", flags | code, 1, len(records), 0, 0)
        return head + question[12:end] + b"".join(records)

    @staticmethod
    def address(text):
        return b"\xc0\x0c" + struct.pack(">HHIH", TYPE_A, CLASS_IN, 1, 4) + socket.inet_aton(text)

    def right(self, question):
        is_a = question[question.index(b"\0", 12) + 1:][:2] == struct.pack(">H", TYPE_A)
        return self.reply(question, records=[self.address("127.0.0.1")] if is_a else [])

    def silent(self, question):
        return None

    def failing(self, question):
        return self.reply(question, code=2)

    def no_such_name(self, question):
        return self.reply(question, code=3)

    def noise(self, question):
        return question[:2] + b"\xff" * 40

    def another_question(self, question):
        return bytes([question[0] ^ 0xFF]) + self.right(question)[1:]

    def cut(self, question):
        """Says that the answer is longer and available by TCP, where no server listens."""
        return self.reply(question, flags=0x8380)

    def nowhere(self, question):
        """An address of documentation (RFC 5737), to which there is no way."""
        return self.reply(question, records=[self.address("192.0.2.1")])

    def somebody_else(self, question):
        """An address of loopback on which no server listens."""
        return self.reply(question, records=[self.address("127.9.9.9")])


def metric(helper, name):
    lines = [line for line in helper.get("/metrics").text.splitlines() if line.startswith(name)]
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


def health(helper):
    """How long each of some checks takes, in seconds; they are spread over what the resolver waits for."""
    times = []
    for _ in range(HEALTH_CHECKS):
        began = time.monotonic()
        assert helper.get("/api/health").status_code == 200
        times.append(time.monotonic() - began)
        time.sleep(0.02)
    return sorted(times)


def by_names(url, name):
    return url.replace("127.0.0.1", name)


def start(sandbox):
    return Helper(by_names(sandbox.keycloak, "keycloak.example.test"), by_names(sandbox.threescale, "threescale.example.test"),
                  ready=False, ALLOW_INSECURE_HTTP="true",
                  KEYCLOAK_ISSUERS=f"{sandbox.keycloak}/realms/mlaas",
                  REDIS_URL="redis://redis.example.test:6379/0", API_TIMEOUT=f"{API_SECONDS}s", BREAKER_PROBE_SECONDS="1")


def wrong(sandbox, names, mode):
    """What a helper does under a name server of that kind, and how long it takes to end."""
    names.mode, names.asked = mode, 0
    helper = start(sandbox)
    # Some call waits for names all the time.
    token = sandbox.token()
    asking, answers = threading.Event(), []

    def ask():
        while not asking.is_set():
            answers.append(helper.get("/api/services", token).status_code)

    clients = [threading.Thread(target=ask, daemon=True) for _ in range(4)]
    for client in clients:
        client.start()
    times = health(helper)
    blocked = metric(helper, "mlaas_event_loop_blocked_total")
    ready = helper.get("/api/health/ready").status_code
    asking.set()
    for client in clients:
        client.join(60)
    began = time.monotonic()
    helper.process.send_signal(signal.SIGTERM)
    status = helper.process.wait(timeout=60)
    return {"mode": mode, "median_ms": times[len(times) // 2] * 1000, "worst_ms": times[-1] * 1000, "blocked": blocked,
            "ready": ready, "answers": sorted(set(answers)), "asked": names.asked, "exit_status": status,
            "exit_seconds": time.monotonic() - began}


def recovery(sandbox, names):
    """Silent at the start, right later: whether the helper gets ready without a restart."""
    names.mode = "silent"
    helper = start(sandbox)
    assert helper.get("/api/health/ready").status_code == 503
    names.mode = "right"
    began = time.monotonic()
    while helper.get("/api/health/ready").status_code != 200 and time.monotonic() - began < 60:
        time.sleep(0.05)
    seconds = time.monotonic() - began
    services = helper.get("/api/services", sandbox.token()).status_code
    helper.process.send_signal(signal.SIGTERM)
    return {"mode": "right later", "ready_seconds": seconds, "services": services,
            "exit_status": helper.process.wait(timeout=60)}


def main():
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    names = NameServer()
    sandbox = Sandbox()
    try:
        for mode in sys.argv[1:]:
            print(json.dumps(recovery(sandbox, names) if mode == "recovery" else wrong(sandbox, names, mode)), flush=True)
    finally:
        stop(sandbox.process)


main()
