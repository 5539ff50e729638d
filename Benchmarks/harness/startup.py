"""From the start of the process until it listens, and until it is ready; and the memory that it then has."""

import socket
import time

from .load import middle
from .processes import Processes
from .system import Helper, Sandbox

QUESTION = b"GET /api/health/ready HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
PAUSE = 0.0003
# Seconds after which what only the start needed has been given back.
REST = 4


def milliseconds_since(began):
    return (time.perf_counter() - began) * 1e3


def start(bench, sandbox):
    """The helper, and the milliseconds until it listened and until it was ready, looked at three times a millisecond."""
    began = time.perf_counter()
    helper = Helper(bench.helper, bench.folder, sandbox, waits=False)
    listening = None
    try:
        while True:
            if time.perf_counter() - began > 20 or helper.process.poll() is not None:
                raise RuntimeError(f"the helper is not ready: {helper.log.read_text()[-2000:]}")
            with socket.socket() as probe:
                try:
                    probe.connect(("127.0.0.1", helper.port))
                    listening = listening or milliseconds_since(began)
                    probe.sendall(QUESTION)
                    if probe.recv(64).startswith(b"HTTP/1.1 200"):
                        return helper, listening, milliseconds_since(began)
                except (ConnectionRefusedError, ConnectionResetError):
                    pass
            time.sleep(PAUSE)
    except BaseException:
        helper.stop()
        raise


def measure(bench):
    """{"listening", "ready": [milliseconds, …], "idle": bytes,
    "program": those of them that are the program itself}, with keys and catalogue from the sandbox."""
    listening, ready = [], []
    with Processes() as servers:
        sandbox = servers.add(Sandbox(bench.sandbox, bench.folder, services=10))
        for _ in range(5 if bench.is_quick else 31):
            helper, first, second = start(bench, sandbox)
            listening.append(first)
            ready.append(second)
            helper.stop()
        helper = servers.add(start(bench, sandbox)[0])
        time.sleep(REST)
        idle, program = helper.resident_bytes(), helper.file_bytes()
    bench.say(f"start-up: ready after {middle(ready, float):.1f} ms")
    return {"listening": listening, "ready": ready, "idle": idle, "program": program}
