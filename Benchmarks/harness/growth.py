"""What more services, users and loops cost."""

import time

from . import load as loads
from . import startup
from .processes import Processes
from .system import Helper, Sandbox


def services(bench):
    """{services: [Run, …]}: one user, all sizes in turn."""
    sizes = [10, 100, 1_000, 5_000]
    rounds, seconds = (2, 0.5) if bench.is_quick else (5, 2)
    one = bench.mint.tokens(1, 1)
    with Processes() as servers:
        helpers = {}
        for size in sizes:
            sandbox = servers.add(Sandbox(bench.sandbox, bench.folder, services=size, accounts=1))
            helpers[size] = servers.add(
                Helper(bench.helper, bench.folder, sandbox, bench.key_server.url, CATALOG_REFRESH_SECONDS=3_600))
            bench.load.run(helpers[size], one, "--requests", 200)
        runs = loads.alternate(
            {size: lambda size=size: bench.load.run(helpers[size], one, "--seconds", seconds, connections=16)
             for size in sizes}, rounds)
    bench.say("growth in services: done")
    return runs


def users(bench):
    """[{users, rate, p99, resident memory in bytes idle, warm and after `requests` in all}, …]. The tokens are signed by
    ES256, which is cheap to sign; checking one costs three times RS256, so that rates are lower than elsewhere once there
    are more tokens than the cache holds."""
    sizes = [1, 1_000, 10_000 if bench.is_quick else 100_000]
    total = 50_000 if bench.is_quick else 1_000_000
    seen = []
    for size in sizes:
        tokens = bench.mint.tokens(size, size, "ES256")
        with Processes() as servers:
            sandbox = servers.add(Sandbox(bench.sandbox, bench.folder, services=10, accounts=size))
            helper = servers.add(Helper(bench.helper, bench.folder, sandbox, bench.key_server.url))
            time.sleep(startup.REST)
            idle = helper.resident_bytes()
            first = bench.load.run(helper, tokens, "--once", "--seconds", 600)
            warm = helper.resident_bytes()
            run = bench.load.run(helper, tokens, "--seconds", 600, "--requests", max(1, total - size))
            seen.append({"users": size, "requests": total, "first": first, "run": run, "idle": idle, "warm": warm,
                         "after": helper.resident_bytes()})
        bench.say(f"growth in users, {size}: done")
    return seen


def loops(bench):
    """{(loops, "one user" or "never seen"): [Run, …]}."""
    rounds, seconds = (2, 1) if bench.is_quick else (5, 2)
    part = 4_000 if bench.is_quick else 20_000
    one = bench.mint.tokens(1, 1)
    unseen = bench.mint.tokens(part * rounds, 1_000, first=20_000_000)
    known = bench.mint.tokens(1_000, 1_000)
    with Processes() as servers:
        sandbox = servers.add(Sandbox(bench.sandbox, bench.folder, services=10, accounts=1_000))
        entries, turn = {}, {1: 0, 2: 0}
        for count in (1, 2):
            helper = servers.add(Helper(bench.helper, bench.folder, sandbox, bench.key_server.url, loops=count))
            bench.load.run(helper, known, "--once", "--seconds", 60)

            def fresh(helper=helper, count=count):
                turn[count] += 1
                return bench.load.run(
                    helper, unseen, "--once", "--from", (turn[count] - 1) * part, "--requests", part, "--seconds", 60)

            entries[count, "one user"] = (
                lambda helper=helper: bench.load.run(helper, one, "--seconds", seconds))
            entries[count, "never seen"] = fresh
        runs = loads.alternate(entries, rounds)
    bench.say("loops: done")
    return runs


def measure(bench):
    return {"services": services(bench), "users": users(bench), "loops": loops(bench)}
