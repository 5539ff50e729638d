"""What may stand where Redis should: other servers, and those that repeat what they were sent."""

import re
import socketserver
import threading

PASSWORD = "s3cret/pass word"
ESCAPED = "s3cret%2Fpass%20word"


GREETING = {b"AUTH": b"+OK\r\n", b"SELECT": b"+OK\r\n", b"PING": b"+PONG\r\n", b"SCRIPT": b"$40\r\n" + b"a" * 40 + b"\r\n",
            b"SUBSCRIBE": b"*3\r\n$9\r\nsubscribe\r\n$13\r\nmlaas:changes\r\n:1\r\n", b"PUBLISH": b":0\r\n"}
COMMAND = re.compile(rb"\*\d+\r\n\$\d+\r\n([A-Z]+)\r\n")


def greets_and_answers(reply):
    """Greets as Redis does, and answers every other command with `reply`."""
    return lambda data: b"".join(GREETING.get(name, reply) for name in COMMAND.findall(data))


class Impostor:
    """Listens where Redis should and answers every read with `answer(what was read)`; None says nothing."""

    ANSWERS = {
        "silence": lambda data: None,
        "noise": lambda data: bytes(range(128, 256)) * 4,
        "a web server": lambda data: b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
        "an echo": lambda data: data,
        # Redis' own words for a command that was renamed away; clear, and as others would quote it.
        "a server without AUTH": lambda data: b"-ERR unknown command 'AUTH', with args beginning with: '%b' \r\n" % PASSWORD.encode(),
        "a server that quotes": lambda data: b"-WRONGPASS in " + data.replace(b"\r\n", b" ") + b"\r\n",
        "a server that quotes later": lambda data: b"+OK\r\n-ERR after " + data.replace(b"\r\n", b" ") + b"\r\n",
        "a long reply": lambda data: b"$1000000\r\n" + data * 3000,
    }

    def __init__(self, kind):
        answer = self.ANSWERS[kind] if isinstance(kind, str) else greets_and_answers(kind)

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                while data := self.request.recv(65536):
                    reply = answer(data)
                    if reply:
                        self.request.sendall(reply)

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True

            def handle_error(self, *_):
                """The helper hangs up on it, as it should."""

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.url = f"redis://:{ESCAPED}@127.0.0.1:{self.port}/0"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
