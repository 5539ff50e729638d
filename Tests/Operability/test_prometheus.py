"""A real Prometheus scrapes the helper, loads the alerts and answers every question of the dashboard."""

import json
import re
import shutil
import subprocess
import sys
import time

import pytest
import requests
import exposition
from conftest import ROOT, harness

RULES = ROOT / "deployment" / "prometheus" / "mlaas-helper.rules.yml"
DASHBOARD = ROOT / "deployment" / "grafana" / "mlaas-helper.json"
FUNCTIONS = {"abs", "sum", "max", "min", "by", "on", "rate", "increase", "changes", "histogram_quantile", "min_over_time", "or", "and",
             "unless", "group_left", "vector", "time"}


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, timeout=120, **options)


def alerts():
    """(name, expression) of each alert, as promtool's own reading of the file would have them."""
    text = RULES.read_text(encoding="utf-8")
    blocks = re.split(r"^ +- alert: ", text, flags=re.MULTILINE)[1:]
    for block in blocks:
        expression = re.search(r"^ +expr: (\|\n(?:(?: {10,}.*)\n)+|.*\n)", block, re.MULTILINE).group(1)
        yield block.split("\n")[0].strip(), " ".join(expression.removeprefix("|").split())


def targets():
    for panel in json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]


def test_the_rules_are_well_formed_and_their_unit_tests_pass(promtool):
    result = run(promtool, "check", "rules", RULES)
    assert result.returncode == 0, result.stdout + result.stderr
    result = run(promtool, "test", "rules", "mlaas-helper.rules.test.yml", cwd=RULES.parent)
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_alert_has_a_unit_test_and_says_what_to_do():
    tests = (RULES.parent / "mlaas-helper.rules.test.yml").read_text(encoding="utf-8")
    guide = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    names = [name for name, _ in alerts()]
    assert len(names) >= 15
    for name in names:
        assert re.search(rf"alertname: {name}\n +exp_alerts:\n +- exp_labels", tests), f"{name} never fires in a test"
        assert f"\n### {name}\n" in guide, f"{name} is not in the guide"
        runbook = guide.split(f"\n### {name}\n")[1].split("\n### ")[0]
        assert not runbook.startswith("*") and re.search(r"^\*(Critical|Warning|Info)\.\* ", runbook, re.MULTILINE), \
            f"the runbook of {name} does not begin with what to do"
    rules = RULES.read_text(encoding="utf-8")
    assert re.findall(r"runbook_url: docs/operations.md#(\S+)", rules) == [name.lower() for name in names]
    assert rules.count("          action: ") == len(names)


def test_the_dashboard_is_what_its_source_says():
    assert run(sys.executable, DASHBOARD.with_name("dashboard.py"), "--check").returncode == 0
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                 for y in range(place["y"], place["y"] + place["h"])}
        assert place["x"] + place["w"] <= 24 and not cells & taken, panel["title"]
        taken |= cells


def test_rules_and_dashboard_ask_for_metrics_that_are_documented():
    guide = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    for _, query in [*alerts(), *targets()]:
        bare = re.sub(r'"[^"]*"', '""', re.sub(r"\b(by|on) \([^)]*\)", "", query))
        for name in re.findall(r"[a-z][a-zA-Z0-9_]*(?=[{(\[ ]|$)", re.sub(r"\{[^}]*\}", "{", bare)):
            if name in FUNCTIONS or name == "up":
                continue
            assert f"`{re.sub('_(bucket|sum|count)$', '', name)}`" in guide, (name, query)


@pytest.fixture(scope="module")
def prometheus(helper, sandbox, tmp_path_factory):
    path = shutil.which("prometheus")
    if not path:
        pytest.skip("needs Debian's prometheus")
    folder, port = tmp_path_factory.mktemp("prometheus"), harness.free_port()
    (folder / "prometheus.yml").write_text(json.dumps({
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"}, "rule_files": [str(RULES)],
        "scrape_configs": [{"job_name": "mlaas-helper", "static_configs": [
            {"targets": [helper.url.removeprefix("http://")]}]}]}))
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(
            [path, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
             f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log)
    try:
        harness.wait_for(f"http://127.0.0.1:{port}/-/ready", process, seconds=60)
        yield f"http://127.0.0.1:{port}"
    finally:
        harness.stop(process)


def ask(prometheus, query):
    answer = requests.get(prometheus + "/api/v1/query", params={"query": query}, timeout=30).json()
    assert answer["status"] == "success", (query, answer)
    return answer["data"]["result"]


def test_a_real_prometheus_answers_every_question(prometheus, helper, sandbox):
    token = sandbox.token("ada")
    end = time.monotonic() + 60
    # Rates need two scrapes with something in between.
    while time.monotonic() < end:
        helper.init(token, helper.services(token)["granite_chat"]["id"])
        helper.get("/api/services", "bad.token.here")
        helper.get("/nowhere")
        if len(ask(prometheus, "rate(process_cpu_seconds_total[1m])")) == 1 and \
                ask(prometheus, 'rate(mlaas_auth_total{outcome="refused"}[1m]) > 0'):
            break
        time.sleep(0.2)
    assert ask(prometheus, 'up{job="mlaas-helper"}')[0]["value"][1] == "1"
    exposed = exposition.names(exposition.parse(helper.get("/metrics").text))
    empty = []
    for title, query in targets():
        for name, value in (("$job", ".*"), ("$instance", ".*"), ("$__rate_interval", "1m")):
            query = query.replace(name, value)
        result = ask(prometheus, query)
        metrics = {re.sub(r"_(bucket|sum|count)$", "", name)
                   for name in re.findall(r"\b(?:mlaas|http|process)_[a-z_]+(?=\{)", query)}
        # A query of a metric that is not exposed yet has no answer; any other query must have one.
        if not result and metrics <= exposed and "> 0" not in query:
            empty.append((title, query))
    assert not empty
    for _, query in alerts():
        ask(prometheus, query)
    rules = requests.get(prometheus + "/api/v1/rules", timeout=30).json()["data"]["groups"]
    loaded = [rule for group in rules for rule in group["rules"]]
    assert {rule["name"] for rule in loaded} == {name for name, _ in alerts()}
    assert all(rule["health"] in ("ok", "unknown") and not rule.get("lastError") for rule in loaded)
    firing = [rule["name"] for rule in loaded if rule["state"] == "firing"]
    assert not firing
