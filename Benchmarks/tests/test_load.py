"""The load generator against servers whose behaviour is known, since every figure rests on it."""

import collections
import http.server
import json
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOAD = ROOT / ".build-bench" / "release" / "load"


class Server(socketserver.ThreadingTCPServer):
    """Answers each request by what `behaviour` makes of its number: (bytes or None to close, seconds to wait before)."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, behaviour):
        self.tokens, self.lock, self.count = collections.Counter(), threading.Lock(), 0
        self.behaviour = behaviour
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def port(self):
        return self.server_address[1]


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        try:
            while line := self.rfile.readline():
                assert line == b"GET /api/services HTTP/1.1\r\n", line
                token = ""
                while (field := self.rfile.readline()) != b"\r\n":
                    if field.startswith(b"Authorization: Bearer "):
                        token = field[22:].strip().decode()
                with self.server.lock:
                    self.server.tokens[token] += 1
                    self.server.count += 1
                    answer, pause = self.server.behaviour(self.server.count)
                time.sleep(pause)
                if answer is None:
                    return
                self.wfile.write(answer)
        except ConnectionError:
            pass


def answer(status=b"200 OK", body=b"x" * 700_000, split=b"Content-Length"):
    return b"HTTP/1.1 %b\r\nX: y\r\n%b: %d\r\n\r\n%b" % (status, split, len(body), body)


@unittest.skipUnless(LOAD.exists(), "the load generator has not been built")
class LoadTests(unittest.TestCase):
    def run_load(self, behaviour, tokens, *options):
        server = Server(behaviour)
        with tempfile.NamedTemporaryFile("w") as file:
            file.write("".join(f"{token}\n" for token in tokens))
            file.flush()
            finished = subprocess.run([LOAD, *options, str(server.port), file.name], capture_output=True, text=True,
                                      timeout=60)
        server.shutdown()
        server.server_close()
        self.assertIn(finished.returncode, (0, 1), finished.stderr)
        return server, finished.returncode, json.loads(finished.stdout)

    def test_once_sends_each_token_once_from_where_it_is_told(self):
        tokens = [f"token{number}" for number in range(500)]
        server, status, seen = self.run_load(
            lambda _: (answer(body=b"ok"), 0), tokens, "--once", "--from", "100", "--seconds", "30", "--connections", "7")
        self.assertEqual(server.tokens, collections.Counter(tokens[100:]))
        self.assertEqual((status, seen["requests"], seen["next"]), (0, 400, 500))

    def test_a_body_and_fields_are_sent_with_each_token(self):
        seen = collections.Counter()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                seen[self.path, self.headers["Content-Type"], self.headers["Authorization"], self.headers["Cookie"], body] += 1
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server, tempfile.NamedTemporaryFile("w") as file:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            file.write("a\nb\n")
            file.flush()
            finished = subprocess.run(
                [LOAD, "--path", "/p", "--post", '{"x": 1}', "--field", "Cookie: c=d", "--requests", "10", "--connections", "2",
                 str(server.server_port), file.name], capture_output=True, text=True, timeout=60)
            server.shutdown()
        self.assertEqual(finished.returncode, 0, finished.stderr)
        self.assertEqual(seen, {("/p", "application/json", f"Bearer {token}", "c=d", b'{"x": 1}'): 5 for token in "ab"})

    def test_without_once_the_tokens_come_round_and_the_requests_are_bounded(self):
        server, _, seen = self.run_load(
            lambda _: (answer(body=b"ok"), 0), ["a", "b"], "--requests", "101", "--seconds", "30", "--connections", "4")
        self.assertEqual(seen["requests"], 101)
        self.assertEqual(server.tokens, {"a": 51, "b": 50})

    def test_whole_answers_are_counted_by_bytes(self):
        one = answer(split=b"content-length")
        _, _, seen = self.run_load(lambda _: (one, 0), ["a"], "--requests", "20", "--seconds", "30")
        self.assertEqual(seen["bytes"], 20 * len(one))

    def test_other_answers_are_failures(self):
        _, status, seen = self.run_load(
            lambda number: (answer(b"401 Unauthorized" if number % 10 == 0 else b"200 OK", b""), 0), ["a"],
            "--requests", "100", "--seconds", "30")
        self.assertEqual((status, seen["failures"], seen["failed_status"]), (1, 10, 401))

    def test_a_connection_closed_without_an_answer_is_a_failure(self):
        _, status, seen = self.run_load(
            lambda number: (None if number == 50 else answer(body=b""), 0), ["a"], "--requests", "100", "--seconds", "30")
        self.assertEqual((status, seen["failures"], seen["requests"]), (1, 1, 99))

    def test_latency_is_that_of_the_server(self):
        _, _, seen = self.run_load(
            lambda number: (answer(body=b""), 0.4 if number % 20 == 0 else 0.02), ["a"], "--requests", "200",
            "--connections", "4", "--seconds", "60")
        self.assertGreaterEqual(seen["p50"], 19.8)
        self.assertLess(seen["p50"], 200)
        self.assertGreaterEqual(seen["p99"], 396)
        self.assertGreaterEqual(seen["max"], seen["p999"] * 0.99)

    def test_a_fixed_rate_counts_from_when_requests_were_due(self):
        # One connection, and a stall of 0.6 s: what was due in the meantime has waited, though each answer itself is quick.
        _, _, seen = self.run_load(
            lambda number: (answer(body=b""), 0.6 if number == 20 else 0), ["a"], "--rate", "100", "--seconds", "2",
            "--connections", "1")
        self.assertEqual(seen["requests"], 200)
        self.assertGreaterEqual(seen["max"], 590)
        # Some sixty of two hundred were due during the stall, so that every fourth waited a tenth of a second at least.
        _, _, closed = self.run_load(
            lambda number: (answer(body=b""), 0.6 if number == 20 else 0), ["a"], "--requests", "200", "--seconds", "9",
            "--connections", "1")
        self.assertGreaterEqual(seen["p99"], 500)
        self.assertLess(closed["p99"], 500)


if __name__ == "__main__":
    sys.exit(unittest.main())
