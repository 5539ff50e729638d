#!/usr/bin/env python3
"""Measures the HTTP server by itself against servers that we did not write.

Every server sends the same bytes and fields, which is checked first, on as many loops, workers or threads; rounds alternate
between the servers within one run, and what counts are the ratios to nginx of the same round (their median). The load
generator runs on the same cores. What is not installed is skipped by name. Writes Markdown to standard output.

  bench-http.py [--rounds N] [--seconds S] [--loops N] [--server PATH] [--connections N...]
"""

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import http_peers
from http_peers import ask, free_port

ROOT = Path(__file__).resolve().parents[1]
CASES = [("/small", "0.1 KB, at once"), ("/large", "3 KB, at once"),
         ("/later/small", "0.1 KB, suspended once"), ("/later/large", "3 KB, suspended once")]
# What a server adds by itself, which may differ; Date must be there.
OWN = {"date", "content-length", "connection", "server", "keep-alive"}
# These answer by their configuration and cannot suspend: their rows are the same answer again.
NEVER_SUSPENDED = ("nginx", "haproxy")


def fields(port, path="/small"):
    return [(name.lower(), value) for name, value in ask(port, path)[0].getheaders() if name.lower() not in OWN]


def check(server, bodies, expected):
    """The same bytes and fields on each path, or the comparison is none."""
    for path, body in bodies.items():
        answer, received = ask(server.port, path)
        if answer.status != 200 or received.decode() != body:
            raise RuntimeError(f"{server.name}: another answer to {path}: {answer.status} {received[:80]!r}")
        seen = sorted((name, value) for name, value in fields(server.port, path) if name != "x-request-id")
        if seen != sorted((name, value) for name, value in expected if name != "x-request-id"):
            raise RuntimeError(f"{server.name}: other fields on {path}: {seen}")
        for name in ("date", "content-length", "x-request-id"):
            if answer.getheader(name) is None:
                raise RuntimeError(f"{server.name}: no {name} on {path}")


def load(port, path, connections, seconds):
    """Requests a second and the 99th percentile in milliseconds; any failed request ends the run."""
    text = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", f"http://127.0.0.1:{port}{path}"],
        check=True, capture_output=True, text=True).stdout
    rate = tail = 0.0
    for line in text.splitlines():
        words = line.split()
        if line.startswith("Requests/sec"):
            rate = float(words[1])
        elif words[:1] == ["99%"]:
            unit = {"us": 1e-3, "ms": 1, "s": 1e3}
            name = next(name for name in ("us", "ms", "s") if words[1].endswith(name))
            tail = float(words[1][:-len(name)]) * unit[name]
        elif "Non-2xx" in line or "Socket errors" in line:
            raise RuntimeError(f"{path}: {line.strip()}")
    return rate, tail


def measure(servers, path, connections, options):
    """Rates and tails by server, one of each a round."""
    rates = {server.name: [] for server in servers}
    tails = {server.name: [] for server in servers}
    for turn in range(options.rounds):
        # The order turns, too, so that nobody always follows the same neighbour.
        for server in servers[turn % len(servers):] + servers[:turn % len(servers)]:
            rate, tail = load(server.port, path, connections, options.seconds)
            rates[server.name].append(rate)
            tails[server.name].append(tail)
    return rates, tails


def cell(name, reference, rates, tails):
    ratio = statistics.median(a / b for a, b in zip(rates[name], rates[reference]))
    return f"{ratio:.2f} ({statistics.median(tails[name]):.1f} ms)"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--loops", type=int, default=2)
    parser.add_argument("--connections", type=int, nargs="+", default=[64, 512])
    parser.add_argument("--server", default=ROOT / ".build-static" / "release" / "bench-server")
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("bench-http: wrk is not installed")
    folder = Path(tempfile.mkdtemp())
    port = free_port()
    servers = [http_peers.Server("ours", [options.server, str(port), str(options.loops)], port)]
    try:
        bodies = {path: ask(port, path)[1].decode() for path, _ in CASES}
        expected = fields(port)
        made, skipped = http_peers.start(http_peers.Answers(folder, options.loops, expected, bodies))
        servers += made
        for name, reason in skipped.items():
            print(f"skipped: {name} ({reason})", file=sys.stderr)
        for server in servers:
            check(server, bodies, expected)
        names = [server.name for server in servers]
        # Without nginx ours is what the others are held against.
        reference = "nginx" if "nginx" in names else "ours"
        print(f"| answer | connections | {reference}, per second | "
              + " | ".join(f"{name}: × {reference} (p99)" for name in names) + " |")
        print("| --- | --- | --- |" + " --- |" * len(names))
        for path, title in CASES:
            for connections in options.connections:
                rates, tails = measure(servers, path, connections, options)
                thousands = statistics.median(rates[reference]) / 1000
                print(f"| {title} | {connections} | {thousands:.0f}k | "
                      + " | ".join(cell(name, reference, rates, tails) for name in names) + " |", flush=True)
        still = [name for name in NEVER_SUSPENDED if name in names]
        if still:
            print(f"\n({' and '.join(still)} cannot suspend: their rows are the same answer again.)")
    finally:
        for server in servers:
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)


main()
