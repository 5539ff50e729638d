"""Reads Prometheus' text format, line by line and strictly: what is not in order fails."""

import re

NAME = r"[a-zA-Z_][a-zA-Z0-9_]*"
LABEL = re.compile(rf'({NAME})="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)')
SAMPLE = re.compile(rf"({NAME})(?:\{{(.*)\}})? (\S+)$")


def parse(text):
    """{(name, ((label, value), ...)): number}; every name has help and a type, no series is there twice."""
    found, types, helped = {}, {}, set()
    for line in text.splitlines():
        if line.startswith("# HELP "):
            helped.add(line.split(" ")[2])
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in types, f"two types of {name}"
            types[name] = kind
        else:
            match = SAMPLE.match(line)
            assert match, f"not a sample: {line!r}"
            name, labels, value = match.groups()
            family = re.sub(r"_(bucket|sum|count)$", "", name) if name not in types else name
            assert family in types and family in helped, f"{name} has no help or type"
            pairs = LABEL.findall(labels or "")
            assert ",".join(f'{name}="{value}"' for name, value in pairs) == (labels or ""), line
            key = (name, tuple(sorted(pairs)))
            assert key not in found, f"twice: {line}"
            found[key] = float(value)
    return found


def total(found, name, **labels):
    """The sum of the series of that name with those labels."""
    return sum(value for (known, pairs), value in found.items()
               if known == name and set(labels.items()) <= set(pairs))


def values(found, name, label):
    """The values a label of that metric has."""
    return {dict(pairs)[label] for (known, pairs) in found if known == name and label in dict(pairs)}


def names(found):
    """The metrics' names, histograms once."""
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name, _ in found}
