"""The routes of keys and the portal's pages beside the list: what each costs a caller who is known.

Only routes that create nothing and ask 3scale for a bounded number of things are measured: a rotation or a new name for each
request would measure the sandbox.
"""

import json

from . import load as loads
from . import portal
from .processes import Processes, ask, free_port
from .system import CLIENT_SECRET, Helper, Sandbox
from .tokens import first_token

LIST = "GET /api/services"
# Routes that ask 3scale each time are bounded by its calls in flight: with more connections their requests would queue.
CONNECTIONS = 16
PERSON = "ada"


def data(port, path, token, post=None):
    answer, body = ask(port, path, token, post=post)
    if answer.status != 200:
        raise RuntimeError(f"{path}: the helper answered {answer.status}: {body[:500]!r}")
    return json.loads(body)["data"]


def portal_helper(bench, sandbox):
    """A helper with the portal on, whose callers the sandbox's Keycloak knows."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    return url, Helper(
        bench.helper, bench.folder, sandbox, port=port, PORTAL_URL=url, KEYCLOAK_CLIENT_SECRET=CLIENT_SECRET,
        SESSION_SECRET="a-secret-of-the-benchmark-of-32-characters")


def measure(bench):
    """{"runs": {route: [Run, …]}}"""
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
        # Its first caller adopts it, which takes two seconds.
        data(helper.port, "/api/services/init", token, post={"service_id": service})
        url, pages = portal_helper(bench, sandbox)
        servers.add(pages)
        own = sandbox.token(PERSON)
        offered = data(pages.port, "/api/services", own)["services"][0]
        data(pages.port, "/api/services/init", own, post={"service_id": offered["id"]})
        shown = data(pages.port, "/api/keys", own)["keys"][0]
        cookie = portal.sign_in(url, PERSON, f"{PERSON}-password")

        def run(server, tokens, path, *options):
            return lambda: bench.load.run(server, tokens, "--path", path, *options, "--seconds", seconds,
                                          connections=CONNECTIONS)

        def page(path, *fields):
            options = [word for line in (f"Accept: {portal.ACCEPT}", *fields) for word in ("--field", line)]
            return run(pages, "-", path, *options)

        entries = {
            LIST: run(helper, users, "/api/services"),
            "GET /api/keys": run(helper, users, "/api/keys"),
            "GET /api/keys/{id}": run(helper, one, f"/api/keys/{key['id']}"),
            "POST /api/services/init, of a key that exists": run(
                helper, one, "/api/services/init", "--post", json.dumps({"service_id": service})),
            "the portal's /, signed out": page("/"),
        }
        for title, path in (("/", "/"), ("/services/{system_name}", f"/services/{offered['system_name']}"),
                            ("/keys", "/keys"), ("/keys/{id}", f"/keys/{shown['id']}"), ("/me", "/me")):
            entries[f"the portal's {title}"] = page(path, f"Cookie: {cookie}")
        runs = loads.alternate(entries, rounds)
    bench.say("routes: done")
    return {"runs": runs}
