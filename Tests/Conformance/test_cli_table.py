"""Every command of `mlaas` with its success and each of its failures: exit status, standard output and standard error, for
scripts and on a terminal."""

import concurrent.futures
import os
import pty
import re
import select
import subprocess
import time

import pytest

from command_line import MLAAS, CommandLine, helper, sandbox  # noqa: F401
from conftest import Helper, free_port, stop

# Commands that ask the server, with operands that it does not know where the command takes any.
ASKING = {
    "whoami": [], "services": [], "keys": [], "plans": ["nonesuch"], "key get": ["nonesuch"], "key show": ["nonesuch"],
    "key reveal": ["nonesuch"], "key rotate": ["nonesuch"], "key plan": ["nonesuch", "trial"], "key pause": ["nonesuch"],
    "key resume": ["nonesuch"], "key revoke": ["nonesuch", "--yes"], "key test": ["nonesuch"], "key usage": ["nonesuch"],
    "env": ["nonesuch"], "run": ["nonesuch", "--", "true"],
}
LOCAL = {"completion": ["bash"], "man": []}
SIGNING = {"login": [], "logout": []}
EVERY = {**ASKING, **LOCAL, **SIGNING}
CASES = [(name, terminal) for name in EVERY for terminal in (False, True)]


@pytest.fixture(scope="module")
def cli(helper, tmp_path_factory):
    cli = CommandLine(tmp_path_factory.mktemp("home"), helper.url)
    assert cli.sign_in_by_browser("carol").returncode == 0
    return cli


def refused(cli, words, status, terminal, **environment):
    """Returns what the command says, having checked that it fails in the way that scripts rely on."""
    if terminal:
        code, seen = cli.terminal(*words, environment=environment)
        assert code == status, (words, code, seen)
    else:
        done = cli.run(*words, status=status, environment=environment)
        assert not done.stdout, (words, done.stdout)
        seen = done.stderr
    assert re.search(r"(^|\n)mlaas: \S", seen) and "\x1b" not in seen, (words, seen)
    return seen


@pytest.mark.parametrize("name, terminal", CASES)
def test_a_wrong_line_is_status_2(cli, name, terminal):
    said = refused(cli, [*name.split(), *EVERY[name][:1], "--no-such-option"], 2, terminal)
    assert "--no-such-option" in said and "help" in said


@pytest.mark.parametrize("name, terminal", [case for case in CASES if case[0] in ASKING or case[0] == "logout"])
def test_without_a_sign_in_it_is_status_3(cli, tmp_path, name, terminal):
    said = refused(cli, [*name.split(), *EVERY[name]], 3, terminal, HOME=str(tmp_path))
    assert "not signed in" in said


@pytest.mark.parametrize("terminal", [False, True])
@pytest.mark.parametrize("name", [name for name, words in ASKING.items() if words])
def test_an_unknown_service_or_key_is_status_1(cli, name, terminal):
    said = refused(cli, [*name.split(), *ASKING[name]], 1, terminal)
    assert "'nonesuch'" in said and re.search(r"List them: mlaas (services|keys)|Did you mean", said), said


def test_a_server_of_another_kind_is_status_1(sandbox, cli):
    """It answers, and nothing that the API would."""
    def ask(name):
        words = [word.replace("nonesuch", "1") for word in EVERY[name]]
        said = refused(cli, [*name.split(), *words], 1, False, MLAAS_SERVER=sandbox.keycloak, MLAAS_TOKEN="x")
        return name, "MLaaS Helper" in said and "Check the URL" in said
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        answers = dict(pool.map(ask, [*ASKING, "login"]))
    assert all(answers.values()), answers


@pytest.mark.parametrize("terminal", [False, True])
def test_a_server_that_is_away_is_status_4(cli, terminal):
    environment = {"MLAAS_SERVER": f"http://127.0.0.1:{free_port()}", "MLAAS_TOKEN": "x"}

    def ask(name):
        words = [word.replace("nonesuch", "1") for word in EVERY[name]]
        said = refused(cli, [*name.split(), *words], 4, terminal, **environment)
        return name, "cannot be reached" in said and "HTTPS_PROXY" in said
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        answers = dict(pool.map(ask, [*ASKING, "login"]))
    assert all(answers.values()), answers


def done(cli, words, terminal):
    """What a success prints as data; on a terminal, all that a person sees."""
    if terminal:
        code, seen = cli.terminal(*words)
        assert code == 0, (words, code, seen)
        return seen
    return cli.run(*words).stdout


# What each success prints. An empty expression: nothing on standard output.
LIFE = [
    ("whoami", r"^carol"), ("services", r"^NAME .*\n(.*\n)*granite_chat "), ("plans granite_chat", r"^NAME .*\n(.*\n)*basic "),
    ("key get granite_chat --name KEYNAME", r"mlaas_\S+\n$"), ("keys", r"^ID .*\n(.*\n)*.* KEYNAME "),
    ("key show granite_chat/KEYNAME", r"^id  +\d+\n"), ("key reveal granite_chat/KEYNAME", r"^mlaas_\S+\n$"),
    ("key plan granite_chat/KEYNAME trial", r""), ("key pause granite_chat/KEYNAME", r""),
    ("key resume granite_chat/KEYNAME", r""),
    ("key test granite_chat/KEYNAME", r"^works\n"), ("key usage granite_chat/KEYNAME", r"^SINCE "),
    ("env granite_chat --name KEYNAME", r"export OPENAI_BASE_URL="),
    ("run granite_chat --name KEYNAME -- printenv OPENAI_API_KEY", r"mlaas_\S+\n$"),
    ("key rotate granite_chat/KEYNAME --grace 1m", r"mlaas_\S+\n"), ("key revoke granite_chat/KEYNAME --yes", r""),
    ("completion bash", r"complete "), ("man", r"^\.TH MLAAS"), ("--version", r"^mlaas \d"), ("help", r"Usage: mlaas"),
]


@pytest.mark.parametrize("terminal", [False, True])
def test_every_command_succeeds_with_status_0(cli, terminal):
    name = "onterminal" if terminal else "inscript"
    for line, expected in LIFE:
        text = done(cli, line.replace("KEYNAME", name).split(), terminal)
        text = re.sub(r"\x1b\[[0-9]*[mK]", "", text.replace("\r\n", "\n"))
        assert re.search(expected.replace("KEYNAME", name), text, re.M), (line, text)
        if not expected and not terminal:
            assert text == "", (line, text)


def test_every_json_is_read_by_jq_and_names_what_it_is_about(cli):
    """The data of each command that prints any, with a member that a script would ask for."""
    life = [
        ("whoami", ".user"), ("services", ".[0].system_name"), ("plans granite_chat", ".[0].id"),
        ("key get granite_chat --name jq", ".api_key"), ("key get granite_chat --name jq --format json", ".base_url"),
        ("keys", ".[0].id"), ("keys --service granite_chat --state live", '.[] | select(.name == "jq") | .id'),
        ("key show granite_chat/jq", ".state"), ("key reveal granite_chat/jq", ".api_key"),
        ("key plan granite_chat/jq trial", ".key.plan.name"), ("key pause granite_chat/jq", ".key.state"),
        ("key resume granite_chat/jq", ".key.state"), ("key test granite_chat/jq", ".verdict"),
        ("key usage granite_chat/jq", ".metrics"), ("env granite_chat --name jq", ".OPENAI_API_KEY"),
        ("key rotate granite_chat/jq --grace 1m", ".api_key"), ("key revoke granite_chat/jq --yes", ".id"),
    ]
    for line, member in life:
        text = cli.run(*line.split(), "--json").stdout
        asked = subprocess.run(["jq", "-e", member], input=text, capture_output=True, text=True)
        assert asked.returncode == 0, (line, member, text, asked.stderr)


@pytest.mark.parametrize("kind, spins", [("xterm", True), ("dumb", False)])
def test_a_spinner_turns_only_where_a_cursor_can_move(helper, tmp_path, kind, spins):
    """A sign-in waits for a browser that never comes."""
    terminal, end = pty.openpty()
    process = subprocess.Popen(
        [MLAAS, "login", "--no-browser"], env={"HOME": str(tmp_path), "MLAAS_SERVER": helper.url, "TERM": kind}, stdin=end,
        stdout=end, stderr=end, start_new_session=True)
    os.close(end)
    seen = b""
    try:
        until = time.monotonic() + 30
        # The spinner begins after a moment in which nothing else is said.
        while time.monotonic() < until and not (b"waiting for the browser" in seen if spins else quiet(terminal, seen)):
            if select.select([terminal], [], [], 0.1)[0]:
                seen += os.read(terminal, 65536)
    finally:
        process.kill()
        process.wait()
        os.close(terminal)
    assert b"login --device" in seen and (b"waiting for the browser" in seen) == spins, seen
    assert spins or (b"\x1b" not in seen and b"\r" not in seen.replace(b"\r\n", b"")), seen


def quiet(terminal, seen):
    """Whether everything was said and nothing follows for two seconds."""
    return b"login --device" in seen and not select.select([terminal], [], [], 2)[0]
