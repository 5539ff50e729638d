"""One run of a load generator against one server."""

import dataclasses
import json
import re
import statistics
import subprocess
from pathlib import Path

from .tokens import first_token

CONNECTIONS = 64


@dataclasses.dataclass
class Run:
    """What one run showed: requests a second, milliseconds, bytes an answer, processor time of the server a request in µs."""
    rate: float
    p50: float
    p99: float
    p999: float
    size: float
    cost: float
    # The share of one core that the load generator used.
    generator: float
    requests: int


class Load:
    def __init__(self, program):
        self.program = Path(program)

    def run(self, servers, tokens, *options, connections=CONNECTIONS, ports=None):
        """Asks one server, or several in turn, and adds up what they cost.

        A server remembers which tokens it has seen: after `--once` the next run goes on where this one ended.
        """
        servers = servers if isinstance(servers, list) else [servers]
        ports = ports or ",".join(str(server.port) for server in servers)
        before = sum(server.processor_seconds() for server in servers)
        finished = subprocess.run(
            [self.program, "--connections", str(connections), *map(str, options), ports, str(tokens)],
            capture_output=True, text=True)
        after = sum(server.processor_seconds() for server in servers)
        if finished.returncode != 0:
            names = ", ".join(server.name for server in servers)
            raise RuntimeError(f"load on {names} failed: {finished.stdout} {finished.stderr}")
        seen = json.loads(finished.stdout)
        count = max(1, seen["requests"])
        self.next_token = seen["next"]
        return Run(seen["rate"], seen["p50"], seen["p99"], seen["p999"], seen["bytes"] / count,
                   (after - before) / count * 1e6, seen["processor"] / seen["seconds"], seen["requests"])


def wrk(program, server, tokens, seconds, connections=CONNECTIONS):
    """The same by a generator that we did not write, for one token."""
    before = server.processor_seconds()
    text = subprocess.run(
        [program, "-t1", f"-c{connections}", f"-d{seconds}s", "--latency",
         "-H", f"Authorization: Bearer {first_token(tokens)}", f"http://127.0.0.1:{server.port}/api/services"],
        check=True, capture_output=True, text=True).stdout
    cost = server.processor_seconds() - before
    if "Non-2xx" in text:
        raise RuntimeError(f"{server.name}: {text}")
    unit = {"us": 1e-3, "ms": 1, "s": 1e3}
    tails = {share: float(number) * unit[name]
             for share, number, name in re.findall(r"^\s+(\d+)%\s+([\d.]+)(us|ms|s)$", text, re.M)}
    requests = int(re.search(r"(\d+) requests in", text).group(1))
    return Run(float(re.search(r"Requests/sec:\s+([\d.]+)", text).group(1)), tails["50"], tails["99"], tails["99"],
               0, cost / max(1, requests) * 1e6, 0, requests)


def alternate(entries, rounds):
    """Runs each of {name: function that makes a Run} once a round; the order turns, so that nobody always follows the same
    neighbour. Returns {name: [Run, …]}."""
    names, seen = list(entries), {name: [] for name in entries}
    for turn in range(rounds):
        shift = turn % len(names)
        for name in names[shift:] + names[:shift]:
            seen[name].append(entries[name]())
    return seen


def ratios(runs, base, value=lambda run: run.rate):
    """Round by round, so that what disturbed a round disturbed both."""
    return [value(run) / value(other) for run, other in zip(runs, base) if value(other)]


def middle(runs, value):
    return statistics.median(value(run) for run in runs)


def spread(numbers, digits=2):
    """Median, and the least and greatest."""
    numbers = list(numbers)
    return (f"{statistics.median(numbers):.{digits}f}"
            f" ({min(numbers):.{digits}f}–{max(numbers):.{digits}f})")
