#!/usr/bin/env python3
"""SIGTERM under full load, again and again: not one request that was accepted may go without its answer.

Each round starts the helper, lets a load generator of our own (load.c, which says what counts as lost) ask as fast as the
machine can, with pipelining, fresh connections, slow clients and idle ones beside it, and ends the helper meanwhile. A request that
is lost, has failed or is reset in any round fails the run, and so does a rate below the one wanted: then the round has not shown
what it should.

  drain.py [--rounds N] [--rate-min N] [--drain SECONDS...] [--depth N...] [--path PATH]
     MLAAS_BIN: the programs' folder
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "Conformance"))
from conftest import Helper, Sandbox, stop  # noqa: E402

LOAD_MS = 1500
# Some connections of each kind, so that the two loops and the generator share two cores at full speed.
PIPELINED, FRESH, PAUSING, SLOW, IDLE = 48, 8, 50, 50, 200


def build(folder):
    program = folder / "load"
    subprocess.run(["cc", "-O2", "-Wall", "-Wextra", "-Werror", "-o", program, HERE / "load.c"], check=True)
    return program


def round_of(program, sandbox, drain, depth, path):
    """What the generator has counted, and the helper's exit status."""
    helper = Helper(sandbox.keycloak, sandbox.threescale, SHUTDOWN_DRAIN_SECONDS=str(drain), LOG_LEVEL="notice",
                    SERVER_LOOPS="2")
    try:
        arguments = [helper.url.rsplit(":", 1)[1], helper.process.pid, LOAD_MS, PIPELINED, depth, FRESH, PAUSING, SLOW,
                     IDLE, path]
        ran = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, timeout=120)
        if ran.returncode not in (0, 1, 2):
            raise RuntimeError(f"the generator ended with {ran.returncode}: {ran.stderr}")
        return json.loads(ran.stdout), helper.process.wait(timeout=60)
    finally:
        if helper.process.poll() is None:
            helper.process.kill()
            helper.process.wait()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--rate-min", type=int, default=50_000)
    parser.add_argument("--drain", type=int, nargs="+", default=[0, 1], help="SHUTDOWN_DRAIN_SECONDS, in turn")
    parser.add_argument("--depth", type=int, nargs="+", default=[16, 16, 1, 1], help="requests sent at once, in turn")
    parser.add_argument("--path", default="/api/health")
    options = parser.parse_args()
    sandbox = Sandbox()
    failures, answered, rates = [], 0, []
    with tempfile.TemporaryDirectory() as name:
        try:
            program = build(Path(name))
            for number in range(options.rounds):
                drain = options.drain[number % len(options.drain)]
                depth = options.depth[number % len(options.depth)]
                seen, status = round_of(program, sandbox, drain, depth, options.path)
                print(f"round {number + 1}, {depth} at once, drain of {drain} s: {json.dumps(seen)}", flush=True)
                if "error" in seen or seen["lost"] or seen["failed"] or seen["resets"]:
                    failures.append(f"round {number + 1}: {seen}")
                    continue
                if status != 0:
                    failures.append(f"round {number + 1}: the helper ended with {status}")
                answered += seen["answered"]
                rates.append(seen["rate"])
        finally:
            stop(sandbox.process)
    if rates and min(rates) < options.rate_min:
        failures.append(f"{min(rates)} requests a second in the slowest round, wanted {options.rate_min}")
    for failure in failures:
        print(failure, file=sys.stderr)
    if failures:
        sys.exit(1)
    print(f"passed: {options.rounds} shutdowns under {min(rates):,} to {max(rates):,} requests a second, {answered:,} "
          "requests answered, none lost")


main()
