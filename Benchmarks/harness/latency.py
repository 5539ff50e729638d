"""Latency at a fixed rate, half of what the helper can do: requests are due whether or not earlier ones were answered, and
count from when they were due, so that a server which stalls cannot hide it (coordinated omission).

Our own generator holds that rate; k6, which costs many times what the servers do, watches a lower one.
"""

import json
import subprocess

from . import load as loads
from .anchors import TOOLS, Anchors
from .load import Run
from .processes import Processes, program
from .system import Answer, Helper, Sandbox
from .tokens import first_token

K6_RATE = 2_000
SCRIPT = """
import http from 'k6/http';
import { check } from 'k6';
export const options = {
  discardResponseBodies: true,
  summaryTrendStats: ['med', 'p(99)', 'p(99.9)'],
  thresholds: { checks: ['rate==1'] },
  scenarios: { fixed: { executor: 'constant-arrival-rate', rate: RATE, timeUnit: '1s', duration: 'SECONDSs',
                        preAllocatedVUs: 64, maxVUs: 64 } },
};
export default function () {
  const answer = http.get('http://127.0.0.1:' + __ENV.PORT + '/api/services',
                          { headers: { Authorization: 'Bearer ' + __ENV.TOKEN } });
  check(answer, { 'is 200': (it) => it.status === 200 });
}
"""


def k6(path, folder, server, tokens, rate, seconds):
    script, summary = folder / "k6.js", folder / "k6.json"
    script.write_text(SCRIPT.replace("RATE", str(rate)).replace("SECONDS", str(seconds)))
    before = server.processor_seconds()
    subprocess.run(
        [path, "run", "-q", "--no-usage-report", "--summary-export", summary, "-e", f"PORT={server.port}", "-e",
         f"TOKEN={first_token(tokens)}", script], check=True, capture_output=True)
    spent = server.processor_seconds() - before
    metrics = json.loads(summary.read_text())["metrics"]
    duration, count = metrics["http_req_duration"], metrics["http_reqs"]["count"]
    return Run(metrics["http_reqs"]["rate"], duration["med"], duration["p(99)"], duration["p(99.9)"], 0,
               spent / count * 1e6, 0, count)


def measure(bench):
    """{"rate": requests a second, "runs": {server: [Run, …]}, "k6": the same or None}."""
    rounds, seconds = (2, 1) if bench.is_quick else (5, 4)
    users = bench.mint.tokens(1_000, 1_000)
    with Processes() as servers:
        sandbox = servers.add(Sandbox(bench.sandbox, bench.folder, services=10, accounts=1_000))
        helper = servers.add(Helper(bench.helper, bench.folder, sandbox, bench.key_server.url))
        answer = Answer(bench.folder, helper.port, first_token(users))
        nginx = Anchors(bench.folder, answer, bench.keys, first_token(users)).start("nginx", servers, False)
        bench.load.run(helper, users, "--once", "--seconds", 60)
        ceiling = loads.middle([bench.load.run(helper, users, "--seconds", 1) for _ in range(3)], lambda run: run.rate)
        rate = round(ceiling / 2, -2)
        compared = {server.name: server for server in (helper, nginx) if server}
        runs = loads.alternate(
            {name: lambda server=server: bench.load.run(server, users, "--rate", rate, "--seconds", seconds)
             for name, server in compared.items()}, rounds)
        bench.say(f"latency at {rate:.0f} requests a second: done")
        path = program("k6", TOOLS)
        watched = path and loads.alternate(
            {name: lambda server=server: k6(path, bench.folder, server, users, K6_RATE, 2 if bench.is_quick else 5)
             for name, server in compared.items()}, 1 if bench.is_quick else 3)
        bench.say("latency, by k6: done" if path else "skipped: k6 (not installed)")
    return {"rate": rate, "ceiling": ceiling, "runs": runs, "k6": watched, "k6 rate": K6_RATE}
