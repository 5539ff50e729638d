"""Watches a running helper as its operators do: through metrics, traces and logs. The servers are those of the
conformance tests."""

import importlib.util
import json
import shutil
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests

ROOT = Path(__file__).resolve().parents[2]


def load_harness():
    folder = ROOT / "Tests" / "Conformance"
    sys.path.insert(0, str(folder))
    specification = importlib.util.spec_from_file_location("harness", folder / "conftest.py")
    module = importlib.util.module_from_spec(specification)
    sys.modules["harness"] = module
    specification.loader.exec_module(module)
    return module


harness = load_harness()
sandbox = harness.sandbox
helper = harness.helper


class Listener:
    """An HTTP server on a free loopback port, on a thread of its own."""

    def __init__(self, answer):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self):
                length = int(self.headers.get("Content-Length") or 0)
                status, headers, body = answer(self.command, self.path, self.headers, self.rfile.read(length))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    try:
                        self.wfile.write(body)
                    except OSError:
                        self.close_connection = True

            do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_OPTIONS = handle_any

            def log_message(self, *arguments):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Collector(Listener):
    """Takes OTLP/HTTP; answers the given statuses, one a request, then 200."""

    def __init__(self, statuses=()):
        self.requests = []
        self.statuses = list(statuses)
        self.gate = threading.Event()
        self.gate.set()
        super().__init__(self.take)

    def take(self, method, path, headers, body):
        self.requests.append((method, path, {name.lower(): value for name, value in headers.items()}, body))
        self.gate.wait(timeout=60)
        status = self.statuses.pop(0) if self.statuses else 200
        return status, {"Content-Type": "application/json", "Retry-After": "0"}, b"{}"


class Recorder(Listener):
    """Stands before a server and keeps what is asked of it."""

    def __init__(self, target):
        self.requests = []
        self.target = target
        super().__init__(self.forward)

    def forward(self, method, path, headers, body):
        self.requests.append((method, path, {name.lower(): value for name, value in headers.items()}, body))
        kept = {name: value for name, value in headers.items() if name.lower() not in ("host", "accept-encoding")}
        try:
            answer = requests.request(
                method, self.target + path, headers=kept, data=body, timeout=30, allow_redirects=False)
        except requests.RequestException:
            return 502, {}, b""
        kept = {name: value for name, value in answer.headers.items()
                if name.lower() not in ("content-length", "transfer-encoding", "connection", "content-encoding")}
        return answer.status_code, kept, answer.content


@pytest.fixture(scope="session")
def promtool():
    path = shutil.which("promtool")
    if not path:
        pytest.skip("needs Debian's prometheus")
    return path


@pytest.fixture
def collector():
    collector = Collector()
    yield collector
    collector.close()


def lines(log):
    return [json.loads(line) for line in log.splitlines()]
