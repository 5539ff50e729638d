#!/usr/bin/env python3
"""Measures the helper beside other servers in one run, and writes what was seen.

BENCH_QUICK=1 is a short run of every part.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

from harness import authenticated, load, report, tokens

ROOT = Path(__file__).resolve().parents[1]
PRODUCT = ROOT / ".build-static" / "release"
PROGRAMS = ROOT / ".build-bench" / "release"
KEPT = ROOT / ".build-bench" / "tokens"


class Bench:
    """What every part works with."""

    def __init__(self, folder):
        self.began = time.monotonic()
        self.is_quick = os.environ.get("BENCH_QUICK", "0") not in ("", "0")
        self.folder = Path(folder)
        self.helper, self.sandbox = PRODUCT / "mlaas-helper", PRODUCT / "mlaas-sandbox"
        self.verify_server = PROGRAMS / "VerifyServer"
        self.load = load.Load(PROGRAMS / "load")
        for path in (self.helper, self.sandbox, self.verify_server, self.load.program, PROGRAMS / "mint"):
            if not path.exists():
                sys.exit(f"{path} is missing: make bench builds it")
        self.keys = tokens.Keys(KEPT / "keys")
        self.mint = tokens.Mint(PROGRAMS / "mint", KEPT, self.keys)
        self.key_server = tokens.KeyServer(self.keys.key_set)

    def say(self, text):
        print(f"{time.monotonic() - self.began:6.1f} s  {text}", file=sys.stderr, flush=True)


PARTS = {"authenticated": (authenticated.measure, report.authenticated)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help="parts to measure, comma-separated", default=",".join(PARTS))
    options = parser.parse_args()
    unknown = set(options.only.split(",")) - set(PARTS)
    if unknown:
        parser.error(f"unknown parts {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    with tempfile.TemporaryDirectory(prefix="mlaas-bench-") as folder:
        bench = Bench(folder)
        try:
            for name in options.only.split(","):
                measure, table = PARTS[name]
                print(table(measure(bench)), flush=True)
        finally:
            bench.key_server.stop()


main()
