"""Tables of what was measured."""

import statistics

from . import replicas as shared
from . import routes as pages
from .load import middle, ratios, spread

MIB = 1 << 20


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows]) + "\n"


def cost(run):
    return run.cost


def p99(run):
    return run.p99


def whole(runs, value):
    return f"{middle(runs, value):,.0f}"


def known_tokens(result):
    """Rows of what was asked with tokens that the server had seen, beside nginx."""
    rows = []
    for title, ours, theirs in (
            ("helper, one user", "helper", "nginx"), ("helper, one user, by wrk", "helper, by wrk", "nginx, by wrk"),
            (f"helper, {result['users']:,} users", "helper, many users", "nginx, many users"),
            ("verify only, one user", "verify only", "nginx"),
            (f"verify only, {result['users']:,} users", "verify only, many users", "nginx, many users")):
        mine, base = result["warm"].get(ours), result["warm"].get(theirs)
        if mine and base:
            rows.append((title, mine, base))
    return rows


def authenticated(result):
    parts = ["### Tokens that were seen before\n", table(
        ["", "requests/s × nginx", "p99 × nginx", "processor × nginx", "requests/s", "p50, p99 in ms",
         "µs of processor"],
        [[title, spread(ratios(mine, base)), spread(ratios(mine, base, p99)), spread(ratios(mine, base, cost)),
          whole(mine, lambda run: run.rate), f"{middle(mine, lambda run: run.p50):.2f}, {middle(mine, p99):.2f}",
          f"{middle(mine, cost):.1f}"] for title, mine, base in known_tokens(result)])]
    if "nginx" in result["warm"]:
        base = result["warm"]["nginx"]
        parts.append(f"nginx itself: {whole(base, lambda run: run.rate)} requests a second, p99 {middle(base, p99):.2f} ms,"
                     f" {middle(base, cost):.1f} µs of processor a request.\n")
    warm = result["warm"]
    parts.append(f"{result['users']:,} users × one user, of the helper: "
                 + spread(ratios(warm["helper, many users"], warm["helper"])) + ".\n")
    base = result["unseen"]["verify only"]
    parts += ["### Tokens never seen before\n", table(
        ["", "requests/s × verify only", "processor × verify only", "requests/s", "p50, p99 in ms", "µs of processor"],
        [[name, spread(ratios(runs, base)), spread(ratios(runs, base, cost)), whole(runs, lambda run: run.rate),
          f"{middle(runs, lambda run: run.p50):.2f}, {middle(runs, p99):.2f}", f"{middle(runs, cost):.1f}"]
         for name, runs in result["unseen"].items()])]
    busiest = max(run.generator for runs in [*warm.values(), *result["unseen"].values()] for run in runs)
    parts.append(f"The load generator used at most {busiest:.0%} of one core.\n")
    if result["skipped"]:
        parts.append("Not installed, so not measured: " + ", ".join(result["skipped"]) + ".\n")
    return "\n".join(parts)


def latency(result):
    def rows(runs, rate):
        return [[name, rate] + [spread([value(run) for run in seen])
                                for value in (lambda run: run.p50, p99, lambda run: run.p999)]
                + [f"{middle(seen, cost):.1f}"] for name, seen in runs.items()]

    found = rows(result["runs"], f"{result['rate']:,.0f}")
    if result["k6"]:
        found += [[f"{row[0]}, by k6", *row[1:]] for row in rows(result["k6"], f"{result['k6 rate']:,}")]
    return ("### Latency at a fixed rate\n\n"
            + table(["", "requests/s", "p50, ms", "p99, ms", "p99.9, ms", "µs of processor"], found))


def growth(result):
    small = result["services"][10]
    parts = ["### Services\n", table(
        ["services", "requests/s", "bytes an answer", "µs of processor", "× bytes of 10", "× processor of 10",
         "ns of processor a byte"],
        [[f"{size:,}", whole(runs, lambda run: run.rate), whole(runs, lambda run: run.size),
          f"{middle(runs, cost):.1f}", f"{middle(runs, lambda run: run.size) / middle(small, lambda run: run.size):.1f}",
          spread(ratios(runs, small, cost), 1), f"{middle(runs, cost) / middle(runs, lambda run: run.size) * 1e3:.2f}"]
         for size, runs in result["services"].items()])]
    parts += ["### Users\n", table(
        ["users", "first lists/s", "then requests/s", "idle, MiB", "every user seen once, MiB", "bytes a user",
         "after all requests, MiB", "requests"],
        [[f"{it['users']:,}", f"{it['first'].rate:,.0f}", f"{it['run'].rate:,.0f}", f"{it['idle'] / MIB:.1f}",
          f"{it['warm'] / MIB:.1f}", f"{(it['warm'] - it['idle']) / it['users']:,.0f}" if it["users"] > 1 else "",
          f"{it['after'] / MIB:.1f}", f"{it['requests']:,}"] for it in result["users"]])]
    loops = result["loops"]
    parts += ["### Loops\n", table(
        ["", "one loop, requests/s", "two loops × one", "µs of processor, one and two"],
        [[kind, whole(loops[1, kind], lambda run: run.rate), spread(ratios(loops[2, kind], loops[1, kind])),
          f"{middle(loops[1, kind], cost):.1f}, {middle(loops[2, kind], cost):.1f}"]
         for kind in ("one user", "never seen")])]
    return "\n".join(parts)


def per_second(run):
    """Requests for each second of the servers' processor time."""
    return 1e6 / run.cost if run.cost else 0


def replicas(result):
    if not result:
        return "### Replicas\n\nNot measured: redis-server is not installed.\n"
    base = result["runs"][shared.ALONE]
    return "### Replicas\n\n" + table(
        ["replicas of one loop", "requests/s × one alone", "requests a processor second × one alone", "requests/s",
         "p99, ms", "calls to Redis for 1,000 requests", "µs of Redis' processor a request"],
        [[title, spread(ratios(runs, base)), spread(ratios(runs, base, per_second)), whole(runs, lambda run: run.rate),
          f"{middle(runs, p99):.2f}", spread(result["calls"][title]), spread(result["redis"][title], 1)]
         for title, runs in result["runs"].items()])


def routes(result):
    base = result["runs"][pages.LIST]
    text = "### Routes beside the list\n\n" + table(
        ["", "requests/s", "p50, p99 in ms", "bytes an answer", "µs of processor", "processor × the list"],
        [[route, whole(runs, lambda run: run.rate), f"{middle(runs, lambda run: run.p50):.2f}, {middle(runs, p99):.2f}",
          whole(runs, lambda run: run.size), f"{middle(runs, cost):.1f}", spread(ratios(runs, base, cost), 1)]
         for route, runs in result["runs"].items()])
    return text + (
        "\nKeys are read from 3scale for each request, on the portal's pages too, so their rates are those of the sandbox; the"
        " processor time is the helper's alone. But where it says so, pages are those of a person who has signed in.\n")


def startup(result):
    return ("### Start and memory\n\n" + table(["", "median (least–greatest)"], [
        ["listening after, ms", spread(result["listening"], 1)], ["ready after, ms", spread(result["ready"], 1)],
        ["resident at rest, MiB", f"{result['idle'] / MIB:.1f}"],
        ["of that the program and its libraries, MiB", f"{result['program'] / MIB:.1f}"]]))


def instructions(result):
    return "### Instructions a request\n\n" + result


def verdict(results):
    """Each target, what was seen, and whether it is met."""
    warm, unseen = results["authenticated"]["warm"], results["authenticated"]["unseen"]
    rows = []

    def judge(target, seen, is_met):
        rows.append([target, seen, "yes" if is_met else "**no**"])

    def ratio(target, least, runs, base, value=lambda run: run.rate):
        seen = ratios(runs, base, value)
        judge(target, spread(seen), statistics.median(seen) >= least)

    if "nginx" in warm:
        ratio("one user: at least 1.0 × nginx's requests/s", 1.0, warm["helper"], warm["nginx"])
        tails = ratios(warm["helper"], warm["nginx"], p99)
        judge("one user: p99 no worse than nginx's", f"{spread(tails)} ×", statistics.median(tails) <= 1)
    ratio("many users: at least 0.85 × one user", 0.85, warm["helper, many users"], warm["helper"])
    ratio("never seen: at least 0.90 × verify only", 0.90, unseen["helper"], unseen["verify only"])
    for name, runs in unseen.items():
        if name not in ("helper", "verify only"):
            seen = ratios(unseen["helper"], runs)
            judge(f"never seen: ahead of {name}", f"{spread(seen)} ×", statistics.median(seen) > 1)
    sizes = results["growth"]["services"]
    size = middle(sizes[5_000], lambda run: run.size) / middle(sizes[10], lambda run: run.size)
    grown = statistics.median(ratios(sizes[5_000], sizes[10], cost))
    judge("5,000 services: cost grows no faster than bytes", f"cost × {grown:.0f}, bytes × {size:.0f}", grown <= size)
    if results["replicas"]:
        runs, calls = results["replicas"]["runs"], results["replicas"]["calls"]
        ratio("one replica with Redis: at least 0.85 × one without", 0.85, runs[shared.ONE],
              runs[shared.ALONE])
        ratio("three replicas: a processor second at least 0.8 × one's with Redis", 0.8, runs[shared.THREE],
              runs[shared.ONE], per_second)
        most = max(statistics.median(calls[title]) for title in calls if title != shared.ALONE)
        judge("at most 20 calls to Redis for 1,000 requests", f"{most:.1f}", most <= 20)
    ready = statistics.median(results["startup"]["ready"])
    judge("ready within 50 ms", f"{ready:.1f} ms", ready <= 50)
    idle = results["startup"]["idle"] / MIB
    judge("at most 16 MiB at rest", f"{idle:.1f} MiB", idle <= 16)
    last = results["growth"]["users"][-1]
    after = last["after"] / MIB
    judge(f"at most 80 MiB after {last['requests']:,} requests by {last['users']:,} users", f"{after:.1f} MiB", after <= 80)
    return table(["target", "seen", "met"], rows)
