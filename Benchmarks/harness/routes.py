"""The routes of keys and the portal's pages beside the list, on one helper: what each costs a caller who is known.

Only routes that create nothing and ask 3scale for a bounded number of things are measured: a rotation or a new name for each
request would measure the sandbox.
"""

import json

from . import load as loads
from .processes import Processes, ask
from .system import Helper, Sandbox
from .tokens import first_token

LIST = "GET /api/services"
# Routes that ask 3scale each time are bounded by its calls in flight: with more connections their requests would queue.
CONNECTIONS = 16
# Signed out: the pages that a browser gets before it signs in.
PAGES = ("/", "/keys")


def data(port, path, token):
    answer, body = ask(port, path, token)
    if answer.status != 200:
        raise RuntimeError(f"{path}: the helper answered {answer.status}: {body[:500]!r}")
    return json.loads(body)["data"]


def measure(bench):
    """{"runs": {route: [Run, …]}, "skipped": [page, …]}"""
    rounds, seconds = (2, 1) if bench.is_quick else (5, 2)
    users = bench.mint.tokens(1_000, 1_000)
    one = bench.mint.tokens(1, 1)
    token = first_token(one)
    with Processes() as servers:
        sandbox = servers.add(Sandbox(bench.sandbox, bench.folder, services=10, accounts=1_000))
        helper = servers.add(Helper(bench.helper, bench.folder, sandbox, bench.key_server.url))
        bench.load.run(helper, users, "--once", "--seconds", 60)
        key = data(helper.port, "/api/keys", token)["keys"][0]
        service = key["service"]["id"]

        def run(tokens, path, *options):
            return lambda: bench.load.run(helper, tokens, "--path", path, *options, "--seconds", seconds,
                                          connections=CONNECTIONS)

        entries = {
            LIST: run(users, "/api/services"),
            "GET /api/keys": run(users, "/api/keys"),
            "GET /api/keys/{id}": run(one, f"/api/keys/{key['id']}"),
            "POST /api/services/init, of a key that exists": run(
                one, "/api/services/init", "--post", json.dumps({"service_id": service})),
        }
        skipped = []
        for page in PAGES:
            if ask(helper.port, page)[0].status == 200:
                entries[f"GET {page}, signed out"] = run("-", page)
            else:
                skipped.append(page)
        runs = loads.alternate(entries, rounds)
    bench.say("routes: done")
    return {"runs": runs, "skipped": skipped}
