"""HTTPS with clients that we did not write, and secrets and certificates that change while the helper runs."""

import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
from http.client import HTTPSConnection

import pytest
import requests
from conftest import ADMIN_TOKEN, BIN, free_port, stop

PATIENCE = 60


def openssl(folder, *words):
    subprocess.run(["openssl", *words], cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def certificate(folder, name):
    """A self-signed certificate of loopback; its files."""
    openssl(folder, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
            "-keyout", f"{name}.key", "-out", f"{name}.pem", "-subj", f"/CN={name}",
            "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1")
    return folder / f"{name}.pem", folder / f"{name}.key"


def exchange(raw, step, incoming, outgoing):
    """Carries bytes until a step of a TLS session is done."""
    while True:
        try:
            result = step()
        except ssl.SSLWantReadError:
            result = None
        if outgoing.pending:
            raw.sendall(outgoing.read())
        if result is not None:
            return result
        incoming.write(raw.recv(65536))


def until(condition, what):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError(f"{what}: not in {PATIENCE} s")


class SecureHelper:
    def __init__(self, folder, **settings):
        self.folder = folder
        self.port = free_port()
        self.url = f"https://localhost:{self.port}"
        self.pem, self.key = folder / "served.pem", folder / "served.key"
        self.install("first")
        environment = {
            "PATH": os.environ["PATH"], "KEYCLOAK_URL": "http://127.0.0.1:1", "KEYCLOAK_REALM": "mlaas",
            "KEYCLOAK_CLIENT_ID": "mlaas-client", "THREESCALE_ADMIN_API_URL": "http://127.0.0.1:1",
            "THREESCALE_ADMIN_API_KEY": ADMIN_TOKEN, "SERVER_HOST": "127.0.0.1", "SERVER_PORT": str(self.port),
            "SHUTDOWN_DRAIN_SECONDS": "0", "TLS_CERT_FILE": str(self.pem), "TLS_KEY_FILE": str(self.key), **settings}
        self.environment = {key: value for key, value in environment.items() if value is not None}
        self.log = tempfile.TemporaryFile("w+", encoding="utf-8")
        self.process = subprocess.Popen(
            [BIN / "mlaas-helper"], env=self.environment, stdout=self.log, stderr=subprocess.STDOUT)
        until(lambda: self.serves("first"), "the helper answers")

    def install(self, name):
        """Puts a new pair where the helper looks, as a mounted secret does: the files change one after the other."""
        pem, key = certificate(self.folder, name)
        for source, target in ((pem, self.pem), (key, self.key)):
            shutil.copy(source, target.with_suffix(".new"))
            os.replace(target.with_suffix(".new"), target)

    def serves(self, name):
        try:
            return requests.get(self.url + "/api/health", verify=str(self.folder / f"{name}.pem"), timeout=10).ok
        except requests.RequestException:
            return False

    def logged(self):
        self.log.seek(0)
        return self.log.read()


@pytest.fixture(scope="module")
def secure(tmp_path_factory):
    helper = SecureHelper(tmp_path_factory.mktemp("tls"))
    yield helper
    stop(helper.process)
    assert helper.process.returncode == 0


def test_curl(secure):
    for option, expected in (("--tlsv1.3", "TLSv1.3"), ("--tls-max 1.2", "TLSv1.2")):
        run = subprocess.run(
            ["curl", "-sv", "--max-time", "60", *option.split(), "--cacert", secure.folder / "first.pem",
             secure.url + "/api/health"], capture_output=True, text=True, check=True)
        assert '"status":"healthy"' in run.stdout
        assert f"SSL connection using {expected}" in run.stderr
        assert "server accepted http/1.1" in run.stderr


def test_resumption_and_renegotiation(secure):
    for version in ("-tls1_2", "-tls1_3"):
        session = secure.folder / f"session{version}"
        common = ["openssl", "s_client", version, "-connect", f"localhost:{secure.port}", "-CAfile",
                  secure.folder / "first.pem", "-verify_return_error"]
        ask = "GET /api/health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        first = subprocess.run([*common, "-ign_eof", "-sess_out", session], input=ask, capture_output=True, text=True,
                               timeout=PATIENCE)
        assert "New, TLS" in first.stdout and "healthy" in first.stdout
        again = subprocess.run([*common, "-ign_eof", "-sess_in", session], input=ask, capture_output=True, text=True,
                               timeout=PATIENCE)
        assert "Reused, TLS" in again.stdout and "healthy" in again.stdout
    # R asks for a renegotiation: refused, and the connection is of no more use for it.
    asked = subprocess.run(["openssl", "s_client", "-tls1_2", "-connect", f"localhost:{secure.port}"],
                           input="R\n", capture_output=True, text=True, timeout=PATIENCE)
    assert "no renegotiation" in asked.stderr


def test_what_is_refused(secure):
    for words in (["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], ["-tls1_2", "-cipher", "AES128-SHA:@SECLEVEL=0"],
                  ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0"], ["-alpn", "h2"]):
        run = subprocess.run(["openssl", "s_client", "-connect", f"localhost:{secure.port}", *words],
                             input="", capture_output=True, text=True, timeout=PATIENCE)
        assert "Cipher is (NONE)" in run.stdout, words
    plain = requests.get(f"http://localhost:{secure.port}/", timeout=PATIENCE)
    assert plain.status_code == 400
    assert plain.json()["error"]["code"] == "INVALID_REQUEST" and "https://" in plain.json()["error"]["message"]
    assert plain.headers["Strict-Transport-Security"]


def test_python_half_close_and_keep_alive(secure):
    context = ssl.create_default_context(cafile=secure.folder / "first.pem")
    connection = HTTPSConnection("localhost", secure.port, context=context, timeout=PATIENCE)
    for _ in range(20):
        connection.request("GET", "/api/health")
        assert connection.getresponse().read().startswith(b'{"status":"success"')
    connection.close()
    with socket.create_connection(("127.0.0.1", secure.port), timeout=PATIENCE) as raw:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        session = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
        exchange(raw, lambda: session.do_handshake() or True, incoming, outgoing)
        session.write(b"GET /api/health HTTP/1.1\r\nHost: a\r\n\r\n")
        raw.sendall(outgoing.read())
        # Our side of TCP ends; the answer still comes, and so does the end in TLS.
        raw.shutdown(socket.SHUT_WR)
        assert b"healthy" in exchange(raw, lambda: session.read(65536), incoming, outgoing)


def test_many_requests_that_come_with_the_end_of_tls_are_all_answered(secure):
    """More than a connection answers in one go."""
    context = ssl.create_default_context(cafile=secure.folder / "first.pem")
    with socket.create_connection(("127.0.0.1", secure.port), timeout=PATIENCE) as raw:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        session = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
        exchange(raw, lambda: session.do_handshake() or True, incoming, outgoing)
        session.write(b"GET /api/health HTTP/1.1\r\nHost: a\r\n\r\n" * 100)
        with pytest.raises(ssl.SSLWantReadError):
            session.unwrap()
        # All in one piece: the end is there before the seventeenth request is looked at.
        raw.sendall(outgoing.read())
        answers = b""
        while piece := raw.recv(65536):
            incoming.write(piece)
            try:
                while decrypted := session.read(65536):
                    answers += decrypted
            except (ssl.SSLWantReadError, ssl.SSLZeroReturnError):
                pass
        assert answers.count(b"healthy") == 100


def test_health_check_of_a_container(secure):
    assert subprocess.run([BIN / "mlaas-helper", "healthcheck"], env=secure.environment, check=False).returncode == 0


def test_a_changed_certificate_is_taken_without_dropping_a_connection(secure):
    context = ssl.create_default_context(cafile=secure.folder / "first.pem")
    old = HTTPSConnection("localhost", secure.port, context=context, timeout=PATIENCE)
    old.request("GET", "/api/health")
    assert old.getresponse().read()
    secure.install("second")
    until(lambda: secure.serves("second"), "a changed file is noticed")
    # Broken: the one before stays, and why is logged once.
    secure.key.write_text("nonsense")
    secure.process.send_signal(signal.SIGHUP)
    until(lambda: "no private key" in secure.logged(), "the log has a broken key")
    assert secure.serves("second")
    secure.install("third")
    secure.process.send_signal(signal.SIGHUP)
    until(lambda: secure.serves("third"), "SIGHUP reads the files again")
    old.request("GET", "/api/health")
    assert old.getresponse().status == 200, "the old connection lives on"
    assert secure.logged().count("no private key") == 1
    metrics = requests.get(secure.url + "/metrics", verify=str(secure.folder / "third.pem"), timeout=PATIENCE).text
    assert 'http_server_tls_handshakes_total{outcome="completed",version="TLSv1.3"}' in metrics
    expiry = [line for line in metrics.splitlines()
              if line.startswith("mlaas_tls_certificate_expiry_timestamp_seconds ")]
    assert float(expiry[0].split()[1]) > time.time() + 20 * 86400
    # Restored for the tests after this one.
    secure.install("first")
    until(lambda: secure.serves("first"), "the first certificate is back")


def test_sighup_reads_the_access_token_again(sandbox, tmp_path):
    secret = tmp_path / "token"
    secret.write_text("wrong\n")
    folder = tmp_path / "tls"
    folder.mkdir()
    helper = SecureHelper(
        folder, KEYCLOAK_URL=sandbox.keycloak, THREESCALE_ADMIN_API_URL=sandbox.threescale,
        THREESCALE_ADMIN_API_KEY=None, THREESCALE_ADMIN_API_KEY_FILE=str(secret), CATALOG_REFRESH_SECONDS="500ms")
    try:
        verify = str(folder / "first.pem")
        ready = helper.url + "/api/health/ready"
        assert requests.get(ready, verify=verify, timeout=PATIENCE).status_code == 503
        secret.write_text("\n")
        helper.process.send_signal(signal.SIGHUP)
        until(lambda: "is empty" in helper.logged(), "an empty secret is refused")
        secret.write_text(ADMIN_TOKEN + "\n")
        helper.process.send_signal(signal.SIGHUP)
        until(lambda: requests.get(ready, verify=verify, timeout=PATIENCE).ok, "the new token is used")
        assert ADMIN_TOKEN not in helper.logged()
    finally:
        stop(helper.process)


@pytest.mark.parametrize("change, words", [
    ({"TLS_KEY_FILE": None}, "TLS_KEY_FILE: is required beside TLS_CERT_FILE"),
    ({"TLS_CERT_FILE": "/nonexistent"}, "'/nonexistent' cannot be read"),
    ({"CA_BUNDLE": "/etc/passwd"}, "'/etc/passwd' holds no PEM certificate"),
])
def test_bad_files_stop_the_start(secure, change, words):
    environment = {key: value for key, value in {**secure.environment, **change}.items() if value is not None}
    run = subprocess.run([BIN / "mlaas-helper", "config", "check"], env=environment, capture_output=True, text=True,
                         timeout=PATIENCE)
    assert run.returncode == 78
    assert words in run.stderr


@pytest.mark.skipif(shutil.which("wrk") is None, reason="needs wrk")
def test_wrk(secure):
    run = subprocess.run(["wrk", "-t1", "-c32", "-d2s", secure.url + "/api/health"], capture_output=True, text=True,
                         check=True, timeout=PATIENCE)
    assert "Requests/sec" in run.stdout
    assert "Non-2xx" not in run.stdout and "Socket errors" not in run.stdout, run.stdout


def test_log_has_no_key(secure):
    lines = [json.loads(line) for line in secure.logged().splitlines()]
    assert any(line["message"] == "listening" for line in lines)
    assert "PRIVATE KEY" not in secure.logged()

