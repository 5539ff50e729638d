#!/usr/bin/env python3
"""The overload curve: half, once, twice and five times the load that the helper can carry, in an open loop whose clients do
not wait for each other, and what is left behind a second after it has ended.

    overload.py [--seconds S] [--rounds N]
       MLAAS_BIN: the programs' folder; MLAAS_LOAD: the load generator

`queued`: every list asks 3scale, which takes 20 ms, and the helper lets eight at once do so: the others wait their turn.
`direct`: every list is answered from the cache, and the helper has a quarter of one core.
Then, `rounds` times: a second of twice the load with a seventh of the clients resetting, a second of rest, and a look.
Exits 1 when goodput under overload falls below four fifths of the best, when what is accepted waits longer than the queue's
time, or when anything is left behind.
"""

import argparse
import concurrent.futures
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
os.environ.setdefault("MLAAS_BIN", str(ROOT / ".build-static" / "release"))
sys.path.insert(0, str(ROOT / "Tests" / "Chaos"))
from fleet import Replica, Sandbox, call  # noqa: E402

LOAD = Path(os.environ.get("MLAAS_LOAD", ROOT / ".build-bench" / "release" / "load"))
MULTIPLES = [0.5, 1, 2, 5]
CALLERS, UPSTREAM_MS, IN_FLIGHT, QUEUE_MS = 40, 20, 8, 500
# Gauges of what is taken and must be given back.
GAUGES = ("http_server_active_requests", "http_server_queued_requests", "mlaas_upstream_waiting", "mlaas_upstream_in_flight")
GOODPUT_MIN = 0.8
# The deadline is looked at every 250 ms, and the answer still has to be made; the rest is for a shared machine.
QUEUE_SLACK_MS = 1_000
PROCESSOR_SHARE = 0.25


class ProcessorShare:
    """A quarter of a core by a control group, where one can be made."""

    def __init__(self, pid, share):
        self.folder = None
        for root, is_v2 in ((Path("/sys/fs/cgroup/cpu"), False), (Path("/sys/fs/cgroup"), True)):
            folder = root / f"mlaas-overload-{os.getpid()}"
            try:
                folder.mkdir()
                if is_v2:
                    (folder / "cpu.max").write_text(f"{int(10_000 * share)} 10000")
                else:
                    (folder / "cpu.cfs_period_us").write_text("10000")
                    (folder / "cpu.cfs_quota_us").write_text(str(int(10_000 * share)))
                (folder / "cgroup.procs").write_text(str(pid))
                self.folder = folder
                return
            except OSError:
                if folder.exists():
                    folder.rmdir()

    def close(self):
        if self.folder:
            for _ in range(50):
                try:
                    return self.folder.rmdir()
                except OSError:
                    time.sleep(0.1)


def load(replica, tokens, rate, seconds, *options, connections=2_000):
    finished = subprocess.run(
        [LOAD, "--connections", str(connections), "--rate", str(rate), "--seconds", str(seconds), "--overload",
         *map(str, options), str(replica.port), str(tokens)], capture_output=True, text=True, timeout=seconds + 60)
    if not finished.stdout:
        raise RuntimeError(f"the generator ended with {finished.returncode}: {finished.stderr}")
    seen = json.loads(finished.stdout)
    seen["goodput"] = (seen["requests"] - seen["refused"] - seen["failures"]) / seen["seconds"]
    return seen


def lists(replica, tokens):
    """What so many lists at once are answered."""
    def ask(token):
        return call("GET", replica.url + "/api/services", None, {"Authorization": f"Bearer {token}"})[0]
    with concurrent.futures.ThreadPoolExecutor(len(tokens)) as pool:
        return list(pool.map(ask, tokens))


def left_behind(replica, tokens):
    """What is not as before; empty when all is."""
    try:
        metrics = replica.metrics()
    except ValueError:
        return ["the metrics are not answered"]
    gauges = {name: value for name, value in metrics.items() if name.startswith(GAUGES)}
    # The request that asks is under way itself.
    faults = [f"{name} {value:.0f}" for name, value in gauges.items()
              if value > (1 if name.startswith("http_server_active_requests") else 0)]
    answers = lists(replica, tokens[:IN_FLIGHT])
    if answers != [200] * IN_FLIGHT:
        faults.append(f"{IN_FLIGHT} lists at once: {answers}")
    return faults


def curve(name, replica, tokens, capacity, seconds, faults, slack):
    """Prints a line for each multiple and returns the best goodput."""
    seen = {}
    for multiple in MULTIPLES:
        seen[multiple] = it = load(replica, tokens, capacity * multiple, seconds)
        time.sleep(1)
        print(f"{name:8}{multiple:>6}×{capacity * multiple:>10.0f}/s{it['goodput']:>10.0f}/s good{it['refused'] / it['seconds']:>9.0f}/s"
              f" refused{it['unsent']:>8} unsent{it['failures']:>5} failed   p50 {it['p50']:7.1f}  p99 {it['p99']:7.1f} ms", flush=True)
    best = max(it["goodput"] for it in seen.values())
    for multiple, it in seen.items():
        if multiple > 1 and it["goodput"] < GOODPUT_MIN * best:
            faults.append(f"{name}, {multiple} times the load: {it['goodput']:.0f} a second, {best:.0f} at best")
        if it["failures"]:
            faults.append(f"{name}, {multiple} times the load: {it['failures']} answers that are neither 200 nor 503, such as {it['failed_status']}")
        if slack and it["p99"] > QUEUE_MS + slack:
            faults.append(f"{name}, {multiple} times the load: p99 {it['p99']:.0f} ms")
    return best


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=5, help="for each point of the curve")
    parser.add_argument("--rounds", type=int, default=50)
    options = parser.parse_args()
    sandbox, faults = Sandbox(), []
    names = [f"caller{number}" for number in range(CALLERS)]
    replica = share = None
    with tempfile.TemporaryDirectory() as folder:
        try:
            for name in names:
                sandbox.add_user(name)
            tokens = [sandbox.token(name) for name in names]
            file = Path(folder) / "tokens"
            file.write_text("\n".join(tokens) + "\n")
            common = {"SERVER_MAX_CONNECTIONS_PER_ADDRESS": "10000", "LOG_LEVEL": "warning", "MLAAS_ENV": "production"}

            replica = Replica(
                sandbox, **common, SERVER_MAX_REQUESTS_IN_FLIGHT=str(IN_FLIGHT), SERVER_QUEUE_TIMEOUT=f"{QUEUE_MS}ms",
                APPLICATIONS_CACHE_SECONDS="0", THREESCALE_MAX_CONCURRENCY="64").ready()
            for token in tokens:
                replica.init(token, "2")
            sandbox.fault("3scale", "latency", method="GET", path="/admin/api/accounts/*", delay_ms=UPSTREAM_MS)
            nominal = IN_FLIGHT * 1_000 / UPSTREAM_MS
            capacity = max(load(replica, file, rate, 3)["goodput"] for rate in (nominal * 0.6, nominal * 0.8, nominal))
            time.sleep(1)
            best = curve("queued", replica, file, capacity, options.seconds, faults, QUEUE_SLACK_MS)
            bad = 0
            for number in range(options.rounds):
                load(replica, file, capacity * 2, 1, "--abandon", 7)
                time.sleep(1)
                left = left_behind(replica, tokens)
                if left:
                    bad += 1
                    faults.append(f"round {number + 1}: {'; '.join(left)}")
            after = load(replica, file, capacity, options.seconds)["goodput"]
            print(f"queued  after {options.rounds} rounds with resets: {after:.0f}/s, {after / best:.2f} of the best; left behind in {bad} rounds")
            if after < GOODPUT_MIN * best:
                faults.append(f"after {options.rounds} rounds {after:.0f} a second, {best:.0f} at best")
            sandbox.calm()
            replica.stop()

            replica = Replica(sandbox, **common).ready()
            lists(replica, tokens)
            share = ProcessorShare(replica.process.pid, PROCESSOR_SHARE)
            closed = json.loads(subprocess.run([LOAD, "--seconds", "3", str(replica.port), str(file)], capture_output=True,
                                               text=True, check=True).stdout)["rate"]
            best = curve("direct", replica, file, closed, options.seconds, faults, None)
            time.sleep(1)
            faults += [f"direct: {fault}" for fault in left_behind(replica, tokens)]
        finally:
            if replica and replica.process.poll() is None:
                replica.stop()
            if share:
                share.close()
            sandbox.stop()
    for fault in faults:
        print(fault, file=sys.stderr)
    print("1 passed, 0 failed" if not faults else f"{len(faults)} faults")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
