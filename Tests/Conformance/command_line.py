"""Runs `mlaas` as people and scripts do, and signs in at Keycloak's pages in their place."""

import html
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

from conftest import BIN, Helper, Sandbox, stop

MLAAS = BIN / "mlaas"
HERE = Path(__file__).resolve().parent


# Fixtures of the tests of `mlaas`, which import them.

@pytest.fixture(scope="module")
def sandbox():
    sandbox = Sandbox("--gateway-endpoints")
    yield sandbox
    stop(sandbox.process)


@pytest.fixture(scope="module")
def helper(sandbox):
    helper = Helper(sandbox.keycloak, sandbox.threescale, CLI_CLIENT_ID="mlaas-cli")
    yield helper
    stop(helper.process)


class Pages:
    """A browser that knows forms and cookies. The cookies of loopback are `Secure` over plain http, which browsers keep there."""

    def __init__(self):
        self.cookies = {}

    def open(self, url, data=None, follow=5):
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        method = "POST" if data is not None else "GET"
        answer = requests.request(method, url, data=data, headers=headers, allow_redirects=False, timeout=20)
        for name, value in answer.raw.headers.items():
            if name.lower() == "set-cookie":
                pair = value.split(";")[0].split("=", 1)
                self.cookies[pair[0]] = pair[1]
        if answer.status_code in (302, 303) and follow:
            return self.open(requests.compat.urljoin(url, answer.headers["Location"]), follow=follow - 1)
        return answer

    def submit(self, page, **fields):
        """Sends the page's only form with its hidden fields."""
        form = re.search(r"<form[^>]*\baction=\"([^\"]+)\"[^>]*>(.*?)</form>", page.text, re.S)
        assert form, page.text[:2000]
        hidden = re.findall(r"<input[^>]*type=\"hidden\"[^>]*>", form.group(2))
        data = {}
        for field in hidden:
            name, value = re.search(r"name=\"([^\"]*)\"", field), re.search(r"value=\"([^\"]*)\"", field)
            if name:
                data[name.group(1)] = html.unescape(value.group(1)) if value else ""
        url = requests.compat.urljoin(page.url, html.unescape(form.group(1)))
        return self.open(url, {**data, **fields})


class CommandLine:
    """One person's machine: a home folder, an environment, and the program."""

    def __init__(self, home, server, **environment):
        self.home = Path(home)
        self.server = server
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": str(home), "MLAAS_SERVER": server,
            **{name: value for name, value in os.environ.items() if name.endswith("SAN_OPTIONS")}, **environment}

    def run(self, *words, status=0, environment=None, **options):
        options.setdefault("timeout", 60)
        done = subprocess.run(
            [MLAAS, *words], env={**self.environment, **(environment or {})}, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, **options)
        assert status is None or done.returncode == status, (words, done.returncode, done.stdout, done.stderr)
        return done

    def json(self, *words):
        return json.loads(self.run(*words, "--json").stdout)

    def start(self, *words, environment=None):
        return subprocess.Popen(
            [MLAAS, *words], env={**self.environment, **(environment or {})}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def terminal(self, *words, typed="", environment=None):
        """Runs the program on a pseudo-terminal. Returns its status and everything that a person would see."""
        process, terminal = pty.fork()
        if process == 0:
            environment = {**self.environment, "TERM": "xterm", **(environment or {})}
            os.execve(str(MLAAS), ["mlaas", *words], environment)
        seen, end = b"", time.monotonic() + 60
        while time.monotonic() < end:
            ready, _, _ = select.select([terminal], [], [], 0.2)
            if not ready:
                continue
            try:
                piece = os.read(terminal, 65536)
            except OSError:
                break
            if not piece:
                break
            seen += piece
            if typed and b"Type yes:" in seen:
                os.write(terminal, typed.encode())
                typed = ""
        else:
            os.kill(process, signal.SIGKILL)
        _, status = os.waitpid(process, 0)
        os.close(terminal)
        return os.waitstatus_to_exitcode(status), seen.decode(errors="replace")

    # Signing in

    def sign_in_by_device(self, user="ada", accept=True, page=None):
        process = self.start("login", "--device")
        said = []
        while not any("Go on only" in line for line in said):
            line = process.stderr.readline()
            assert line, (said, process.communicate())
            said.append(line)
        url = re.search(r"^\s*(http\S+user_code=\S+)$", "".join(said), re.M).group(1)
        (page or approve)(url, user, accept)
        out, error = process.communicate(timeout=60)
        return process.returncode, out, "".join(said) + error

    def sign_in_by_browser(self, user="ada", *words, **environment):
        """The program opens the "browser" of `BROWSER`, which signs in as the user."""
        browser = f"{sys.executable} {HERE / 'command_line.py'} {user}"
        return self.run("login", *words, status=None, environment={"BROWSER": browser, **environment}, timeout=120)

    # Files

    @property
    def folder(self):
        return self.home / ".local" / "state" / "mlaas"

    @property
    def token_file(self):
        files = list(self.folder.glob("*.json"))
        assert len(files) == 1, files
        return files[0]

    def record(self):
        return json.loads(self.token_file.read_text())

    def age(self, seconds):
        """As if the sign-in were that much older; a negative number is a clock that was put back."""
        record = self.record()
        record["obtained_at"] -= seconds
        self.token_file.write_text(json.dumps(record))


def approve(url, user="ada", accept=True):
    """What a person does on another device."""
    pages = Pages()
    login = pages.open(url)
    consent = pages.submit(login, username=user, password=f"{user}-password")
    answer = pages.submit(consent, **({"accept": "Yes"} if accept else {"cancel": "No"}))
    assert answer.status_code == 200, answer.text


def browse(url, user):
    """What a person does in the browser that was opened: signs in, and is sent back to the program."""
    pages = Pages()
    page = pages.open(url)
    if "<form" in page.text:
        page = pages.submit(page, username=user, password=f"{user}-password")
    return page


if __name__ == "__main__":
    browse(sys.argv[2], sys.argv[1])
