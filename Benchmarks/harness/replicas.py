"""What replicas cost that share a Redis."""

import re
import socket

from . import load as loads
from .processes import Process, Processes, free_port, program
from .system import Helper, Sandbox

ALONE, ONE, TWO, THREE = "one, alone", "one, with Redis", "two, with Redis", "three, with Redis"


class Redis(Process):
    def __init__(self, path, folder):
        self.port = free_port()
        super().__init__("redis", [path, "--port", self.port, "--bind", "127.0.0.1", "--save", "", "--dir", folder],
                         folder / "redis.log")
        self.wait_until(lambda: socket.create_connection(("127.0.0.1", self.port), 1).close() is None)

    def calls(self):
        """Scripts run so far."""
        with socket.create_connection(("127.0.0.1", self.port), 5) as connection:
            connection.sendall(b"INFO commandstats\r\nQUIT\r\n")
            text = b"".join(iter(lambda: connection.recv(65_536), b"")).decode()
        return sum(int(number) for number in re.findall(r"cmdstat_eval(?:sha)?:calls=(\d+)", text))


def measure(bench):
    """{"runs": {title: [Run, …]}, "calls": {title: [calls to Redis for 1,000 requests, …]}, "redis": {title: [µs of
    Redis' processor a request, …]}}, or None without Redis. Replicas of one loop; the load generator deals its connections
    over them."""
    path = program("redis-server")
    if path is None:
        bench.say("skipped: replicas (redis-server is not installed)")
        return None
    rounds, seconds = (2, 1) if bench.is_quick else (5, 2)
    known = bench.mint.tokens(1_000, 1_000)
    calls, costs = {}, {}
    with Processes() as servers:
        redis = servers.add(Redis(path, bench.folder))
        sandbox = servers.add(Sandbox(bench.sandbox, bench.folder, services=10, accounts=1_000))

        def start(**settings):
            helper = servers.add(Helper(bench.helper, bench.folder, sandbox, bench.key_server.url, loops=1, **settings))
            bench.load.run(helper, known, "--once", "--seconds", 60)
            return helper

        def measured(title, group):
            # Leases were given back while others had their turn; what is measured is steady callers.
            bench.load.run(group, known, "--seconds", 1)
            before, spent = redis.calls(), redis.processor_seconds()
            run = bench.load.run(group, known, "--seconds", seconds)
            calls.setdefault(title, []).append((redis.calls() - before) / run.requests * 1_000)
            costs.setdefault(title, []).append((redis.processor_seconds() - spent) / run.requests * 1e6)
            return run

        alone = start()
        shared = [start(REDIS_URL=f"redis://127.0.0.1:{redis.port}") for _ in range(3)]
        groups = {ALONE: [alone], ONE: shared[:1], TWO: shared[:2], THREE: shared}
        runs = loads.alternate(
            {title: lambda title=title, group=group: measured(title, group) for title, group in groups.items()}, rounds)
    bench.say("replicas: done")
    return {"runs": runs, "calls": calls, "redis": costs}
