#!/usr/bin/env python3
"""Strangers against the release build within 64 MiB, one kind after the other and all at once, and a well-behaved client
beside them that must go on being answered.

    siege.py [--seconds S] [--memory MIB] [--only KIND,…] [--health-max MS] [--health-typical MS]
       MLAAS_BIN: the programs' folder

Prints a table and exits 1 when the process was killed, the client met an error, health took longer than it may, an audit
line is missing, or anything is left behind a second after the strangers have gone.
"""

import argparse
import concurrent.futures
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "Chaos"))
from cgroup import MemoryLimit  # noqa: E402
from fleet import BIN, TOKEN, Sandbox, call, free_port, percentile, wait_for  # noqa: E402
from strangers import KINDS  # noqa: E402

NEWCOMERS = 20
CALLERS = 30
# How fast the reader of the log takes it while all strangers are there: a slow collector.
SLOW_LOG_BYTES = 64 * 1024


class BesiegedHelper:
    """The helper in its memory limit, with a log reader whose pace can be set."""

    def __init__(self, sandbox, limit):
        self.port, self.limit, self.log_pace, self.log = free_port(), limit, None, bytearray()
        self.url = f"http://127.0.0.1:{self.port}"
        environment = {
            "PATH": os.environ["PATH"], "KEYCLOAK_URL": sandbox.keycloak, "KEYCLOAK_REALM": "mlaas",
            "KEYCLOAK_CLIENT_ID": "mlaas-client", "THREESCALE_ADMIN_API_URL": sandbox.threescale,
            "THREESCALE_ADMIN_API_KEY": TOKEN, "SERVER_HOST": "127.0.0.1", "SERVER_PORT": str(self.port),
            "SHUTDOWN_DRAIN_SECONDS": "0"}
        self.process = subprocess.Popen(
            [BIN / "mlaas-helper"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            preexec_fn=limit.enter)
        limit.watch(self.process.pid)
        self.reader = threading.Thread(target=self.read_log, daemon=True)
        self.reader.start()
        wait_for(self.url + "/api/health/ready", self.process)

    def read_log(self):
        while piece := os.read(self.process.stdout.fileno(), 8_192 if self.log_pace else 65_536):
            self.log += piece
            if self.log_pace:
                time.sleep(len(piece) / self.log_pace)

    def audit_lines(self):
        lines = []
        for line in bytes(self.log).decode(errors="replace").splitlines():
            if '"logger":"audit"' in line:
                lines.append(json.loads(line))
        return lines

    def metric(self, name):
        text = call("GET", self.url + "/metrics")[2]
        values = [float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(name)]
        return sum(values)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=40)
        self.reader.join(timeout=30)


def behave(port, tokens, newcomers, seconds, results):
    """The well-behaved client: health on kept and on new connections, lists of known callers, first keys of new ones."""
    import http.client
    try:
        os.nice(-10)
    except OSError:
        pass
    health, errors, asked = [], [], 0
    kept = http.client.HTTPConnection("127.0.0.1", port, timeout=10)

    def ask(connection, what, method, path, token=None, body=None):
        nonlocal asked
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        if body:
            headers["Content-Type"] = "application/json"
        asked += 1
        began = time.monotonic()
        for attempt in (1, 2):
            try:
                connection.request(method, path, body, headers)
                answer = connection.getresponse()
                text = answer.read()
                break
            except (ConnectionError, http.client.HTTPException, OSError) as error:
                connection.close()
                # A kept connection may be closed between two requests; its client connects anew, once.
                if attempt == 2:
                    errors.append(f"{what}: {type(error).__name__}")
                    return None
        if answer.status != 200:
            errors.append(f"{what}: {answer.status} {text[:200]!r}")
        return time.monotonic() - began

    began, turn, next_newcomer = time.monotonic(), 0, 0.0
    while (passed := time.monotonic() - began) < seconds:
        health.append(ask(kept, "health", "GET", "/api/health"))
        fresh = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        health.append(ask(fresh, "health on a new connection", "GET", "/api/health"))
        fresh.close()
        ask(kept, "list", "GET", "/api/services", tokens[turn % len(tokens)])
        if newcomers and passed >= next_newcomer:
            next_newcomer += seconds / (NEWCOMERS + 1)
            ask(kept, "first key", "POST", "/api/services/init", newcomers.pop(), '{"service_id":"2"}')
        turn += 1
        time.sleep(max(0, 0.05 - (time.monotonic() - began - passed)))
    while newcomers:
        ask(kept, "first key", "POST", "/api/services/init", newcomers.pop(), '{"service_id":"2"}')
    results.put((asked, errors, [each * 1_000 for each in health if each is not None]))


def stranger(kind, port, seconds, seed, token, results):
    os.nice(10)
    try:
        results.put((kind, KINDS[kind](port, seconds, seed, token)))
    except Exception as error:  # noqa: BLE001: what happens to a stranger is not our failure, but it must be seen
        results.put((kind, f"{type(error).__name__}: {error}"))


def phase(helper, kinds, seconds, callers, newcomers, hungry_token):
    """One siege: (requests of the client, its errors, health latencies in ms, {kind: actions})."""
    ours, theirs = multiprocessing.Queue(), multiprocessing.Queue()
    client = multiprocessing.Process(target=behave, args=(helper.port, callers, newcomers, seconds + 0.5, ours))
    crowd = [multiprocessing.Process(target=stranger, args=(kind, helper.port, seconds, seed, hungry_token, theirs))
             for seed, kind in enumerate(kinds)]
    for process in [client, *crowd]:
        process.start()
    actions = dict(theirs.get(timeout=seconds + 120) for _ in crowd)
    asked, errors, health = ours.get(timeout=seconds + 120)
    for process in [client, *crowd]:
        process.join(timeout=60)
    return asked, errors, health, actions


def left_behind(helper, callers):
    """What is not as before a second after the strangers have gone; empty when all is."""
    time.sleep(1)
    faults = []
    active = helper.metric("http_server_active_requests")
    # The request that asks is under way itself.
    if active > 1:
        faults.append(f"{active:.0f} requests under way")
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(
            lambda token: call("GET", helper.url + "/api/services", None, {"Authorization": f"Bearer {token}"})[0],
            callers[:8]))
    if answers != [200] * 8:
        faults.append(f"eight lists at once: {answers}")
    return faults


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=8, help="for each kind; all at once take three times as long")
    parser.add_argument("--memory", type=int, default=64, help="MiB")
    parser.add_argument("--only", default="", help="kinds, comma-separated")
    parser.add_argument("--health-max", type=float, default=100, help="ms that no health request may exceed")
    parser.add_argument("--health-typical", type=float, default=100, help="ms for 99 of 100 of them")
    options = parser.parse_args()
    kinds = options.only.split(",") if options.only else list(KINDS)
    phases = [[kind] for kind in kinds] + ([kinds] if len(kinds) > 1 else [])

    sandbox, limit = Sandbox(), MemoryLimit(options.memory)
    print(f"memory: {options.memory} MiB, {limit.says}", flush=True)
    faults, table = [], []
    helper = None
    try:
        for number in range(CALLERS):
            sandbox.add_user(f"caller{number}")
        for number in range(NEWCOMERS):
            sandbox.add_user(f"newcomer{number}")
        helper = BesiegedHelper(sandbox, limit)
        callers = [sandbox.token(f"caller{number}") for number in range(CALLERS)]
        hungry_token = sandbox.token("ada")
        print(f"{'strangers':20}{'actions':>9}{'client':>8}{'errors':>8}{'health p50':>12}{'p99':>8}{'max ms':>9}{'MiB':>7}  after")
        for kinds_now in phases:
            together = len(kinds_now) > 1
            newcomers = [sandbox.token(f"newcomer{number}") for number in range(NEWCOMERS)] if together or len(phases) == 1 else []
            helper.log_pace = SLOW_LOG_BYTES if together else None
            limit.take_peak()
            asked, errors, health, actions = phase(
                helper, kinds_now, options.seconds * (3 if together else 1), callers, list(newcomers), hungry_token)
            peak, name = limit.take_peak(), "all at once" if together else kinds_now[0]
            if helper.process.poll() is not None:
                faults.append(f"{name}: the helper ended with {helper.process.returncode}, {limit.kills()} kills by the kernel")
                break
            after = left_behind(helper, callers)
            done = sum(count for count in actions.values() if isinstance(count, int))
            faults += [f"{name}: stranger {kind} failed: {text}" for kind, text in actions.items() if isinstance(text, str)]
            worst, typical = max(health, default=float("inf")), percentile(health, 0.99)
            print(f"{name:20}{done:>9}{asked:>8}{len(errors):>8}{percentile(health, 0.5):>12.1f}{typical:>8.1f}{worst:>9.1f}"
                  f"{peak:>7.1f}  {'; '.join(after) or 'as before'}", flush=True)
            table.append({"strangers": name, "actions": done, "requests": asked, "errors": len(errors),
                          "health_p99_ms": round(typical, 1), "health_max_ms": round(worst, 1), "mib": round(peak, 1)})
            faults += [f"{name}: {fault}" for fault in after]
            if errors:
                faults.append(f"{name}: {len(errors)} errors of the client, such as {errors[0]}")
            if worst > options.health_max or typical > options.health_typical:
                faults.append(f"{name}: health took {worst:.0f} ms, 99 of 100 at most {typical:.0f} ms")
            if limit.folder is None and peak > options.memory:
                faults.append(f"{name}: {peak:.0f} MiB resident")
        if limit.kills():
            faults.append(f"{limit.kills()} kills by the kernel")
    finally:
        if helper:
            helper.log_pace = None
            helper.stop()
        sandbox.stop()
        limit.close()
    created = [line for line in helper.audit_lines() if "newcomer" in line.get("user", "") and line.get("outcome") == "created"]
    users = {line["user"] for line in created}
    print(f"audit: {len(users)} of {NEWCOMERS} keys created are in the trail")
    if len(users) != NEWCOMERS:
        faults.append(f"{len(users)} of {NEWCOMERS} audit lines")
    (BIN.parent if BIN.name == "release" else BIN).joinpath("siege.json").write_text(json.dumps(table, indent=1))
    for fault in faults:
        print(fault, file=sys.stderr)
    print(f"{len(table)} passed, 0 failed" if not faults else f"{len(faults)} faults", flush=True)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
