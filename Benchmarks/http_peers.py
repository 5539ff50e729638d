"""Servers that we did not write, each made to send the same bytes and fields."""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PROGRAMS = ROOT / "Benchmarks" / "http-peers"
# Where Debian puts servers, and where setup.sh puts Go.
PLACES = os.pathsep.join([os.environ["PATH"], "/usr/sbin", str(ROOT / ".tools" / "httppeers" / "bin")])
START_SECONDS = 20


class Missing(Exception):
    """What a server needs is not installed."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def ask(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer, body


def find(program):
    path = shutil.which(program, path=PLACES)
    if path is None:
        raise Missing(f"{program} is not installed")
    return path


class Server:
    """A process that answers on a port of loopback."""

    def __init__(self, name, command, port):
        self.name, self.port = name, port
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + START_SECONDS
        while True:
            try:
                ask(port, "/small")
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > end:
                    self.stop()
                    raise RuntimeError(f"{name} does not answer") from None
                time.sleep(0.05)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Answers:
    """What every server is to send.

    fields: pairs of name and value that stand on each answer; bodies: text by path."""

    def __init__(self, folder, loops, fields, bodies):
        self.folder, self.loops, self.fields, self.bodies = folder, loops, fields, bodies

    def json(self, port):
        return json.dumps({"port": port, "loops": self.loops, "fields": dict(self.fields), "bodies": self.bodies})

    def fields_but_the_type(self):
        return [(name, value) for name, value in self.fields if name.lower() != "content-type"]


def nginx(answers, port):
    program = find("nginx")
    lines = " ".join(f'add_header {name} "{value}";' for name, value in answers.fields_but_the_type())
    places = "".join(
        f"location = {path} {{ default_type application/json; {lines} return 200 '{body}'; }}\n"
        for path, body in answers.bodies.items())
    (answers.folder / "nginx.conf").write_text(
        f"daemon off; worker_processes {answers.loops}; pid nginx.pid; error_log stderr crit;\n"
        "events { worker_connections 4096; }\n"
        "http { access_log off; keepalive_requests 1000000000; server_tokens off;\n"
        f"server {{ listen 127.0.0.1:{port};\n{places}}} }}\n")
    return [program, "-p", answers.folder, "-c", "nginx.conf"]


def haproxy(answers, port):
    program = find("haproxy")
    lines = " ".join(f'hdr "{name}" "{value}"' for name, value in answers.fields_but_the_type())
    rules = []
    for path, body in answers.bodies.items():
        file = answers.folder / path.replace("/", "_")
        file.write_text(body)
        rules.append(f"  http-request return status 200 content-type application/json file {file} {lines}"
                     f' hdr date "%[date,http_date]" if {{ path {path} }}\n')
    (answers.folder / "haproxy.cfg").write_text(
        f"global\n  nbthread {answers.loops}\n  maxconn 8192\n"
        "defaults\n  mode http\n  timeout client 30s\n  timeout server 30s\n  timeout connect 5s\n"
        f"frontend bench\n  bind 127.0.0.1:{port}\n{''.join(rules)}")
    return [program, "-db", "-f", answers.folder / "haproxy.cfg"]


def node(answers, port):
    return [find("node"), PROGRAMS / "server.js", answers.json(port)]


def go(answers, port):
    environment = {**os.environ, "GOPROXY": "off", "GOTOOLCHAIN": "local", "GO111MODULE": "off",
                   "GOCACHE": str(ROOT / ".run" / "go-cache"), "GOPATH": str(answers.folder / "gopath")}
    program = answers.folder / "go-server"
    subprocess.run([find("go"), "build", "-o", program, PROGRAMS / "server.go"], check=True, env=environment)
    return [program, answers.json(port)]


def libmicrohttpd(answers, port):
    flags = subprocess.run([find("pkg-config"), "--cflags", "--libs", "libmicrohttpd"], capture_output=True, text=True)
    if flags.returncode != 0:
        raise Missing("libmicrohttpd-dev is not installed")
    program = answers.folder / "mhd-server"
    subprocess.run([find("cc"), "-O2", "-Wall", "-Werror", "-o", program, PROGRAMS / "server.c", *flags.stdout.split()],
                   check=True)
    pairs = [word for pair in [*answers.fields, *answers.bodies.items()] for word in pair]
    return [program, str(port), str(answers.loops), str(len(answers.fields)), *pairs]


def floor(answers, port):
    """What any server on epoll costs at least: the bound for all the others."""
    program = answers.folder / "floor"
    subprocess.run([find("cc"), "-O2", "-Wall", "-Werror", "-o", program, PROGRAMS / "floor.c", "-lpthread"], check=True)
    pairs = [word for pair in [*answers.fields, *answers.bodies.items()] for word in pair]
    return [program, str(port), str(answers.loops), str(len(answers.fields)), *pairs]


PEERS = {"recv and send alone": floor, "nginx": nginx, "haproxy": haproxy, "libmicrohttpd": libmicrohttpd, "Node http": node, "Go net/http": go}


def start(answers):
    """Every server that can be had, and why the others cannot: by name."""
    running, skipped = [], {}
    try:
        for name, command in PEERS.items():
            port = free_port()
            try:
                running.append(Server(name, command(answers, port), port))
            except Missing as reason:
                skipped[name] = reason
    except BaseException:
        for server in running:
            server.stop()
        raise
    return running, skipped
