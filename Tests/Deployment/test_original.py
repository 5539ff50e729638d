"""An installation of the original Flask service, moved over as docs/upgrade.md says, and the helper started with the result.

The files of original/ have the original's names and forms, written for these tests. Where they name hosts and ports, the
sandbox's are put in.
"""

import json
import re
import subprocess

import pytest
import yaml

from conftest import ROOT, answers, conformance, main_job, person, run, wait_until
from test_chart import CHART, HELMS, OPENSHIFT, helm

ORIGINAL = ROOT / "Tests" / "Deployment" / "original"
SECRET = {"THREESCALE_ADMIN_API_KEY": conformance.ADMIN_TOKEN, "KEYCLOAK_CLIENT_SECRET": "mlaas-client-secret"}


class Moved(conformance.Helper):
    """The program with a moved installation's variables and nothing else."""

    def __init__(self, folder, environment, port, *options):
        self.url = f"http://127.0.0.1:{port}"
        self.log = (folder / "helper.log").open("w+", encoding="utf-8")
        self.process = subprocess.Popen([conformance.BIN / "mlaas-helper", *options], env=environment, stdout=self.log,
                                        stderr=subprocess.STDOUT)
        wait_until(lambda: answers(self.url + "/api/health/ready"), (folder / "helper.log").read_text)


def placed(text, sandbox, port):
    """The text with the sandbox's URLs and a port of this test in place of the original's."""
    for old, new in (("https://sso.corp.test", sandbox.keycloak), ("https://tenant-admin.corp.test", sandbox.threescale),
                     ("0.0.0.0", "127.0.0.1"), ("5000", str(port))):
        assert old in text, old
        text = text.replace(old, new)
    return text


def does_its_job(helper, sandbox, name):
    """The main job, without a word in the log but what the operator should know of the old settings."""
    try:
        main_job(helper, person(sandbox, name))
    finally:
        log = helper.stop()
    lines = [line for line in map(json.loads, log.splitlines()) if line["logger"] != "audit"]
    assert {line["message"] for line in lines} == {"configuration warning"}, log
    return {re.match(r"\w+", line["error"])[0] for line in lines}


@pytest.mark.parametrize("which", HELMS)
def test_its_values_file_is_moved_and_what_it_renders_runs(which, sandbox, tmp_path):
    port = conformance.free_port()
    file = tmp_path / "old-values.yaml"
    file.write_text((ORIGINAL / "values.yaml").read_text(), encoding="utf-8")
    moved = run(ROOT / ".tools/deployment/bin/python", CHART / "migrate-values.py", file, "--release", "mlaas")
    text = helm(which, "template", "mlaas", CHART, "-n", "mlaas", "-f", "-", *OPENSHIFT, input=moved.stdout).stdout
    objects = {(each["kind"], each["metadata"]["name"]): each for each in yaml.safe_load_all(text) if each}
    name = "mlaas-mlaas-helper"
    # What others know it by stays.
    assert objects["Service", name]["spec"]["ports"][0]["port"] == 5000
    assert objects["Route", name]["spec"]["host"] == "mlaas.corp.test"
    container = objects["Deployment", name]["spec"]["template"]["spec"]["containers"][0]
    assert {"secretRef": {"name": "mlaas-helper-secret"}} in container["envFrom"]
    assert "LOG_FORMAT" in moved.stderr and "selector" in moved.stderr and "not known" not in moved.stderr
    data = {**objects["ConfigMap", name]["data"],
            **{each["name"]: each["value"] for each in container.get("env", []) if "value" in each}}
    assert data["LOG_LEVEL"] == "WARN"
    data |= {"KEYCLOAK_URL": sandbox.keycloak, "THREESCALE_ADMIN_API_URL": sandbox.threescale + "/admin/api/",
             "SERVER_HOST": "127.0.0.1", "SERVER_PORT": str(port)}
    helper = Moved(tmp_path, {**data, **SECRET}, port)
    try:
        main_job(helper, person(sandbox, f"values-{which}"))
    finally:
        log = helper.stop()
    assert not [line for line in log.splitlines() if json.loads(line)["level"] not in ("notice", "info")], log


@pytest.mark.parametrize("which", HELMS)
def test_its_values_file_itself_is_refused_with_the_way_to_move_it(which):
    done = helm(which, "template", "mlaas", CHART, "-f", ORIGINAL / "values.yaml", check=False)
    assert done.returncode != 0
    assert "/configMap" in done.stderr and "migrate-values.py" in done.stderr and "docs/upgrade.md" in done.stderr


def test_its_configmap_is_an_environment_that_runs(sandbox, tmp_path):
    port = conformance.free_port()
    data = yaml.safe_load(placed((ORIGINAL / "configmap.yaml").read_text(), sandbox, port))["data"]
    helper = Moved(tmp_path, {**data, **SECRET}, port)
    assert does_its_job(helper, sandbox, "configmap") == {"FLASK_ENV", "LOG_FORMAT"}


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_its_env_file_runs_unchanged(sandbox, tmp_path, end):
    port = conformance.free_port()
    file = tmp_path / ".env"
    file.write_bytes(placed((ORIGINAL / "env").read_text(), sandbox, port).replace("\n", end).encode())
    checked = subprocess.run([conformance.BIN / "mlaas-helper", "config", "check", "--env-file", file], env={}, text=True,
                             capture_output=True, timeout=20, check=False)
    assert checked.returncode == 0 and "FLASK_ENV" in checked.stderr and "LOG_FORMAT" in checked.stderr
    helper = Moved(tmp_path, {}, port, "serve", "--env-file", file)
    assert does_its_job(helper, sandbox, f"env-file-{len(end)}") == {"FLASK_ENV", "LOG_FORMAT"}
