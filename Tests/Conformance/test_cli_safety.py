"""`mlaas`: programs under `run` and their signals, keys that must not stay behind, and answers that must not mislead."""

import json
import os
import pty
import re
import select
import shlex
import signal
import subprocess
import sys
import time

import pytest

from command_line import MLAAS, CommandLine, helper, sandbox  # noqa: F401
from conftest import free_port

GRANITE = ("OPENAI_BASE_URL", "OPENAI_API_KEY", "OPENAI_CUSTOM_HEADERS")
ENDING = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT]
EVERY = (*GRANITE, "MLAAS_APP_ID", "MLAAS_CLIENT_ID")


@pytest.fixture(scope="module")
def dora(helper, tmp_path_factory):
    cli = CommandLine(tmp_path_factory.mktemp("home"), helper.url)
    assert cli.sign_in_by_browser("carol").returncode == 0
    return cli


# Programs under `run`

def default_signals():
    """What a job in the background inherits may be ignored, and rightly stays so for the program."""
    for number in ENDING:
        signal.signal(number, signal.SIG_DFL)


def test_a_program_starts_with_no_signal_blocked_or_ignored(dora):
    masks = dora.run(
        "run", "granite_chat", "--", "grep", "^Sig", "/proc/self/status", preexec_fn=default_signals).stdout
    # 32 and 33 are glibc's own, which a program cannot set; posix_spawn of a program above may leave them ignored.
    own = 1 << 31 | 1 << 32
    assert [int(mask, 16) & ~own for mask in re.findall(r"Sig(?:Blk|Ign):\s*(\w+)", masks)] == [0, 0], masks


@pytest.mark.parametrize("number", ENDING)
def test_signals_end_a_program(dora, number):
    process = subprocess.Popen(
        [MLAAS, "run", "granite_chat", "--", "sh", "-c", "ulimit -c 0; echo ready >&2; exec sleep 60"], text=True,
        env=dora.environment, stderr=subprocess.PIPE, preexec_fn=default_signals)
    try:
        while "ready" not in process.stderr.readline():
            assert process.poll() is None
        process.send_signal(number)
        assert process.wait(timeout=30) == -number
    finally:
        process.kill()
        process.communicate()
    words = shlex.join([str(MLAAS), "run", "granite_chat", "--", "sh", "-c", f"ulimit -c 0; kill -{number.value} $$"])
    shell = subprocess.run(
        ["sh", "-c", f"{words}; exit $?"], env=dora.environment, capture_output=True, timeout=60, preexec_fn=default_signals)
    assert shell.returncode == 128 + number.value, shell


def test_programs_that_cannot_be_started_end_as_a_shell_says_it(dora, tmp_path):
    missing = dora.run("run", "granite_chat", "--", "no-such-program-here", status=127)
    assert "no-such-program-here" in missing.stderr and "PATH" in missing.stderr
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o600)
    assert "may run" in dora.run("run", "granite_chat", "--", str(script), status=126).stderr


def test_a_quit_during_the_sign_in_ends_it_without_a_crash_report(helper, tmp_path):
    terminal, end = pty.openpty()
    process = subprocess.Popen(
        ["sh", "-c", f"ulimit -c 0; exec {shlex.quote(str(MLAAS))} login --no-browser"], stdin=end, stdout=end, stderr=end,
        env={"HOME": str(tmp_path), "MLAAS_SERVER": helper.url, "TERM": "dumb", "PATH": os.environ["PATH"]},
        start_new_session=True)
    os.close(end)
    seen, until = b"", time.monotonic() + 60
    try:
        while b"login --device" not in seen and time.monotonic() < until:
            if select.select([terminal], [], [], 0.1)[0]:
                seen += os.read(terminal, 65536)
        process.send_signal(signal.SIGQUIT)
        assert process.wait(timeout=60) == -signal.SIGQUIT
        while select.select([terminal], [], [], 0.5)[0]:
            seen += os.read(terminal, 65536)
    except OSError:
        pass
    finally:
        process.kill()
        process.wait()
        os.close(terminal)
    assert b"login --device" in seen and b"rash" not in seen and b"acktrace" not in seen, seen


# Keys of another service

def test_what_a_service_does_not_use_is_unset_and_removed(dora):
    show = 'for name in %s; do eval "printf \'%%s\\\\0\' \\"\\${$name-none}\\""; done' % " ".join(EVERY)
    before = {name: "of-another-service" for name in EVERY}
    script = f'eval "$({shlex.quote(str(MLAAS))} env embeddings)"; eval "$({shlex.quote(str(MLAAS))} env granite_chat)"; {show}'
    done = subprocess.run(
        ["sh", "-euc", script], env={**dora.environment, **before}, capture_output=True, text=True, check=True)
    values = dict(zip(EVERY, done.stdout.split("\0")))
    wanted = dora.json("env", "granite_chat")
    assert values == {**{name: "none" for name in EVERY}, **wanted}
    program = "import json, os; print(json.dumps({k: v for k, v in os.environ.items() if k[:6] in ('OPENAI', 'MLAAS_')}))"
    done = dora.run("run", "granite_chat", "--", sys.executable, "-c", program, environment=before)
    held = json.loads(done.stdout)
    assert {name: held[name] for name in EVERY if name in held} == wanted
    # Without quotes a shell puts the lines into one.
    done = subprocess.run(
        ["sh", "-euc", f"eval $({shlex.quote(str(MLAAS))} env granite_chat); {show}"], env={**dora.environment, **before},
        capture_output=True, text=True, check=True)
    assert dict(zip(EVERY, done.stdout.split("\0")))["OPENAI_API_KEY"] == wanted["OPENAI_API_KEY"]


def test_a_file_of_output_is_private_and_a_failure_leaves_it_alone(dora, tmp_path):
    path = tmp_path / ".env"
    path.write_text("mine\n")
    path.chmod(0o644)
    done = dora.run("key", "get", "granit", "--format", "env", "--output", str(path), status=1)
    assert path.read_text() == "mine\n" and not done.stdout
    done = dora.run("key", "get", "granite_chat", "--format", "env", "--output", str(path))
    assert not done.stdout and path.stat().st_mode & 0o777 == 0o600 and os.listdir(tmp_path) == [".env"]
    wanted = dora.json("env", "granite_chat")
    assert f"OPENAI_API_KEY={wanted['OPENAI_API_KEY']}" in path.read_text().split("\n")
    assert f"OPENAI_CUSTOM_HEADERS='{wanted['OPENAI_CUSTOM_HEADERS']}'" in path.read_text()
    link = tmp_path / "link"
    link.symlink_to(path)
    assert "symbolic link" in dora.run("env", "granite_chat", "--output", str(link), status=1).stderr
    assert "regular" in dora.run("env", "granite_chat", "--output", "/dev/null", status=1).stderr


def test_json_holds_what_a_program_needs(dora):
    key = dora.json("key", "get", "embeddings")
    listed = dora.json("key", "show", "embeddings/default")
    assert key["id"] == listed["id"] and key["name"] == "default" and key["plan"] == listed["plan"]
    assert key["credentials"]["id_parameter"] and key["app_id"]


# Revoking

def test_revoking_a_key_that_is_not_there_says_so(dora):
    done = dora.run("key", "revoke", "999", "--yes", status=1)
    assert "no API key 999" in done.stderr and "revoked already" in done.stderr and "is revoked" not in done.stderr
    dora.run("key", "get", "granite_chat", "--name", "gone")
    key = dora.json("key", "show", "granite_chat/gone")["id"]
    assert f"Key {key} is revoked" in dora.run("key", "revoke", key, "--yes").stderr
    assert "no API key" in dora.run("key", "revoke", key, "--yes", status=1).stderr


def rotated(dora, name):
    """The older and the newer key of a name that was rotated just now, as `key rotate` prints them."""
    dora.run("key", "get", "granite_chat", "--name", name)
    old = dora.json("key", "show", f"granite_chat/{name}")["id"]
    new = dora.json("key", "rotate", old, "--grace", "1h")
    assert new["replaces"] == old and new["id"] != old and new["retires_at"] and new["api_key"]
    return old, new["id"]


def test_revoking_a_successor_names_the_older_keys_that_end_with_it(dora):
    old, new = rotated(dora, "pair")
    status, seen = dora.terminal("key", "revoke", "granite_chat/pair", typed="no\n")
    assert status == 1 and f"end with it: {old} (retiring)" in seen.replace("\r\n", " ")
    done = dora.run("key", "revoke", new, "--yes")
    assert f"Key {new} is revoked" in done.stderr and f"{old} (retiring)" in done.stderr
    assert not {old, new} & {key["id"] for key in dora.json("keys")}
    old, new = rotated(dora, "pair")
    assert dora.json("key", "revoke", new, "--yes")["also_revoked"] == [old]


def test_pausing_a_key_names_the_older_ones_that_work_on(dora):
    old, new = rotated(dora, "halt")
    done = dora.run("key", "pause", "granite_chat/halt")
    assert f"key {old}" in done.stderr and f"mlaas key pause {old}" in done.stderr and "until 20" in done.stderr
    done = dora.run("key", "get", "granite_chat", "--name", "halt")
    assert "key resume granite_chat/halt" in done.stderr and f"key {new}, is paused" in done.stderr
    assert "older key" not in dora.run("key", "pause", old).stderr
    assert "is paused" in dora.run("key", "get", "granite_chat", "--name", "halt", status=1).stderr
    dora.run("key", "revoke", new, "--yes")


def test_a_default_key_that_retires_is_not_printed_in_silence(dora):
    dora.run("key", "get", "code_assist")
    old = dora.json("key", "show", "code_assist/default")["id"]
    new = dora.json("key", "rotate", old, "--grace", "1h")["id"]
    dora.run("key", "pause", new)
    done = dora.run("key", "get", "code_assist", "--json")
    assert json.loads(done.stdout)["id"] == old and "key resume code_assist/default" in done.stderr
    dora.run("key", "revoke", new, "--yes")


def test_a_rotation_that_was_made_before_says_that_nothing_is_new(dora):
    old, new = rotated(dora, "again")
    done = dora.run("key", "rotate", old, "--grace", "2h")
    assert "nothing new was made" in done.stderr and "--grace changes nothing" in done.stderr
    assert f"mlaas key rotate {new}" in done.stderr
    dora.run("key", "revoke", new, "--yes")


# States

def test_a_paused_key_is_called_paused_everywhere(dora):
    dora.run("key", "get", "embeddings")
    dora.run("key", "pause", "embeddings/default")
    try:
        listed = {service["system_name"]: service for service in dora.json("services")}
        assert listed["embeddings"]["key_state"] == "paused"
        assert re.search(r"^embeddings +\d+ +paused ", dora.run("services").stdout, re.M)
        done = dora.run("key", "test", "embeddings/default", status=1)
        assert done.stderr.startswith("mlaas: The key embeddings/default is paused.") and "key resume" in done.stderr
    finally:
        dora.run("key", "resume", "embeddings/default")


def test_a_server_that_is_away_is_said_before_a_missing_sign_in(helper, tmp_path):
    cli = CommandLine(tmp_path, f"http://127.0.0.1:{free_port()}")
    assert "cannot be reached" in cli.run("services", status=4).stderr
    done = cli.run("services", "--server", helper.url, status=3)
    assert f"mlaas login --server {helper.url}" in done.stderr


# Wrong usage

@pytest.mark.parametrize("words, expected", [
    (("key", "get", "granite_chat", "--name", "Not-Legal"), "1 to 40"), (("env", "granite_chat", "--name", "9"), "a letter"),
    (("key", "usage", "1", "--since", "soon"), "2026-11-01"), (("key", "usage", "1", "--until", "2026-13-01"), "--until"),
    (("key", "usage", "1", "--since", "1d", "--until", "2d"), "--since must be before"),
    (("services", "--server", "http://a b"), "--server"), (("key", "list"), "did you mean 'keys'"),
    (("key", "delete", "1"), "did you mean 'key revoke'"), (("-v",), "did you mean '--version'")])
def test_a_wrong_value_is_status_2_with_its_rule(dora, words, expected):
    done = dora.run(*words, status=2)
    assert expected in done.stderr and "request body" not in done.stderr and not done.stdout


def test_usage_takes_a_span_and_help_explains_states(dora):
    dora.run("key", "get", "granite_chat")
    assert dora.run("key", "usage", "granite_chat/default", "--since", "7d").stdout.startswith("SINCE")
    states = dora.run("key", "--help").stdout
    assert all(re.search(rf"^  {state} ", states, re.M) for state in ("live", "paused", "retiring", "expired"))
