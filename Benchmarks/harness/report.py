"""Tables of what was measured."""

from .load import middle, ratios, spread


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows])


def authenticated(results):
    warm, unseen = results["warm"], results["unseen"]
    rows = []
    for title, ours, theirs in (
            ("one user", "helper", "nginx"), ("one user, by wrk", "helper, by wrk", "nginx, by wrk"),
            ("many users, each with a token", "helper, many users", "nginx, many users"),
            ("one user, verify only", "verify only", "nginx"),
            ("many users, verify only", "verify only, many users", "nginx, many users")):
        if ours not in warm or theirs not in warm:
            continue
        mine, base = warm[ours], warm[theirs]
        rows.append([title, spread(ratios(mine, base)), spread(ratios(mine, base, lambda run: run.cost)),
                     f"{middle(mine, lambda r: r.p50):.2f} / {middle(base, lambda r: r.p50):.2f}",
                     f"{middle(mine, lambda r: r.p99):.2f} / {middle(base, lambda r: r.p99):.2f}",
                     f"{middle(mine, lambda r: r.rate):.0f} / {middle(base, lambda r: r.rate):.0f}",
                     f"{middle(mine, lambda r: r.cost):.1f} / {middle(base, lambda r: r.cost):.1f}"])
    parts = [table(["known token", "rate × nginx", "processor time × nginx", "p50, ms", "p99, ms", "requests/s",
                    "µs of processor a request"], rows)]
    parts.append("Many users × one user: " + spread(ratios(warm["helper, many users"], warm["helper"])))
    base = unseen["verify only"]
    rows = [[name, spread(ratios(runs, base)), spread(ratios(runs, base, lambda run: run.cost)),
             f"{middle(runs, lambda r: r.p50):.2f}", f"{middle(runs, lambda r: r.p99):.2f}",
             f"{middle(runs, lambda r: r.rate):.0f}", f"{middle(runs, lambda r: r.cost):.1f}"]
            for name, runs in unseen.items()]
    parts.append(table(["token never seen", "rate × verify only", "processor time × verify only", "p50, ms", "p99, ms",
                        "requests/s", "µs of processor a request"], rows))
    busiest = max(run.generator for runs in [*warm.values(), *unseen.values()] for run in runs)
    parts.append(f"The load generator used {busiest:.0%} of one core at most.")
    if results["skipped"]:
        parts.append("Skipped: " + ", ".join(results["skipped"]))
    return "\n\n".join(parts)
