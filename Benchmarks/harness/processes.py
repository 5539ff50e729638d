"""Servers on loopback: started, asked whether they are ready, weighed, and ended by process id."""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def program(name, *folders):
    """Where a program is, or None. Debian keeps some where only root looks."""
    return shutil.which(name, path=os.pathsep.join([*map(str, folders), os.environ["PATH"], "/usr/sbin"]))


def ask(port, path, token=None, timeout=10, post=None):
    """The answer and its body. `post` is sent as JSON."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    fields = {"authorization": f"Bearer {token}"} if token else {}
    try:
        if post is None:
            connection.request("GET", path, headers=fields)
        else:
            connection.request("POST", path, json.dumps(post), fields | {"content-type": "application/json"})
        answer = connection.getresponse()
        return answer, answer.read()
    finally:
        connection.close()


class Process:
    """A program and the processes it starts."""

    def __init__(self, name, command, log, **options):
        self.name = name
        self.log = Path(log)
        with self.log.open("wb") as out:
            self.process = subprocess.Popen([str(part) for part in command], stdout=out, stderr=out, **options)

    @property
    def pid(self):
        return self.process.pid

    def tree(self):
        """Its id and those of its descendants."""
        found, known = [], [self.pid]
        while known:
            pid = known.pop()
            found.append(pid)
            try:
                for task in Path(f"/proc/{pid}/task").iterdir():
                    known += map(int, (task / "children").read_text().split())
            except OSError:
                pass
        return found

    def processor_seconds(self):
        """Processor time of user and system that it has used so far, children included."""
        total = 0
        for pid in self.tree():
            try:
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            total += int(fields[11]) + int(fields[12])
        return total / TICK

    def resident_bytes(self):
        total = 0
        for pid in self.tree():
            try:
                total += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
            except OSError:
                continue
        return total

    def file_bytes(self):
        """The part of the resident memory that is the program and its libraries, which other replicas on the node share."""
        text = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"^RssFile:\s+(\d+) kB", text, re.M).group(1)) * 1024

    def wait_until(self, is_ready, seconds=60):
        end = time.monotonic() + seconds
        while True:
            try:
                if is_ready():
                    return self
            except (OSError, http.client.HTTPException):
                pass
            if self.process.poll() is not None or time.monotonic() > end:
                text = self.log.read_text(errors="replace")[-2000:]
                self.stop()
                raise RuntimeError(f"{self.name} does not answer:\n{text}")
            time.sleep(0.02)

    def stop(self):
        if self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            for pid in reversed(self.tree()):
                os.kill(pid, signal.SIGKILL)
            self.process.wait()


class Processes:
    """Ends what was started in it, last first."""

    def __init__(self):
        self.running = []

    def __enter__(self):
        return self

    def add(self, process):
        self.running.append(process)
        return process

    def stop(self, process):
        self.running.remove(process)
        process.stop()

    def __exit__(self, *_):
        while self.running:
            self.running.pop().stop()
