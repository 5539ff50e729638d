#!/usr/bin/env python3
"""Counts the instructions and the allocations that one request costs in user space, and holds them against a budget.

Counts do not depend on the machine's mood, as times do: the same program, request and libraries give the same number. Each
case is run under callgrind with one loop; what a thousand requests on one connection cost is divided by a thousand. SHA-256
is counted in software, since the simulated processor has no instructions for it.

  instructions.py [--update] [--helper PATH] [--sandbox PATH] [--server PATH] [--verify PATH] [--mint PATH]
                  [--profiles FOLDER]

Exits 1 when a case costs more than a twentieth above its budget in instructions.json, or allocates more often. --update writes
what was seen as the new budget. --profiles keeps what callgrind wrote, a file a case, for callgrind_annotate.
"""

import argparse
import itertools
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from pathlib import Path

from harness import system, tokens
from harness.processes import free_port

ROOT = Path(__file__).resolve().parents[1]
BUDGET = ROOT / "Benchmarks" / "instructions.json"
REQUESTS = 1000
# Before anything is counted: what is made once is made then.
WARM = 300
ALLOCATORS = {"malloc", "calloc", "realloc", "posix_memalign", "aligned_alloc"}


def wait_for(url, process):
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if process.poll() is not None:
            sys.exit(f"{process.args[0]} ended with {process.returncode}")
        try:
            if urllib.request.urlopen(url, timeout=5).status == 200:
                return
        except OSError:
            pass
        time.sleep(0.1)
    sys.exit(f"{url} did not answer")


def wait_until_listening(port, process):
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            time.sleep(0.1)
    sys.exit(f"nobody listens on {port}")


class Client:
    """One connection that reads answers by their length."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))

    def ask(self, request):
        self.socket.sendall(request)
        data = b""
        while b"\r\n\r\n" not in data:
            data += self.socket.recv(65536)
        head, body = data.split(b"\r\n\r\n", 1)
        if not head.startswith(b"HTTP/1.1 200 "):
            sys.exit(f"unexpected answer: {head[:100]!r}")
        length = int(re.search(rb"(?i)\r\ncontent-length: (\d+)", head).group(1))
        while len(body) < length:
            body += self.socket.recv(65536)


class Profile:
    """A program under callgrind, whose counting is switched on for the requests only."""

    def __init__(self, folder, program, arguments, environment, port, ready):
        stripped = folder / program.name
        # valgrind cannot read Swift's debug information; names of functions stay.
        subprocess.run(["strip", "-g", "-o", stripped, program], check=True)
        self.out = folder / f"{program.name}-{port}.out"
        self.process = subprocess.Popen(
            ["valgrind", "--tool=callgrind", f"--callgrind-out-file={self.out}", "--instr-atstart=no", stripped,
             *arguments], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.port = port
        if ready:
            wait_for(f"http://127.0.0.1:{port}{ready}", self.process)
        else:
            wait_until_listening(port, self.process)

    def control(self, *arguments):
        subprocess.run(["callgrind_control", *arguments, str(self.process.pid)], check=True, capture_output=True)

    def measure(self, requests, warm=WARM):
        """What callgrind wrote about the requests, which are all sent once: a file."""
        requests = iter(requests)
        client = Client(self.port)
        for request in itertools.islice(requests, warm):
            client.ask(request)
        known = set(self.out.parent.glob(self.out.name + "*"))
        self.control("-z")
        self.control("-i", "on")
        for request in itertools.islice(requests, REQUESTS):
            client.ask(request)
        self.control("-i", "off")
        self.control("-d")
        return self.dump(known)

    def dump(self, known):
        """The file that callgrind writes, once it is whole: on a busy machine the control is back before it."""
        end = time.monotonic() + 30
        while time.monotonic() < end:
            for file in set(self.out.parent.glob(self.out.name + "*")) - known:
                if "\ntotals:" in file.read_text():
                    return file
            time.sleep(0.1)
        sys.exit(f"callgrind wrote nothing about {self.out.name}")

    def stop(self):
        self.process.terminate()
        self.process.wait(30)


def read(text):
    """Instructions and allocations of one request."""
    total = int(re.search(r"^(?:totals|summary): (\d+)", text, re.M).group(1))
    for match in re.finditer(r"^totals: (\d+)", text, re.M):
        total = int(match.group(1))
    names, callee, allocations = {}, "", 0
    for line in text.splitlines():
        if line.startswith(("fn=", "cfn=")):
            number, _, name = line.partition("=")[2].partition(" ")
            if name:
                names[number] = name
            if line.startswith("cfn="):
                callee = names[number]
        elif line.startswith("calls=") and callee in ALLOCATORS:
            allocations += int(line[6:].split()[0])
    return round(total / REQUESTS), round(allocations / REQUESTS, 1)


def request(path, port, token=None):
    lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}"]
    if token:
        lines.append(f"Authorization: Bearer {token}")
    return "\r\n".join([*lines, "", ""]).encode()


def runtime_cases(folder, program):
    port = free_port()
    profile = Profile(folder, program, [str(port), "1"], {}, port, "/small")
    try:
        yield "runtime, at once", profile.measure(itertools.repeat(request("/small", port)))
        yield "runtime, suspended once", profile.measure(itertools.repeat(request("/later/small", port)))
    finally:
        profile.stop()


def helper_cases(folder, program, sandbox):
    keycloak, threescale, admin, port = (free_port() for _ in range(4))
    fakes = subprocess.Popen(
        [sandbox, "--keycloak-port", str(keycloak), "--threescale-port", str(threescale), "--admin-port", str(admin)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(f"http://127.0.0.1:{admin}/counts", fakes)
        environment = {
            "PATH": os.environ["PATH"], "KEYCLOAK_URL": f"http://127.0.0.1:{keycloak}", "KEYCLOAK_REALM": "mlaas",
            "KEYCLOAK_CLIENT_ID": "mlaas-client", "THREESCALE_ADMIN_API_URL": f"http://127.0.0.1:{threescale}",
            "THREESCALE_ADMIN_API_KEY": "sandbox-admin-token", "SERVER_HOST": "127.0.0.1", "SERVER_PORT": str(port),
            "SERVER_LOOPS": "1", "SHUTDOWN_DRAIN_SECONDS": "0", "CATALOG_REFRESH_SECONDS": "3600",
            "APPLICATIONS_CACHE_SECONDS": "3600", "RATE_LIMITS": "read=1000000/minute"}
        profile = Profile(folder, program, [], environment, port, "/api/health/ready")
        try:
            form = urllib.parse.urlencode({
                "grant_type": "password", "client_id": "mlaas-client", "client_secret": "mlaas-client-secret",
                "username": "ada", "password": "ada-password", "scope": "openid"}).encode()
            answer = urllib.request.urlopen(
                f"http://127.0.0.1:{keycloak}/realms/mlaas/protocol/openid-connect/token", form)
            token = json.load(answer)["access_token"]
            yield "helper, health", profile.measure(itertools.repeat(request("/api/health", port)))
            yield "helper, authenticated list", profile.measure(itertools.repeat(request("/api/services", port, token)))
        finally:
            profile.stop()
    finally:
        fakes.terminate()
        fakes.wait(30)


def token_cases(folder, helper, sandbox, verify, mint):
    """Many users in turn, and tokens that were never seen before: the check alone behind the server, and before the list."""
    keys = tokens.Keys(folder / "keys")
    files = tokens.Mint(mint, folder / "tokens", keys)
    known = files.tokens(REQUESTS, REQUESTS).read_text().split()
    # Of other numbers, so that nobody has seen them.
    fresh = files.tokens(WARM + REQUESTS, 1, first=REQUESTS).read_text().split()
    key_server = tokens.KeyServer(keys.key_set)
    fakes = system.Sandbox(sandbox, folder, services=10, accounts=REQUESTS)
    try:
        port = free_port()
        environment = system.helper_environment(
            fakes, port, key_server.url, loops=1, CATALOG_REFRESH_SECONDS=3600)
        profile = Profile(folder, helper, [], environment, port, "/api/health/ready")
        try:
            answer = system.Answer(folder, port, known[0])
            yield "helper, list, many users", profile.measure(
                itertools.cycle(request("/api/services", port, token) for token in known), warm=REQUESTS)
            yield "helper, list, token never seen", profile.measure(
                request("/api/services", port, token) for token in fresh)
        finally:
            profile.stop()
        port = free_port()
        arguments = [str(port), "1", keys.key_set, tokens.ISSUER, tokens.AUDIENCE, answer.body_file, answer.fields_file]
        profile = Profile(folder, verify, arguments, {}, port, None)
        try:
            yield "verify only, token never seen", profile.measure(
                request("/api/services", port, token) for token in fresh)
        finally:
            profile.stop()
    finally:
        fakes.stop()
        key_server.stop()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--update", action="store_true")
    built = ROOT / ".build-static" / "release"
    parser.add_argument("--helper", type=Path, default=built / "mlaas-helper")
    parser.add_argument("--sandbox", type=Path, default=built / "mlaas-sandbox")
    parser.add_argument("--server", type=Path, default=built / "bench-server")
    programs = ROOT / ".build-bench" / "release"
    parser.add_argument("--verify", type=Path, default=programs / "VerifyServer")
    parser.add_argument("--mint", type=Path, default=programs / "mint")
    parser.add_argument("--profiles", type=Path)
    options = parser.parse_args()
    budget = json.loads(BUDGET.read_text()) if BUDGET.exists() else {}
    seen, failed = {}, False
    print("| case | instructions | budget | allocations | budget |")
    print("| --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for cases in (runtime_cases(folder, options.server), helper_cases(folder, options.helper, options.sandbox),
                      token_cases(folder, options.helper, options.sandbox, options.verify, options.mint)):
            for case, dump in cases:
                instructions, allocations = read(dump.read_text())
                if options.profiles:
                    options.profiles.mkdir(parents=True, exist_ok=True)
                    shutil.copy(dump, options.profiles / f"{case.replace(', ', '-').replace(' ', '-')}.callgrind")
                seen[case] = {"instructions": instructions, "allocations": allocations}
                allowed = budget.get(case, {"instructions": 0, "allocations": 0})
                print(f"| {case} | {instructions} | {allowed['instructions']} | {allocations} |"
                      f" {allowed['allocations']} |", flush=True)
                failed |= instructions > allowed["instructions"] * 1.05 or allocations > allowed["allocations"] + 0.5
    if options.update:
        BUDGET.write_text(json.dumps(seen, indent=2) + "\n")
    elif failed:
        sys.exit("A request costs more than its budget. If that is worth it, run this with --update.")


main()
