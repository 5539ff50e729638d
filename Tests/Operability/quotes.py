"""Reads what the pages for operators quote: log lines, metrics, fields, settings, codes and commands, with file and line."""

import dataclasses
import re

COMMANDS = re.compile(
    r"(mlaas-helper|kubectl|helm|podman|oc|jq|printf|promtool|curl|kill|\./test_api\.sh|test_api\.sh|make|openssl|redis-cli)\b")
SETTING = re.compile(r"\b[A-Z][A-Z0-9]+(?:_[A-Z0-9]+)+\b")
METRIC = re.compile(r"\b(?:mlaas|http_server|http_client|process)_[a-z_]+[a-z]\b(?:\{[^}]*\})?")


@dataclasses.dataclass(frozen=True)
class Quote:
    file: str
    line: int
    text: str

    def __str__(self):
        return f"{self.file}:{self.line}: {self.text}"


def markdown(path, name):
    """Code spans, which may go over a line's end, and the commands of indented blocks."""
    text = path.read_text(encoding="utf-8")
    found = []

    def add(start, quote):
        found.append(Quote(name, text.count("\n", 0, start) + 1, quote))

    blocks = [match.span() for match in re.finditer(r"(?m)^(?: {4}.*\n)+", text)]
    starts = {start for start, end in blocks if text[:start].endswith("\n\n") and not continues_list(text, start)}
    blocks = [(start, end) for start, end in blocks if start in starts]
    for start, end in blocks:
        for match in re.finditer(r"(?m)^ {4,}(\S.*)$", text[start:end]):
            command = match.group(1).split("  #")[0].strip()
            if COMMANDS.match(command):
                add(start + match.start(1), command)
    prose = list(text)
    for start, end in blocks:
        prose[start:end] = [" " if character != "\n" else "\n" for character in text[start:end]]
    prose = "".join(prose)
    # No span goes beyond its paragraph, its row or its item.
    for part in re.finditer(r"(?ms)^\|[^\n]*$|^(?!\|)\S.*?(?=\n\s*\n|\n\||\n *- |\n *\d+\. |\Z)|^ +\S.*?(?=\n\s*\n|\n\||\n *- |\n *\d+\. |\Z)", prose):
        for match in re.finditer(r"(?<!`)`([^`]+)`(?!`)", part.group()):
            add(part.start() + match.start(), " ".join(match.group(1).split()))
    return found


def continues_list(text, start):
    """Whether an indented paragraph belongs to the list item above it."""
    above = text[:start].rstrip("\n").rsplit("\n\n", 1)[-1].splitlines()
    return bool(above) and (above[0].startswith(("- ", "* ")) or re.match(r"\d+\. ", above[0]) is not None) and \
        not COMMANDS.match(text[start:].strip())


def annotations(path, name):
    """What stands between single quotes in an alert's annotations, and the settings, metrics and commands they name."""
    found, inside = [], False
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if re.match(r" +- alert:", line):
            inside = False
        if "annotations:" in line:
            inside = True
            continue
        if not inside or "runbook_url:" in line:
            continue
        bare = re.sub(r"\{\{.*?\}\}", " ", line)
        for text in re.findall(r"(?<![\w])'((?:[^']|(?<=\w)'(?=s\b))+)'(?!\w)", bare):
            if text.strip() and "$labels" not in text:
                found.append(Quote(name, number, text.strip()))
        found += [Quote(name, number, text) for text in SETTING.findall(bare)]
        found += [Quote(name, number, text) for text in METRIC.findall(bare)]
        found += [Quote(name, number, text) for text in re.findall(r"mlaas-helper [a-z]+", bare)]
    return found


def notes(path, name):
    """The commands and settings of the chart's notes."""
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        bare = re.sub(r"\{\{.*?\}\}", "X", line)
        if line.startswith("     ") and COMMANDS.match(bare.strip()):
            found.append(Quote(name, number, bare.strip()))
        else:
            found += [Quote(name, number, text) for text in SETTING.findall(bare)]
            found += [Quote(name, number, text) for text in re.findall(r"\b[a-z]+[A-Za-z]*\.[a-z][A-Za-z.]*[a-zA-Z]\b", bare)]
    return found
