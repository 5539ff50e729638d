#!/usr/bin/env python3
"""Measures the helper beside other servers in one run, and writes what was seen.

BENCH_QUICK=1 is a short run of every part.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from harness import authenticated, growth, latency, load, machine, plots, processes, replicas, report, routes, startup, tokens

ROOT = Path(__file__).resolve().parents[1]
PRODUCT = ROOT / ".build-static" / "release"
PROGRAMS = ROOT / ".build-bench" / "release"
KEPT = ROOT / ".build-bench" / "tokens"
DOCS = ROOT / "docs"
BEGIN, END = "<!-- figures: written by make bench -->", "<!-- end of the figures -->"


def instructions(bench):
    """The table of instructions.py; whether the budget is kept is that program's own matter."""
    path = processes.program("valgrind")
    if path is None:
        bench.say("skipped: instructions (valgrind is not installed)")
        return "Not measured: valgrind is not installed.\n"
    finished = subprocess.run([sys.executable, ROOT / "Benchmarks" / "instructions.py"], capture_output=True, text=True)
    bench.say("instructions: done")
    return finished.stdout or finished.stderr


class Bench:
    """What every part works with."""

    def __init__(self, folder, parts):
        self.began = time.monotonic()
        self.is_quick = os.environ.get("BENCH_QUICK", "0") not in ("", "0")
        self.folder = Path(folder)
        self.helper, self.sandbox = PRODUCT / "mlaas-helper", PRODUCT / "mlaas-sandbox"
        self.verify_server = PROGRAMS / "VerifyServer"
        self.load = load.Load(PROGRAMS / "load")
        for path in (self.helper, self.sandbox, self.verify_server, self.load.program, PROGRAMS / "mint"):
            if not path.exists() and (path != self.verify_server or "authenticated" in parts):
                sys.exit(f"{path} is missing: make bench builds it")
        self.keys = tokens.Keys(KEPT / "keys")
        self.mint = tokens.Mint(PROGRAMS / "mint", KEPT, self.keys)
        self.key_server = tokens.KeyServer(self.keys.key_set)

    def say(self, text):
        print(f"{time.monotonic() - self.began:6.1f} s  {text}", file=sys.stderr, flush=True)


PARTS = {
    "startup": (startup.measure, report.startup, None),
    "authenticated": (authenticated.measure, report.authenticated, plots.authenticated),
    "latency": (latency.measure, report.latency, plots.latency),
    "growth": (growth.measure, report.growth, plots.growth),
    "replicas": (replicas.measure, report.replicas, None),
    "routes": (routes.measure, report.routes, None),
    "instructions": (instructions, report.instructions, None),
}


def write(bench, about, results):
    """The figures into docs/ when all were measured at length, else into .run/bench/."""
    is_whole = set(results) == set(PARTS) and not bench.is_quick
    folder = DOCS if is_whole else ROOT / ".run" / "bench"
    (folder / "plots").mkdir(parents=True, exist_ok=True)
    text = [about]
    if bench.is_quick:
        text.append("This was a short run: its figures show that everything works, and little more.\n")
    if {"startup", "authenticated", "growth", "replicas"} <= set(results):
        text += ["### Targets\n", report.verdict(results)]
    for name, result in results.items():
        _, table, draw = PARTS[name]
        text.append(table(result))
        for file, picture in (draw(result) if draw else {}).items():
            (folder / "plots" / file).write_text(picture)
            text.append(f"![{file.removesuffix('.svg')}](plots/{file})\n")
    figures = "\n".join(text)
    print(figures)
    page = folder / "performance.md"
    if is_whole:
        before, _, rest = page.read_text().partition(BEGIN)
        _, _, after = rest.partition(END)
        figures = f"{before}{BEGIN}\n{figures}{END}{after}"
    page.write_text(figures)
    bench.say(f"wrote {page.relative_to(ROOT)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help="parts to measure, comma-separated", default=",".join(PARTS))
    wanted = parser.parse_args().only.split(",")
    if set(wanted) - set(PARTS):
        parser.error(f"unknown parts {', '.join(sorted(set(wanted) - set(PARTS)))}; there are {', '.join(PARTS)}")
    with tempfile.TemporaryDirectory(prefix="mlaas-bench-") as folder:
        bench = Bench(folder, wanted)
        about, busy = machine.describe(), machine.busy()
        try:
            results = {name: PARTS[name][0](bench) for name in PARTS if name in wanted}
        finally:
            bench.key_server.stop()
    write(bench, f"{about} Load average {busy} before the run, {machine.busy()} after it.\n", results)


main()
