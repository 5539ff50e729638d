"""The plots of the results: {file name: SVG}."""

import statistics

from . import plot, report
from .load import middle, ratios


def bar(label, values, is_ours):
    return label, statistics.median(values), min(values), max(values), is_ours


def authenticated(result):
    made = {}
    known = report.known_tokens(result)
    if known:
        made["known-tokens.svg"] = plot.bars(
            "Authenticated list, tokens seen before", "requests a second × nginx with the same bytes; bars are medians",
            [bar(title, ratios(mine, base), title.startswith("helper")) for title, mine, base in known], mark=1)
    unseen = result["unseen"]
    made["unseen-tokens.svg"] = plot.bars(
        "Tokens never seen before", "requests a second × the helper's token check alone; bars are medians",
        [bar(name, ratios(runs, unseen["verify only"]), name == "helper")
         for name, runs in sorted(unseen.items(), key=lambda item: -middle(item[1], lambda run: run.rate))], mark=1)
    return made


def latency(result):
    shares = (("p50", lambda run: run.p50), ("p99", lambda run: run.p99), ("p99.9", lambda run: run.p999))
    return {"latency.svg": plot.bars(
        f"Latency at {result['rate']:,.0f} requests a second", "milliseconds since a request was due; bars are medians",
        [bar(f"{name}, {title}", [value(run) for run in runs], name == "helper")
         for title, value in shares for name, runs in result["runs"].items()])}


def growth(result):
    sizes = result["services"]

    def grown(value):
        return [(size, middle(runs, value) / middle(sizes[10], value)) for size, runs in sizes.items()]

    people = result["users"]
    return {
        "services.svg": plot.lines(
            "More services", "× what ten services cost",
            {"bytes": grown(lambda run: run.size), "processor a request": grown(report.cost)}, "services"),
        "memory.svg": plot.lines(
            "Resident memory", "MiB",
            {"after all requests": [(it["users"], it["after"] / report.MIB) for it in people],
             "at rest": [(it["users"], it["idle"] / report.MIB) for it in people]}, "users")}
