"""The rendered Deployment and ConfigMap at work, by `podman kube play`, with the sandbox outside."""

import base64
import json

import pytest
import yaml

from conftest import IMAGE, answers, conformance, main_job, person, podman, wait_until
from test_chart import LEAST, merged, template

NAME = "r-mlaas-helper"


class Pod(conformance.Helper):
    """What the chart renders, as one pod of this machine."""

    def __init__(self, sandbox, folder):
        port = conformance.free_port()
        self.url = f"http://127.0.0.1:{port}"
        repository, tag = IMAGE.rsplit(":", 1)
        values = merged(LEAST, {
            "image": {"repository": repository, "tag": tag, "pullPolicy": "Never"}, "replicaCount": 1,
            "containerPort": port, "shutdown": {"drainSeconds": 1},
            "keycloak": {"url": sandbox.keycloak}, "threescale": {"adminApiUrl": sandbox.threescale},
            "secret": {"data": {"THREESCALE_ADMIN_API_KEY": conformance.ADMIN_TOKEN}},
            # The sandbox listens on loopback.
            "config": {"SERVER_HOST": "127.0.0.1"}, "resources": {"limits": {"memory": "64Mi"}}})
        documents = list(yaml.safe_load_all(template("helm4", base=values).stdout))
        objects = {each["kind"]: each for each in documents if each and each["metadata"]["name"] == NAME}
        self.file = folder / "play.yaml"
        deployment = objects["Deployment"]
        specification = deployment["spec"]["template"]["spec"]
        # A pod's network of its own would not reach loopback, and the host's maps no port.
        specification["hostNetwork"] = True
        del specification["containers"][0]["ports"]
        # podman asks by a curl inside the container, which this image does not have.
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            del specification["containers"][0][probe]
        self.file.write_text(yaml.safe_dump_all([objects["ConfigMap"], deployment]), encoding="utf-8")
        # This podman takes a Secret in a form of its own, beside the file.
        secret = folder / "secret.json"
        data = {name: base64.b64encode(value.encode()).decode() for name, value in objects["Secret"]["stringData"].items()}
        secret.write_text(json.dumps(data), encoding="utf-8")
        podman("secret", "rm", NAME, check=False)
        podman("secret", "create", NAME, secret)
        podman("kube", "play", self.file)
        self.port = port
        self.test = next(each for each in documents if each and each["kind"] == "Pod")["spec"]["containers"][0]
        self.environment = objects["ConfigMap"]["data"]
        self.container = f"{NAME}-pod-0-mlaas-helper"
        wait_until(lambda: answers(self.url + "/api/health/ready"), self.logs)

    def logs(self):
        done = podman("logs", self.container, check=False)
        return done.stdout + done.stderr

    def down(self):
        podman("kube", "play", "--down", self.file, check=False)
        podman("secret", "rm", NAME, check=False)


@pytest.fixture
def pod(sandbox, tmp_path):
    started = None
    try:
        started = Pod(sandbox, tmp_path)
        yield started
    finally:
        if started:
            started.down()
        else:
            podman("pod", "rm", "-f", f"{NAME}-pod-0", check=False)
            podman("secret", "rm", NAME, check=False)


def test_the_rendered_deployment_does_the_main_job(sandbox, pod):
    main_job(pod, person(sandbox, "played"))
    state = json.loads(podman("inspect", pod.container).stdout)[0]
    assert state["HostConfig"]["ReadonlyRootfs"] is True and state["HostConfig"]["Memory"] == 64 << 20
    assert state["EffectiveCaps"] in ([], None)
    assert "draining" not in pod.logs()


def test_the_pod_of_helm_test_tells_ready_from_not(pod):
    """What `helm test` runs, with the service's name and port replaced by where the pod is."""
    assert {"name": "SERVER_HOST", "value": NAME} in pod.test["env"]
    environment = {**pod.environment, "THREESCALE_ADMIN_API_KEY": conformance.ADMIN_TOKEN}

    def ask(port):
        variables = {**environment, "SERVER_HOST": "127.0.0.1", "SERVER_PORT": str(port)}
        options = [word for name, value in variables.items() for word in ("-e", f"{name}={value}")]
        return podman("run", "--rm", "--network", "host", *options, pod.test["image"], *pod.test["args"], check=False)
    assert ask(pod.port).returncode == 0
    absent = ask(conformance.free_port())
    assert absent.returncode == 1 and "did not answer" in absent.stderr
