"""A real Redis or Valkey on loopback, and a relay in front of it that can fail in the ways networks and servers do."""

import os
import select
import shutil
import socket
import socketserver
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from conftest import free_port
from redis_impostor import ESCAPED, PASSWORD

TOOLS = Path(__file__).resolve().parents[2] / ".tools"


def programs():
    """What can be run here, by name."""
    valkey = next(iter(sorted(TOOLS.glob("state/lib/*/site-packages/**/valkey-server"))), None)
    if valkey:
        valkey.chmod(0o755)
    found = {"redis": shutil.which("redis-server"), "valkey": shutil.which("valkey-server") or valkey}
    return {name: str(path) for name, path in found.items() if path}


class Redis:
    def __init__(self, program="redis", *arguments, port=None, tls=None, environment=None):
        self.program, self.arguments, self.tls = programs()[program], arguments, tls
        self.environment = {**os.environ, **(environment or {})}
        self.port = port or free_port()
        self.folder = tempfile.TemporaryDirectory()
        self.process = None
        self.start()

    def start(self):
        ports = ["--port", str(self.port)]
        if self.tls:
            ports = ["--port", "0", "--tls-port", str(self.port), "--tls-auth-clients", "no",
                     "--tls-cert-file", self.tls / "server.pem", "--tls-key-file", self.tls / "server.key",
                     "--tls-ca-cert-file", self.tls / "ca.pem"]
        self.process = subprocess.Popen(
            [self.program, *ports, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", self.folder.name,
             "--requirepass", PASSWORD, "--loglevel", "warning", *self.arguments], env=self.environment,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 20
        while time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError("redis does not listen")

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(timeout=10)

    def command(self, *words):
        """One command on a connection of its own; the raw reply."""
        with socket.create_connection(("127.0.0.1", self.port), 5) as connection:
            for command in (("AUTH", PASSWORD), words):
                parts = [word.encode() if isinstance(word, str) else word for word in command]
                connection.sendall(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts))
                reply = connection.recv(65536)
            return reply

    def url(self, port=None, database=0, host="127.0.0.1"):
        scheme = "rediss" if self.tls else "redis"
        return f"{scheme}://:{ESCAPED}@{host}:{port or self.port}/{database}"


class Relay:
    """Stands between the helper and Redis. `mode`: pass, stall (bytes wait), garbage (bytes that are not Redis'),
    closed (connections end at once)."""

    def __init__(self, target):
        self.target, self.mode, self.delay = target, "pass", 0
        relay = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                relay.carry(self.request)

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def carry(self, client):
        try:
            upstream = socket.create_connection(("127.0.0.1", self.target), 2)
        except OSError:
            return
        with upstream:
            while True:
                if self.mode == "closed":
                    return
                ready, _, _ = select.select([client, upstream], [], [], 0.05)
                if self.mode == "stall":
                    time.sleep(0.02)
                    continue
                for source in ready:
                    try:
                        data = source.recv(65536)
                        if not data:
                            return
                        if source is upstream:
                            if self.delay:
                                time.sleep(self.delay)
                            if self.mode == "garbage":
                                data = os.urandom(64) + b"HTTP/1.1 400 Bad Request\r\n\r\n"
                        (upstream if source is client else client).sendall(data)
                    except OSError:
                        return

    def close(self):
        self.mode = "closed"
        self.server.shutdown()
        self.server.server_close()
