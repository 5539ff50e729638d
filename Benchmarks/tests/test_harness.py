"""What is made of the figures: ratios, plots, tokens kept."""

import sys
import unittest
import xml.etree.ElementTree as ElementTree
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness import load, plot, plots, replicas, report, routes  # noqa: E402


def run(rate, p99=1.0, cost=10.0, size=100.0):
    return load.Run(rate, 0.5, p99, 2.0, size, cost, 0.5, 1000)


def results(helper=100.0, unseen=95.0, haproxy=90.0, dear=3.0, ready=40.0, idle=10, after=70, shared=90.0, calls=1.5,
            three=11.0):
    def person(users):
        return {"users": users, "requests": 10, "first": run(1), "run": run(2), "idle": idle << 20, "warm": after << 20,
                "after": after << 20}

    sizes = {size: [run(100, cost=10.0 if size == 10 else 10 * dear, size=100.0 if size == 10 else 1000.0)]
             for size in (10, 100, 1_000, 5_000)}
    warm = {"helper": [run(helper)], "nginx": [run(100)], "helper, many users": [run(0.9 * helper)],
            "nginx, many users": [run(100)], "verify only": [run(100)], "verify only, many users": [run(100)]}
    return {
        "authenticated": {"users": 10, "warm": warm, "skipped": ["envoy"],
                          "unseen": {"helper": [run(unseen)], "verify only": [run(100)], "haproxy": [run(haproxy)]}},
        "growth": {"services": sizes, "users": [person(1), person(1_000)],
                   "loops": {(count, kind): [run(1)] for count in (1, 2) for kind in ("one user", "never seen")}},
        "replicas": {"runs": {replicas.ALONE: [run(100)], replicas.ONE: [run(shared)],
                              replicas.THREE: [run(shared, cost=three)]},
                     "calls": {replicas.ALONE: [0.0], replicas.ONE: [1.0], replicas.THREE: [calls]},
                     "redis": {title: [2.5] for title in (replicas.ALONE, replicas.ONE, replicas.THREE)}},
        "routes": {"runs": {routes.LIST: [run(100)], "the portal's /keys": [run(10, cost=300.0)]}},
        "latency": {"rate": 10.0, "k6 rate": 5, "k6": None, "runs": {"helper": [run(1)], "nginx": [run(1)]}},
        "startup": {"ready": [ready], "listening": [ready - 1], "idle": idle << 20,
                    "program": 5 << 20}}


class HarnessTests(unittest.TestCase):
    def test_rounds_turn_and_pairs_stay_in_their_round(self):
        order = []
        seen = load.alternate({name: lambda name=name: order.append(name) or run(len(order)) for name in "abc"}, 3)
        self.assertEqual("".join(order), "abcbcacab")
        self.assertEqual([it.rate for it in seen["a"]], [1, 6, 8])
        self.assertEqual(load.ratios(seen["a"], seen["b"]), [1 / 2, 6 / 4, 8 / 9])

    def test_verdict_meets_what_is_met(self):
        self.assertNotIn("**no**", report.verdict(results()))

    def test_verdict_misses_each_target_that_is_missed(self):
        for changed, target in (
                ({"helper": 99.0}, "one user: at least"), ({"unseen": 89.9, "haproxy": 10.0}, "0.90 × verify only"),
                ({"haproxy": 96.0}, "ahead of haproxy"), ({"dear": 10.1}, "5,000 services"), ({"ready": 51.0}, "within 50"),
                ({"idle": 17}, "at rest"), ({"after": 81}, "at most 80 MiB"),
                ({"shared": 84.0}, "one replica with Redis"), ({"three": 12.6}, "three replicas"),
                ({"calls": 20.1}, "calls to Redis")):
            missed = [line for line in report.verdict(results(**changed)).splitlines() if "**no**" in line]
            self.assertEqual(len(missed), 1, missed)
            self.assertIn(target, missed[0])

    def test_tables_name_what_was_skipped(self):
        seen = results()
        self.assertIn("so not measured: envoy", report.authenticated(seen["authenticated"]))
        self.assertIn("| the portal's /keys | 10 |", report.routes(seen["routes"]))
        for name in ("latency", "growth", "replicas", "routes", "startup"):
            self.assertTrue(getattr(report, name)(seen[name]))

    def test_plots_are_well_formed(self):
        seen = results()
        for name in ("authenticated", "latency", "growth"):
            for file, picture in getattr(plots, name)(seen[name]).items():
                self.assertEqual(ElementTree.fromstring(picture).tag, "{http://www.w3.org/2000/svg}svg", file)

    def test_axes_reach_beyond_what_they_show(self):
        for greatest in (0.012, 0.99, 1.0, 1.01, 7.3, 950.0):
            steps = plot.ticks(greatest)
            self.assertGreaterEqual(steps[-1], greatest)
            self.assertLessEqual(len(steps), 8)


if __name__ == "__main__":
    sys.exit(unittest.main())
