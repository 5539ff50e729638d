"""Whatever the pages for operators quote is real: log lines and fields are made to happen, metrics and their labels are
exposed, settings and options are declared, and commands are run as far as they can be here."""

import dataclasses
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time

import pytest
import requests
from conftest import ROOT, harness, lines

import exposition
import quotes
from shifted_clock import ShiftedClock
from test_trouble import Redis, nowhere

PAGES = ["operations", "troubleshooting", "trouble", "disaster-recovery", "production-checklist", "doctor"]
RULES = ROOT / "deployment" / "prometheus" / "mlaas-helper.rules.yml"
CHART = ROOT / "helm-chart"

# Words of other systems, by where they come from.
FOREIGN = {
    "Kubernetes": {
        "CreateContainerConfigError", "ImagePullBackOff", "OOMKilled", "runAsNonRoot", "cannot verify user is non-root",
        "haproxy.router.openshift.io/timeout: 40s", "USER"},
    "Keycloak and tokens": {"iss", "aud", "sub", "basic", "profile", "roles", "/auth", "jwks_uri", "unverified"},
    "W3C and OpenTelemetry": {
        "traceparent", "tracestate", "{endpoint}/v1/traces", "error.type", "http.request.method", "http.route",
        "http.response.status_code", "peer.service", "url.scheme"},
    "Scopes of a 3scale token": {"stats"},
    "Other programs": {"curl", "dig", "TLS", "kill -9"},
    "User names, as examples": {"zoë", "CORP\\ada"},
}
# What test_trouble.py makes happen, with a line of the log that it writes into docs/trouble.md.
OF_TROUBLE = {"key sweep stopped: clocks differ"}
# The subcommands that the pages use of programs that need a cluster or a container engine.
CLUSTER = {"kubectl": {"get", "describe", "logs", "exec", "debug", "rollout", "port-forward"},
           "helm": {"test", "upgrade", "history", "rollback", "template"}, "oc": {"get"}, "podman": {"run", "stop"}}


@dataclasses.dataclass
class Facts:
    """What was seen to happen, and what the program declares."""

    log: list
    samples: dict
    codes: set
    headers: set
    settings: set
    options: set
    words: set = dataclasses.field(default_factory=set)

    def __post_init__(self):
        self.messages = {line["message"] for line in self.log}
        self.metrics = {re.sub(r"_(bucket|sum|count)$", "", name) for name, _ in self.samples} | {n for n, _ in self.samples}
        for line in self.log:
            self.words |= set(line) | {line["level"], line["logger"]}
            self.words |= {str(line[name]) for name in ("outcome", "code", "check", "system", "operation") if name in line}
        for _, labels in self.samples:
            self.words |= {word for pair in labels for word in pair}

    def happened(self, text):
        return any(message == text or message.startswith((text + ":", text + ";")) for message in self.messages)


def admin(sandbox, verb, route, /, **body):
    requests.request(verb, sandbox.admin + route, json=body, timeout=10).raise_for_status()


def wait(what, seconds=60):
    """Repeats `what` until it is true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if what():
            return
        time.sleep(0.2)
    raise AssertionError(f"{what} did not become true")


class Seen:
    """Collects logs, samples, codes and header names of helpers, each of which lives for one scenario."""

    def __init__(self):
        self.log, self.samples, self.codes, self.headers = [], {}, set(), set()

    def answer(self, answer):
        self.headers |= {name.lower() for name in answer.headers}
        if "json" in answer.headers.get("Content-Type", ""):
            error = answer.json().get("error")
            if isinstance(error, dict):
                self.codes.add(error["code"])
        return answer

    def end(self, helper, metrics=None):
        answer = requests.get((metrics or helper.url) + "/metrics", timeout=10, verify=False)
        self.samples.update(exposition.parse(answer.text))
        self.log += lines(helper.stop())


def ordinary(seen, sandbox, folder):
    """Success, refusals, rate limits, a wrong name in a rule, a reload that fails, Redis that goes away, draining."""
    redis = Redis(folder)
    secret = folder / "secret"
    secret.write_text(harness.ADMIN_TOKEN)
    helper = harness.Helper(
        sandbox.keycloak, sandbox.threescale, LOG_LEVEL="debug", MLAAS_SERVICE_ROLES="no_such_service=role",
        REDIS_URL=f"redis://127.0.0.1:{redis.port}", RATE_LIMITS="read=40/hour;auth_failure=3/hour",
        THREESCALE_ADMIN_API_KEY="", THREESCALE_ADMIN_API_KEY_FILE=str(secret), CATALOG_REFRESH_SECONDS="1",
        OTEL_EXPORTER_OTLP_ENDPOINT=nowhere(), MLAAS_NO_SUCH_SETTING="1")
    token = sandbox.token("ada")
    service = helper.services(token)["granite_chat"]["id"]
    for _ in range(2):
        seen.answer(helper.init(token, service))
    seen.answer(helper.get("/api/services"))
    seen.answer(helper.get("/api/nothing", token))
    seen.answer(requests.get(helper.url + "/nowhere", timeout=10))
    seen.answer(requests.request("BREW", helper.url + "/api/health", timeout=10))
    seen.answer(helper.get("/api/services/999999", token))
    for _ in range(4):
        seen.answer(helper.get("/api/services", "no.token.here"))
    for _ in range(45):
        seen.answer(helper.get("/api/services", sandbox.token("carol") if _ == 0 else token))
    redis.close()
    secret.write_text("")
    helper.process.send_signal(signal.SIGHUP)
    wait(lambda: exposition.total(exposition.parse(helper.get("/metrics").text), "mlaas_redis_up") == 0)
    wait(lambda: "unknown service in MLAAS_SERVICE_ROLES" in helper.logged())
    seen.end(helper)


def failing(seen, sandbox, folder):
    """3scale fails in the ways that the runbooks tell apart, and comes back."""
    del folder
    helper = harness.Helper(sandbox.keycloak, sandbox.threescale, CATALOG_REFRESH_SECONDS="1", LOG_LEVEL="debug",
                            BREAKER_PROBE_SECONDS="500ms", API_RETRY_COUNT="0")
    token = sandbox.token("ada")
    service = helper.services(token)["granite_chat"]["id"]
    seen.answer(helper.init(token, service))

    def fault(message, *paths, **members):
        for path in paths or ["/*"]:
            admin(sandbox, "POST", "/faults/3scale", path=path, **members)
        try:
            wait(lambda: message in helper.logged())
            seen.answer(helper.init(sandbox.token("carol"), service))
            seen.answer(helper.init(token, service))
            seen.answer(helper.get("/api/services", token))
        finally:
            admin(sandbox, "DELETE", "/faults/3scale")

    # Without the lists of all proxies they are read one by one.
    admin(sandbox, "POST", "/faults/3scale", kind="status", status=403, path="/admin/api/account/proxy_configs/*")
    fault("a service's document could not be read", "/admin/api/services/*/proxy.json", kind="status",
          status=500)
    fault("circuit breaker opened", kind="status", status=503)
    wait(lambda: "circuit breaker closed" in helper.logged())
    fault("dependency call failed", kind="status", status=403, body='{"error":"Access denied"}')
    fault("dependency call failed", kind="latency", delay_ms=100)
    admin(sandbox, "POST", "/faults/3scale", kind="status", status=422, method="POST", body='{"errors":{"plan":["is full"]}}')
    requests.post(sandbox.admin + "/users", json={"username": "newcomer"}, timeout=10)
    seen.answer(helper.init(sandbox.token("newcomer"), service))
    seen.answer(helper.init(sandbox.token("carol"), service))
    admin(sandbox, "DELETE", "/faults/3scale")
    fault("the catalogue has become empty", "/admin/api/services.json", kind="status", status=200,
          body='{"services":[]}')
    seen.end(helper)


def refusing(seen, sandbox, folder):
    """Answers that need settings of their own: a required role, a deadline, keys that cannot be loaded, HTTPS."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"], check=True, capture_output=True)
    helper = harness.Helper(sandbox.keycloak, sandbox.threescale, MLAAS_REQUIRED_ROLE="role-that-no-caller-has")
    token = sandbox.token("ada")
    # More than one kind of line may be written in a second.
    for _ in range(60):
        seen.answer(helper.get("/api/services", token))
    time.sleep(1.5)
    seen.answer(helper.get("/api/services", token))
    seen.end(helper)
    helper = harness.Helper(sandbox.keycloak, sandbox.threescale, API_TIMEOUT="1")
    service = helper.services(sandbox.token("ada"))["granite_chat"]["id"]
    admin(sandbox, "POST", "/faults/3scale", kind="latency", delay_ms=5_000, path="/admin/api/accounts/*")
    seen.answer(helper.init(sandbox.token("carol"), service))
    admin(sandbox, "DELETE", "/faults/3scale")
    seen.end(helper)
    helper = harness.Helper(nowhere(), sandbox.threescale, ready=False)
    wait(lambda: seen.answer(helper.get("/api/health/ready")).status_code == 503)
    seen.end(helper)
    unknown(seen, sandbox)
    portal(seen, sandbox)
    crowded(seen, sandbox)
    secure(seen, sandbox, folder)


def unknown(seen, sandbox):
    """3scale carries out a write too late to be waited for, and then cannot be asked what became of it."""
    helper = harness.Helper(sandbox.keycloak, sandbox.threescale, API_TIMEOUT="3", API_RETRY_COUNT="0")
    ada, bob = sandbox.token("ada"), sandbox.token("bob")
    service = helper.services(ada)["granite_chat"]["id"]
    seen.answer(helper.init(ada, service))
    # Both have an account.
    seen.answer(helper.init(bob, helper.services(bob)["embeddings"]["id"]))
    key = helper.get("/api/keys", ada).json()["data"]["keys"][0]["id"]
    for method, message, ask in (
            ("POST", "key creation outcome unknown", lambda: helper.init(bob, service)),
            ("PUT", "key change outcome unknown", lambda: requests.patch(
                f"{helper.url}/api/keys/{key}", json={"note": "x"}, headers={"Authorization": f"Bearer {ada}"}, timeout=30))):
        admin(sandbox, "POST", "/faults/3scale", kind="latency", delay_ms=10_000, method=method, path="/admin/api/accounts/*")
        asking = threading.Thread(target=lambda: seen.answer(ask()))
        asking.start()
        time.sleep(1)
        admin(sandbox, "POST", "/faults/3scale", kind="status", status=500, method="GET", path="/*")
        wait(lambda: message in helper.logged())
        asking.join()
        admin(sandbox, "DELETE", "/faults/3scale")
    seen.end(helper)


def portal(seen, sandbox):
    """An answer of Keycloak's that belongs to no sign-in."""
    port = harness.free_port()
    helper = harness.Helper(
        sandbox.keycloak, sandbox.threescale, SERVER_PORT=str(port), PORTAL_URL=f"http://127.0.0.1:{port}",
        SESSION_SECRET="portal-session-secret-0123456789abcdef", KEYCLOAK_CLIENT_SECRET="mlaas-client-secret")
    harness.openapi.forget(port)
    requests.get(helper.url + "/callback?code=a&state=b", timeout=10)
    seen.end(helper)


def crowded(seen, sandbox):
    """More connections than there may be."""
    helper = harness.Helper(sandbox.keycloak, sandbox.threescale, SERVER_MAX_CONNECTIONS="64")
    port = int(helper.url.rsplit(":", 1)[1])
    held = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(100)]
    time.sleep(1)
    for client in held:
        client.close()
    seen.end(helper)


def secure(seen, sandbox, folder):
    """HTTPS, whose metrics are there only then, with a certificate that has expired by the helper's clock."""
    clock = ShiftedClock()
    clock.shift(10 * 86_400)
    port = harness.free_port()
    environment = {
        "PATH": os.environ["PATH"], "KEYCLOAK_URL": sandbox.keycloak, "KEYCLOAK_REALM": "mlaas",
        "KEYCLOAK_CLIENT_ID": "mlaas-client", "THREESCALE_ADMIN_API_URL": sandbox.threescale,
        "THREESCALE_ADMIN_API_KEY": harness.ADMIN_TOKEN, "SERVER_HOST": "127.0.0.1", "SERVER_PORT": str(port),
        "TLS_CERT_FILE": str(folder / "cert.pem"), "TLS_KEY_FILE": str(folder / "key.pem"), "SHUTDOWN_DRAIN_SECONDS": "0",
        **clock.environment}
    with open(folder / "log", "wb") as output:
        process = subprocess.Popen([harness.BIN / "mlaas-helper"], env=environment, stdout=output, stderr=output)
    try:
        def answers():
            try:
                return requests.get(f"https://localhost:{port}/api/health", verify=folder / "cert.pem", timeout=5).ok
            except requests.ConnectionError:
                return False
        wait(answers)
        answer = requests.get(f"https://localhost:{port}/metrics", verify=folder / "cert.pem", timeout=5)
        seen.samples.update(exposition.parse(answer.text))
    finally:
        harness.stop(process)
    seen.log += lines((folder / "log").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def facts(tmp_path_factory):
    seen = Seen()
    for scenario in (ordinary, failing, refusing):
        sandbox = harness.Sandbox()
        try:
            scenario(seen, sandbox, tmp_path_factory.mktemp(scenario.__name__))
        finally:
            harness.stop(sandbox.process)
    usage = "".join(
        subprocess.run([harness.BIN / "mlaas-helper", *command, "--help"], capture_output=True, text=True).stdout
        for command in ([], ["serve"], ["doctor"], ["healthcheck"]))
    reference = subprocess.run(
        [harness.BIN / "mlaas-helper", "config", "reference"], capture_output=True, text=True, check=True).stdout
    rules = RULES.read_text(encoding="utf-8")
    document = json.loads((ROOT / "api" / "openapi.json").read_text(encoding="utf-8"))
    facts = Facts(
        log=seen.log, samples=seen.samples, codes=seen.codes | codes(document), headers=seen.headers,
        settings=set(quotes.SETTING.findall(reference)), options=set(re.findall(r"--[a-z-]+", usage)))
    # Values that settings take, members of alerts, and the name of the scrape.
    facts.words |= set(re.findall(r"`([a-z]+)`", reference)) | set(re.findall(r"^ +(\w+):", rules, re.MULTILINE))
    facts.words |= set(re.findall(r'job="([^"]+)"', rules))
    facts.values = chart_values()
    # Why an act could not be recorded: standard output must not be read for that, or 3scale be slow for 64 acts at once.
    facts.causes = {text for text in literals("Helper/HelperHTTP/Responses") if " audit " in text}
    facts.literals = literals("Helper/Keycloak", "Helper/Doctor", "Helper/HelperHTTP", "Helper/HelperServer", "Helper/HelperCore",
                             "Helper/SharedState")
    facts.paths = {f"{method.upper()} {path}" for path, item in document["paths"].items() for method in item}
    return facts


def codes(document):
    """The codes of failures that the OpenAPI document declares; a defect of ours cannot be caused from outside."""
    return {word for word in re.findall(r'"([A-Z]+(?:_[A-Z]+)*)"', json.dumps(document)) if "_" in word or word in ("FORBIDDEN", "OVERLOADED")}


def chart_values():
    """The dotted names of values.yaml, whose members are indented by two."""
    names, above = set(), []
    for line in (CHART / "values.yaml").read_text(encoding="utf-8").splitlines():
        match = re.match(r"( *)([A-Za-z][A-Za-z0-9]*):", line)
        if match:
            above = above[:len(match.group(1)) // 2] + [match.group(2)]
            names.add(".".join(above))
    return names


def literals(*folders):
    """The texts of the sources in these folders: closed sets of checks, reasons and names."""
    return {text for folder in folders for path in (ROOT / "Sources" / folder).rglob("*.swift")
            for text in re.findall(r'"((?:[^"\\\n]|\\.)+)"', path.read_text(encoding="utf-8"))}


class ToolMissing(Exception):
    """A command of the pages needs a tool that this machine has not."""


def runs(command, facts, folder):
    """Runs a command of the pages, or as much of it as can be run here. Returns why it is wrong, or None."""
    words = command.split()
    if words[0] in ("jq", "promtool") and not shutil.which(words[0]):
        raise ToolMissing(words[0])
    if words[0] == "mlaas-helper":
        return understood(words[1:], facts)
    if "/usr/bin/mlaas-helper" in words:
        problem = understood(words[words.index("/usr/bin/mlaas-helper") + 1:], facts)
        if problem:
            return problem
    if words[0] == "jq":
        log = "".join(json.dumps(line) + "\n" for line in facts.log)
        run = subprocess.run(["bash", "-c", command], input=log, capture_output=True, text=True)
        return None if run.returncode == 0 and run.stdout.strip() else f"prints nothing of a log that has it: {run.stderr}"
    if words[0] == "printf":
        text = re.sub(r'"?\$?KEY"?', "some-key", command, count=1)
        run = subprocess.run(["bash", "-c", text], capture_output=True, text=True)
        return None if re.fullmatch(r"[0-9a-f]{8}\n", run.stdout) else run.stdout + run.stderr
    if words[0] == "promtool":
        run = subprocess.run(["bash", "-c", command], cwd=RULES.parent, capture_output=True, text=True)
        return None if run.returncode == 0 else run.stdout + run.stderr
    if words[0].endswith("test_api.sh"):
        usage = (ROOT / "test_api.sh").read_text(encoding="utf-8")
        unknown = [word for word in words[1:] if word.startswith("-") and not re.search(rf"(^|[ |]){word}\b", usage, re.M)]
        return f"unknown options {unknown}" if unknown else None
    known = CLUSTER.get(words[0])
    if known is None:
        return "not a command that is known here"
    arguments = [word for word in words[1:] if not word.startswith("-")]
    return None if known & set(arguments) else f"{words[0]} has no subcommand known here"


def understood(arguments, facts):
    """Why the program does not accept these arguments, or None."""
    optional = [word.strip("[]") for word in arguments]
    options = [word for word in optional if word.startswith("--")]
    unknown = [word for word in options if word not in facts.options]
    if unknown:
        return f"unknown options {unknown}"
    command = [word for word in optional if not word.startswith("--") and not word.isupper() and not word.startswith("/")]
    run = subprocess.run(
        [harness.BIN / "mlaas-helper", *command], env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, timeout=60)
    return f"unknown command {command}: {run.stderr}" if "unknown command" in run.stderr or run.returncode == 64 else None


def accepted(name, value):
    """Whether the setting takes that value."""
    run = subprocess.run(
        [harness.BIN / "mlaas-helper", "config", "check"], env={"PATH": os.environ["PATH"], name: value}, capture_output=True,
        text=True, timeout=60)
    return f"{name}:" not in run.stderr


def problem(text, facts, folder):
    """Why a quoted text is not real; None when it is."""
    if any(text in words for words in FOREIGN.values()) or text in OF_TROUBLE:
        return None
    if text.startswith("{"):
        unknown = set(re.findall(r'"(\w+)"', text)) - facts.literals
        return f"nothing writes {sorted(unknown)}" if unknown else None
    if quotes.COMMANDS.match(text) and (" " in text or text.endswith(".sh")) and text != "mlaas-helper:":
        return runs(text, facts, folder)
    if match := re.fullmatch(r"([a-z_]+)(?:\{([^}]*)\})?", text):
        name, labels = match.groups()
        if quotes.METRIC.fullmatch(text) and name.split("_")[0] in ("mlaas", "http", "process"):
            return metric(name, labels, facts)
    if match := re.fullmatch(r"([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*)(?:=(\S+))?", text):
        name, value = match.groups()
        if name in facts.codes and not value:
            return None
        if name not in facts.settings:
            return "neither a declared setting nor a failure's code"
        return None if value is None or accepted(name, value) else f"{name} does not take {value}"
    if text in facts.words or text.lower() in facts.headers or text in facts.values or text in facts.options:
        return None
    if match := re.fullmatch(r"(3scale|keycloak) ([a-z_]+)", text):
        return None if match.group(2) in facts.words else "no call has that name"
    if "…" in text or text.endswith(":"):
        # A text with something in its middle that differs: the rest stands in the sources.
        parts = [part.strip(" ]") for part in re.split("[…:]", text)]
        return None if all(any(part in known for known in facts.literals) for part in parts) else "no source has that text"
    if re.fullmatch(r"(GET|POST|DELETE|PUT) /\S+", text) or text.startswith("/"):
        path = text.split(" ")[-1]
        return None if any(known.endswith(" " + path) for known in facts.paths) or path == "/metrics" else "no such route"
    if re.fullmatch(r"[a-z]+", text) and any(known.endswith("/" + text) for known in facts.paths):
        return None
    if re.fullmatch(r'"?[a-z_]+"?: ?"?[a-z_0-9]+"?', text):
        pair = re.findall(r"[a-z_0-9]+", text)
        return None if all(word in facts.words or word.isdigit() for word in pair) else "no line has that"
    if (ROOT / text.split(" ")[0]).exists():
        return None
    if re.fullmatch(r"[A-Za-z0-9_.-]+", text) and text.lower() in facts.literals:
        return None
    if any(known.startswith(text) for known in facts.causes):
        return None
    if facts.happened(text) or re.fullmatch("[a-z]+", text) and accepted("LOG_LEVEL", text):
        return None
    return "no scenario of this test made it happen, and the program declares nothing of that name"


def metric(name, labels, facts):
    if name not in facts.metrics:
        return "no such metric was exposed"
    series = [dict(pairs) for found, pairs in facts.samples if re.sub(r"_(bucket|sum|count)$", "", found) == name or found == name]
    for label in filter(None, (labels or "").split(",")):
        key, _, value = label.strip().partition("=")
        if not any(key in pairs and value.strip('"') in ("", pairs[key]) for pairs in series):
            return f"no series has {label}"
    return None


def page_quotes():
    for name in PAGES:
        path = ROOT / "docs" / f"{name}.md"
        if path.exists():
            yield from quotes.markdown(path, f"docs/{name}.md")
    yield from quotes.annotations(RULES, str(RULES.relative_to(ROOT)))
    yield from quotes.notes(CHART / "templates" / "NOTES.txt", "helm-chart/templates/NOTES.txt")


def test_whatever_the_pages_quote_is_real(facts, tmp_path):
    found, wrong, known, missing = list(page_quotes()), [], {}, set()
    assert len(found) > 400
    for quote in found:
        try:
            if quote.text not in known:
                known[quote.text] = problem(quote.text, facts, tmp_path)
        except ToolMissing as tool:
            missing.add(str(tool))
            known[quote.text] = None
        if known[quote.text]:
            wrong.append(f"{quote}: {known[quote.text]}")
    assert not wrong, "\n" + "\n".join(wrong)
    if missing:
        pytest.skip(f"all but the commands that need {', '.join(sorted(missing))}")


@pytest.mark.parametrize("text", [
    "circuit breaker exploded", "mlaas_no_such_total", 'mlaas_auth_total{outcome="praised"}', "MLAAS_NO_SUCH_SETTING",
    "LOG_LEVEL=chatty", "mlaas-helper heal", "mlaas-helper doctor --faster", "GET /api/nothing/of/that", "no.such.value",
    "NO_SUCH_CODE", '"logger":"no-such-logger"', "kubectl dance"])
def test_what_is_not_real_is_found(facts, tmp_path, text):
    assert problem(text, facts, tmp_path)
