#!/usr/bin/env python3
"""A million mixed requests against one replica, and its resident memory as they go.

    growth.py [--requests N] [--users N] [--seed S]

Several thousand people come in: four fifths in the first tenth of the requests, the rest in the last. Each gets a first key, and
asks on: lists, details, plans, keys that exist, refused tokens; health in between. Every answer's status and every key is
checked. Memory is held to two bounds: while no request comes it must stand still, and those who come at the end may take what a
remembered caller and token take. The exit status is 1 when something did not hold.
"""

import argparse
import json
import multiprocessing
import os
import random
import socket
import sys
import time
from collections import Counter

from fleet import Replica, Sandbox, services

WORKERS = 4
# Tokens of the sandbox last for 300 s. The helper remembers those that it has verified until they end.
TOKEN_SECONDS = 250
# KiB: what a caller and a token may take at most, and what an allocator may keep.
EACH, SLACK = 3, 384
MIX = {"list": 40, "init of a known key": 15, "detail": 12, "plans": 10, "refused token": 12, "health": 10, "ready": 1}
EXPECTED = {kind: 401 if kind == "refused token" else 200 for kind in [*MIX, "init of a new user"]}


class Connection:
    """A kept connection that reads answers with a Content-Length and no others: a lean client leaves the cores to the helper."""

    def __init__(self, port):
        self.port = port
        self.connect()

    def connect(self):
        self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, method, path, token=None, body=""):
        """(status, body)."""
        fields = [f"{method} {path} HTTP/1.1", "Host: helper"]
        if token:
            fields.append(f"Authorization: Bearer {token}")
        if body:
            fields += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        self.socket.sendall("\r\n".join([*fields, "", body]).encode())
        received = b""
        while b"\r\n\r\n" not in received:
            received += self.receive()
        head, _, content = received.partition(b"\r\n\r\n")
        head = head.lower()
        length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
        while len(content) < length:
            content += self.receive()
        if b"\r\nconnection: close" in head:
            self.socket.close()
            self.connect()
        return int(head[9:12]), content

    def receive(self):
        received = self.socket.recv(65_536)
        if not received:
            raise ConnectionError("closed in the middle of a run")
        return received


class Worker:
    """One process' share of the people and the requests."""

    def __init__(self, number, sandbox, port, service, arguments, done):
        self.number, self.sandbox, self.service, self.done = number, sandbox, service, done
        self.choice = random.Random(f"{arguments.seed}/{number}")
        self.requests, self.users = arguments.requests // WORKERS, arguments.users // WORKERS
        self.connection = Connection(port)
        self.people = []  # [name, token, when it was issued, key]
        self.seen = Counter()
        self.renewed = 0
        self.wrong = []

    def run(self):
        for turn in range(self.requests):
            if len(self.people) < self.wanted(turn):
                self.welcome()
            else:
                self.anything(self.choice.choice(self.people))
            if turn % 100 == 99:
                with self.done.get_lock():
                    self.done.value += 100
        return self.seen, self.renewed, self.wrong

    def wanted(self, turn):
        """How many people have come by this request."""
        part = turn / self.requests
        return 1 + (self.users - 1) * (min(0.8, 8 * part) + max(0, 2 * (part - 0.9)))

    def welcome(self):
        name = f"soak{self.number}x{len(self.people)}"
        self.sandbox.add_user(name)
        person = [name, self.sandbox.token(name), time.monotonic(), None]
        answer = self.ask("init of a new user", "POST", "/api/services/init", person[1], json.dumps({"service_id": self.service}))
        if answer:
            data = json.loads(answer)["data"]
            person[3] = data["api_key"]
            self.check(data["is_new"], f"{name}: the first key was not new")
        self.people.append(person)

    def anything(self, person):
        kind = self.choice.choices(list(MIX), list(MIX.values()))[0]
        if kind == "health":
            self.ask(kind, "GET", "/api/health")
        elif kind == "ready":
            self.ask(kind, "GET", "/api/health/ready")
        else:
            if time.monotonic() - person[2] > TOKEN_SECONDS:
                person[1:3] = self.sandbox.token(person[0]), time.monotonic()
                self.renewed += 1
            self.signed_in(kind, person)

    def signed_in(self, kind, person):
        name, token, _, key = person
        if kind == "list":
            answer = self.ask(kind, "GET", "/api/services", token)
            self.check(answer and b'"has_api_key":true' in answer, f"{name}: the list has no key")
        elif kind == "detail":
            self.ask(kind, "GET", f"/api/services/{self.service}", token)
        elif kind == "plans":
            self.ask(kind, "GET", f"/api/services/{self.service}/plans", token)
        elif kind == "refused token":
            # Each is another token to the helper: what it remembers of them must be bounded, too.
            self.ask(kind, "GET", "/api/services", token[:-40] + "%040d" % self.choice.randrange(10**40))
        else:
            answer = self.ask(kind, "POST", "/api/services/init", token, json.dumps({"service_id": self.service}))
            self.check(answer and json.loads(answer)["data"]["api_key"] == key, f"{name}: another key than the first")

    def ask(self, kind, method, path, token=None, body=""):
        """The body when the status was the expected one."""
        status, content = self.connection.ask(method, path, token, body)
        self.seen[kind] += 1
        self.check(status == EXPECTED[kind], f"{kind}: {status} {content[:200]}")
        return content if status == EXPECTED[kind] else None

    def check(self, holds, what):
        if not holds:
            self.wrong.append(what)


def work(number, sandbox, port, service, arguments, done, results):
    try:
        results.put(Worker(number, sandbox, port, service, arguments, done).run())
    except Exception as error:  # whatever it is, the parent must not wait for ever
        results.put((Counter(), 0, [f"worker {number}: {type(error).__name__}: {error}"]))


class Samples:
    """Resident memory, open descriptors and the helper's own count of its callers, by requests answered."""

    def __init__(self, replica):
        self.replica, self.rows = replica, []

    def take(self, requests):
        metrics = self.replica.metrics()
        callers = int(metrics.get('mlaas_cache_entries{cache="callers"}', 0))
        size = int(metrics.get('mlaas_cache_bytes{cache="callers"}', 0))
        descriptors = len(os.listdir(f"/proc/{self.replica.process.pid}/fd"))
        self.rows.append((requests, self.replica.memory(), callers, size))
        print(f"{requests:>9} requests: {self.rows[-1][1]:>7} KiB resident, {descriptors} descriptors, {callers} callers "
              f"remembered ({size // 1024} KiB)", flush=True)


def report(rows, seen, renewed, wrong, took, requests):
    """Whether everything held."""
    print(f"growth: {sum(seen.values())} requests in {took:.0f} s, {renewed} tokens renewed, {len(wrong)} answered wrongly: "
          f"{dict(seen)}")
    for what in wrong[:20]:
        print(f"  FAILED: {what}")
    if wrong:
        return False
    settled = next(row for row in rows if row[0] >= requests * 0.2)
    before, last = [row for row in rows if row[0] <= requests * 0.905][-1], rows[-1]
    return all([
        bounded("without requests", settled, before, EACH * renewed + SLACK),
        bounded("as people came", before, last, EACH * (renewed + last[2] - before[2]) + SLACK)])


def bounded(when, first, last, allowed):
    grown = last[1] - first[1]
    print(f"growth {when}: {grown:+} KiB resident and {last[2] - first[2]:+} callers over {last[0] - first[0]} requests; "
          f"{allowed} KiB allowed", flush=True)
    return grown <= allowed


def drive(sandbox, replica, arguments):
    sandbox.add_user("first")
    service = services(replica, sandbox.token("first"))["granite_chat"]
    samples = Samples(replica)
    samples.take(0)
    done, results = multiprocessing.Value("q", 0), multiprocessing.Queue()
    processes = [
        multiprocessing.Process(target=work, args=(n, sandbox, replica.port, service, arguments, done, results), daemon=True)
        for n in range(WORKERS)]
    began = time.monotonic()
    for process in processes:
        process.start()
    step = max(1, arguments.requests // 20)
    while any(process.is_alive() for process in processes) and results.qsize() < WORKERS:
        if done.value >= step * len(samples.rows):
            samples.take(done.value)
        time.sleep(0.05)
    seen, renewed, wrong = Counter(), 0, []
    for _ in processes:
        counted, tokens, failed = results.get(timeout=60)
        seen += counted
        renewed += tokens
        wrong += failed
    for process in processes:
        process.join()
    took = time.monotonic() - began
    samples.take(sum(seen.values()))
    return samples.rows, seen, renewed, wrong, took


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--users", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    sandbox = Sandbox()
    replica = Replica(sandbox, APPLICATIONS_CACHE_SECONDS="5", LOG_LEVEL="error").ready()
    try:
        outcome = drive(sandbox, replica, arguments)
    finally:
        replica.stop()
        sandbox.stop()
    if not report(*outcome, arguments.requests):
        sys.exit(1)


if __name__ == "__main__":
    main()
