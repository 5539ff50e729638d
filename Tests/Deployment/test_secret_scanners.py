"""The rules of docs/scanners: gitleaks and TruffleHog find every key in the form that the helper gives its secrets, and nothing in
a corpus that holds none: the tree of this repository, its examples aside, and what resembles a key."""

import json
import math
import random
import re
import subprocess
import zlib

import pytest
import yaml

from conftest import ROOT, TOOLS, run

GITLEAKS_RULES = ROOT / "docs/scanners/gitleaks.toml"
TRUFFLEHOG_RULES = ROOT / "docs/scanners/trufflehog.yaml"
DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
KEYS = 1_000
# Each as a file of its own; none is a key.
NEAR_MISSES = [
    "mlaas_provisioning_total", "mlaas_upstream_request_duration_seconds_bucket", "mlaas_build_info",
    "mlaas_" + "0" * 36, "mlaas_" + "x" * 36, "mlaas_" + "abc123" * 6, "mlaas_YOUR_KEY_HERE",
    "mlaas_<30 random characters><6 of checksum>", "mlaas-" + "q7Zk2LmN9pXv4RtB8cWd1YfH5sJg3A" + "9Kd2Pz",
    "MLAAS_" + "q7Zk2LmN9pXv4RtB8cWd1YfH5sJg3A" + "9Kd2Pz", "mlaas_" + "q7Zk2LmN9pXv4RtB8cWd1YfH5sJg3A" + "9Kd2P",
    "mlaas_" + "q7Zk2LmN9pXv4RtB8cWd1YfH5sJg3A" + "9Kd2Pzz", "xmlaas_" + "q7Zk2LmN9pXv4RtB8cWd1YfH5sJg3A" + "9Kd2Pz",
    "mlaas_" + "q7Zk2LmN9pXv4RtB8cWd1YfH5sJg3A" + "_9Kd2Pz", "mlaas_" + "q7Zk2LmN9pXv4RtB8cWd1YfH5sJg" + "…2Pz",
    "sha256:" + "3f5c" * 16, "mlaas-3fdb8a9d5c1e6f7a8b9c0d1e",
]
SURROUNDINGS = [
    "{}", "API_KEY={}", 'curl -H "Authorization: Bearer {}" https://granite.example.com/v1/models', '{{"api_key":"{}"}}',
    "https://granite.example.com/v1/models?user_key={}&stream=1", "key: '{}' # of granite", "({})", "{}.", "a\t{}\tb",
    'openai.api_key = "{}"',
]


def key(draw):
    body = "mlaas_" + "".join(draw.choice(DIGITS) for _ in range(30))
    rest, digits = zlib.crc32(body.encode()), ""
    for _ in range(6):
        rest, digit = divmod(rest, 62)
        digits = DIGITS[digit] + digits
    return body + digits


@pytest.fixture(scope="module")
def leaks(tmp_path_factory):
    """A repository with one key in each line, and the keys."""
    draw = random.Random(11)
    keys = [key(draw) for _ in range(KEYS)]
    folder = tmp_path_factory.mktemp("leaks")
    for number, surrounding in enumerate(SURROUNDINGS):
        lines = [surrounding.format(each) for each in keys[number::len(SURROUNDINGS)]]
        (folder / f"leak{number}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return commit(folder), keys


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    """A repository that holds no key but the examples of the API's description: every text of this one, and near misses."""
    folder = tmp_path_factory.mktemp("clean")
    names = run("git", "-C", ROOT, "ls-files", "-z").stdout.split("\0")
    for number, name in enumerate(filter(None, names)):
        path = ROOT / name
        if name.startswith("Fuzz/Corpus") or not path.is_file() or path.stat().st_size > 4_000_000:
            continue
        (folder / f"{number}-{path.name}").write_bytes(path.read_bytes())
    for number, text in enumerate(NEAR_MISSES):
        (folder / f"near{number}.txt").write_text(f"key = \"{text}\"\n{text}\n", encoding="utf-8")
    return commit(folder)


def commit(folder):
    git = ("git", "-C", folder, "-c", "user.name=test", "-c", "user.email=test@example.com")
    run(*git, "init", "-q")
    run(*git, "add", "-A")
    run(*git, "commit", "-q", "-m", "corpus")
    return folder


def gitleaks(folder, tmp_path):
    report = tmp_path / "report.json"
    subprocess.run([TOOLS / "deployment/bin/gitleaks", "git", folder, "-c", GITLEAKS_RULES, "--no-banner", "-r", report],
                   capture_output=True, text=True, check=False)
    return {finding["Secret"] for finding in json.loads(report.read_text())}


def trufflehog(folder, tmp_path):
    """TruffleHog 2 takes the regex of the detector alone; TruffleHog 3 holds the entropy against it as well."""
    detector, = yaml.safe_load(TRUFFLEHOG_RULES.read_text(encoding="utf-8"))["detectors"]
    rules = tmp_path / "rules.json"
    rules.write_text(json.dumps({detector["name"]: detector["regex"]["key"]}))
    done = subprocess.run([TOOLS / "deployment/bin/trufflehog", "--json", "--regex", "--rules", rules, "--entropy", "False",
                           f"file://{folder}"], capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    found = set()
    for line in filter(None, done.stdout.split("\n")):
        found.update(json.loads(line)["stringsFound"])
    return {text for text in found if any(word in text for word in detector["keywords"])
            and entropy(text) >= detector["entropy"]}


def entropy(text):
    """Shannon's, in bits for each character, as both scanners compute it."""
    return -sum(text.count(each) / len(text) * math.log2(text.count(each) / len(text)) for each in set(text))


@pytest.mark.parametrize("scan", [gitleaks, trufflehog])
def test_a_scanner_finds_every_key(leaks, tmp_path, scan):
    folder, keys = leaks
    assert scan(folder, tmp_path) == set(keys)


@pytest.mark.parametrize("scan", [gitleaks, trufflehog])
def test_a_scanner_finds_nothing_where_no_key_is(clean, tmp_path, scan):
    assert {found for found in scan(clean, tmp_path) if not found.startswith("mlaas_ExampleOf")} == set()


def test_both_rules_say_the_same():
    detector, = yaml.safe_load(TRUFFLEHOG_RULES.read_text(encoding="utf-8"))["detectors"]
    text = GITLEAKS_RULES.read_text(encoding="utf-8")
    assert re.search(r"^regex = '''(.+)'''$", text, re.M).group(1) == detector["regex"]["key"]
    assert re.search(r"^keywords = (.+)$", text, re.M).group(1) == json.dumps(detector["keywords"])
    assert float(re.search(r"^entropy = (.+)$", text, re.M).group(1)) == detector["entropy"]
