"""Processes for the chaos suite: one sandbox and any number of replicas of the helper on free loopback ports, ended by
process id, and a small client that knows nothing of the product but its API."""

import base64
import concurrent.futures
import http.client
import json
import os
import signal
import socket
import subprocess
import tempfile
import time
import urllib.parse
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("MLAAS_BIN", ROOT / ".build" / "debug"))
TOKEN = "sandbox-admin-token"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def call(method, url, body=None, headers=None, timeout=40):
    """(status, headers, body as text); (0, {}, reason) when there is no answer."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)
    try:
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        connection.request(method, path, body=body, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read().decode()
    except (OSError, http.client.HTTPException) as error:
        return 0, {}, type(error).__name__
    finally:
        connection.close()


def wait_for(url, process, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args[0]} ended with {process.returncode}")
        if call("GET", url, timeout=2)[0] == 200:
            return
        time.sleep(0.02)
    raise RuntimeError(f"{url} did not answer 200 in {seconds} s")


class Sandbox:
    def __init__(self, *options):
        self.ports = [free_port() for _ in range(3)]
        self.keycloak, self.threescale, self.admin = (f"http://127.0.0.1:{port}" for port in self.ports)
        names = zip(("--keycloak-port", "--threescale-port", "--admin-port"), map(str, self.ports))
        self.process = subprocess.Popen(
            [BIN / "mlaas-sandbox", *(word for pair in names for word in pair), *options],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(self.admin + "/counts", self.process)

    def control(self, method, path, /, **members):
        status, _, text = call(method, self.admin + path, json.dumps(members) if members else None)
        assert status == 200, f"{method} {path}: {status} {text}"
        return json.loads(text)

    def fault(self, system, kind, /, **members):
        self.control("POST", f"/faults/{system}", kind=kind, **members)

    def calm(self):
        for system in ("3scale", "keycloak"):
            call("DELETE", f"{self.admin}/faults/{system}")
        self.control("PUT", "/race", milliseconds=0)
        self.control("PUT", "/clock", offset_seconds=0)

    def pause(self):
        """Both systems at once: the kernel accepts connections, and no process answers."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def add_user(self, name):
        self.control("POST", "/users", username=name)

    def token(self, name):
        form = urllib.parse.urlencode({
            "grant_type": "password", "client_id": "mlaas-client", "client_secret": "mlaas-client-secret",
            "username": name, "password": f"{name}-password", "scope": "openid"})
        for _ in range(100):
            status, _, text = call(
                "POST", f"{self.keycloak}/realms/mlaas/protocol/openid-connect/token", form,
                {"Content-Type": "application/x-www-form-urlencoded"})
            if status == 200:
                return json.loads(text)["access_token"]
            time.sleep(0.05)
        raise RuntimeError(f"no token for {name}: {status} {text}")

    def list(self, path, plural, singular):
        """Every entry of a list of 3scale, read from it directly."""
        auth = {"Authorization": "Basic " + base64.b64encode(f":{TOKEN}".encode()).decode()}
        entries, page = [], 1
        while True:
            status, _, text = call("GET", f"{self.threescale}/admin/api/{path}.json?page={page}&per_page=500", None, auth)
            assert status == 200, (path, status, text)
            batch = json.loads(text)[plural]
            entries += [entry[singular] for entry in batch]
            if len(batch) < 500:
                return entries
            page += 1

    def applications(self):
        return self.list("applications", "applications", "application")

    def accounts(self):
        return self.list("accounts", "accounts", "account")

    def stop(self):
        self.resume()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=20)


class Replica:
    def __init__(self, sandbox, **settings):
        self.sandbox, self.settings = sandbox, settings
        self.log = tempfile.TemporaryFile()
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self):
        environment = {
            "PATH": os.environ["PATH"], "KEYCLOAK_URL": self.sandbox.keycloak, "KEYCLOAK_REALM": "mlaas",
            "KEYCLOAK_CLIENT_ID": "mlaas-client", "THREESCALE_ADMIN_API_URL": self.sandbox.threescale,
            "THREESCALE_ADMIN_API_KEY": TOKEN, "SERVER_HOST": "127.0.0.1", "SERVER_PORT": str(self.port),
            "SERVER_LOOPS": "1", "SHUTDOWN_DRAIN_SECONDS": "0", "KEYCLOAK_KEYS_COOLDOWN": "200ms",
            "RATE_LIMITS": "off", **self.settings}
        self.process = subprocess.Popen(
            [BIN / "mlaas-helper"], env=environment, stdout=self.log, stderr=subprocess.STDOUT)

    def ready(self):
        wait_for(self.url + "/api/health/ready", self.process)
        return self

    def kill(self):
        self.process.kill()
        self.process.wait(timeout=20)

    def init(self, token, service):
        return call("POST", self.url + "/api/services/init", json.dumps({"service_id": service}),
                    {"Authorization": f"Bearer {token}", "Content-Type": "application/json"})

    def list(self, token):
        return call("GET", self.url + "/api/services", None, {"Authorization": f"Bearer {token}"})

    def memory(self, name="VmRSS"):
        """Resident KiB; VmHWM is the most there was."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(name + ":"):
                return int(line.split()[1])
        return 0

    def metrics(self):
        """Values by name and labels, as they stand in the text."""
        lines = call("GET", self.url + "/metrics")[2].splitlines()
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[:1] not in ("", "#"))}

    def lines(self):
        """What all processes of this replica have logged. The position in the file is theirs as well as ours: to seek would make
        them write over their own lines."""
        written = os.pread(self.log.fileno(), os.fstat(self.log.fileno()).st_size, 0)
        lines = []
        for line in written.decode(errors="replace").splitlines():
            try:
                lines.append(json.loads(line))
            except ValueError:
                lines.append({"message": line})
        return lines

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=40)
        return self.lines()


def percentile(values, share):
    """The value that this share of all does not exceed; no number where there are none."""
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))] if values else float("nan")


def together(works, width):
    """Results of all works, `width` at a time."""
    with concurrent.futures.ThreadPoolExecutor(width) as pool:
        return [future.result() for future in [pool.submit(work) for work in works]]


def services(replica, token):
    """Ids by system name."""
    status, _, text = replica.list(token)
    assert status == 200, text
    return {entry["system_name"]: entry["id"] for entry in json.loads(text)["data"]["services"]}


def data(answer):
    return json.loads(answer[2])["data"]


def unexplained(replicas, answers):
    """Failures of ours, 5xx, that no line of a log gives a cause for, by request id. Lines are written behind the answers, so
    they are waited for; beyond so many a second their number stands in `suppressed`, and that many may be missing."""
    wanted = {json.loads(text)["error"]["request_id"]: text for status, _, text in answers if status >= 500}
    end = time.monotonic() + 5
    while True:
        lines = [line for replica in replicas for line in replica.lines()]
        explained = {line.get("request_id") for line in lines if line.get("error")}
        missing = [text for request, text in wanted.items() if request not in explained]
        if len(missing) <= sum(line.get("suppressed", 0) for line in lines):
            return []
        if time.monotonic() > end:
            return missing
        time.sleep(0.1)
