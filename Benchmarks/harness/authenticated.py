"""The authenticated list beside other servers: one user, many users, and tokens never seen before."""

from . import load as loads
from .anchors import Anchors
from .processes import Processes, program
from .system import Answer, Helper, Sandbox, VerifyServer
from .tokens import first_token

CHECKERS = ["haproxy", "envoy", "Go", "Node", "FastAPI"]


class Scale:
    """How much is measured: `users` known to 3scale, `seconds` a round."""

    def __init__(self, is_quick):
        self.rounds = 2 if is_quick else 9
        self.seconds = 1 if is_quick else 2
        self.users = 1_000 if is_quick else 10_000
        # Tokens never seen, for one server and round.
        self.slice = 8_000 if is_quick else 25_000


def measure(bench):
    """{"warm" and "unseen": {server: [Run, …]}, "skipped": names of what is not installed,
    "users": how many the many are}."""
    scale = Scale(bench.is_quick)
    once_each = scale.slice * scale.rounds
    # Signed before anything is measured; those never seen differ from those of the users in their first number.
    users = bench.mint.tokens(scale.users, scale.users)
    unseen = bench.mint.tokens(once_each, scale.users, first=10_000_000)
    one = bench.mint.tokens(1, 1)
    results = {"users": scale.users}
    with Processes() as servers:
        sandbox = servers.add(Sandbox(bench.sandbox, bench.folder, services=10, accounts=scale.users))
        helper = servers.add(Helper(bench.helper, bench.folder, sandbox, bench.key_server.url))
        answer = Answer(bench.folder, helper.port, first_token(one))
        verify = servers.add(VerifyServer(bench.verify_server, bench.folder, answer, bench.keys))
        anchors = Anchors(bench.folder, answer, bench.keys, first_token(one))
        nginx = anchors.start("nginx", servers, checks_tokens=False)
        load = bench.load
        # Every user's account and key is in memory then, and every user's token.
        load.run(helper, users, "--once", "--seconds", 120)
        load.run(helper, users, "--seconds", 1)

        def closed(server, tokens):
            return lambda: load.run(server, tokens, "--seconds", scale.seconds)

        # What is compared is measured one after the other.
        entries = {}
        for kind, asked in (("", one), (", many users", users)):
            entries[f"helper{kind}"] = closed(helper, asked)
            if nginx:
                entries[f"nginx{kind}"] = closed(nginx, asked)
            entries[f"verify only{kind}"] = closed(verify, asked)
        wrk = program("wrk")
        if wrk and nginx:
            entries["helper, by wrk"] = lambda: loads.wrk(wrk, helper, one, scale.seconds)
            entries["nginx, by wrk"] = lambda: loads.wrk(wrk, nginx, one, scale.seconds)
        results["warm"] = loads.alternate(entries, scale.rounds)
        bench.say("tokens known to the server: done")

        position = {}

        def fresh(server):
            def run():
                start = position.get(server.name, 0)
                # Nothing stops a slow server from leaving some out; the next round begins with a new slice all the same.
                position[server.name] = start + scale.slice
                return load.run(server, unseen, "--once", "--from", start, "--requests", scale.slice,
                                "--seconds", scale.seconds)
            return run

        checkers = [server for server in (anchors.start(name, servers) for name in CHECKERS) if server]
        results["unseen"] = loads.alternate(
            {server.name: fresh(server) for server in [helper, verify, *checkers]}, scale.rounds)
        bench.say("tokens never seen before: done")
    results["skipped"] = anchors.skipped
    return results
