#!/usr/bin/env python3
"""Reads the corpus of HTTP requests; README.md beside this file describes its form.

Usage: corpus.py            checks the form of every file and counts the cases
       corpus.py seeds DIR  writes each input into a file of its own, for the fuzzer
"""

import re
import string
import sys
from dataclasses import dataclass, field
from pathlib import Path

HTTP = Path(__file__).resolve().parent / "HTTP"

# Longer inputs are no help to a fuzzer whose inputs are short.
SEED_BYTES_MAX = 2048

ALPHA, DIGIT = string.ascii_letters, string.digits
SETS = {
    "tchar": set((ALPHA + DIGIT + "!#$%&'*+-.^_`|~").encode()),
    "digit": set(DIGIT.encode()),
    "hexdig": set(string.hexdigits.encode()),
    "alpha": set(ALPHA.encode()),
    "ows": {0x20, 0x09},
    "ctl": set(range(0x20)) | {0x7F},
    "vchar": set(range(0x21, 0x7F)),
    "obs": set(range(0x80, 0x100)),
    "uri": set((ALPHA + DIGIT + "-._~:/?@!$&'()*+,;=").encode()),
    "else": set(range(256)),
}
ESCAPE = re.compile(rb"\\(?:x([0-9A-Fa-f]{2})|\{(\d+) ([^}]*)\}|([rnt\\]))")
SIMPLE = {b"r": b"\r", b"n": b"\n", b"t": b"\t", b"\\": b"\\"}


class FormError(Exception):
    pass


def decode(text, value=None):
    """The bytes that a line of the corpus stands for; `value` takes the place of the escape for any byte."""
    parts, raw = [], text.encode()
    while raw:
        if value is not None and raw.startswith(b"\\?"):
            parts.append(bytes([value]))
            raw = raw[2:]
        elif raw.startswith(b"\\"):
            match = ESCAPE.match(raw)
            if not match:
                raise FormError(f"unknown escape in {text!r}")
            code, count, repeated, simple = match.groups()
            if code:
                parts.append(bytes([int(code, 16)]))
            elif count:
                parts.append(decode(repeated.decode()) * int(count))
            else:
                parts.append(SIMPLE[simple])
            raw = raw[match.end():]
        else:
            end = raw.find(b"\\")
            end = len(raw) if end < 0 else end
            parts.append(raw[:end])
            raw = raw[end:]
    return b"".join(parts)


def values(text):
    """The set of byte values that the text between brackets names."""
    if text in SETS:
        return SETS[text]
    tokens = re.findall(r"\\x[0-9A-Fa-f]{2}|\\[rnt\\]|.", text)
    chosen, index = set(), 0
    while index < len(tokens):
        first = decode(tokens[index])[0]
        if index + 2 < len(tokens) and tokens[index + 1] == "-":
            chosen.update(range(first, decode(tokens[index + 2])[0] + 1))
            index += 3
        else:
            chosen.add(first)
            index += 1
    return chosen


@dataclass
class Request:
    method: bytes
    target: bytes
    body: bytes = b""
    closes: bool = False


@dataclass
class Outcome:
    """What must be made of one input."""

    requests: list = field(default_factory=list)
    continues: bool = False
    refusal: tuple = None
    waits: bool = False


@dataclass
class Case:
    name: str
    section: str
    topic: str
    lines: list = field(default_factory=list)
    # (set of values, its text, outcome lines); one entry without a text for a case that has no variable byte
    outcomes: list = field(default_factory=list)

    @property
    def is_sweep(self):
        return any("\\?" in line for line in self.lines)

    def input(self, value=None):
        return b"".join(decode(line, value) for line in self.lines)

    def outcome(self, value=None):
        for chosen, lines in self.outcomes:
            if value is None or value in chosen:
                return parse_outcome(lines, value)
        raise FormError(f"{self.name}: no outcome for {value:#04x}")

    def inputs(self):
        """(value or None, input, outcome) of each input of the case."""
        for value in range(256) if self.is_sweep else [None]:
            yield value, self.input(value), self.outcome(value)


def parse_outcome(lines, value):
    outcome = Outcome()
    for line in lines:
        word, _, rest = line.partition(" ")
        if word == "refused":
            status, reason = rest.split()
            outcome.refusal = (int(status), reason)
        elif line == "100":
            outcome.continues = True
        elif line == "waits":
            outcome.waits = True
        elif line == "closes":
            outcome.requests[-1].closes = True
        elif word == "body":
            outcome.requests[-1].body = decode(rest, value)
        elif word != "field":
            outcome.requests.append(Request(decode(word, value), decode(rest, value)))
    return outcome


def read_file(path):
    cases = []
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
        where = f"{path.name}:{number}"
        if line.startswith("== "):
            cases.append(Case(line[3:], "", path.stem))
        elif line.startswith("#") or not line:
            continue
        elif not cases:
            raise FormError(f"{where}: before the first case")
        elif line.startswith("| ") or line == "|":
            cases[-1].lines.append(line[2:])
        elif line.startswith("["):
            if not line.endswith("]"):
                raise FormError(f"{where}: a set ends in ]")
            cases[-1].outcomes.append((values(line[1:-1]), []))
        elif line.startswith("-> "):
            if not cases[-1].outcomes:
                cases[-1].outcomes.append((SETS["else"], []))
            cases[-1].outcomes[-1][1].append(line[3:])
        elif re.match(r"(RFC|WHATWG) \S", line) and not cases[-1].section:
            cases[-1].section = line
        else:
            raise FormError(f"{where}: neither bytes nor an outcome: {line}")
    return cases


def read_all():
    """Every case, checked for its form."""
    cases = [case for path in sorted(HTTP.glob("*.txt")) for case in read_file(path)]
    names = set()
    for case in cases:
        if case.name in names:
            raise FormError(f"two cases are named {case.name!r}")
        names.add(case.name)
        if not (case.section and case.lines and case.outcomes):
            raise FormError(f"{case.name}: section, bytes or outcome is missing")
        if not case.is_sweep and len(case.outcomes) > 1:
            raise FormError(f"{case.name}: sets of values without a variable byte")
        for _ in case.inputs():
            pass
    return cases


def main():
    cases = read_all()
    if sys.argv[1:2] == ["seeds"]:
        folder = Path(sys.argv[2])
        folder.mkdir(parents=True, exist_ok=True)
        for number, case in enumerate(cases):
            data = case.input(0x20 if case.is_sweep else None)
            if len(data) <= SEED_BYTES_MAX:
                (folder / f"{case.topic}-{number:03}").write_bytes(data)
        return
    inputs = sum(1 for case in cases for _ in case.inputs())
    print(f"{len(cases)} cases, {inputs} inputs, {len(set(case.topic for case in cases))} topics")


if __name__ == "__main__":
    main()
