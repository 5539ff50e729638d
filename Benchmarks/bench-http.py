#!/usr/bin/env python3
"""Measures the HTTP server by itself against servers that we did not write.

Every server sends the same bytes and fields, on as many loops, workers or threads; rounds alternate between the servers
within one run, and what counts are the ratios to nginx of the same round (their median). The load generator runs on the same
cores. What is not installed is skipped by name. Writes a Markdown table to standard output.

  http.py [--rounds N] [--seconds S] [--loops N] [--server PATH]
"""

import argparse
import http.client
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CASES = [("/small", "0.1 KB, at once"), ("/large", "3 KB, at once"),
         ("/later/small", "0.1 KB, suspended once"), ("/later/large", "3 KB, suspended once")]
CONNECTIONS = [64, 512]
# What each answer has of its own, and what a server adds by itself.
OWN = {"date", "content-length", "x-request-id", "connection", "server", "keep-alive"}


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


class Server:
    def __init__(self, name, command, **options):
        self.name = name
        self.port = options.pop("port")
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)
        end = time.monotonic() + 20
        while True:
            try:
                ask(self.port, "/small")
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > end:
                    raise RuntimeError(f"{name} does not answer") from None
                time.sleep(0.05)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def fields(port):
    answer, body = ask(port, "/small")
    return [(name, value) for name, value in answer.getheaders() if name.lower() not in OWN]


def request_id(port):
    return ask(port, "/small")[0].getheader("x-request-id")


def nginx(folder, port, loops, sent, bodies, identifier):
    lines = [f'add_header {name} "{value}";' for name, value in sent if name != "content-type"]
    lines.append(f'add_header x-request-id "{identifier}";')
    places = "".join(
        f"location = {path} {{ default_type application/json; {' '.join(lines)} return 200 '{body}'; }}\n"
        for path, body in bodies.items())
    (folder / "nginx.conf").write_text(
        f"daemon off; worker_processes {loops}; pid nginx.pid; error_log stderr crit;\n"
        "events { worker_connections 4096; }\n"
        "http { access_log off; keepalive_requests 1000000000; server_tokens off;\n"
        f"server {{ listen 127.0.0.1:{port};\n{places}}} }}\n")
    return Server("nginx", [shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin"), "-p", folder, "-c",
                            "nginx.conf"], port=port)


def haproxy(folder, port, loops, sent, bodies, identifier):
    lines = []
    for path, body in bodies.items():
        (folder / path.replace("/", "_")).write_text(body)
        heads = " ".join(f'hdr "{name}" "{value}"' for name, value in sent if name != "content-type")
        lines.append(
            f'  http-request return status 200 content-type application/json file {folder / path.replace("/", "_")}'
            f' {heads} hdr "x-request-id" "{identifier}" if {{ path {path} }}')
    (folder / "haproxy.cfg").write_text(
        f"global\n  nbthread {loops}\n  maxconn 8192\n"
        "defaults\n  mode http\n  timeout client 30s\n  timeout server 30s\n  timeout connect 5s\n"
        f"frontend bench\n  bind 127.0.0.1:{port}\n" + "\n".join(lines) + "\n")
    return Server("haproxy", ["haproxy", "-db", "-f", folder / "haproxy.cfg"], port=port)


NODE = """
const cluster = require('cluster'), http = require('http');
const {port, loops, fields, bodies} = JSON.parse(process.argv[2]);
if (cluster.isPrimary) { for (let i = 0; i < loops; i++) cluster.fork(); process.on('SIGTERM', () => process.exit(0)); }
else http.createServer({keepAlive: true}, (request, response) => {
  const body = bodies[request.url];
  const send = () => { response.writeHead(200, {...fields, 'content-length': Buffer.byteLength(body)}); response.end(body); };
  if (request.url.startsWith('/later')) setImmediate(send); else send();
}).listen(port, '127.0.0.1');
"""

GO = """
package main
import ("encoding/json"; "net/http"; "os"; "runtime"; "strconv")
type setting struct { Port int; Loops int; Fields map[string]string; Bodies map[string]string }
func main() {
  var s setting
  if json.Unmarshal([]byte(os.Args[1]), &s) != nil { os.Exit(2) }
  runtime.GOMAXPROCS(s.Loops)
  for path, text := range s.Bodies {
    body := []byte(text)
    later := len(path) > 6 && path[:6] == "/later"
    http.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
      if later { runtime.Gosched() }
      for name, value := range s.Fields { w.Header().Set(name, value) }
      w.Header().Set("Content-Length", strconv.Itoa(len(body)))
      w.Write(body)
    })
  }
  http.ListenAndServe("127.0.0.1:" + strconv.Itoa(s.Port), nil)
}
"""


def others(folder, loops, sent, bodies, identifier):
    """Every server that is installed, and the names of those that are not."""
    setting = {"loops": loops, "fields": {**dict(sent), "x-request-id": identifier}, "bodies": bodies}
    made, skipped = [], []
    for name, needs in (("nginx", "nginx"), ("haproxy", "haproxy"), ("Node http", "node"), ("Go net/http", "go")):
        path = shutil.which(needs, path=os.environ["PATH"] + ":/usr/sbin:" + str(ROOT / ".tools" / "parsers" / "bin"))
        if path is None:
            skipped.append(name)
            continue
        port = free_port()
        setting["port"] = port
        if needs == "nginx":
            made.append(nginx(folder, port, loops, sent, bodies, identifier))
        elif needs == "haproxy":
            made.append(haproxy(folder, port, loops, sent, bodies, identifier))
        elif needs == "node":
            (folder / "server.js").write_text(NODE)
            made.append(Server(name, [path, folder / "server.js", json.dumps(setting)], port=port))
        else:
            (folder / "main.go").write_text(GO)
            environment = {**os.environ, "GOPROXY": "off", "GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local",
                           "GO111MODULE": "off", "GOCACHE": str(folder / "go"), "GOPATH": str(folder / "gopath")}
            subprocess.run([path, "build", "-o", folder / "goserver", folder / "main.go"], check=True, env=environment)
            made.append(Server(name, [folder / "goserver", json.dumps(setting)], port=port))
    return made, skipped


def load(port, path, connections, seconds):
    """Requests a second and the 99th percentile in milliseconds."""
    text = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", f"http://127.0.0.1:{port}{path}"],
        check=True, capture_output=True, text=True).stdout
    rate = tail = 0.0
    for line in text.splitlines():
        words = line.split()
        if line.startswith("Requests/sec"):
            rate = float(words[1])
        elif words[:1] == ["99%"]:
            unit = {"us": 1e-3, "ms": 1, "s": 1e3}
            name = next(name for name in ("us", "ms", "s") if words[1].endswith(name))
            tail = float(words[1][:-len(name)]) * unit[name]
        elif "Non-2xx" in line:
            raise RuntimeError(f"{path}: {line.strip()}")
    return rate, tail


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--loops", type=int, default=2)
    parser.add_argument("--server", default=ROOT / ".build-static" / "release" / "bench-server")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    port = free_port()
    servers = [Server("ours", [options.server, str(port), str(options.loops)], port=port)]
    try:
        bodies = {path: ask(port, path)[1].decode() for path, _ in CASES}
        made, skipped = others(folder, options.loops, fields(port), bodies, request_id(port))
        servers += made
        for name in skipped:
            print(f"skipped: {name} (not installed)", file=sys.stderr)
        names = [server.name for server in servers]
        print("| answer | connections | " + " | ".join(f"{name}: × nginx (p99)" for name in names) + " |")
        print("| --- | --- |" + " --- |" * len(names))
        for path, title in CASES:
            for connections in CONNECTIONS:
                rates = {name: [] for name in names}
                tails = {name: [] for name in names}
                for turn in range(options.rounds):
                    # The order turns, too, so that nobody always follows the same neighbour.
                    for server in servers[turn % len(servers):] + servers[:turn % len(servers)]:
                        rate, tail = load(server.port, path, connections, options.seconds)
                        rates[server.name].append(rate)
                        tails[server.name].append(tail)
                cells = []
                for name in names:
                    ratios = [a / b for a, b in zip(rates[name], rates["nginx"])]
                    cells.append(f"{statistics.median(ratios):.2f} ({statistics.median(tails[name]):.1f} ms)")
                kilo = statistics.median(rates["nginx"]) / 1000
                print(f"| {title} | {connections} | " + " | ".join(cells) + f" | <!-- nginx {kilo:.0f}k/s -->",
                      flush=True)
    finally:
        for server in servers:
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)


main()
