"""Servers that we did not write the core of, each answering what the helper answered, on as many loops, workers or threads.

nginx sends the bytes and looks at no token. The others check signature, algorithm, issuer, audience and end of each token, read
the user's name (but for envoy), remember nothing, and then send the same bytes. What is not installed is skipped by name.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from .processes import Process, ask, free_port, program
from .tokens import AUDIENCE, ISSUER

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "Benchmarks" / "anchors"
TOOLS = ROOT / ".tools" / "bench" / "bin"


class Anchor(Process):
    def __init__(self, name, command, folder, port, token, **options):
        self.port = port
        super().__init__(name, command, Path(folder) / f"{name.replace(' ', '-')}.log", cwd=folder, **options)
        self.wait_until(lambda: ask(port, "/api/services", token)[0].status == 200)


class Anchors:
    """Starts those that are asked for.

    Each is a method that takes a port and gives the command, or None when it is not installed.
    """

    def __init__(self, folder, answer, keys, token, loops=2):
        self.folder, self.answer, self.keys, self.token, self.loops = Path(folder), answer, keys, token, loops
        self.skipped = []

    def start(self, name, servers, checks_tokens=True):
        """The running server, or None; one that checks tokens must have refused a request without."""
        port = free_port()
        command = getattr(self, name.lower().replace(" ", "_"))(port)
        if command is None:
            if name not in self.skipped:
                print(f"skipped: {name} (not installed)", file=sys.stderr)
                self.skipped.append(name)
            return None
        server = servers.add(Anchor(name, command, self.folder, port, self.token, env={
            **os.environ, "PYTHONPATH": str(SOURCES), "PYTHONDONTWRITEBYTECODE": "1"}))
        answer, body = ask(port, "/api/services", self.token)
        if body != self.answer.body:
            raise RuntimeError(f"{name} answers other bytes")
        tampered = self.token[:-8] + ("AAAAAAAA" if self.token[-8:] != "AAAAAAAA" else "BBBBBBBB")
        if checks_tokens and any(ask(port, "/api/services", bad)[0].status not in (401, 403) for bad in (None, tampered)):
            raise RuntimeError(f"{name} lets in whom it should not")
        return server

    def setting(self, port):
        file = self.folder / f"setting-{port}.json"
        file.write_text(json.dumps({
            "Port": port, "Loops": self.loops, "Public": str(self.keys.public), "Issuer": ISSUER, "Audience": AUDIENCE,
            "Body": str(self.answer.body_file), "Fields": [["content-type", self.answer.type], *self.answer.fields]}))
        return file

    def nginx(self, port):
        path = program("nginx")
        if path is None:
            return None
        fields = "".join(f"    add_header {name} {quoted(value)};\n" for name, value in self.answer.fields)
        # A word of its configuration is 4 KiB at most. In one word the answer is a constant, which costs nginx least.
        text = self.answer.body.decode()
        pieces, answer = "", f"'{text}'"
        if len(answer) > 4000 or "'" in text or "\\" in text or "$" in text:
            parts = [text[start:start + 1000] for start in range(0, len(text), 1000)]
            pieces = "".join(f"    set $part{index} {quoted(part)};\n" for index, part in enumerate(parts))
            answer = '"' + "".join(f"${{part{index}}}" for index in range(len(parts))) + '"'
        (self.folder / "nginx.conf").write_text(
            f"daemon off; worker_processes {self.loops}; pid nginx.pid; error_log stderr crit;\n"
            "events { worker_connections 4096; }\n"
            "http {\n  access_log off; keepalive_requests 1000000000; server_tokens off;\n"
            f"  server {{ listen 127.0.0.1:{port};\n  location / {{\n    default_type {self.answer.type};\n"
            f"{fields}{pieces}    return 200 {answer};\n  }} }}\n}}\n")
        return [path, "-p", self.folder, "-c", "nginx.conf"]

    def haproxy(self, port):
        path = program("haproxy")
        if path is None:
            return None
        fields = " ".join(f'hdr "{name}" {quoted(value)}' for name, value in self.answer.fields)
        (self.folder / "haproxy.cfg").write_text(f"""global
  nbthread {self.loops}
  maxconn 8192
  tune.bufsize {max(16384, 2 * len(self.answer.body))}
defaults
  mode http
  timeout client 60s
  timeout server 60s
  timeout connect 5s
frontend bench
  bind 127.0.0.1:{port}
  http-request set-var(txn.token) http_auth_bearer
  http-request set-var(txn.algorithm) var(txn.token),jwt_header_query('$.alg')
  http-request set-var(txn.expiry) var(txn.token),jwt_payload_query('$.exp','int')
  http-request set-var(txn.now) date()
  http-request deny deny_status 401 unless {{ var(txn.algorithm) -m str RS256 }}
  http-request deny deny_status 401 unless {{ var(txn.token),jwt_payload_query('$.iss') -m str {ISSUER} }}
  http-request deny deny_status 401 unless {{ var(txn.token),jwt_payload_query('$.aud[0]') -m str {AUDIENCE} }}
  http-request set-var(txn.user) var(txn.token),jwt_payload_query('$.preferred_username')
  http-request deny deny_status 401 unless {{ var(txn.user) -m found }}
  http-request deny deny_status 401 if {{ var(txn.expiry),sub(txn.now) -m int lt 0 }}
  http-request deny deny_status 401 unless {{ var(txn.token),jwt_verify(txn.algorithm,"{self.keys.public}") 1 }}
  http-request return status 200 content-type "{self.answer.type}" file {self.answer.body_file} {fields}
""")
        return [path, "-db", "-f", "haproxy.cfg"]

    def envoy(self, port):
        path = program("envoy", TOOLS)
        if path is None:
            return None
        fields = [{"header": {"key": name, "value": value.replace("%", "%%")},
                   "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
                  for name, value in [("content-type", self.answer.type), *self.answer.fields]]
        filters = [
            {"name": "envoy.filters.http.jwt_authn", "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
                "providers": {"issuer": {
                    "issuer": ISSUER, "audiences": [AUDIENCE],
                    "local_jwks": {"filename": str(self.keys.key_set)}}},
                "rules": [{"match": {"prefix": "/"}, "requires": {"provider_name": "issuer"}}]}},
            {"name": "envoy.filters.http.router", "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}]
        (self.folder / "envoy.json").write_text(json.dumps({"static_resources": {"listeners": [{
            "name": "bench", "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
            "filter_chains": [{"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3."
                         "HttpConnectionManager",
                "stat_prefix": "bench", "generate_request_id": False, "http_filters": filters,
                "route_config": {"max_direct_response_body_size_bytes": 1 << 24, "virtual_hosts": [{
                    "name": "all", "domains": ["*"], "response_headers_to_add": fields,
                    "routes": [{"match": {"prefix": "/"}, "direct_response": {
                        "status": 200, "body": {"filename": str(self.answer.body_file)}}}]}]}}}]}]}]}}))
        return [path, "-c", "envoy.json", "--concurrency", self.loops, "--disable-hot-restart", "--log-level", "error"]

    def go(self, port):
        path = program("go", TOOLS, ROOT / ".tools" / "httppeers" / "bin")
        if path is None:
            return None
        built = self.folder / "go-verify"
        if not built.exists():
            cache = ROOT / ".build-bench" / "go"
            subprocess.run([path, "build", "-o", built, SOURCES / "verify.go"], check=True, env={
                **os.environ, "GOPROXY": "off", "GOTOOLCHAIN": "local", "GO111MODULE": "off", "GOCACHE": str(cache),
                "GOPATH": str(cache / "path")})
        return [built, self.setting(port)]

    def node(self, port):
        path = program("node")
        return path and [path, SOURCES / "verify.js", self.setting(port)]

    def fastapi(self, port):
        path = TOOLS / "uvicorn"
        if not path.exists():
            return None
        return [TOOLS / "python", SOURCES / "verify_fastapi.py", self.setting(port)]


def quoted(text):
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
