"""An identity provider of a few lines whose every answer a test can choose, and which counts who asks for what."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CERTS = "/protocol/openid-connect/certs"


class Issuer:
    """Serves realms: `keys[name]` are a realm's keys; `answers[path]` replaces what is said at a path."""

    def __init__(self):
        self.keys, self.answers, self.journal = {}, {}, []
        self.ended = threading.Event()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                owner.journal.append(self.path)
                answer = owner.answers.get(self.path)
                if callable(answer):
                    return answer(self)
                self.reply(*(answer or owner.answer(self.path)))

            def do_POST(self):
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.do_GET()

            def reply(self, status, body, **fields):
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **fields}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, path):
        parts = path.split("/", 3)
        name = parts[2] if len(parts) > 2 and parts[1] == "realms" else None
        if name not in self.keys:
            return 404, {"error": "Realm does not exist"}
        realm = f"{self.url}/realms/{name}"
        if path.endswith("/.well-known/openid-configuration"):
            return 200, {"issuer": realm, "jwks_uri": realm + CERTS,
                         "introspection_endpoint": realm + "/protocol/openid-connect/token/introspect",
                         "id_token_signing_alg_values_supported": ["HS256", "RS256"]}
        if path.endswith(CERTS):
            return 200, {"keys": self.keys[name]}
        return 404, {"error": "not found"}

    def realm(self, name):
        return f"{self.url}/realms/{name}"

    def certs(self, name):
        return f"/realms/{name}{CERTS}"

    def fetches(self, name="mlaas"):
        return self.journal.count(self.certs(name))

    def drip(self, handler):
        """An answer that never ends."""
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.end_headers()
        try:
            while not self.ended.wait(0.05):
                handler.wfile.write(b" ")
        except OSError:
            pass
        handler.close_connection = True

    def stop(self):
        self.ended.set()
        self.server.shutdown()
        self.server.server_close()


def until(condition, seconds=60):
    """Waits for a condition, and says whether it came."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False
