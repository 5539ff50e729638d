"""Kinds of trouble, made to happen: the log at its default level, the doctor and the alert each name cause and remedy.

What they say stands in docs/trouble.md, which `make trouble` writes from a run and each run of this test is compared with.
"""

import contextlib
import dataclasses
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests
from conftest import ROOT, harness, lines

PAGE = ROOT / "docs" / "trouble.md"
RULES = ROOT / "deployment" / "prometheus" / "mlaas-helper.rules.yml"
WRITES = os.environ.get("MLAAS_WRITE") == "1"
PATIENCE = 60


@dataclasses.dataclass
class Trouble:
    """One kind of trouble.

    `make` takes the sandbox and a temporary folder. It returns the settings that differ, and the server it made, which `close` ends.
    A server's `fail`, where it has one, begins the trouble once the helper is ready.
    `log`, `doctor` and `alert` each hold the words that must be there: of the cause, then of the remedy.
    """

    title: str
    make: object
    check: str
    alertname: str
    log: tuple
    doctor: tuple
    alert: tuple
    labels: dict = dataclasses.field(default_factory=dict)


class Secure:
    """An HTTPS server whose certificate no root has signed."""

    def __init__(self, folder):
        certificate, key = folder / "certificate.pem", folder / "key.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
             "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate],
            check=True, capture_output=True)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
        self.server.daemon_threads = True
        # Refused handshakes are expected here.
        self.server.handle_error = lambda *_: None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.server.socket = context.wrap_socket(
            self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"https://localhost:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Redis:
    """A real one, which ends when the trouble begins."""

    def __init__(self, folder):
        self.port = harness.free_port()
        self.process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", folder],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def fail(self):
        harness.stop(self.process)

    close = fail


class Relay:
    """Passes connections on to the imitated Keycloak until the trouble begins, so that keys were fetched before."""

    def __init__(self, target):
        self.target = ("127.0.0.1", int(target.rsplit(":", 1)[1]))
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.keycloak = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.passed = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client = self.listener.accept()[0]
            except OSError:
                return
            server = socket.create_connection(self.target)
            self.passed += [client, server]
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self.copy, args=(source, sink), daemon=True).start()

    @staticmethod
    def copy(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def fail(self):
        # An accept that waits keeps the socket open until it is woken.
        for each in [self.listener, *self.passed]:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    close = fail


def fault(**members):
    def make(sandbox, _):
        requests.post(sandbox.admin + "/faults/3scale", json=members, timeout=10).raise_for_status()
        return {}, None
    return make


class Later:
    """A fault of the imitated 3scale that begins once the helper is ready."""

    def __init__(self, sandbox, **members):
        self.sandbox, self.members = sandbox, members

    def fail(self):
        fault(**self.members)(self.sandbox, None)

    def close(self):
        pass


def limited(sandbox, _):
    later = Later(sandbox, kind="status", status=429, retry_after_date_seconds=120)
    # What 3scale asks us to wait for is not asked again: without a calm beginning there is nothing to compare with.
    return {"CATALOG_REFRESH_SECONDS": "1"}, later


class RefusingProxy:
    """A proxy that lets no connection through."""

    def __init__(self):
        class Handler(BaseHTTPRequestHandler):
            def do_CONNECT(self):
                self.send_error(403)

            def log_message(self, *arguments):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def no_way_through(*_):
    proxy = RefusingProxy()
    return {"THREESCALE_ADMIN_API_URL": "https://tenant-admin.corp.test",
            "HTTPS_PROXY": f"http://127.0.0.1:{proxy.server.server_port}"}, proxy


def clocks_apart(sandbox, _):
    requests.put(sandbox.admin + "/clock", json={"offset_seconds": 3600}, timeout=10).raise_for_status()
    return {}, None


def keycloak_ends(sandbox, _):
    relay = Relay(sandbox.keycloak)
    return {"KEYCLOAK_URL": relay.keycloak, "KEYCLOAK_KEYS_REFRESH": "1s"}, relay


def setting(name, value):
    return lambda *_: ({name: value() if callable(value) else value}, None)


def nowhere():
    return f"http://127.0.0.1:{harness.free_port()}"


def slow(sandbox, folder):
    fault(kind="latency", delay_ms=20_000)(sandbox, folder)
    return {"API_TIMEOUT": "2"}, None


def untrusted(_, folder):
    server = Secure(folder)
    return {"THREESCALE_ADMIN_API_URL": server.url}, server


def no_redis(_, folder):
    redis = Redis(folder)
    return {"REDIS_URL": f"redis://127.0.0.1:{redis.port}"}, redis


FAILING = ("MLaaSHelper3scaleFailing",)
TROUBLES = {
    "3scale-refused": Trouble(
        "3scale refuses connections", setting("THREESCALE_ADMIN_API_URL", nowhere), "3scale.reachable", *FAILING,
        log=("cannot connect", "THREESCALE_ADMIN_API_URL"), doctor=("cannot connect", "THREESCALE_ADMIN_API_URL"),
        alert=("cannot be reached", "THREESCALE_ADMIN_API_URL"), labels={"outcome": "unreachable"}),
    "3scale-500": Trouble(
        "3scale answers 500", fault(kind="status", status=500), "3scale.token", *FAILING,
        log=("500", "system-app"), doctor=("500", "system-app"), alert=("5xx", "system-app"), labels={"outcome": "unavailable"}),
    "3scale-slow": Trouble(
        "3scale is slow", slow, "3scale.reachable", *FAILING,
        log=("timed out", "API_TIMEOUT"), doctor=("timed out", "API_TIMEOUT"), alert=("too slow", "API_TIMEOUT"), labels={"outcome": "timeout"}),
    "3scale-untrusted": Trouble(
        "3scale's certificate is not trusted", untrusted, "3scale.reachable", *FAILING,
        log=("certificate", "CA_BUNDLE"), doctor=("certificate", "CA_BUNDLE"), alert=("TLS", "CA_BUNDLE"), labels={"outcome": "untrusted"}),
    "3scale-html": Trouble(
        "A web page answers in place of 3scale", fault(kind="html", status=200), "3scale.token", *FAILING,
        log=("HTML", "firewall"), doctor=("web page", "firewall"), alert=("not 3scale's API", "firewall"), labels={"outcome": "malformed"}),
    "3scale-429": Trouble(
        "3scale limits our calls (429 with a date)", limited, "3scale.token", *FAILING,
        log=("429", "THREESCALE_MAX_CONCURRENCY"), doctor=("429", "THREESCALE_MAX_CONCURRENCY"),
        alert=("429", "THREESCALE_MAX_CONCURRENCY"), labels={"outcome": "rate_limited"}),
    "3scale-token": Trouble(
        "3scale refuses the admin token", setting("THREESCALE_ADMIN_API_KEY", "sandbox-expired-token"), "3scale.token",
        "MLaaSHelperAdminTokenRefused",
        log=("403", "THREESCALE_ADMIN_API_KEY"), doctor=("expired", "THREESCALE_ADMIN_API_KEY"), alert=("403", "THREESCALE_ADMIN_API_KEY")),
    "3scale-proxy": Trouble(
        "A proxy refuses the connection to 3scale", no_way_through, "3scale.reachable", *FAILING,
        log=("CONNECT", "NO_PROXY"), doctor=("CONNECT", "NO_PROXY"), alert=("cannot be reached", "HTTPS_PROXY"),
        labels={"outcome": "unreachable"}),
    "clocks": Trouble(
        "The clocks are apart", clocks_apart, "clock", "MLaaSHelperTokensRefused",
        log=("clocks", "NTP"), doctor=("ahead of ours", "NTP"), alert=("clock", "NTP"), labels={"reason": "issued_in_future"}),
    "keycloak-down": Trouble(
        "Keycloak is down", keycloak_ends, "keycloak.reachable", "MLaaSHelperKeycloakFailing",
        log=("cannot connect", "KEYCLOAK_URL"), doctor=("cannot connect", "KEYCLOAK_URL"),
        alert=("cannot be reached", "KEYCLOAK_URL"), labels={"outcome": "unreachable"}),
    "keycloak-realm": Trouble(
        "The realm is wrong", setting("KEYCLOAK_REALM", "other"), "keycloak.issuer", "MLaaSHelperKeycloakFailing",
        log=("404", "KEYCLOAK_REALM"), doctor=("no realm", "KEYCLOAK_REALM"), alert=("no such realm", "KEYCLOAK_REALM"), labels={"outcome": "not_found"}),
    "keycloak-audience": Trouble(
        "Tokens have another audience", setting("KEYCLOAK_AUDIENCE", "other-client"), "keycloak.token",
        "MLaaSHelperTokensRefused",
        log=("'aud' should hold", "KEYCLOAK_AUDIENCE"), doctor=("audience", "KEYCLOAK_AUDIENCE"),
        alert=("audience", "KEYCLOAK_AUDIENCE"), labels={"reason": "audience"}),
    "redis-down": Trouble(
        "Redis is down", no_redis, "redis", "MLaaSHelperRedisDown",
        log=("cannot be reached", "REDIS_URL"), doctor=("cannot be reached", "REDIS_URL"),
        alert=("counts rate limits for itself", "REDIS_URL")),
}


@pytest.fixture
def trouble_sandbox():
    sandbox = harness.Sandbox()
    yield sandbox
    harness.stop(sandbox.process)


class Prometheus:
    """A real one with the shipped rules, but for the time that a trouble must last."""

    def __init__(self, folder, target):
        rules = re.sub(r"^( +)for: \S+$", r"\1for: 1s", RULES.read_text(encoding="utf-8"), flags=re.MULTILINE)
        (folder / "rules.yml").write_text(rules, encoding="utf-8")
        (folder / "prometheus.yml").write_text(json.dumps({
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(folder / "rules.yml")],
            "scrape_configs": [{"job_name": "mlaas-helper", "static_configs": [
                {"targets": [target.removeprefix("http://")]}]}]}), encoding="utf-8")
        port = harness.free_port()
        self.url = f"http://127.0.0.1:{port}"
        with open(folder / "log", "wb") as log:
            self.process = subprocess.Popen(
                [shutil.which("prometheus"), f"--config.file={folder}/prometheus.yml",
                 f"--storage.tsdb.path={folder}/data", f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log)
        try:
            harness.wait_for(self.url + "/-/ready", self.process, seconds=PATIENCE)
        except BaseException:
            harness.stop(self.process)
            raise

    def firing(self):
        answer = requests.get(self.url + "/api/v1/alerts", timeout=30).json()
        return [alert for alert in answer["data"]["alerts"] if alert["state"] == "firing"]

    def fires(self, name, labels):
        """The alert of that name with those labels; None while it does not fire."""
        wanted = {"alertname": name, **labels}.items()
        return next((alert for alert in self.firing() if wanted <= alert["labels"].items()), None)


def observe(trouble, sandbox, folder):
    """What log, doctor and alert say while the trouble lasts."""
    settings, server = trouble.make(sandbox, folder)
    # Keycloak names itself as its caller does.
    token = sandbox.token("ada", keycloak=getattr(server, "keycloak", None))
    values = {"keycloak": sandbox.keycloak, "threescale": sandbox.threescale}
    for name, key in (("KEYCLOAK_URL", "keycloak"), ("THREESCALE_ADMIN_API_URL", "threescale")):
        values[key] = settings.pop(name, values[key])
    helper = prometheus = None
    try:
        begin = getattr(server, "fail", None)
        helper = harness.Helper(values["keycloak"], values["threescale"], ready=begin is not None, **settings)
        prometheus = Prometheus(folder, helper.url)
        if begin:
            # Prometheus must have seen the calm before.
            time.sleep(3)
            begin()
        end = time.monotonic() + PATIENCE
        alert = None
        while alert is None and time.monotonic() < end:
            helper.get("/api/services", token)
            time.sleep(0.25)
            alert = prometheus.fires(trouble.alertname, trouble.labels)
        assert alert, f"{trouble.alertname} {trouble.labels} does not fire; firing: {prometheus.firing()}"
        findings = doctor(helper_environment(values, settings), token, folder)
    finally:
        if prometheus:
            harness.stop(prometheus.process)
        log = lines(helper.stop()) if helper else []
        if server:
            server.close()
    return log, findings, alert


def helper_environment(values, settings):
    return {
        "PATH": os.environ["PATH"], "KEYCLOAK_URL": values["keycloak"], "KEYCLOAK_REALM": "mlaas",
        "KEYCLOAK_CLIENT_ID": "mlaas-client", "THREESCALE_ADMIN_API_URL": values["threescale"],
        "THREESCALE_ADMIN_API_KEY": harness.ADMIN_TOKEN, **settings}


def doctor(environment, token, folder):
    path = folder / "token"
    path.write_text(token, encoding="utf-8")
    run = subprocess.run(
        [harness.BIN / "mlaas-helper", "doctor", "--json", "--token-file", path], env=environment, capture_output=True,
        text=True, timeout=120)
    return json.loads(run.stdout)["findings"]


def plain(text):
    """Without what differs from run to run: ports, and which of the calls at once was the first to fail."""
    text = re.sub(r"(127\.0\.0\.1|localhost)(:| port )\d+", r"\1\2PORT", text)
    return re.sub(r"\b(last|failure): (3scale )?[a-z_]+ (?=(at )?http)", r"\1: CALL ", text)


def told(log):
    """The lines that an operator would look at, each once."""
    found = []
    for line in log:
        if line["level"] not in ("warning", "error", "critical"):
            continue
        words = [f"{line['level']} `{line['message']}`"]
        words += [f"`{name}` {plain(str(line[name]))}" for name in ("check", "code", "error", "hint") if name in line]
        text = "; ".join(words)
        if text not in found:
            found.append(text)
    return found


def section(trouble, log, findings, alert):
    notes = alert["annotations"]
    rows = [f"## {trouble.title}", "", "Log, at its default level:", ""]
    rows += [f"- {text}" for text in told(log)]
    rows += ["", "Doctor:", ""]
    rows += [f"- {finding['severity']} `{finding['check']}`: {plain(finding['message'])}. {plain(finding.get('advice', '')).rstrip('.')}."
             for finding in findings if finding["check"] == trouble.check]
    rows += ["", f"Alert [{trouble.alertname}](operations.md#{trouble.alertname.lower()}):", "",
             f"- {plain(notes['summary'])}. {notes['description']} {notes['action']}", ""]
    return "\n".join(rows)


HEAD = """# Kinds of trouble, side by side

Find your symptom, and do what hint, advice or action says. Each section was written from a run in which the trouble was made to happen: the
log lines from `warning` on, what `mlaas-helper doctor` says, and the alert. `Tests/Operability/test_trouble.py` makes it happen again and
compares; with MLAAS_WRITE=1 in its environment it writes this page. PORT and CALL stand for what differs from time to time.
"""


def sections():
    """The page's sections by title."""
    text = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    return {part.split("\n", 1)[0]: "## " + part for part in text.split("\n## ")[1:]}


def write(title, text):
    parts = sections() | {title: text}
    order = [trouble.title for trouble in TROUBLES.values()]
    PAGE.write_text(
        HEAD + "".join("\n" + parts[name].rstrip("\n") + "\n" for name in order if name in parts), encoding="utf-8")


def claims(text):
    """What the page claims: doctor and alert word for word, message and hint of log lines, and the messages of the others, whose
    order and number may differ."""
    words, hints, others = set(), set(), set()
    for bullet in re.findall(r"(?m)^- (.*)$", text):
        line = re.match(r"\w+ `([^`]+)`;(?:.*; `hint` (.*))?", bullet)
        if not line:
            words.add(re.sub(r"\d+(\.\d+)?%", "N%", bullet))
        elif line.group(2):
            hints.add(line.groups())
        else:
            others.add(line.group(1))
    return words, hints, others


@pytest.mark.parametrize("name", TROUBLES)
def test_log_doctor_and_alert_name_cause_and_remedy(name, trouble_sandbox, tmp_path, promtool):
    if name == "redis-down" and not shutil.which("redis-server"):
        pytest.skip("needs redis-server")
    trouble = TROUBLES[name]
    log, findings, alert = observe(trouble, trouble_sandbox, tmp_path)
    text = section(trouble, log, findings, alert)
    print(text)
    said = {
        "log": " ".join(told(log)),
        "doctor": " ".join(f"{entry['message']} {entry.get('advice')}" for entry in findings if entry["check"] == trouble.check),
        "alert": " ".join(alert["annotations"].values()),
    }
    missing = [(where, word) for where in said for word in getattr(trouble, where) if word not in said[where]]
    assert not missing, text
    if WRITES:
        write(trouble.title, text)
    page, run = claims(sections().get(trouble.title, "")), claims(text)
    assert page[:2] == run[:2], "docs/trouble.md is not what happens: run this test with MLAAS_WRITE=1"
    assert page[2] <= {line["message"] for line in log}
