#!/usr/bin/env python3
"""Checks that comments, messages and documentation name their actors, instead of making the reader guess them.

Usage: check-words.py [ROOT] [--update]

Each hit is printed as `path:line: word: what to write instead`. Files of KNOWN may keep the hits that are counted there,
and no more; --update lowers these counts to what is there now. The exit status is 1 when there is a hit too many.
"""

import argparse
import re
import sys
from collections import Counter
from pathlib import Path

FOLDERS = ["Sources", "Tests", "docs", "helm-chart", "README.md", "CONTRIBUTING.md", "SECURITY.md"]
TEXTS = {".swift", ".md", ".py", ".sh", ".yaml", ".yml", ".tpl", ".h", ".txt"}
KNOWN = "scripts/words-known.txt"

# Words that hide who does something. Each alternative names the actor, the thing or the action.
WORDS = {
    r"whoever": "name the actor: caller, client, owner, operator",
    r"nobody": "name the actor: no caller, no client, no other code",
    r"somebody": "name the actor",
    r"anybody": "name the actor: any caller, anyone on the network",
    r"(?:is|are) told": "say who tells: 'the log has a line', 'the caller learns'",
    r"be had": "say what is available or installed",
    r"lets? go of": "close, release, drop",
    r"takes? in": "receive, accept, cache",
    r"far systems?": "name it: 3scale, Keycloak, Redis, the upstream",
}
PATTERN = re.compile(r"\b(" + "|".join(WORDS) + r")\b", re.IGNORECASE)

# A sentence whose subject is a riddle: `What is left out is counted.` A question is none.
RIDDLE = re.compile(r"(?:^|/ |# |\* |- |\. )(What is)\b(?!.*\?)")
RIDDLE_ADVICE = "start with the thing: 'Dropped lines are counted', not the clause"

# Text that is quoted: code in backquotes, and in prose what stands in quotation marks.
CODE = re.compile(r"`[^`\n]*`")
QUOTE = re.compile(r'"[^"\n]*"|“[^”\n]*”')
PROSE = {".md", ".txt"}


def hits(path, text):
    """(line, word) of every banned word outside quotes."""
    for number, line in enumerate(text.split("\n"), 1):
        if line.lstrip().startswith(">"):
            continue
        line = CODE.sub("", line)
        if path.suffix in PROSE:
            line = QUOTE.sub("", line)
        for match in [*PATTERN.finditer(line), *RIDDLE.finditer(line)]:
            yield number, match.group(1).lower()


def advice(word):
    return next((text for pattern, text in WORDS.items() if re.fullmatch(pattern, word)), RIDDLE_ADVICE)


def files(root):
    for name in FOLDERS:
        place = root / name
        for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if path.is_file() and path.suffix in TEXTS and "__pycache__" not in path.parts:
                yield path


def known(root):
    """The hits that each listed file may keep."""
    counts = Counter()
    for line in (root / KNOWN).read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            count, name = line.split(maxsplit=1)
            counts[name] = int(count)
    return counts


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("root", nargs="?", default=Path(__file__).resolve().parent.parent, type=Path)
    parser.add_argument("--update", action="store_true", help="lower the counts of the list; never raises one")
    arguments = parser.parse_args(argv)
    root, allowed, errors, kept = arguments.root, known(arguments.root), 0, Counter()
    for path in files(root):
        name = str(path.relative_to(root))
        found = list(hits(path, path.read_text(encoding="utf-8", errors="replace")))
        kept[name] = min(len(found), allowed[name])
        if len(found) <= allowed[name]:
            continue
        errors += len(found) - allowed[name]
        for line, word in found:
            print(f"{name}:{line}: {word}: {advice(word)}")
    if arguments.update:
        header = "# Files that were written before scripts/check-words.py, and the hits they may keep. Counts only go down.\n"
        lines = [f"{count} {name}\n" for name, count in sorted(kept.items()) if count]
        (root / KNOWN).write_text(header + "".join(lines), encoding="utf-8")
    print(f"words: {errors} errors, {sum(kept.values())} known in {sum(1 for count in kept.values() if count)} files")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
