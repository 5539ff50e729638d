#!/usr/bin/env python3
"""Checks what neither the compiler nor the formatter can: which part of the tree may know which.

Usage: check-structure.py [ROOT] [--description FILE]

FILE holds the output of `swift package describe --type json`; without it the command is run in ROOT. Every broken
rule is printed as `path:line: what is wrong`; the exit status is 1 when there is one.
"""

import argparse
import json
import os
import re
import subprocess
import sys
from pathlib import Path

# Targets that wrap a C library. Only they may hold pointers and vouch for their own thread safety.
WRAPPING = {"Bytes", "EventLoop", "HTTPClient", "Crypto", "Redis", "Markdown", "XML"}

# A file longer than this many lines is named, because it probably holds more than one idea.
LONG_FILE = 300

# Folders that hold what a build or a tool made.
GENERATED = {".git", ".tools", ".run", ".swiftpm", ".hypothesis", "__pycache__", "node_modules"}

# Joined from halves, so that this file and its test pass their own rule.
UNFINISHED = ("TO" + "DO", "FIX" + "ME")
ELSEWHERE = ("../sha" + "red", "/wo" + "rk/")

IMPORT = re.compile(
    r"^\s*(?:@\w+(?:\([^)]*\))?\s+)*(?:(?:public|package|internal|fileprivate|private)\s+)?import\s+"
    r"(?:(?:struct|class|enum|protocol|typealias|func|let|var)\s+)?([A-Za-z_]\w*)",
    re.MULTILINE)
TOKEN = re.compile(
    r'"""[\s\S]*?"""|(#+)"[\s\S]*?"\1|"(?:\\.|[^"\\\n])*"|//[^\n]*|/\*[\s\S]*?\*/')


# Where foreign text becomes a number. Everywhere else `ForeignNumber` and `int(in:)` give one of a range that was asked for,
# so that arithmetic on it cannot trap. The sandbox's numbers are its own tests'.
NUMBER_READERS = {"Bytes", "JSON"}
# An initialiser that takes text is the only one without a label that may answer nil: whatever unwraps it reads text.
WHOLE = r"\bU?Int(?:8|16|32|64)?"
CALL = WHOLE + r"\((?!\s*(?:exactly|clamping|truncatingIfNeeded|bitPattern)\s*:)(?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)"
READS_TEXT = [re.compile(pattern) for pattern in (
    r"(?:\b(?:if|guard|while)\s+|,\s*)(?:let|var)\s+\w+\s*=\s*" + CALL + r"(?=\s*(?:,|else\b|\{))",
    CALL + r"\s*(?:\?\?|\?\.|!(?!=)|[!=]=\s*nil\b|\.(?:map|flatMap)\b)",
    r"\b(?:compactMap|flatMap)\s*(?:\(\s*)?\{\s*" + WHOLE + r"\(\s*\$0",
    r"\b(?:compactMap|flatMap)\s*\(\s*" + WHOLE + r"\.init\b",
    WHOLE + r"\([^()]*(?:\([^()]*\)[^()]*)*,\s*radix:",
)]
# `Int(_:)` of a number that has a fraction traps beyond 64 bits.
ROUNDS = re.compile(WHOLE + r"\((?!\s*(?:exactly|clamping)\s*:)(?:[^()]|\((?:[^()]|\([^()]*\))*\))*\.rounded\((?:[^()]|\([^()]*\))*\)\s*\)")
# JSON's number of any size, where `int(in:)` asks for a range.
ANY_INT = re.compile(r"\.int\b(?!\s*\()")
# The thread sanitizer knows a closure that holds a mutex by the mangled name of its value, which a tuple's does not have.
MUTEX_OF_TUPLE = re.compile(r"\bMutex\s*[<(]\s*\((?!\s*\))")

# The type has no arithmetic, and gets none elsewhere.
FOREIGN_EXTENSION = re.compile(r"\bextension\s+ForeignNumber\b")
FOREIGN_OPERATOR = re.compile(r"\bfunc\s*(?:&?[-+*]=?|/=?|%=?)\s*\(")


def without_comments(text):
    """Swift source with each comment blanked; line numbers stay."""
    def replace(match):
        token = match.group()
        return re.sub(r"[^\n]", " ", token) if token.startswith("/") else token
    return TOKEN.sub(replace, text)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def layer(target):
    """The second part of `Sources/<layer>/<target>`, `Model` for what explores the product; None for tests."""
    parts = Path(target["path"]).parts
    if parts and parts[0] == "Model":
        return "Model"
    return parts[1] if len(parts) > 1 and parts[0] == "Sources" else None


class Check:
    def __init__(self, root, description):
        self.root = Path(root)
        self.targets = {target["name"]: target for target in description["targets"]}
        self.errors = []
        self.warnings = []

    def run(self):
        self.dependencies()
        for name in sorted(self.targets):
            if layer(self.targets[name]) == "C":
                continue
            for path in sorted((self.root / self.targets[name]["path"]).rglob("*.swift")):
                self.mutexes(path)
                if layer(self.targets[name]):
                    self.source(name, path)
        self.c_modules()
        self.repository()
        return self.errors

    def error(self, path, line, what):
        self.errors.append(f"{path}:{line}: {what}")

    # Dependencies, as the package declares them

    def needs(self, name):
        return self.targets[name].get("target_dependencies", [])

    def reachable(self, name):
        seen, open_ends = set(), list(self.needs(name))
        while open_ends:
            next_name = open_ends.pop()
            if next_name not in seen and next_name in self.targets:
                seen.add(next_name)
                open_ends.extend(self.needs(next_name))
        return seen

    def forbidden(self, from_layer, to):
        """Why a target of one layer may not know the target `to`; None when it may."""
        to_layer = layer(self.targets[to])
        if from_layer in ("Runtime", "Helper") and to_layer == "Sandbox":
            return f"nothing that ships may reach the sandbox ({to})"
        if from_layer in ("Runtime", "Helper", "Sandbox") and to_layer == "Model":
            return f"nothing that ships may reach the model ({to})"
        if from_layer == "Runtime" and to_layer == "Helper":
            return f"the runtime knows nothing of the product ({to})"
        if from_layer == "Sandbox" and to_layer == "Helper":
            return f"the sandbox shares no code with the product ({to})"
        return None

    def dependencies(self):
        for name, target in sorted(self.targets.items()):
            for to in sorted(self.reachable(name)):
                reason = self.forbidden(layer(target), to)
                if reason:
                    self.error("Package.swift", 1, f"target {name}: {reason}")

    # Sources

    def source(self, name, path):
        shown = path.relative_to(self.root)
        code = without_comments(path.read_text(encoding="utf-8"))
        for match in IMPORT.finditer(code):
            module, line = match.group(1), line_of(code, match.start(1))
            if module.startswith("Foundation") and module != "FoundationEssentials":
                self.error(shown, line, f"import of {module}: FoundationEssentials is what ships")
            if module in self.targets:
                reason = self.forbidden(layer(self.targets[name]), module)
                if reason:
                    self.error(shown, line, f"import of {module}: {reason}")
                if layer(self.targets[module]) == "C" and module not in self.needs(name):
                    self.error(shown, line, f"import of the C module {module} by {name}, which does not wrap it")
        if name not in WRAPPING:
            for match in re.finditer(r"@unchecked\s+Sendable|\w*[Uu]nsafe\w*", code):
                self.error(shown, line_of(code, match.start()), f"{match.group()} outside {', '.join(sorted(WRAPPING))}")
        if layer(self.targets[name]) != "Sandbox":
            self.numbers(name, shown, code)
        for match in re.finditer(r"\btry!", code):
            self.error(shown, line_of(code, match.start()), "try! turns an error into a trap")

    def mutexes(self, path):
        code = without_comments(path.read_text(encoding="utf-8"))
        for match in MUTEX_OF_TUPLE.finditer(code):
            self.error(path.relative_to(self.root), line_of(code, match.start()),
                       "a mutex of a tuple looks unguarded to the thread sanitizer: name its type")

    def numbers(self, name, shown, code):
        if FOREIGN_EXTENSION.search(code) or (shown.name == "ForeignNumber.swift" and FOREIGN_OPERATOR.search(code)):
            found = FOREIGN_EXTENSION.search(code) or FOREIGN_OPERATOR.search(code)
            self.error(shown, line_of(code, found.start()), "ForeignNumber has no arithmetic: it would trap")
        if name in NUMBER_READERS:
            return
        places = {line_of(code, match.start() + len(match.group()) - len(match.group().lstrip(", \n")))
                  for pattern in READS_TEXT for match in pattern.finditer(code)}
        for line in sorted(places):
            self.error(shown, line, "a number read from text: ForeignNumber(text)?.within(range) or .clamped(to:)")
        for match in ROUNDS.finditer(code):
            self.error(shown, line_of(code, match.start()), "traps beyond 64 bits: ForeignNumber(rounding:) or Int(exactly:)")
        for match in ANY_INT.finditer(code):
            self.error(shown, line_of(code, match.start()), "a JSON number of any size: int(in: range)")

    def c_modules(self):
        for name, target in sorted(self.targets.items()):
            if layer(target) != "C":
                continue
            importers = sorted(other for other in self.targets if name in self.needs(other))
            if len(importers) != 1:
                self.error("Package.swift", 1, f"C module {name} needs exactly one importer, has {importers or 'none'}")
                continue
            sources = (self.root / self.targets[importers[0]]["path"]).rglob("*.swift")
            texts = (without_comments(path.read_text(encoding="utf-8")) for path in sources)
            if not any(match.group(1) == name for text in texts for match in IMPORT.finditer(text)):
                self.error(target["path"], 1, f"C module {name} is not imported by {importers[0]}")

    # Every text file

    def repository(self):
        for folder, folders, files in os.walk(self.root):
            folders[:] = sorted(f for f in folders if f not in GENERATED and not f.startswith(".build"))
            for file in sorted(files):
                if file != ".env":
                    self.text_file(Path(folder) / file)

    def text_file(self, path):
        try:
            text = path.read_text(encoding="utf-8")
        except (UnicodeDecodeError, OSError):
            return
        shown = path.relative_to(self.root)
        for number, line in enumerate(text.split("\n"), 1):
            for word in UNFINISHED:
                if re.search(rf"\b{word}\b", line):
                    self.error(shown, number, f"{word}: finish it, or file it where work is planned")
            for place in ELSEWHERE:
                if place in line:
                    self.error(shown, number, f"names a folder outside the repository ({place})")
        length = text.count("\n")
        if path.suffix == ".swift" and length > LONG_FILE:
            self.warnings.append(f"{shown}: {length} lines; more than one idea?")


def describe(root):
    return subprocess.run(
        ["swift", "package", "describe", "--type", "json"], cwd=root, check=True, stdout=subprocess.PIPE).stdout


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("root", nargs="?", default=Path(__file__).resolve().parent.parent, type=Path)
    parser.add_argument("--description", type=Path, help="output of swift package describe --type json")
    arguments = parser.parse_args()
    description = arguments.description.read_bytes() if arguments.description else describe(arguments.root)
    check = Check(arguments.root, json.loads(description))
    for line in check.run():
        print(line)
    for line in check.warnings:
        print(f"warning: {line}")
    print(f"structure: {len(check.targets)} targets, {len(check.errors)} errors, {len(check.warnings)} warnings")
    return 1 if check.errors else 0


if __name__ == "__main__":
    sys.exit(main())
