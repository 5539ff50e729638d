#!/usr/bin/env python3
"""A day of a company in ten minutes: its people ask three replicas with a Redis behind them while the replicas are replaced
one by one, Redis is killed and started again, and 3scale refuses everything for a while.

    day.py [--minutes M] [--people N] [--rate R]
       MLAAS_BIN: the programs' folder; R: requests a second, in an open loop whose people do not wait for each other

Prints latency and failures by route and by what was going on, and draws them over time: docs/plots/day.svg when it ran for
ten minutes, else .run/bench/plots/day.svg. Exits 1 when a request failed that no trouble of ours or of 3scale explains, or when
a person has two keys for one service.
"""

import argparse
import asyncio
import collections
import contextlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
os.environ.setdefault("MLAAS_BIN", str(ROOT / ".build-static" / "release"))
sys.path[:0] = [str(ROOT / "Tests" / "Chaos"), str(ROOT / "Benchmarks")]
from fleet import Replica, Sandbox, free_port, percentile  # noqa: E402
from harness import plot, report  # noqa: E402

CALM, UPDATE, REDIS, OUTAGE = "calm", "rolling update", "Redis away", "3scale away"
LIST, ONE, PLANS, INIT, FIRST = "list", "one service", "plans", "key again", "first key"
# Parts of a day's requests.
MIXTURE = {LIST: 70, ONE: 10, PLANS: 8, INIT: 8, FIRST: 4}
RATE_LIMITS = "read=300/minute;write=30/minute,200/day;auth_failure=60/minute"
# A token of the sandbox is good for five minutes.
TOKEN_SECONDS = 240
# What is still under way when trouble begins or ends belongs to it.
MARGIN = 2.0
Answer = collections.namedtuple("Answer", "time route milliseconds status during retry_after")


class Connections:
    """Kept connections to one server, as a front end has them."""

    def __init__(self, port):
        self.port, self.idle = port, []

    async def ask(self, method, path, token=None, body=None, kind="application/json"):
        """(status, header fields, body). One that was closed while it was kept is replaced, once."""
        content = (body or "").encode()
        head = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{self.port}"]
        head += [f"Authorization: Bearer {token}"] if token else []
        head += [f"Content-Type: {kind}", f"Content-Length: {len(content)}"] if body is not None else []
        request = "\r\n".join(head).encode() + b"\r\n\r\n" + content
        while self.idle:
            reader, writer = self.idle.pop()
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                return await self.exchange(reader, writer, request)
        return await self.exchange(*await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 20), request)

    async def exchange(self, reader, writer, request):
        try:
            writer.write(request)
            lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)}
            body = await reader.readexactly(int(fields.get("content-length", 0)))
        except BaseException:
            writer.close()
            raise
        if fields.get("connection", "").lower() == "close":
            writer.close()
        else:
            self.idle.append((reader, writer))
        return int(lines[0].split(" ")[1]), fields, body

    def close(self):
        for _, writer in self.idle:
            writer.close()
        self.idle = []


class Service:
    """The replicas that are ready, as a Service of Kubernetes has them."""

    def __init__(self):
        self.connections, self.turn = {}, 0

    def add(self, replica):
        self.connections[replica] = Connections(replica.port)

    def remove(self, replica):
        self.connections.pop(replica).close()

    def next(self):
        self.turn += 1
        return list(self.connections.values())[self.turn % len(self.connections)]


class Day:
    def __init__(self, sandbox, redis, people, seconds, rate):
        self.sandbox, self.redis, self.seconds, self.rate = sandbox, redis, seconds, rate
        self.keycloak = Connections(sandbox.ports[0])
        self.people = [f"person{number}" for number in range(people)]
        self.tokens, self.keys, self.answers, self.failures = {}, {}, [], []
        self.service, self.now, self.troubles = Service(), CALM, []
        self.dice = random.Random(1)

    def replica(self):
        return Replica(self.sandbox, REDIS_URL=f"redis://127.0.0.1:{self.redis.port}", RATE_LIMITS=RATE_LIMITS, SHUTDOWN_DRAIN_SECONDS="3")

    # What goes wrong

    @contextlib.asynccontextmanager
    async def trouble(self, name):
        began, self.now = time.monotonic() - self.began, name
        yield
        await asyncio.sleep(MARGIN)
        self.now = CALM
        self.troubles.append((name, began, time.monotonic() - self.began))

    async def until(self, share):
        await asyncio.sleep(max(0, self.began + self.seconds * share - time.monotonic()))

    async def troubles_of_the_day(self, replicas):
        await self.until(0.2)
        async with self.trouble(UPDATE):
            for old in list(replicas):
                new = self.replica()
                await asyncio.to_thread(new.ready)
                self.service.add(new)
                replicas.append(new)
                old.process.terminate()
                # Readiness is 503 at once; a Service takes about a second to notice.
                await asyncio.sleep(1)
                self.service.remove(old)
                await asyncio.to_thread(old.process.wait, 40)
                replicas.remove(old)
        await self.until(0.5)
        async with self.trouble(REDIS):
            self.redis.kill()
            await asyncio.sleep(self.seconds / 60)
            self.redis.start()
        await self.until(0.7)
        async with self.trouble(OUTAGE):
            self.sandbox.fault("3scale", "status", path="/*", status=503)
            await asyncio.sleep(self.seconds / 20)
            self.sandbox.calm()
            # The helper asks by itself whether 3scale is back, every `BREAKER_PROBE_SECONDS`.
            await asyncio.sleep(5)

    # What people do

    async def token(self, person):
        token, since = self.tokens.get(person, (None, 0))
        if time.monotonic() - since > TOKEN_SECONDS:
            form = (f"grant_type=password&client_id=mlaas-client&client_secret=mlaas-client-secret&username={person}"
                    f"&password={person}-password&scope=openid")
            _, _, body = await self.keycloak.ask(
                "POST", "/realms/mlaas/protocol/openid-connect/token", None, form, "application/x-www-form-urlencoded")
            token = json.loads(body)["access_token"]
            self.tokens[person] = (token, time.monotonic())
        return token

    async def act(self):
        person = self.dice.choice(self.people)
        route = self.dice.choices(list(MIXTURE), MIXTURE.values())[0]
        held = self.keys.setdefault(person, {})
        service = self.dice.choice(self.services)
        if route == INIT and not held:
            route = LIST
        if route == INIT:
            service = next(iter(held))
        elif route == FIRST and service in held:
            route = ONE
        token = await self.token(person)
        method, path, body = {
            LIST: ("GET", "/api/services", None), ONE: ("GET", f"/api/services/{service}", None),
            PLANS: ("GET", f"/api/services/{service}/plans", None)}.get(
                route, ("POST", "/api/services/init", json.dumps({"service_id": service})))
        during, began = self.now, time.monotonic()
        try:
            status, fields, text = await asyncio.wait_for(self.service.next().ask(method, path, token, body), 40)
        except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError) as error:
            status, fields, text = 0, {}, type(error).__name__.encode()
        took = (time.monotonic() - began) * 1_000
        during = during if during != CALM else self.now
        self.answers.append(Answer(began - self.began, route, took, status, during, fields.get("retry-after")))
        if route in (INIT, FIRST) and status == 200:
            key = json.loads(text)["data"]["api_key"]
            if held.setdefault(service, key) != key:
                self.failures.append(f"{person} has two keys for service {service}")
        elif status != 200 and not (during == OUTAGE and status == 503 and fields.get("retry-after")):
            self.failures.append(f"{during}: {route}: {status} {text[:160]!r}")

    async def services_with_plans(self):
        token, found = await self.token(self.people[0]), []
        _, _, body = await self.service.next().ask("GET", "/api/services", token)
        for service in json.loads(body)["data"]["services"]:
            _, _, body = await self.service.next().ask("GET", f"/api/services/{service['id']}/plans", token)
            if json.loads(body)["data"]["plans"]:
                found.append(service["id"])
        return found

    async def run(self):
        replicas = [self.replica() for _ in range(3)]
        try:
            for replica in replicas:
                await asyncio.to_thread(replica.ready)
                self.service.add(replica)
            self.services = await self.services_with_plans()
            self.began = time.monotonic()
            troubles, asked = asyncio.create_task(self.troubles_of_the_day(replicas)), set()
            due = self.began
            while due < self.began + self.seconds:
                due += self.dice.expovariate(self.rate)
                await asyncio.sleep(max(0, due - time.monotonic()))
                task = asyncio.create_task(self.act())
                asked.add(task)
                task.add_done_callback(asked.discard)
            await asyncio.gather(*asked)
            await troubles
        finally:
            for replica in replicas:
                replica.stop()
        return self

    def twins(self):
        """Live applications of one account and service beyond the first."""
        held = collections.Counter((entry["account_id"], entry["service_id"]) for entry in self.sandbox.applications())
        return [pair for pair, count in held.items() if count > 1]


class Redis:
    def __init__(self, folder):
        self.folder, self.port = folder, free_port()
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", self.folder],
            stdout=subprocess.DEVNULL)

    def kill(self):
        self.process.kill()
        self.process.wait()


def table(answers):
    rows = []
    for during in (CALM, UPDATE, REDIS, OUTAGE):
        for route in MIXTURE:
            found = [answer for answer in answers if (answer.during, answer.route) == (during, route)]
            if found:
                times = [answer.milliseconds for answer in found]
                refused = sum(answer.status == 503 for answer in found)
                failed = sum(answer.status not in (200, 503) for answer in found)
                rows.append([during, route, f"{len(found):,}", f"{percentile(times, 0.5):.1f}", f"{percentile(times, 0.99):.1f}",
                             f"{max(times):.0f}", refused, failed])
    return report.table(["", "route", "requests", "p50, ms", "p99, ms", "slowest, ms", "503", "failed"], rows)


def picture(day):
    width = max(1.0, day.seconds / 60)
    series = {}
    for route in (LIST, INIT, FIRST):
        buckets = collections.defaultdict(list)
        for answer in day.answers:
            if answer.route == route:
                buckets[int(answer.time / width)].append(answer.milliseconds)
        series[route] = [((index + 0.5) * width / 60, percentile(times, 0.99)) for index, times in sorted(buckets.items())]
    marks = [(name, began / 60, ended / 60) for name, began, ended in day.troubles]
    return plot.over_time("A day in ten minutes", f"99 of 100 requests of each {width:.0f} s took at most so many ms", series, marks)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--people", type=int, default=5_000)
    parser.add_argument("--rate", type=float, default=200)
    options = parser.parse_args()
    if shutil.which("redis-server") is None:
        sys.exit("day.py needs redis-server: apt-get install redis-server")
    with tempfile.TemporaryDirectory(prefix="mlaas-day-") as folder:
        sandbox, redis = Sandbox(), Redis(folder)
        try:
            for number in range(options.people):
                sandbox.add_user(f"person{number}")
            day = asyncio.run(Day(sandbox, redis, options.people, options.minutes * 60, options.rate).run())
            twins = day.twins()
        finally:
            redis.kill()
            sandbox.stop()
    print(table(day.answers))
    plots = ROOT / ("docs" if options.minutes >= 10 else ".run/bench") / "plots"
    plots.mkdir(parents=True, exist_ok=True)
    (plots / "day.svg").write_text(picture(day), encoding="utf-8")
    faults = day.failures + [f"two applications of account {account} for service {service}" for account, service in twins]
    for fault in faults[:20]:
        print(fault, file=sys.stderr)
    keys = sum(len(held) for held in day.keys.values())
    print(f"{len(day.answers):,} requests of {options.people:,} people, {keys:,} keys; "
          + (f"{len(faults)} faults" if faults else "1 passed, 0 failed"))
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
