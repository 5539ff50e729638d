#!/usr/bin/env python3
"""Drives real replicas of the helper against the sandbox while it misbehaves, and checks what must hold.

    chaos.py storm   [--calls N]      many calls at once for one person, with lost answers and the race open
    chaos.py outage  [--seconds N --kind drop|hang|stop]   3scale gone for a while under load, then back
    chaos.py seeds   [--runs N --seed S]   faults, races, clock jumps, outages and deaths chosen from a seed

Everything that is random follows from the seed, which is printed. The exit status is 1 when something did not hold.
"""

import argparse
import random
import sys
import threading
import time

from fleet import Replica, Sandbox, call, data, services, together, unexplained

problems = []


def check(holds, what):
    if not holds:
        problems.append(what)
        print(f"  FAILED: {what}", flush=True)


def owned(sandbox, owner_of, service):
    """Live applications of an account on a service, lowest id first."""
    return sorted(
        (a for a in sandbox.applications() if a["account_id"] == owner_of and str(a["service_id"]) == service),
        key=lambda a: a["id"])


def storm(arguments):
    """Three replicas that share nothing; no system knows the user."""
    sandbox = Sandbox()
    replicas = [Replica(sandbox, API_TIMEOUT="30s").ready() for _ in range(3)]
    try:
        for round_number, known in enumerate((True, False)):
            name = f"storm{round_number}"
            sandbox.add_user(name)
            token = sandbox.token(name)
            ids = services(replicas[0], token)
            service = ids["granite_chat"]
            if known:
                assert replicas[0].init(token, ids["embeddings"])[0] == 200
            accounts_before = len(sandbox.accounts())
            sandbox.control("PUT", "/race", milliseconds=2000)
            for method, path in (("POST", "/admin/api/accounts/*/applications.json"), ("POST", "/admin/api/signup.json")):
                sandbox.fault("3scale", "status_after_commit", method=method, path=path, status=500, probability=0.1)
                sandbox.fault("3scale", "drop_after_commit", method=method, path=path, probability=0.11)
            # Slow reads let every replica look before any of them writes: all of them run into the race.
            sandbox.fault("3scale", "latency", method="GET", path="*", delay_ms=200)
            sandbox.fault("3scale", "latency", method="POST", path="*", delay_ms=30, probability=0.5)
            answers = together(
                [lambda r=replicas[n % 3]: r.init(token, service) for n in range(arguments.calls)], 64)
            sandbox.calm()
            last = data(replicas[1].init(token, service))
            good = [data(answer) for answer in answers if answer[0] == 200]
            left = owned(sandbox, int(last["account_id"]), service)
            accounts = len(sandbox.accounts()) - accounts_before
            print(f"storm, person {'known' if known else 'new'}: {len(answers)} calls, {len(good)} x 200, "
                  f"{len({g['api_key'] for g in good})} key(s), {sum(g['is_new'] for g in good)} new, "
                  f"{len(left)} application(s), {accounts} new account(s) of that name", flush=True)
            check(good and {g["api_key"] for g in good} == {last["api_key"]}, "every 200 carried the one key")
            check(len(left) == 1 and left[0]["user_key"] == last["api_key"], "one application is left")
            check(sum(g["is_new"] for g in good) <= 1, "at most one call was new")
            lines = [line for replica in replicas for line in replica.lines()]
            check(not unexplained(replicas, answers), "every 5xx has its cause in a log")
            if not known:
                surplus = [line for line in lines if line["message"].startswith("signup left a surplus account")]
                print(f"  {len(surplus)} surplus account(s) were noticed", flush=True)
                check(accounts == 1, "one account is left")
                hosts = {a["account_id"] for a in sandbox.applications()
                         if (a.get("name") or "").startswith(f"mlaas:{name}:")}
                check(hosts == {int(last["account_id"])}, "no application is left on a surplus account")
    finally:
        for replica in replicas:
            replica.stop()
        sandbox.stop()


def outage(arguments):
    """3scale is away for a while under load, then comes back."""
    sandbox = Sandbox()
    replica = Replica(sandbox, API_TIMEOUT="3s", CATALOG_REFRESH_SECONDS="2", APPLICATIONS_CACHE_SECONDS="1").ready()
    try:
        names = [f"load{n}" for n in range(8)]
        for name in names + ["late"]:
            sandbox.add_user(name)
        tokens = {name: sandbox.token(name) for name in names + ["late"]}
        service = services(replica, tokens["load0"])["granite_chat"]
        for name in names:
            assert replica.init(tokens[name], service)[0] == 200
            assert replica.list(tokens[name])[0] == 200
        seen = []
        stop = threading.Event()

        def load(work):
            while not stop.is_set():
                began = time.monotonic()
                answer = work()
                seen.append((began, time.monotonic() - began, work.__name__, answer))
                time.sleep(0.02)

        def health():
            return call("GET", replica.url + "/api/health")

        def badtoken():
            return replica.list("not.a.token")

        def listing():
            return replica.list(tokens[random.choice(names)])

        def known():
            return replica.init(tokens[random.choice(names)], service)

        def create():
            return replica.init(tokens["late"], service)

        threads = [threading.Thread(target=load, args=(work,)) for work in (health, badtoken, listing, listing, known)]
        for thread in threads:
            thread.start()
        time.sleep(3)
        before = replica.memory()
        if arguments.kind == "stop":
            sandbox.pause()
        else:
            kind = "drop" if arguments.kind == "drop" else "latency"
            sandbox.fault("3scale", kind, path="*", delay_ms=600_000)
        gone = time.monotonic()
        time.sleep(arguments.seconds / 2)
        creator = threading.Thread(target=load, args=(create,))
        creator.start()
        time.sleep(arguments.seconds / 2)
        back = time.monotonic()
        sandbox.resume()
        sandbox.calm()
        while time.monotonic() - back < 30:
            if replica.init(tokens["late"], service)[0] == 200 and "x-mlaas-stale" not in listing()[1]:
                break
            time.sleep(0.05)
        recovered = time.monotonic() - back
        time.sleep(3)
        stop.set()
        for thread in threads + [creator]:
            thread.join()
        after = replica.memory()
        report_refusals(replica, arguments)
        report_outage(seen, gone, back, recovered, before, after, arguments)
        replica.stop()
        check(not unexplained([replica], [entry[3] for entry in seen]), "every 5xx has its cause in a log")
    finally:
        replica.stop()
        sandbox.stop()


def report_refusals(replica, arguments):
    """How long creates took to be refused by the helper's own count, without this client's and the network's share. They began
    when the breaker had long been open, so none waited for 3scale."""
    start = ('http_server_request_duration_seconds_bucket{http_route="/api/services/init",http_request_method="POST",'
             'http_response_status_code="503",le="')
    buckets = [(float(name[len(start):-2]), int(count)) for name, count in replica.metrics().items() if name.startswith(start)]
    total = dict(buckets).get(float("inf"), 0)
    within = {f"{bound * 1000:g} ms": count for bound, count in buckets if bound <= 0.1}
    print(f"outage, create, by the helper's own histogram: {total} refused, within {within}", flush=True)
    quick = within.get("100 ms", 0)
    check(total and quick >= (total if arguments.strict else total * 0.95), "creates were refused in under 100 ms")


def report_outage(seen, gone, back, recovered, before, after, arguments):
    def during(name, start, end):
        return [entry for entry in seen if entry[2] == name and start <= entry[0] <= end]

    # The breaker opens after five failures in a row: at once, or after two time-outs, as few callers wait for 3scale at a time.
    settled = gone + (1.5 if arguments.kind == "drop" else 7.5)
    for name, statuses in (("health", {200}), ("badtoken", {401}), ("listing", {200}), ("known", {200})):
        entries = during(name, gone, back)
        slow = max((entry[1] for entry in during(name, settled, back - 0.1)), default=0)
        wrong = [entry[3][0] for entry in entries if entry[3][0] not in statuses]
        print(f"outage, {name}: {len(entries)} calls while 3scale was away, slowest {slow * 1000:.0f} ms, "
              f"{len(wrong)} failed", flush=True)
        check(entries and not wrong, f"{name} answered as ever: {sorted(set(wrong))}")
    stale = [entry for entry in during("listing", settled, back - 0.1)]
    check(stale and all("x-mlaas-stale" in e[3][1] and "age" in e[3][1] for e in stale), "lists said how old they were")
    creates = during("create", settled, back - 0.1)
    slowest = max((entry[1] for entry in creates), default=0)
    middle = sorted(entry[1] for entry in creates)[len(creates) // 2] if creates else 0
    print(f"outage, create: {len(creates)} calls, median {middle * 1000:.1f} ms, slowest {slowest * 1000:.0f} ms; "
          f"full service {recovered:.2f} s after the return; memory {before} -> {after} KiB", flush=True)
    check(creates and all(e[3][0] == 503 and "retry-after" in e[3][1] for e in creates), "creates were refused with 503")
    check(slowest < (0.1 if arguments.strict else 1), "creates were refused at once")
    check(recovered < 5 if arguments.strict else recovered < 10, "full service soon after the return")
    check(after < before * 1.2 + 2048, "memory is back to where it was")


FAULTS = [
    ("latency", {"delay_ms": 40}), ("status", {"status": 500}), ("status", {"status": 503}), ("status", {"status": 429}),
    ("status", {"status": 404, "body": "{\"status\":\"Not found\"}", "method": "DELETE"}),
    ("status_after_commit", {"status": 500}), ("status_after_commit", {"status": 502}), ("html", {"status": 502}),
    ("truncate", {}), ("malformed", {}), ("empty", {}), ("drop", {}), ("drop_after_commit", {}),
    ("drip", {"delay_ms": 1}),
]


def seeds(arguments):
    """Each seed is a run of its own: people whom no system has seen, faults of its own, deaths of its own."""
    sandbox = Sandbox()
    settings = {"API_TIMEOUT": "5s", "BREAKER_PROBE_SECONDS": "300ms", "CATALOG_REFRESH_SECONDS": "1",
                "APPLICATIONS_CACHE_SECONDS": "1", "API_RETRY_COUNT": "1"}
    replicas = [Replica(sandbox, **settings).ready() for _ in range(3)]
    totals = {"calls": 0, "answered": 0, "deaths": 0}
    try:
        for seed in range(arguments.seed, arguments.seed + arguments.runs):
            one_seed(sandbox, replicas, seed, totals)
        print(f"seeds: {arguments.runs} runs from seed {arguments.seed}: {totals}", flush=True)
    finally:
        for replica in replicas:
            replica.stop()
        sandbox.stop()


def one_seed(sandbox, replicas, seed, totals):
    choice = random.Random(seed)
    found = len(problems)
    people = [f"c{seed}p{n}" for n in range(choice.randint(1, 3))]
    tokens = {}
    for person in people:
        sandbox.add_user(person)
        tokens[person] = sandbox.token(person)
    ids = services(replicas[0], tokens[people[0]])
    wanted = choice.sample([i for name, i in ids.items() if name != "rerank"], choice.randint(1, 2))
    used = replicas[:choice.randint(1, 3)]
    sandbox.control("PUT", "/seed", seed=seed)
    sandbox.control("PUT", "/race", milliseconds=choice.choice([0, 100, 1000]))
    sandbox.control("PUT", "/clock", offset_seconds=choice.choice([0, 0, -20, 20]))
    for kind, members in choice.sample(FAULTS, choice.randint(0, 4)):
        sandbox.fault("3scale", kind, probability=choice.choice([0.05, 0.2, 0.5]),
                      **{"path": choice.choice(["*", "*/applications*", "*/signup*", "*/find*"]), **members})
    if choice.random() < 0.2:
        sandbox.fault("keycloak", "drop", probability=0.5)
    if choice.random() < 0.2:
        sandbox.fault("3scale", "drop", count=choice.randint(5, 40))
    works = []
    for _ in range(choice.randint(3, 12)):
        replica, person, service = choice.choice(used), choice.choice(people), choice.choice(wanted)
        works.append((choice.random() * 0.1, replica, person, service))
    victim = choice.choice(used) if choice.random() < 0.5 else None

    def work(delay, replica, person, service):
        time.sleep(delay)
        return person, service, replica.init(tokens[person], service), replica

    def death():
        time.sleep(choice.random() * 0.1)
        victim.kill()
        return None

    jobs = [lambda w=w: work(*w) for w in works] + ([death] if victim else [])
    answers = [answer for answer in together(jobs, len(jobs)) if answer]
    sandbox.calm()
    # What a killed process had not written yet is lost with it.
    living = [answer[2] for answer in answers if answer[3] is not victim]
    check(not unexplained(used, living), "every 5xx has its cause in a log")
    if victim:
        totals["deaths"] += 1
        victim.start()
        victim.ready()
    totals["calls"] += len(answers)
    settle(sandbox, replicas, tokens, people, wanted, answers, totals)
    for problem in problems[found:]:
        print(f"  seed {seed}: {problem}", flush=True)


def settle(sandbox, replicas, tokens, people, wanted, answers, totals):
    time.sleep(0.1)
    every = sandbox.applications()
    for person in people:
        for service in wanted:
            last = undisturbed(replicas[0], tokens[person], service)
            good = [data(a) for p, s, a, _ in answers if p == person and s == service and a[0] == 200]
            totals["answered"] += len(good)
            keys = {g.get("api_key") for g in good} | {last.get("api_key")}
            check(len(keys) == 1, f"one key for {person} on {service}: {len(keys)}")
            check(sum(g["is_new"] for g in good) + last["is_new"] <= 1, f"at most one call was new for {person}")
            left = owned(sandbox, int(last["account_id"]), service)
            check(len(left) == 1, f"one application for {person} on {service}: {len(left)}")
            others = {a.get("user_key") for a in every if str(a["account_id"]) != last["account_id"]} - {None}
            check(not (keys & others), "no key of another person was shown")


def undisturbed(replica, token, service):
    """The breaker may still be open for a moment."""
    end = time.monotonic() + 20
    while True:
        answer = replica.init(token, service)
        if answer[0] == 200 and "x-mlaas-stale" not in answer[1]:
            return data(answer)
        if time.monotonic() > end:
            raise RuntimeError(f"an undisturbed call failed: {answer}")
        time.sleep(0.1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("storm")
    one.add_argument("--calls", type=int, default=1000)
    one = commands.add_parser("outage")
    one.add_argument("--seconds", type=float, default=60)
    one.add_argument("--kind", choices=("drop", "hang", "stop"), default="drop",
                     help="connections are closed, answers never come, or the process stands still (Keycloak's as well)")
    one.add_argument("--strict", action="store_true", help="hold to the figures, on a machine that does nothing else")
    one = commands.add_parser("seeds")
    one.add_argument("--runs", type=int, default=20)
    one.add_argument("--seed", type=int, default=int(time.time()))
    arguments = parser.parse_args()
    {"storm": storm, "outage": outage, "seeds": seeds}[arguments.command](arguments)
    if problems:
        print(f"{len(problems)} things did not hold")
        sys.exit(1)


if __name__ == "__main__":
    main()
