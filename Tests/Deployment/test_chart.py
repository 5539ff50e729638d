"""The chart under Helm 3 and Helm 4: what it renders, what it refuses, and what other tools say about it."""

import copy
import itertools
import json
import re
import tarfile

import jsonschema
import pytest
import yaml
from kubernetes_validate.utils import validate as validate_kubernetes

from conftest import ROOT, TOOLS, run

CHART = ROOT / "helm-chart"
HELMS = ("helm3", "helm4")
KUBERNETES = ("1.30", "1.37")
SCHEMAS = {schema["properties"]["kind"]["const"]: schema for schema in (
    json.loads(path.read_text()) for path in (ROOT / "Tests/Deployment/schemas").glob("*.json"))}
OPENSHIFT = ("--api-versions", "route.openshift.io/v1", "--api-versions", "monitoring.coreos.com/v1")

# The least that can be installed.
LEAST = {
    "image": {"repository": "registry.corp.test/mlaas-helper"},
    "keycloak": {"url": "https://sso.corp.test/auth", "realm": "mlaas", "clientId": "mlaas-client"},
    "threescale": {"adminApiUrl": "https://tenant-admin.corp.test:8443"},
    "secret": {"data": {"THREESCALE_ADMIN_API_KEY": "s3cret"}},
}
PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
EVERYTHING = {
    "replicaCount": 4, "image": {"digest": "sha256:" + "a" * 64}, "imagePullSecrets": [{"name": "registry"}],
    "secret": {"data": {"KEYCLOAK_CLIENT_SECRET": "x"}, "annotations": {"owner": "me"}},
    "config": {"MLAAS_DEFAULT_PLAN": "basic", "API_RETRY_COUNT": 2, "KEYCLOAK_ALLOW_AZP": True, "SERVER_MAX_REQUESTS_PER_CONNECTION": 1000000},
    "customCA": {"pem": PEM}, "proxy": {"https": "http://proxy.corp.test:3128", "noProxy": ".svc"},
    "redis": {"deploy": True}, "tls": {"secretName": "mlaas-tls"},
    "service": {"annotations": {"a": "b"}}, "route": {"enabled": True, "termination": "reencrypt", "host": "mlaas.corp.test"},
    "ingress": {"enabled": True, "className": "nginx", "host": "mlaas.corp.test", "tlsSecretName": "front"},
    "autoscaling": {"enabled": True}, "metrics": {
        "port": 9090, "serviceMonitor": {"enabled": True, "labels": {"release": "prom"}},
        "prometheusRule": {"enabled": True}, "dashboard": {"enabled": True}},
    "networkPolicy": {"keycloak": [{"ipBlock": {"cidr": "198.51.100.1/32"}}],
                      "extraEgress": [{"ports": [{"port": 4318, "protocol": "TCP"}]}],
                      "extraIngress": [{"from": [{"podSelector": {}}]}]},
    "podAnnotations": {"a": "b"}, "podLabels": {"team": "ml"}, "deploymentAnnotations": {"c": "d"},
    "priorityClassName": "high", "nodeSelector": {"kubernetes.io/os": "linux"},
    "tolerations": [{"key": "k", "operator": "Exists"}],
    "affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}},
    "extraEnv": [{"name": "LOG_LEVEL", "value": "debug"}], "extraEnvFrom": [{"configMapRef": {"name": "more"}}],
    "extraVolumes": [{"name": "x", "emptyDir": {}}], "extraVolumeMounts": [{"name": "x", "mountPath": "/x"}],
}
NOTHING = {
    "replicaCount": 1, "secret": {"existingSecret": "made-before", "data": {"THREESCALE_ADMIN_API_KEY": None}},
    "route": {"enabled": False}, "serviceAccount": {"create": False}, "podDisruptionBudget": {"enabled": False},
    "topologySpread": {"enabled": False}, "networkPolicy": {"enabled": False},
}
SERVICE_CA = {"tls": {"serviceCA": True}, "route": {"termination": "reencrypt"},
              "customCA": {"injectTrustedBundle": True}, "metrics": {"serviceMonitor": {"enabled": True}}}
EXTERNAL_REDIS = {"redis": {"url": "redis://redis.corp.test:6380"}, "customCA": {"configMap": "roots", "key": "ca.pem"}}
MATRIX = {
    "kubernetes": ({}, ()), "openshift": ({}, OPENSHIFT), "openshift-service-ca": (SERVICE_CA, OPENSHIFT),
    "external-redis": (EXTERNAL_REDIS, ()), "everything": (EVERYTHING, OPENSHIFT), "nothing": (NOTHING, ()),
}


def merged(base, change):
    """The values of one with those of the other on top; None takes a value away."""
    result = copy.deepcopy(base)
    for name, value in change.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, dict) and isinstance(result.get(name), dict):
            result[name] = merged(result[name], value)
        else:
            result[name] = value
    return result


def helm(which, *arguments, **options):
    return run(TOOLS / which / "helm", *arguments, **options)


def template(which, change=None, options=(), base=LEAST, check=True):
    values = json.dumps(merged(base, change or {}))
    return helm(which, "template", "r", CHART, "-n", "mlaas", "-f", "-", *options, input=values, check=check)


def render(change=None, options=(), which="helm3"):
    """The rendered objects by kind and name."""
    documents = [document for document in yaml.safe_load_all(template(which, change, options).stdout) if document]
    return {(document["kind"], document["metadata"]["name"]): document for document in documents}


def container(objects):
    return objects["Deployment", "r-mlaas-helper"]["spec"]["template"]["spec"]["containers"][0]


def refusal(change, which="helm3", base=LEAST):
    done = template(which, change, base=base, check=False)
    assert done.returncode != 0, "it was accepted"
    return done.stderr


# Each rendering of the matrix is valid

@pytest.mark.parametrize("which", HELMS)
def test_it_has_nothing_that_helm_warns_of(which):
    helm(which, "lint", "--strict", CHART)
    for change, _ in MATRIX.values():
        helm(which, "lint", "--strict", CHART, "-f", "-", input=json.dumps(merged(LEAST, change)))


@pytest.mark.parametrize("which, case", itertools.product(HELMS, MATRIX))
def test_what_it_renders_is_valid(which, case):
    change, options = MATRIX[case]
    documents = [document for document in yaml.safe_load_all(template(which, change, options).stdout) if document]
    assert documents
    for document in documents:
        if document["kind"] in SCHEMAS:
            jsonschema.validate(document, SCHEMAS[document["kind"]])
            continue
        for version in KUBERNETES:
            validate_kubernetes(document, version, strict=True)


@pytest.mark.parametrize("case", MATRIX)
def test_both_helms_render_the_same(case):
    change, options = MATRIX[case]
    three, four = ([d for d in yaml.safe_load_all(template(which, change, options).stdout) if d] for which in HELMS)
    assert three == four


def test_a_mistake_in_an_object_is_found():
    """The validators can fail: a word that Kubernetes or OpenShift does not know is an error."""
    objects = render(options=OPENSHIFT)
    route = objects["Route", "r-mlaas-helper"]
    route["spec"]["tls"]["terminatoin"] = "edge"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(route, SCHEMAS["Route"])
    deployment = objects["Deployment", "r-mlaas-helper"]
    deployment["spec"]["replicsa"] = 1
    with pytest.raises(Exception, match="replicsa"):
        validate_kubernetes(deployment, KUBERNETES[0], strict=True)


@pytest.mark.parametrize("which", HELMS)
def test_it_is_packaged_without_what_is_not_of_it(which, tmp_path):
    helm(which, "package", CHART, "-d", tmp_path)
    with tarfile.open(next(tmp_path.glob("*.tgz"))) as package:
        names = package.getnames()
    assert "mlaas-helper/values.schema.json" in names and not [name for name in names if "values-prod" in name]


def test_the_versions_agree():
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    version = re.search(r'number = "(.*)"', (ROOT / "Sources/Helper/HelperServer/Version.swift").read_text()).group(1)
    assert chart["version"] == chart["appVersion"] == version


def test_the_example_for_production_is_refused_until_it_is_filled_in():
    values = yaml.safe_load((CHART / "values-prod.yaml").read_text())
    told = refusal({}, base=values)
    for name in ("image.repository", "keycloak.url", "threescale.adminApiUrl", "route.host"):
        assert f"- {name}: is still a placeholder" in told
    filled = json.loads(json.dumps(values).replace("example.com", "corp.test"))
    for which in HELMS:
        documents = [d for d in yaml.safe_load_all(template(which, {}, OPENSHIFT, base=filled).stdout) if d]
        assert {"Route", "HorizontalPodAutoscaler", "ServiceMonitor", "PrometheusRule"} <= {d["kind"] for d in documents}


# What it decides

def test_it_runs_restricted_whatever_is_asked_for():
    for change, options in MATRIX.values():
        for document in render(change, options).values():
            pod = document["spec"]["template"]["spec"] if document["kind"] == "Deployment" else document.get("spec")
            if document["kind"] not in ("Deployment", "Pod"):
                continue
            assert pod["automountServiceAccountToken"] is False
            assert pod["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
            for each in pod["containers"]:
                assert each["securityContext"] == {
                    "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "runAsNonRoot": True,
                    "capabilities": {"drop": ["ALL"]}}
            assert "lifecycle" not in pod["containers"][0]


def test_variables_reach_the_pod_and_a_change_starts_new_pods():
    objects = render(EVERYTHING, OPENSHIFT)
    data = objects["ConfigMap", "r-mlaas-helper"]["data"]
    assert data["KEYCLOAK_URL"] == "https://sso.corp.test/auth" and data["SERVER_PORT"] == "5000"
    assert data["SERVER_MAX_REQUESTS_PER_CONNECTION"] == "1000000" and data["API_RETRY_COUNT"] == "2" and data["KEYCLOAK_ALLOW_AZP"] == "true"
    assert data["HTTPS_PROXY"] == "http://proxy.corp.test:3128" and data["METRICS_PORT"] == "9090"
    assert data["CA_BUNDLE"] == "/etc/mlaas/ca/ca-bundle.crt" and data["TLS_CERT_FILE"] == "/etc/mlaas/tls/tls.crt"
    assert data["REDIS_URL"] == "redis://r-mlaas-helper-redis:6379" and "THREESCALE_ADMIN_API_KEY" not in data
    sources = container(objects)["envFrom"]
    assert sources[:2] == [{"configMapRef": {"name": "r-mlaas-helper"}}, {"secretRef": {"name": "r-mlaas-helper"}}]

    def sums(change):
        annotations = render(change)["Deployment", "r-mlaas-helper"]["spec"]["template"]["metadata"]["annotations"]
        return annotations["checksum/config"], annotations["checksum/secret"]
    one, other = sums({}), sums({"config": {"LOG_LEVEL": "debug"}})
    assert one[0] != other[0] and one[1] == other[1]
    assert sums({"secret": {"data": {"THREESCALE_ADMIN_API_KEY": "new"}}})[1] != one[1]


def test_a_secret_that_exists_is_used_and_none_is_made():
    objects = render(NOTHING)
    assert not [name for kind, name in objects if kind == "Secret"]
    assert container(objects)["envFrom"][1] == {"secretRef": {"name": "made-before"}}
    assert set(kind for kind, _ in objects) == {"ConfigMap", "Deployment", "Service", "Pod"}


def test_a_route_is_made_where_the_cluster_has_routes():
    assert ("Route", "r-mlaas-helper") not in render()
    route = render(options=OPENSHIFT)["Route", "r-mlaas-helper"]["spec"]
    assert route["tls"] == {"termination": "edge", "insecureEdgeTerminationPolicy": "Redirect"}
    assert ("Route", "r-mlaas-helper") not in render({"route": {"enabled": False}}, OPENSHIFT)


def test_the_drain_fits_into_the_grace_period():
    for seconds in (0, 5, 60):
        objects = render({"shutdown": {"drainSeconds": seconds}})
        pod = objects["Deployment", "r-mlaas-helper"]["spec"]["template"]["spec"]
        assert pod["terminationGracePeriodSeconds"] == seconds + 35
        assert objects["ConfigMap", "r-mlaas-helper"]["data"]["SHUTDOWN_DRAIN_SECONDS"] == str(seconds)


def test_probes_ask_the_right_question_by_the_right_scheme():
    for change, scheme in (({}, "HTTP"), ({"tls": {"secretName": "t"}}, "HTTPS")):
        probed = container(render(change))
        for probe, path in (("startupProbe", "/api/health"), ("livenessProbe", "/api/health"),
                            ("readinessProbe", "/api/health/ready")):
            assert probed[probe]["httpGet"] == {"path": path, "port": "http", "scheme": scheme}


def test_replicas_are_left_to_the_autoscaler_and_the_budget_follows():
    objects = render({"autoscaling": {"enabled": True, "minReplicas": 2}})
    assert "replicas" not in objects["Deployment", "r-mlaas-helper"]["spec"]
    assert objects["PodDisruptionBudget", "r-mlaas-helper"]["spec"]["maxUnavailable"] == 1
    assert ("PodDisruptionBudget", "r-mlaas-helper") not in render({"replicaCount": 1})
    assert render({"replicaCount": 0})["Deployment", "r-mlaas-helper"]["spec"]["replicas"] == 0


def egress(change):
    rules = render(change)["NetworkPolicy", "r-mlaas-helper"]["spec"]["egress"]
    return [(rule.get("to"), sorted({port["port"] for port in rule["ports"]})) for rule in rules]


def test_the_network_is_open_to_what_is_needed_alone():
    policy = render()["NetworkPolicy", "r-mlaas-helper"]["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert [ports for _, ports in egress({})] == [[53, 5353], [443], [8443]]
    # The port of a proxy, of Redis wherever it is, and addresses where they are known.
    assert [3128] in [ports for _, ports in egress({"proxy": {"https": "http://proxy.corp.test:3128"}})]
    two = egress({"proxy": {"https": "http://proxy.corp.test:3128", "http": "http://proxy.corp.test:3130"}})
    assert [3128] in [ports for _, ports in two] and [3130] in [ports for _, ports in two]
    # A password may hold what ends a host elsewhere.
    hidden = {"HTTPS_PROXY": "http://u:p/w#x?@y@proxy.corp.test:3129/", "ALL_PROXY": "socks5h://u:p@proxy.corp.test"}
    ports = [ports for _, ports in egress({"secret": {"data": hidden}})]
    assert [3129] in ports and [1080] in ports
    assert [6380] in [ports for _, ports in egress(EXTERNAL_REDIS)]
    assert [6379] in [ports for _, ports in egress({"redis": {"url": "redis://r"}})]
    assert [6381] in [ports for _, ports in egress({"secret": {"data": {"REDIS_URL": "rediss://:pw@r.corp.test:6381/0"}}})]
    assert [4318] in [ports for _, ports in egress({"config": {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://otel.corp.test:4318"}})]
    known = [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "redis"}}}]
    assert (known, [6379]) in egress({"networkPolicy": {"redis": known}})
    own = [{"podSelector": {"matchLabels": {
        "app.kubernetes.io/name": "mlaas-helper", "app.kubernetes.io/instance": "r", "app.kubernetes.io/component": "redis"}}}]
    assert (own, [6379]) in egress({"redis": {"deploy": True}})
    peers = [{"ipBlock": {"cidr": "198.51.100.1/32"}}]
    assert (peers, [443]) in egress({"networkPolicy": {"keycloak": peers}})
    # Metrics on a port of their own are for monitoring alone.
    ingress = render({"metrics": {"port": 9090}})["NetworkPolicy", "r-mlaas-helper"]["spec"]["ingress"]
    assert [[port["port"] for port in rule["ports"]] for rule in ingress] == [["http"], ["metrics"]]


def test_redis_takes_nobody_but_the_helper():
    objects = render({"redis": {"deploy": True}})
    gateway = objects["Deployment", "r-mlaas-helper"]["spec"]["selector"]["matchLabels"]
    redis = objects["Deployment", "r-mlaas-helper-redis"]["spec"]["template"]["metadata"]["labels"]
    assert not gateway.items() <= redis.items(), "the service would send requests to Redis"
    policy = objects["NetworkPolicy", "r-mlaas-helper-redis"]["spec"]
    assert policy["ingress"][0]["from"] == [{"podSelector": {"matchLabels": gateway}}] and policy["egress"] == []


def test_alerts_and_dashboard_are_those_of_the_project():
    """A package holds no file of another folder: the chart's are copies, made by cp."""
    for original, packed in (("prometheus/mlaas-helper.rules.yml", "mlaas-helper.rules.yml"),
                             ("grafana/mlaas-helper.json", "mlaas-helper.json")):
        source, copy_ = ROOT / "deployment" / original, CHART / "files" / packed
        assert source.read_bytes() == copy_.read_bytes(), f"run: cp {source} {copy_}"
    objects = render(EVERYTHING, OPENSHIFT)
    rules = yaml.safe_load((ROOT / "deployment/prometheus/mlaas-helper.rules.yml").read_text())
    for rule in (rule for group in rules["groups"] for rule in group["rules"]):
        rule["annotations"]["runbook_url"] = f"docs/operations.md#{rule['alert'].lower()}"
    assert objects["PrometheusRule", "r-mlaas-helper"]["spec"] == rules
    dashboard = json.loads(objects["ConfigMap", "r-mlaas-helper-dashboard"]["data"]["mlaas-helper.json"])
    assert dashboard["title"] == "MLaaS Helper"
    # What the alerts call the job is what the scrape is called.
    monitor = objects["ServiceMonitor", "r-mlaas-helper"]["spec"]
    service = objects["Service", "r-mlaas-helper"]["metadata"]["labels"]
    assert f'job="{service[monitor["jobLabel"]]}"' in json.dumps(rules).replace('\\"', '"')


def test_the_notes_tell_what_to_do_next():
    for change, options, words in (
            ({}, OPENSHIFT, "get route r-mlaas-helper"), ({"ingress": {"enabled": True, "host": "m.corp.test"}}, (), "http://m.corp.test/"),
            ({}, (), "port-forward"), ({}, (), "Without Redis"), ({"networkPolicy": {"enabled": False}}, (), "networkPolicy.enabled is false")):
        values = json.dumps(merged(LEAST, change))
        notes = helm("helm4", "install", "r", CHART, "--dry-run=client", "-f", "-", *options, input=values, check=False)
        if "unknown flag" in notes.stderr:
            notes = helm("helm4", "install", "r", CHART, "--dry-run=client", "-f", "-", input=values)
            if options:
                continue
        assert words in notes.stdout and "rollout status" in notes.stdout and "helm -n" in notes.stdout


# What it refuses

PLACEHOLDERS = [
    ("image.repository", "<registry>/mlaas-helper"), ("keycloak.url", "https://sso.example.com"),
    ("keycloak.realm", "your-realm"), ("keycloak.clientId", "CHANGE_ME"), ("threescale.adminApiUrl", "https://tenant-admin.example.com"),
    ("secret.data.THREESCALE_ADMIN_API_KEY", "changeme"), ("route.host", "mlaas.apps.example.com"),
    ("ingress.host", "mlaas.example.org"), ("config.MLAAS_DEFAULT_PLAN", "REPLACE_THIS"), ("redis.url", "redis://redis.example.com"),
    ("proxy.https", "http://proxy.example.com:3128"),
]


def nested(name, value):
    parts = name.split(".")
    for part in reversed(parts):
        value = {part: value}
    return value


@pytest.mark.parametrize("which, name, value", [(which, *case) for which in HELMS for case in PLACEHOLDERS])
def test_a_placeholder_is_refused_by_name(which, name, value):
    told = refusal(nested(name, value), which)
    if "schema" not in told:
        assert f"- {name}: is still a placeholder" in told
    else:
        assert name.split(".")[-1] in told
    assert "changeme" not in told, "a secret's value is shown"


@pytest.mark.parametrize("name", ["image.repository", "keycloak.url", "keycloak.realm", "keycloak.clientId",
                                  "threescale.adminApiUrl", "secret.data.THREESCALE_ADMIN_API_KEY"])
def test_what_is_required_is_asked_for_by_name(name):
    assert f"- {name}: is required" in refusal(nested(name, ""))


def test_all_problems_are_told_at_once():
    told = refusal({}, base={})
    assert told.count(": is required") == 6


COMBINATIONS = [
    ({"config": {"KEYCLOAK_URL": "https://x.corp.test"}}, "config.KEYCLOAK_URL: set keycloak.url instead"),
    ({"config": {"SERVER_PORT": 1}}, "config.SERVER_PORT: set containerPort instead"),
    ({"config": {"THREESCALE_ADMIN_API_KEY": "x"}}, "config.THREESCALE_ADMIN_API_KEY: set secret.data instead"),
    ({"secret": {"existingSecret": "s"}}, "secret.data: is not used"),
    ({"redis": {"deploy": True, "url": "redis://r"}}, "redis.url: is not used"),
    ({"portal": {"url": "https://mlaas.corp"}}, "portal.url: needs secret.data.SESSION_SECRET"),
    ({"config": {"PORTAL_URL": "https://mlaas.corp"}}, "config.PORTAL_URL: set portal.url instead"),
    ({"customCA": {"pem": PEM, "configMap": "c"}}, "customCA.pem: is not used"),
    ({"customCA": {"pem": PEM, "injectTrustedBundle": True}}, "customCA.injectTrustedBundle: cannot be combined"),
    ({"customCA": {"key": "a", "injectTrustedBundle": True}}, "customCA.key: the cluster writes"),
    ({"tls": {"secretName": "t", "serviceCA": True}}, "tls.serviceCA: cannot be combined"),
    ({"route": {"enabled": True, "termination": "reencrypt"}}, "route.termination: reencrypt needs"),
    ({"route": {"enabled": True}, "tls": {"secretName": "t"}}, "route.termination: must be reencrypt"),
    ({"ingress": {"enabled": True}}, "ingress.host: is required"),
    ({"metrics": {"port": 5000}}, "metrics.port: must differ"),
    ({"autoscaling": {"enabled": True, "minReplicas": 9, "maxReplicas": 3}}, "autoscaling.minReplicas: must not exceed"),
    ({"rollingUpdate": {"maxUnavailable": 0, "maxSurge": 0}}, "rollingUpdate.maxSurge: must not be 0"),
]


@pytest.mark.parametrize("change, words", COMBINATIONS)
def test_values_that_contradict_each_other_are_refused(change, words):
    assert words in refusal(change)


def leaves(schema, path=()):
    """Each value the schema knows: its path, and its rule."""
    for name, rule in schema.get("properties", {}).items():
        if "properties" in rule:
            yield from leaves(rule, (*path, name))
        yield (*path, name), rule


def wrong(rule):
    """Something that the rule must refuse."""
    if "enum" in rule:
        return "nonsense"
    if "anyOf" in rule:
        return "much"
    kind = rule["type"]
    if kind == "integer":
        return rule["maximum"] + 1
    if kind == "string":
        return "not : valid !" if "pattern" in rule else "" if "minLength" in rule else "x" * 51 if "maxLength" in rule else 7
    if isinstance(kind, list):
        return ["neither"]
    return {"boolean": "maybe", "array": "one", "object": "text"}[kind]


VALUES = json.loads((CHART / "values.schema.json").read_text())
# Each is wrong in its type or range, and so is each name that the schema does not have.
WRONG = [(path, wrong(rule)) for path, rule in leaves(VALUES)] + [
    (("replicaCount",), "two"), (("replicas",), 2), (("image", "tags"), "x"), (("keycloak", "clientID"), "x"),
    (("config", "lower_case"), "x"), (("config", "LIST"), ["x"]), (("metrics", "serviceMonitor", "interval"), "30"),
    (("extraEnv",), [{"value": "x"}]), (("imagePullSecrets",), [{"nom": "x"}]), (("secret", "data", "KEY"), 5)]


@pytest.mark.parametrize("which", HELMS)
def test_each_wrong_value_is_told_with_its_name(which):
    unnamed = []
    for path, value in WRONG:
        done = template(which, nested(".".join(path), value), check=False)
        if done.returncode == 0 or path[-1] not in done.stderr or "schema" not in done.stderr:
            unnamed.append((path, value, done.stderr[-300:]))
    assert not unnamed, unnamed
    assert len(WRONG) > 100


def test_every_value_has_its_rule():
    """A value that the schema does not know would be refused, and one that values.yaml does not show would be unknown."""
    def names(values, schema, path=()):
        for name, value in values.items():
            assert name in schema["properties"], (*path, name)
            if isinstance(value, dict) and "properties" in schema["properties"][name]:
                names(value, schema["properties"][name], (*path, name))
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    names(values, VALUES)
    assert set(VALUES["properties"]) - set(values) == {"global"}


# OpenShift's own files

def test_the_build_of_openshift_is_valid():
    stream, build = yaml.safe_load_all((ROOT / "buildconfig.yaml").read_text())
    jsonschema.validate(stream, SCHEMAS["ImageStream"])
    jsonschema.validate(build, SCHEMAS["BuildConfig"])
    strategy = build["spec"]["strategy"]["dockerStrategy"]
    assert (ROOT / strategy["dockerfilePath"]).exists()
    assert build["spec"]["output"]["to"]["name"] == stream["metadata"]["name"] + ":latest"
    arguments = set(re.findall(r"^ARG (\w+)", (ROOT / "Containerfile").read_text(), re.M))
    assert {argument["name"] for argument in strategy["buildArgs"]} <= arguments
    mounted = strategy["volumes"][0]["mounts"][0]["destinationPath"]
    assert mounted in (ROOT / "scripts/image/apt-install.sh").read_text()


def test_the_secrets_of_the_build_are_a_template_without_a_secret():
    template_text = (ROOT / "artifactory-secret.yaml").read_text()
    document = yaml.safe_load(template_text)
    jsonschema.validate(document, SCHEMAS["Template"])
    given = {"HOST": "repo.corp.test", "USER": "builder", "TOKEN": "t0ken"}
    values = {each["name"]: each.get("value", given.get(each["name"])) for each in document["parameters"]}
    objects = json.dumps(document["objects"])
    for name, value in values.items():
        objects = objects.replace("${" + name + "}", value)
    assert "${" not in objects
    pull, apt = json.loads(objects)
    for secret in (pull, apt):
        validate_kubernetes(secret, KUBERNETES[0], strict=True)
    assert json.loads(pull["stringData"][".dockerconfigjson"])["auths"]["repo.corp.test"]["password"] == "t0ken"
    assert apt["stringData"]["apt_auth"] == "machine repo.corp.test login builder password t0ken\n"
    build = list(yaml.safe_load_all((ROOT / "buildconfig.yaml").read_text()))[1]["spec"]["strategy"]["dockerStrategy"]
    assert build["pullSecret"]["name"] == pull["metadata"]["name"]
    assert build["volumes"][0]["source"]["secret"]["secretName"] == apt["metadata"]["name"]


def test_set_up_installs_what_the_container_engine_calls():
    """A machine that has them already would not notice."""
    packages = (ROOT / "setup.sh").read_text().partition("packages+=(")[2]
    assert {"buildah", "podman", "runc", "netavark", "catatonit", "skopeo"} <= set(re.findall(r"[\w.-]+", packages))
    assert "python=/usr/bin/python3" in packages


# From the original's chart

# Its names, with values of our own.
ORIGINAL = {
    "name": "mlaas-helper", "replicaCount": 1, "image": {"repository": "registry.corp.test/mlaas", "tag": "latest"},
    "imagePullSecrets": [{"name": "artifactory-secret"}], "podSecurityContext": {"fsGroup": 2000},
    "securityContext": {"runAsUser": 1000}, "service": {"type": "ClusterIP", "port": 5000, "targetPort": 5000},
    "ingress": {"enabled": False}, "persistence": {"enabled": False}, "probes": {"liveness": {}},
    "startupProbe": {"enabled": True}, "labels": {"team": "ml"}, "annotations": {"a": "b"},
    "route": {"enabled": True, "host": "mlaas.corp.test", "tls": {"termination": "edge"}},
    "mlaas-helper-secret": "mlaas-helper-secret", "configMap": {"enabled": True, "data": {
        "FLASK_ENV": "production", "FLASK_APP": "server.py", "PYTHONUNBUFFERED": "1",
        "KEYCLOAK_URL": "https://sso.corp.test", "KEYCLOAK_REALM": "mlaas", "KEYCLOAK_CLIENT_ID": "mlaas-client",
        "THREESCALE_ADMIN_API_URL": "https://t.corp.test/admin/api/", "LOG_LEVEL": "INFO",
        "LOG_FORMAT": "%(asctime)s - %(message)s", "SERVER_HOST": "0.0.0.0", "SERVER_PORT": "5000",
        "API_TIMEOUT": "30", "API_RETRY_COUNT": "3"}},
}


@pytest.mark.parametrize("which", HELMS)
def test_values_of_the_original_are_moved_over(which, tmp_path):
    file = tmp_path / "old.yaml"
    file.write_text(yaml.safe_dump(ORIGINAL))
    moved = run("/usr/bin/env", "python3", CHART / "migrate-values.py", file, "--release", "r",
                env={"PATH": str(TOOLS / "deployment/bin")})
    assert "selector" in moved.stderr
    text = helm(which, "template", "r", CHART, "-n", "mlaas", "-f", "-", *OPENSHIFT, input=moved.stdout).stdout
    objects = {(o["kind"], o["metadata"]["name"]): o for o in yaml.safe_load_all(text) if o}
    assert objects["Service", "r-mlaas-helper"]["spec"]["ports"][0]["port"] == 5000
    data = objects["ConfigMap", "r-mlaas-helper"]["data"]
    assert data["KEYCLOAK_URL"] == "https://sso.corp.test" and data["API_RETRY_COUNT"] == "3"
    assert "LOG_FORMAT" not in data and objects["Route", "r-mlaas-helper"]["spec"]["host"] == "mlaas.corp.test"
    assert {"secretRef": {"name": "mlaas-helper-secret"}} in objects["Deployment", "r-mlaas-helper"]["spec"]["template"][
        "spec"]["containers"][0]["envFrom"]


@pytest.mark.parametrize("which", HELMS)
def test_other_forms_of_the_originals_values_are_moved_over_or_named(which, tmp_path):
    old = merged(ORIGINAL, {
        "env": [{"name": "MLAAS_DEFAULT_PLAN", "value": "basic"}, {"name": "FROM", "valueFrom": {"secretKeyRef": {}}}],
        "ingress": {"enabled": True, "hosts": [{"host": "m.corp.test", "paths": ["/api"]}], "ingressClass": "x"},
        "service": {"nodePort": 30500}, "configMap": {"data": {"LOG_LEVEL": "", "KEYCLOAK_CLIENT_SECRET": "s3cret"}}})
    file = tmp_path / "old.yaml"
    file.write_text(yaml.safe_dump(old))
    moved = run("/usr/bin/env", "python3", CHART / "migrate-values.py", file, "--release", "r",
                env={"PATH": str(TOOLS / "deployment/bin")})
    for words in ("FROM has no plain value", "ingress.ingressClass: not taken over", "service.nodePort: not taken over",
                  "KEYCLOAK_CLIENT_SECRET: is a secret"):
        assert words in moved.stderr, words
    assert "s3cret" not in moved.stdout + moved.stderr
    text = helm(which, "template", "r", CHART, "-n", "mlaas", "-f", "-", input=moved.stdout).stdout
    objects = {(o["kind"], o["metadata"]["name"]): o for o in yaml.safe_load_all(text) if o}
    data = objects["ConfigMap", "r-mlaas-helper"]["data"]
    assert data["MLAAS_DEFAULT_PLAN"] == "basic" and "LOG_LEVEL" not in data
    assert objects["Ingress", "r-mlaas-helper"]["spec"]["rules"][0]["http"]["paths"][0]["path"] == "/api"


# Refused values, and values that follow from others

@pytest.mark.parametrize("name, value", [
    ("LOG_LEVEL", "chatty"), ("MLAAS_ENV", "test"), ("API_RETRY_COUNT", 11), ("API_TIMEOUT", "soon"),
    ("KEYCLOAK_ALLOW_AZP", "maybe"), ("KEYCLOAK_JWKS_URL", "https://a:b@c"), ("LOG_FORMAT", "xml"),
    ("REDIS_URL", "redis://:s3cret@redis:6379"), ("TRUSTED_PROXIES", "10.0.0.0/8"),
    ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=s3cret"), ("ALL_PROXY", "http://u:s3cret@proxy:1"),
    ("MLAAS_DEFAULT_ACCESS", "denied"), ("SERVER_MEMORY", "64MB"), ("OTEL_TRACES_SAMPLER_ARG", 2)])
def test_a_bad_variable_is_refused_at_render(name, value):
    assert name in refusal({"config": {name: value}})


def test_the_schema_knows_what_the_program_expects_of_each_variable():
    """docs/configuration.md is written from the program's declarations."""
    rows = re.findall(r"(?m)^\| `([A-Z_]+)` \| (.*?) \| ", (ROOT / "docs/configuration.md").read_text())
    rules = VALUES["properties"]["config"]["properties"]
    validation = (CHART / "templates/_validation.tpl").read_text()
    unlike = []
    for name, expected in rows:
        rule = rules.get(name, {})
        takes = jsonschema.Draft7Validator(rule).is_valid
        number = re.fullmatch(r"a whole number from (\d+) to (\d+)", expected)
        if number:
            low, high = map(int, number.groups())
            good = (rule.get("minimum"), rule.get("maximum")) == (low, high) and not takes("many")
        elif expected.startswith("a duration"):
            good = takes("250ms") and takes(30) and not takes("soon")
        elif expected == "true or false":
            good = takes(True) and takes("no") and not takes("maybe")
        elif expected == "an http or https URL":
            good = takes("https://a.corp.test/x") and not takes("https://u:p@a.corp.test")
        elif expected.startswith("one of "):
            good = all(map(takes, expected.removeprefix("one of ").split(", "))) and not takes("chatty")
        elif expected.startswith("a secret"):
            good = f'"{name}" "secret.data"' in validation or f'"config.{name}"' in validation
        else:
            continue
        if not good and f'"{name}" "' not in validation:
            unlike.append((name, expected, rule))
    assert len(rows) > 60 and not unlike, unlike


@pytest.mark.parametrize("name, value", [
    ("LOG_LEVEL", "WARN"), ("MLAAS_ENV", "Development"), ("API_TIMEOUT", "500ms"), ("API_TIMEOUT", 30),
    ("LOG_FORMAT", "%(asctime)s - %(message)s"), ("KEYCLOAK_ALLOW_AZP", True), ("ACCOUNT_CACHE_SECONDS", 300),
    ("SERVER_MEMORY", "64MiB"), ("MLAAS_ADOPT_UNMARKED", False), ("MLAAS_DEFAULT_ACCESS", "deny"),
    ("OTEL_TRACES_SAMPLER_ARG", 0.25)])
def test_a_good_variable_is_taken(name, value):
    assert render({"config": {name: value}})["ConfigMap", "r-mlaas-helper"]["data"][name].lower() == str(value).lower()


def test_the_test_pod_has_every_file_that_its_variables_name():
    objects = render({"customCA": {"configMap": "roots"}})
    pod = objects["Pod", "r-mlaas-helper-test-ready"]["spec"]
    assert pod["volumes"] == [{"name": "ca", "configMap": {"name": "roots"}}]
    assert pod["containers"][0]["volumeMounts"][0]["mountPath"] == "/etc/mlaas/ca"


def test_routers_are_trusted_by_name_and_waited_for():
    objects = render({"trustedProxies": ["10.128.0.0/14", "fd00::/8"], "config": {"API_TIMEOUT": "45s"}}, OPENSHIFT)
    assert objects["ConfigMap", "r-mlaas-helper"]["data"]["TRUSTED_PROXIES"] == "10.128.0.0/14,fd00::/8"
    annotations = objects["Route", "r-mlaas-helper"]["metadata"]["annotations"]
    assert annotations["haproxy.router.openshift.io/timeout"] == "47s"


@pytest.mark.parametrize("options, user", [((), 999), (OPENSHIFT, None)])
def test_redis_is_no_root_on_plain_kubernetes(options, user):
    redis = render({"redis": {"deploy": True}}, options)["Deployment", "r-mlaas-helper-redis"]
    assert redis["spec"]["template"]["spec"]["securityContext"].get("runAsUser") == user


def test_the_policy_opens_the_ports_of_every_configured_url():
    objects = render({"config": {"KEYCLOAK_ISSUERS": "https://a.corp.test:9443/x,https://b.corp.test:9444/y=z",
                                 "KEYCLOAK_INTROSPECTION_URL": "https://c.corp.test:9445/i",
                                 "KEYCLOAK_JWKS_URL": "HTTPS://d.corp.test:9446/certs", "ALL_PROXY": "proxy.corp.test:9447",
                                 "REDIS_URL": "redis://redis.corp.test:6390"}})
    rules = objects["NetworkPolicy", "r-mlaas-helper"]["spec"]["egress"]
    ports = {port["port"] for rule in rules for port in rule["ports"]}
    assert {9443, 9444, 9445, 9446, 9447, 6390} <= ports
    routers = objects["NetworkPolicy", "r-mlaas-helper"]["spec"]["ingress"][0]["from"]
    names = [peer.get("namespaceSelector", {}).get("matchLabels", {}) for peer in routers]
    assert {"policy-group.network.openshift.io/host-network": ""} in names, "routers in the host's network"
    resolvers = objects["NetworkPolicy", "r-mlaas-helper"]["spec"]["egress"][0]["to"]
    assert {"ipBlock": {"cidr": "169.254.20.10/32"}} in resolvers, "NodeLocal DNS"


def test_alerts_follow_the_name_and_name_a_page():
    objects = render({"nameOverride": "gateway", "metrics": {"prometheusRule": {"enabled": True}}}, OPENSHIFT)
    rule = next(o for (kind, _), o in objects.items() if kind == "PrometheusRule")
    text = json.dumps(rule)
    assert 'job=\\"gateway\\"' in text and 'job=\\"mlaas-helper\\"' not in text
    headings = re.findall(r"^#+ (.*)$", (ROOT / "docs/operations.md").read_text(), re.MULTILINE)
    anchors = {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    for group in rule["spec"]["groups"]:
        for alert in group["rules"]:
            page, _, anchor = alert["annotations"]["runbook_url"].rpartition("#")
            assert page.endswith("docs/operations.md") and anchor in anchors, alert["alert"]


def test_the_scrape_trusts_a_serving_certificate():
    monitor = render(SERVICE_CA, OPENSHIFT)["ServiceMonitor", "r-mlaas-helper"]
    assert monitor["spec"]["endpoints"][0]["tlsConfig"]["ca"]["configMap"]["name"] == "openshift-service-ca.crt"
