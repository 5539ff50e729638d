#!/usr/bin/env python3
"""Holds the work of every reader of bytes from outside against the number of bytes.

A search makes up families of inputs for each reader (units that are repeated in a frame: delimiters, escapes, numbers, names
that differ, share a start, collide under an unkeyed hash or are canonically equivalent) and climbs towards those that cost most
for a byte, and those whose cost for a byte grows most. The worst it finds are counted under callgrind at 1, 4, 16 and 32 KiB.

  linear.py [--readers PROGRAM] [--seed N] [--milliseconds N]

Exits 1 when a reader's instructions for a byte at 32 KiB are more than GROWTH times those at 1 KiB, or when they exceed the
reader's bound. The search goes by processor time, so that two runs may find other families; a family's count is exact. A failing
family is printed: `echo 'READER<TAB>FAMILY' | valgrind --tool=callgrind … Readers count` counts it again.
"""

import argparse
import collections
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
#: How much dearer a byte of 32 KiB may be than one of 1 KiB: tables that grow by doubling are, a little.
GROWTH = 2.0
#: Instructions for a byte, at any length from 4 KiB on. About twice what was seen: the gate is for kinds of cost, not for
#: their tuning, which `make bench-instructions` holds.
BOUNDS = {
    "head": 150, "head, in pieces": 160, "refused head": 220, "target": 100, "query": 90, "authorization": 140, "JSON": 550,
    "JSON numbers": 1000, "token payload": 650, "token header": 650, "token as sent": 60, "X-Forwarded-For": 160, "Forwarded": 280,
    "tracestate": 240, "traceparent": 20, "RESP": 650, "chunks": 150, "chunks, in pieces": 160, "entity tags": 120,
}


def totals(folder):
    """The instructions of each dump by its name."""
    for path in folder.glob("callgrind.out.*"):
        text = path.read_text(errors="replace")
        name = re.search(r"^desc: Trigger: Client Request: (\d+)\t([^\t\n]+)\t(.*)$", text, re.MULTILINE)
        total = re.search(r"^(?:totals|summary): (\d+)", text, re.MULTILINE)
        if name and total:
            yield int(name.group(1)), name.group(2), name.group(3), int(total.group(1))


def growth_of(values):
    return values[max(values)] / max(1, values[min(values)])


def dearest(values):
    return max(cost for size, cost in values.items() if size > 1024)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--readers", type=Path, default=ROOT / ".build-linear" / "release" / "Readers")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--milliseconds", type=int, default=1500)
    options = parser.parse_args()
    found = subprocess.run(
        [options.readers, "search", str(options.seed), str(options.milliseconds)], check=True, stdout=subprocess.PIPE, text=True).stdout
    families = "".join(f"{line}\n" for line in dict.fromkeys(found.splitlines()))
    counts = collections.defaultdict(dict)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # Valgrind gives up on this compiler's debug information.
        program = folder / "Readers"
        subprocess.run(["strip", "-g", "-o", program, options.readers], check=True)
        subprocess.run(
            ["valgrind", "-q", "--tool=callgrind", "--instr-atstart=no", "--callgrind-out-file=callgrind.out.%p", program, "count"],
            check=True, cwd=folder, input=families, text=True, stdout=subprocess.DEVNULL)
        for size, reader, family, instructions in totals(folder):
            counts[reader, family][size] = instructions / size
    print("Instructions for a byte of the worst family found, by its growth and by its cost.\n")
    print("| reader | 1 KiB | 4 KiB | 16 KiB, or its limit | 32 KiB | growth | bound | family |")
    print("| --- |" + " --- |" * 7)
    failed = []
    for reader in dict.fromkeys(reader for reader, _ in counts):
        mine = {family: values for (other, family), values in counts.items() if other == reader}
        by_growth = max(mine, key=lambda family: growth_of(mine[family]))
        by_cost = max(mine, key=lambda family: dearest(mine[family]))
        for family in dict.fromkeys([by_growth, by_cost]):
            values = mine[family]
            growth = growth_of(values)
            cells = [f"{values[size]:.1f}" for size in sorted(values)]
            cells += [""] * (4 - len(cells))
            bound = BOUNDS.get(reader, 0)
            print(f"| {reader} | " + " | ".join(cells) + f" | {growth:.2f} | {bound} | `{family}` |")
            if growth > GROWTH:
                failed.append(f"{reader}: a byte of 32 KiB costs {growth:.1f} times one of 1 KiB: {family}")
            if dearest(values) > bound:
                failed.append(f"{reader}: a byte costs more than {bound} instructions: {family}")
    missing = set(BOUNDS) - {reader for reader, _ in counts}
    failed += [f"{reader}: nothing was counted" for reader in missing]
    if failed:
        sys.exit("\n".join(["", *failed]))


main()
