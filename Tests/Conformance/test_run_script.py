"""What `make run` does for a new user, with the programs that are built already or with a compiler that only pretends."""

import os
import shutil
import signal
import subprocess
import time

import pytest

from conftest import BIN, ROOT, Helper, free_port, stop

SCRIPT = ROOT / "scripts" / "run.sh"


class Run:
    """The script at work, until it says how to stop it."""

    def __init__(self, folder, **environment):
        self.file = folder / f"run-{free_port()}.log"
        with self.file.open("w", encoding="utf-8") as output:
            self.process = subprocess.Popen(
                [SCRIPT], stdout=output, stderr=subprocess.STDOUT, env={**os.environ, "MLAAS_BIN": str(BIN), **environment})
        end = time.monotonic() + 60
        while "Ctrl-C stops both" not in self.text():
            assert self.process.poll() is None and time.monotonic() < end, self.text()
            time.sleep(0.1)

    def text(self):
        return self.file.read_text(encoding="utf-8")

    def line(self, start):
        return next(line for line in self.text().splitlines() if line.strip().startswith(start))

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)


def test_two_at_once_keep_apart_and_say_how_to_go_on(tmp_path):
    port = free_port()
    runs = []
    try:
        for _ in range(2):
            runs.append(Run(tmp_path, SERVER_PORT=str(port)))
        for what in ("helper", "logs", "sandbox admin"):
            assert runs[0].line(what) != runs[1].line(what)
        # After five minutes the printed token has ended: the last such line is how to get the next one.
        line = [line for line in runs[1].text().splitlines() if line.startswith("export TOKEN=")][-1]
        pasted = subprocess.run(["bash", "-c", line + "; " + runs[1].line("curl")], capture_output=True, text=True,
                                timeout=30, check=True)
        assert pasted.stdout.startswith('{"status":"success"') and pasted.stdout.endswith("}\n")
        assert all("w '\\n'" in line for line in runs[0].text().splitlines() if line.startswith("curl "))
    finally:
        for run in runs:
            run.stop()


@pytest.fixture
def checkout(tmp_path):
    """The scripts, and a compiler that writes down its calls and does what `compiler.sh` says."""
    (tmp_path / "scripts").mkdir()
    for name in ("run.sh", "lib.sh"):
        shutil.copy(ROOT / "scripts" / name, tmp_path / "scripts")
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "swift").write_text('#!/bin/sh\necho "$@" >>calls\n. ./compiler.sh\n', encoding="utf-8")
    (tools / "swift").chmod(0o755)

    def run(*arguments):
        environment = {"PATH": f"{tools}:/usr/bin:/bin"}
        return subprocess.run([tmp_path / "scripts" / "run.sh", *arguments], cwd=tmp_path, env=environment, text=True,
                              capture_output=True, timeout=60, check=False)
    return tmp_path, run


def test_a_file_with_a_mistake_is_refused_before_anything_is_built(checkout):
    folder, run = checkout
    (folder / ".env").write_text("KEYCLOAK_URL=https://sso.corp.test\r\n#KEYCLOAK_REALM=x\r\n", encoding="utf-8")
    for file in (folder / ".env", folder / "nothing.env"):
        done = run("--env-file", file)
        assert done.returncode == 78 and not (folder / "calls").exists(), done.stderr
    assert "nothing.env' cannot be read" in done.stderr
    told = run("--env-file", folder / ".env").stderr
    assert "KEYCLOAK_REALM is required" in told and "KEYCLOAK_URL is required" not in told


def test_a_checkout_that_was_copied_with_its_build_is_built_anew_and_told(checkout):
    folder, run = checkout
    (folder / ".build").mkdir()
    (folder / "compiler.sh").write_text(
        """if [ -d .build ]; then echo "error: missing required module 'SwiftShims'"; exit 1; fi\necho no compiler; exit 3\n""",
        encoding="utf-8")
    done = run()
    assert done.returncode == 1 and "copied from another folder" in done.stderr and "no compiler" in done.stderr
    assert len((folder / "calls").read_text().splitlines()) == 2 and not (folder / ".build").exists()


def test_a_long_build_says_how_far_it_is(checkout):
    folder, run = checkout
    (folder / "compiler.sh").write_text('echo "[3/9] Compiling"; sleep 7; exit 1\n', encoding="utf-8")
    assert " s  [3/9] Compiling" in run().stderr


def check_from_outside(*arguments):
    return subprocess.run([ROOT / "test_api.sh", *arguments], capture_output=True, text=True, timeout=120, check=False,
                          env={"PATH": "/usr/bin:/bin"})


def test_the_check_from_outside_takes_long_options_and_a_metrics_port_and_may_be_repeated(sandbox):
    port = free_port()
    helper = Helper(sandbox.keycloak, sandbox.threescale, METRICS_PORT=str(port), METRICS_HOST="127.0.0.1",
                    RATE_LIMITS="write=30/minute")
    try:
        token = sandbox.token("ada")
        service = helper.services(token)["granite_chat"]["id"]
        for _ in range(3):
            done = check_from_outside(f"--url={helper.url}", "--token", token, "--service-id", service, "--metrics-url",
                                      f"http://127.0.0.1:{port}")
            assert done.returncode == 0 and " 0 failed" in done.stdout, done.stdout
            assert token not in done.stdout
    finally:
        stop(helper.process)
    gone = check_from_outside("-u", helper.url)
    assert gone.returncode == 1 and len(gone.stdout.splitlines()) == 1 and "cannot be reached" in gone.stdout
