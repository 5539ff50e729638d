"""`mlaas` by its front door: each command's success and failures, on a terminal and in scripts."""

import concurrent.futures
import http.server
import json
import os
import random
import re
import resource
import shlex
import signal
import ssl
import subprocess
import sys
import threading
import time

import pytest
import requests

from command_line import CommandLine, browse, helper, sandbox  # noqa: F401
from conftest import BIN, ROOT, Helper, free_port, stop

# The Python of the packages that people call models with.
OPENAI = ROOT / ".tools" / "snippets" / "bin" / "python"
JWT = re.compile(r"eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.")


@pytest.fixture
def cli(helper, tmp_path):
    return CommandLine(tmp_path, helper.url)


@pytest.fixture
def ada(cli):
    status, _, error = cli.sign_in_by_device()
    assert status == 0, error
    return cli


def admin(sandbox, verb, where, **members):
    answer = requests.request(verb, sandbox.admin + where, json=members, timeout=20)
    assert answer.status_code == 200, answer.text
    return answer.json()


# Before a sign-in

def test_version_is_the_helpers(cli):
    own = subprocess.run([BIN / "mlaas-helper", "--version"], capture_output=True, text=True, check=True).stdout
    assert cli.run("--version").stdout.split() == ["mlaas", own.split()[1]]


@pytest.mark.parametrize("words", [
    (), ("--help",), ("help", "key"), ("key",), ("run", "--help"), ("help", "key", "get"), ("login", "-h")])
def test_help_is_data_on_standard_output_in_eighty_columns(cli, words):
    done = cli.run(*words)
    assert "Usage: mlaas" in done.stdout and not done.stderr
    assert all(len(line) <= 80 for line in done.stdout.split("\n") if not line.startswith("  mlaas"))


@pytest.mark.parametrize("words, expected", [
    (("servces",), "did you mean 'services'"), (("key", "gte", "x"), "did you mean 'key get'"),
    (("plans",), "needs SERVICE"), (("plans", "a", "b"), "'b'"), (("services", "--josn"), "did you mean '--json'"),
    (("key", "get", "a", "--format", "xml"), "env, json, curl"), (("run", "granite_chat"), "behind '--'"),
    (("run", "granite_chat", "python", "app.py"), "'python'"), (("completion", "tcsh"), "bash, zsh, fish"),
    (("login", "--port", "0"), "--port"), (("services", "--server", "ftp://x"), "--server"),
    (("key", "rotate", "1", "--grace", "soon"), "--grace"), (("key", "rotate", "1", "--grace", "400d"), "24h"),
    (("keys", "--state", "liv"), "live, pending"), (("key", "plan", "1"), "needs PLAN")])
def test_a_wrong_line_is_status_2_and_says_what_was_meant(cli, words, expected):
    done = cli.run(*words, status=2)
    assert expected in done.stderr and not done.stdout


@pytest.mark.parametrize("words", [
    "whoami", "services", "plans granite_chat", "keys", "key get granite_chat", "key show 1", "key reveal 1",
    "key rotate 1", "key pause 1", "key resume 1", "key revoke 1 --yes", "key test 1", "key usage 1",
    "env granite_chat", "run granite_chat -- true", "logout"])
def test_every_command_asks_for_a_sign_in_by_status_3(cli, words):
    done = cli.run(*words.split(), status=3)
    assert not done.stdout and "not signed in" in done.stderr


def test_no_server_is_status_2(tmp_path, cli):
    done = cli.run("services", status=2, environment={"MLAAS_SERVER": ""})
    assert "MLAAS_SERVER" in done.stderr


def test_a_server_that_is_away_is_status_4(cli):
    url = f"http://127.0.0.1:{free_port()}"
    for words in (("login",), ("whoami",)):
        environment = {"MLAAS_SERVER": url, **({} if words == ("login",) else {"MLAAS_TOKEN": "x"})}
        done = cli.run(*words, status=4, environment=environment)
        assert url in done.stderr and "HTTPS_PROXY" in done.stderr


def test_plain_http_to_another_machine_is_refused(cli):
    done = cli.run("login", "--server", "http://mlaas.example.com", status=1)
    assert "in the clear" in done.stderr and "https" in done.stderr


def test_a_helper_without_a_client_for_terminals_says_so(sandbox, tmp_path):
    helper = Helper(sandbox.keycloak, sandbox.threescale)
    try:
        done = CommandLine(tmp_path, helper.url).run("login", status=1)
        assert "CLI_CLIENT_ID" in done.stderr
    finally:
        stop(helper.process)


def test_a_client_whose_tokens_would_all_be_refused_ends_the_start(sandbox):
    with pytest.raises(RuntimeError):
        Helper(sandbox.keycloak, sandbox.threescale, CLI_CLIENT_ID="mlaas-cli", KEYCLOAK_AUTHORIZED_PARTIES="mlaas-client")


# Sign-in

def test_sign_in_by_device_keeps_tokens_from_every_eye(ada):
    assert ada.token_file.stat().st_mode & 0o777 == 0o600 and ada.folder.stat().st_mode & 0o777 == 0o700
    for words in ("whoami", "services --json", "keys --json", "key get granite_chat --json"):
        done = ada.run(*words.split())
        assert not JWT.search(done.stdout + done.stderr)
    assert ada.json("whoami")["user"] == "ada"


def test_a_sign_in_that_was_refused_on_the_device_is_status_1(cli):
    status, out, error = cli.sign_in_by_device(accept=False)
    assert status == 1 and not out and "refused" in error
    assert not list(cli.folder.glob("*.json"))


def test_sign_in_by_browser(cli):
    done = cli.sign_in_by_browser("bob")
    assert done.returncode == 0, done.stderr
    assert "as bob" in done.stderr and not done.stdout and cli.json("whoami")["user"] == "bob"


def test_the_server_of_the_last_sign_in_is_used(cli):
    assert cli.sign_in_by_browser().returncode == 0
    assert cli.json("whoami", "--server", cli.server)["user"] == "ada"
    environment = dict(cli.environment)
    del environment["MLAAS_SERVER"]
    done = subprocess.run([BIN / "mlaas", "whoami"], env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and "ada" in done.stdout, done.stderr


def browser_login(cli, *words):
    """A sign-in whose page was not opened yet, and the page's address."""
    process = cli.start("login", "--no-browser", *words)
    while True:
        line = process.stderr.readline()
        assert line, process.communicate()
        if line.strip().startswith("http"):
            return process, line.strip()


def test_only_the_answer_of_this_sign_in_counts(cli):
    process, url = browser_login(cli)
    query = requests.compat.urlparse(url).query
    fields = dict(pair.split("=", 1) for pair in query.split("&"))
    assert fields["code_challenge_method"] == "S256" and len(fields["code_challenge"]) == 43 and len(fields["state"]) == 43
    callback = requests.compat.unquote(fields["redirect_uri"])
    assert callback.startswith("http://127.0.0.1:")
    state = fields["state"]
    for wrong in ("", "?code=x", "?code=x&state=", f"?code=x&state={state[:-1]}", f"?state={state}",
                  f"?code=x&state={state}&iss=https%3A%2F%2Fevil.example"):
        assert requests.get(callback + wrong, timeout=20).status_code == 400, wrong
    assert requests.get(callback.replace("/callback", "/"), timeout=20).status_code == 404
    assert requests.post(f"{callback}?code=x&state={state}", timeout=20).status_code == 405
    assert process.poll() is None
    answer = browse(url, "ada")
    assert answer.status_code == 200 and "close this window" in answer.text and state not in answer.text
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    out, error = process.communicate(timeout=120)
    assert process.returncode == 0 and "as ada" in error, error


def test_a_refusal_in_the_browser_says_why(cli):
    process, url = browser_login(cli)
    fields = dict(pair.split("=", 1) for pair in requests.compat.urlparse(url).query.split("&"))
    callback = requests.compat.unquote(fields["redirect_uri"])
    answer = requests.get(
        callback, timeout=20, params={"error": "access_denied", "error_description": "No\x1b[31m way <b>", "state": fields["state"]})
    assert answer.status_code == 200 and "way" not in answer.text
    _, error = process.communicate(timeout=120)
    assert process.returncode == 1 and "access_denied: No" in error and "\x1b" not in error


def test_a_port_may_be_chosen_and_may_be_taken(cli, helper):
    port = free_port()
    process, url = browser_login(cli, "--port", str(port))
    assert f"127.0.0.1%3A{port}" in url
    process.kill()
    process.wait()
    taken = helper.url.rsplit(":", 1)[1]
    done = cli.run("login", "--no-browser", "--port", taken, status=1)
    assert "--port" in done.stderr


def test_a_person_whom_the_server_refuses_is_told_so_and_that_the_sign_in_is_kept(sandbox, tmp_path):
    helper = Helper(sandbox.keycloak, sandbox.threescale, CLI_CLIENT_ID="mlaas-cli", MLAAS_REQUIRED_ROLE="no-caller-has-this")
    try:
        cli = CommandLine(tmp_path, helper.url)
        done = cli.sign_in_by_browser("ada")
        assert done.returncode == 1 and "FORBIDDEN" in done.stderr and "sign-in is kept" in done.stderr, done.stderr
        assert "FORBIDDEN" in cli.run("services", status=1).stderr
        cli.run("logout")
    finally:
        stop(helper.process)


def test_logout_ends_the_session_at_keycloak(sandbox, ada):
    record = ada.record()
    ada.run("logout")
    assert not list(ada.folder.glob("*.json"))
    answer = requests.post(
        record["token_endpoint"], timeout=20,
        data={"grant_type": "refresh_token", "client_id": "mlaas-cli", "refresh_token": record["refresh_token"]})
    assert answer.status_code == 400 and answer.json()["error"] == "invalid_grant"
    ada.run("whoami", status=3)


def test_logout_without_keycloak_removes_the_tokens_and_says_that_the_session_goes_on(sandbox, ada):
    admin(sandbox, "POST", "/faults/keycloak", kind="status", method="POST", path="/realms/mlaas/protocol/openid-connect/revoke", status=503)
    try:
        done = ada.run("logout", status=4)
        assert "removed" in done.stderr and not list(ada.folder.glob("*.json"))
    finally:
        requests.delete(sandbox.admin + "/faults/keycloak", timeout=20)


def test_a_token_from_elsewhere_needs_no_sign_in(sandbox, cli):
    done = cli.run("whoami", "--json", environment={"MLAAS_TOKEN": sandbox.token("bob")})
    assert json.loads(done.stdout)["user"] == "bob"
    done = cli.run("whoami", status=3, environment={"MLAAS_TOKEN": "nonsense"})
    assert "MLAAS_TOKEN" in done.stderr


def test_a_token_from_elsewhere_needs_no_home(sandbox, cli):
    environment = {"PATH": cli.environment["PATH"], "MLAAS_SERVER": cli.server, "MLAAS_TOKEN": sandbox.token("bob")}
    done = subprocess.run([BIN / "mlaas", "whoami"], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "bob" in done.stdout, done.stderr


# Renewal

def refreshes(sandbox):
    journal = requests.get(sandbox.admin + "/journal/keycloak", timeout=20).json()["journal"]
    return sum(entry["path"].endswith("/protocol/openid-connect/token") for entry in journal)


def test_many_processes_renew_a_sign_in_once_where_each_token_is_good_once(sandbox, ada):
    admin(sandbox, "PUT", "/rotation", on=True)
    try:
        for _ in range(3):
            ada.age(100_000)
            before, old = refreshes(sandbox), ada.record()["refresh_token"]
            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                done = list(pool.map(lambda _: ada.run("whoami", status=None), range(8)))
            assert [each.returncode for each in done] == [0] * 8, [each.stderr for each in done]
            assert refreshes(sandbox) == before + 1 and ada.record()["refresh_token"] != old
    finally:
        admin(sandbox, "PUT", "/rotation", on=False)


def test_a_clock_that_was_put_back_or_forward_costs_a_renewal_and_no_session(sandbox, ada):
    for seconds in (-100_000, 100_000, 290):
        ada.age(seconds)
        before = refreshes(sandbox)
        assert ada.json("whoami")["user"] == "ada"
        assert refreshes(sandbox) == before + 1
    before = refreshes(sandbox)
    ada.run("whoami")
    assert refreshes(sandbox) == before


def test_a_token_that_the_server_refuses_is_renewed(ada):
    record = ada.record()
    record["access_token"] = record["access_token"][:-8] + "AAAAAAAA"
    ada.token_file.write_text(json.dumps(record))
    assert ada.json("whoami")["user"] == "ada"


def test_a_session_that_has_ended_asks_for_a_sign_in(sandbox, ada):
    record = ada.record()
    requests.post(record["revocation_endpoint"], data={"client_id": "mlaas-cli", "token": record["refresh_token"]}, timeout=20)
    ada.age(100_000)
    done = ada.run("services", status=3)
    assert "has ended" in done.stderr and "mlaas login" in done.stderr and not list(ada.folder.glob("*.json"))


def test_keycloak_that_is_away_costs_no_session(sandbox, ada):
    ada.age(100_000)
    admin(sandbox, "POST", "/faults/keycloak", kind="status", method="POST", path="/realms/mlaas/protocol/openid-connect/token", status=503)
    try:
        ada.run("whoami", status=4)
    finally:
        requests.delete(sandbox.admin + "/faults/keycloak", timeout=20)
    assert ada.json("whoami")["user"] == "ada"


def test_a_process_that_is_killed_while_it_renews_leaves_a_whole_file(ada):
    chance = random.Random(5)
    for _ in range(25):
        ada.age(100_000)
        process = ada.start("whoami")
        time.sleep(chance.uniform(0, 0.08))
        process.kill()
        process.communicate()
        assert ada.record()["server"] == ada.server
    assert ada.json("whoami")["user"] == "ada"
    assert len(list(ada.folder.iterdir())) <= 5, list(ada.folder.iterdir())


# The file

def test_a_file_that_others_may_read_is_not_used(ada):
    ada.token_file.chmod(0o640)
    done = ada.run("whoami", status=1)
    assert "640" in done.stderr and "mlaas logout" in done.stderr and not JWT.search(done.stderr)
    ada.run("logout")
    assert not list(ada.folder.glob("*.json"))


def test_a_link_in_the_place_of_the_file_is_neither_followed_nor_written_through(ada, tmp_path):
    target = tmp_path / "elsewhere.json"
    target.write_text(ada.token_file.read_text())
    target.chmod(0o600)
    path = ada.token_file
    path.unlink()
    path.symlink_to(target)
    done = ada.run("whoami", status=1)
    assert "symbolic link" in done.stderr
    before = target.read_text()
    assert ada.sign_in_by_browser("bob").returncode == 0
    assert not path.is_symlink() and target.read_text() == before and ada.json("whoami")["user"] == "bob"


def test_links_in_the_place_of_the_lock_and_of_the_new_file_are_not_followed(ada, tmp_path):
    target = tmp_path / "victim"
    target.write_text("mine")
    fresh = ada.token_file.with_name(ada.token_file.name + ".new")
    fresh.symlink_to(target)
    ada.age(100_000)
    ada.run("whoami")
    assert target.read_text() == "mine" and not fresh.is_symlink()
    lock = ada.token_file.with_name(ada.token_file.name + ".lock")
    lock.unlink()
    lock.symlink_to(target)
    ada.age(100_000)
    ada.run("whoami", status=1)
    assert target.read_text() == "mine"


def test_a_folder_that_others_may_write_into_keeps_no_token(cli):
    cli.folder.mkdir(parents=True)
    cli.folder.chmod(0o777)
    done = cli.run("login", "--device", status=1)
    assert "chmod 700" in done.stderr and "user_code" not in done.stderr


def test_a_damaged_file_asks_for_a_sign_in(ada):
    ada.token_file.write_text('{"server":')
    done = ada.run("whoami", status=3)
    assert "damaged" in done.stderr


def test_a_full_disk_keeps_the_sign_in_from_before(sandbox, ada):
    """A limit of file sizes is the full disk that every machine can have."""
    admin(sandbox, "PUT", "/rotation", on=True)
    try:
        ada.age(100_000)
        before = ada.token_file.read_bytes()
        done = ada.run(
            "whoami", status=1, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024)))
        assert "is kept" in done.stderr and "Make room" in done.stderr
        assert ada.token_file.read_bytes() == before
        assert ada.json("whoami")["user"] == "ada"
    finally:
        admin(sandbox, "PUT", "/rotation", on=False)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root for a file system of its own")
def test_a_disk_that_something_else_has_filled_keeps_the_sign_in_from_before(sandbox, ada, tmp_path):
    state = tmp_path / "tiny"
    state.mkdir()
    script = (
        'mount -t tmpfs -o size=128k,mode=700 tiny "$1" && cp -a "$2" "$1/mlaas"\n'
        'cat /dev/zero >"$1/filler" 2>/dev/null || true\n'
        'status=0 && mlaas whoami || status=$?\n'
        'rm "$1/filler" && mlaas whoami && exit "$status"\n')
    admin(sandbox, "PUT", "/rotation", on=True)
    try:
        ada.age(100_000)
        done = subprocess.run(
            ["unshare", "--mount", "sh", "-euc", script, "sh", state, ada.folder], capture_output=True, text=True, timeout=60,
            env={**ada.environment, "PATH": f"{BIN}:{ada.environment['PATH']}", "XDG_STATE_HOME": str(state)})
        # The first attempt fails, the second finds the session as it was.
        assert done.returncode == 1 and done.stdout.count("ada") == 2, (done.stdout, done.stderr)
        assert done.stderr.count("mlaas: ") == 1 and "is kept" in done.stderr and "Make room" in done.stderr
        assert not JWT.search(done.stdout + done.stderr)
    finally:
        admin(sandbox, "PUT", "/rotation", on=False)


# Services and keys

def test_services_and_plans(ada):
    table = ada.run("services")
    assert table.stdout.startswith("NAME ") and "granite_chat" in table.stdout and "\x1b" not in table.stdout
    services = ada.json("services")
    assert {"granite_chat", "vision"} <= {service["system_name"] for service in services}
    for name in ("granite_chat", "granite-chat", "Granite Chat", services[0]["id"]):
        assert {plan["name"] for plan in ada.json("plans", name)} == {"Trial", "Basic"}
    done = ada.run("plans", "granit", status=1)
    assert "Did you mean 'granite_chat'?" in done.stderr and not done.stdout


def test_lists_hold_no_secret(ada):
    key = ada.run("key", "get", "granite_chat").stdout.strip()
    for words in (("services", "--json"), ("keys", "--json"), ("services",), ("keys",), ("key", "show", "granite_chat", "--json")):
        assert key not in ada.run(*words).stdout, words


def test_a_key_is_printed_alone_and_again(sandbox, ada):
    first = ada.run("key", "get", "granite-chat", "--name", "batch", "--plan", "basic")
    assert re.fullmatch(r"\S+\n", first.stdout) and "Basic" in first.stderr
    again = ada.run("key", "get", "granite_chat", "--name", "batch")
    assert again.stdout == first.stdout and not again.stderr
    key = ada.json("key", "show", "granite_chat/batch")
    assert key["plan"]["name"] == "Basic" and key["name"] == "batch"
    assert ada.run("key", "reveal", key["id"]).stdout == first.stdout


@pytest.mark.parametrize("words, expected", [
    ("key get granite_chat --plan bsic", "Did you mean 'Basic'?"),
    ("key get rerank", "plan"), ("key get speech_to_text", "approval"), ("key show nonesuch", "You have no key"),
    ("key show 999999999", "no such API key"), ("key get no-such-model", "mlaas services")])
def test_refusals_are_status_1_and_say_what_to_do(ada, words, expected):
    done = ada.run(*words.split(), status=1)
    assert expected.lower() in done.stderr.lower() and not done.stdout, done.stderr


def test_a_keys_life(ada):
    first = ada.run("key", "get", "embeddings", "--name", "life")
    old = ada.json("key", "show", "embeddings/life")
    assert "let it through for up to" in ada.run("key", "pause", "life").stderr
    assert ada.json("key", "show", "life")["state"] == "paused"
    assert "key resume" in ada.run("key", "get", "embeddings", "--name", "life", status=1).stderr
    ada.run("key", "resume", "life")
    rotated = ada.run("key", "rotate", old["id"], "--grace", "1h")
    assert rotated.stdout.strip() and rotated.stdout != first.stdout and f"old key {old['id']}" in rotated.stderr
    assert ada.run("key", "rotate", old["id"]).stdout == rotated.stdout
    new = ada.json("key", "show", "embeddings/life")
    assert new["generation"] == 2 and new["id"] != old["id"]
    refused = ada.run("key", "revoke", new["id"], status=2)
    assert "--yes" in refused.stderr
    assert "revoked" in ada.run("key", "revoke", new["id"], "--yes").stderr
    assert new["id"] not in {key["id"] for key in ada.json("keys")}


def test_a_key_gets_another_plan_and_stays_the_same(ada):
    first = ada.run("key", "get", "granite_chat", "--name", "planned", "--plan", "basic").stdout
    kept = ada.run("key", "get", "granite_chat", "--name", "planned", "--plan", "trial")
    assert kept.stdout == first and "on the plan Basic" in kept.stderr
    assert "mlaas key plan granite_chat/planned trial" in kept.stderr
    changed = ada.run("key", "plan", "granite_chat/planned", "trial")
    assert not changed.stdout and "has the plan Trial" in changed.stderr
    assert ada.json("key", "show", "planned")["plan"]["name"] == "Trial"
    assert ada.run("key", "get", "granite_chat", "--name", "planned", "--plan", "trial").stderr == ""
    assert ada.json("key", "plan", "planned", "Basic")["key"]["plan"]["name"] == "Basic"
    refused = ada.run("key", "plan", "planned", "trail", status=1)
    assert "Did you mean" in refused.stderr and not refused.stdout
    ada.run("key", "revoke", "planned", "--yes")


def test_a_plan_that_needs_approval_is_refused_for_a_key_that_works(ada):
    ada.run("key", "get", "embeddings", "--name", "steady")
    plans = {plan["approval_required"]: plan["name"] for plan in ada.json("plans", "speech_to_text")}
    assert True in plans, plans
    ada.run("key", "get", "speech_to_text", status=1)
    key = next(key for key in ada.json("keys") if key["service"]["system_name"] == "speech_to_text")
    refused = ada.run("key", "plan", key["id"], plans[True], status=1)
    assert "approval" in refused.stderr and not refused.stdout


def test_a_key_that_retires_while_its_successor_is_paused_is_not_printed_in_silence(ada):
    first = ada.run("key", "get", "granite_chat", "--name", "turn").stdout
    ada.run("key", "rotate", "granite_chat/turn", "--grace", "30m")
    ada.run("key", "pause", "granite_chat/turn")
    done = ada.run("key", "get", "granite_chat", "--name", "turn")
    assert done.stdout == first and "works until 20" in done.stderr and "granite_chat/turn" in done.stderr
    ada.run("key", "revoke", "granite_chat/turn", "--yes")


def test_a_paused_default_key_is_told_from_one_that_the_operator_suspended(ada):
    ada.run("key", "get", "embeddings")
    ada.run("key", "pause", "embeddings/default")
    refused = ada.run("key", "get", "embeddings", status=1)
    assert "key resume embeddings/default" in refused.stderr and "operator" not in refused.stderr
    ada.run("key", "resume", "embeddings/default")


def test_a_key_is_tested_at_its_gateway(sandbox, ada):
    ada.run("key", "get", "granite_chat", "--name", "tested")
    done = ada.run("key", "test", "granite_chat/tested")
    assert done.stdout == "works\n" and "accepts the key" in done.stderr
    admin(sandbox, "POST", "/faults/gateway", kind="status", path="*", status=403, body="Authentication failed")
    try:
        done = ada.run("key", "test", "tested", status=1)
        # A key that was made just now may not have reached the gateway.
        assert done.stdout in ("refused\n", "not_yet\n") and done.stderr.startswith("mlaas: ")
        done = ada.run("key", "test", "tested", "--json", status=1)
        assert json.loads(done.stdout)["verdict"] in ("refused", "not_yet")
    finally:
        requests.delete(sandbox.admin + "/faults/gateway", timeout=20)


def test_a_name_that_fits_several_keys_lists_them(ada):
    ada.run("key", "get", "granite_chat", "--name", "twice")
    ada.run("key", "get", "embeddings", "--name", "twice")
    done = ada.run("key", "show", "twice", status=1)
    assert "granite_chat/twice (id " in done.stderr and "embeddings/twice (id " in done.stderr


def evaluated(ada, *words, shell="sh"):
    """The variables that a shell has after it evaluated the program's output."""
    script = 'eval "$(%s)"; printf "%%s\\0%%s\\0" "$OPENAI_BASE_URL" "$OPENAI_API_KEY"' % shlex.join(
        [str(BIN / "mlaas"), *words])
    done = subprocess.run([shell, "-euc", script], env=ada.environment, capture_output=True, text=True, check=True)
    return done.stdout.split("\0")[:2]


def test_output_is_for_eval_and_for_programs(ada):
    key = ada.run("key", "get", "granite_chat").stdout.strip()
    document = ada.json("key", "get", "granite_chat")
    assert document["api_key"] == key and document["base_url"].endswith("/granite_chat/v1")
    for words in (("env", "granite_chat"), ("key", "get", "granite_chat", "--format", "env")):
        for shell in ("sh", "bash"):
            assert evaluated(ada, *words, shell=shell) == [document["base_url"], key]
    assert ada.json("env", "granite_chat") == {
        "OPENAI_BASE_URL": document["base_url"], "OPENAI_API_KEY": key, "OPENAI_CUSTOM_HEADERS": f"user_key: {key}"}


def test_every_legal_character_survives_a_shell(sandbox, ada):
    """What an operator writes into an endpoint reaches the caller, and no shell runs any of it."""
    service = next(service for service in ada.json("services") if service["system_name"] == "code_assist")
    odd = "http://127.0.0.1:1/~a!$(id)`id`'\"&;|<>*?[]{}()#%25,=+@:\\-._/"
    answer = requests.put(
        f"{sandbox.threescale}/admin/api/services/{service['id']}/proxy.json", timeout=20,
        data={"access_token": "sandbox-admin-token", "endpoint": odd})
    assert answer.status_code == 200, answer.text
    requests.post(f"{sandbox.threescale}/admin/api/services/{service['id']}/proxy/deploy.json", timeout=20,
                  data={"access_token": "sandbox-admin-token"})
    helper = Helper(sandbox.keycloak, sandbox.threescale, CLI_CLIENT_ID="mlaas-cli")
    try:
        other = CommandLine(ada.home / "odd", helper.url)
        other.home.mkdir()
        assert other.sign_in_by_browser().returncode == 0
        document = other.json("key", "get", "code_assist")
        for shell in ("sh", "bash"):
            assert evaluated(other, "env", "code_assist", shell=shell) == [document["base_url"], document["api_key"]]
    finally:
        stop(helper.process)


def test_curl_calls_the_model(ada):
    script = ada.run("key", "get", "granite_chat", "--format", "curl").stdout
    key = ada.run("key", "get", "granite_chat").stdout.strip()
    assert key not in script.split("\n", 1)[0]
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["data"][0]["id"] == "granite_chat", done.stdout


def test_a_key_of_two_halves_comes_with_both(ada):
    document = ada.json("key", "get", "embeddings")
    assert document["app_id"] and document["api_key"]
    lines = ada.run("key", "get", "embeddings", "--format", "env").stdout
    assert f"MLAAS_APP_ID={document['app_id']}" in lines
    script = ada.run("key", "get", "embeddings", "--format", "curl").stdout
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["data"][0]["id"] == "embeddings", done.stdout


# Running programs

def test_run_gives_a_program_the_key_its_place_and_its_status(ada):
    key = ada.run("key", "get", "granite_chat").stdout
    script = "import os, sys; print(os.environ['OPENAI_API_KEY']); sys.exit(7 if 'MLAAS_TOKEN' not in os.environ else 8)"
    done = ada.run("run", "granite_chat", "--", sys.executable, "-c", script, status=7)
    assert done.stdout == key
    # A signal that was ignored before a program starts stays ignored in a shell.
    ada.run("run", "granite_chat", "--", "sh", "-c", "kill -PIPE $$; exit 3", status=-signal.SIGPIPE)


def test_a_program_talks_to_the_model_through_the_gateway(ada, tmp_path):
    app = tmp_path / "app.py"
    app.write_text(
        "import os, urllib.request\n"
        "call = urllib.request.Request(os.environ['OPENAI_BASE_URL'] + '/models',"
        " headers={'user_key': os.environ['OPENAI_API_KEY']})\n"
        "print(urllib.request.urlopen(call, timeout=20).read().decode())\n")
    done = ada.run("run", "granite-chat", "--", sys.executable, str(app))
    assert json.loads(done.stdout)["data"][0]["id"] == "granite_chat"


@pytest.mark.skipif(not OPENAI.exists(), reason="needs .tools/snippets: ./setup.sh ci")
@pytest.mark.parametrize("service, call", [
    ("granite-chat",
     "chat.completions.create(model=model, messages=[{'role': 'user', 'content': 'Hello'}]).choices[0].message.content"),
    ("embeddings", "embeddings.create(model=model, input='Hello', encoding_format='float').data[0].embedding")])
def test_a_program_with_the_openai_package_needs_only_its_environment(sandbox, ada, tmp_path, service, call):
    """One service wants its key in the header user_key, the other one an id and a key in two headers."""
    name = service.replace("-", "_")
    listed = next(each for each in ada.json("services") if each["system_name"] == name)
    admin(sandbox, "PUT", f"/services/{listed['id']}", mapping_rules=[
        {"method": "GET", "pattern": "/v1/models"}, {"method": "POST", "pattern": "/v1/"}])
    app = tmp_path / "app.py"
    app.write_text(
        "from openai import OpenAI\n"
        "client = OpenAI()\n"
        "model = client.models.list().data[0].id\n"
        f"print(model, bool(client.{call}))\n")
    done = ada.run("run", service, "--", str(OPENAI), str(app), environment={"NO_PROXY": "*"}, timeout=120)
    assert done.stdout == f"{name} True\n", done.stderr
    assert "OPENAI_CUSTOM_HEADERS" in done.stderr


# Terminals and pipes

def test_a_terminal_gets_colour_and_a_script_none(ada):
    status, seen = ada.terminal("services")
    assert status == 0 and "\x1b[1m" in seen
    for environment in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        status, seen = ada.terminal("services", environment=environment)
        assert status == 0 and "\x1b" not in seen


def test_a_terminal_is_asked_before_a_key_is_revoked(ada):
    ada.run("key", "get", "embeddings", "--name", "asked")
    status, seen = ada.terminal("key", "revoke", "embeddings/asked", typed="no\n")
    assert status == 1 and "Nothing was revoked" in seen
    status, seen = ada.terminal("key", "revoke", "embeddings/asked", typed="yes\n")
    assert status == 0 and "is revoked" in seen


def test_a_reader_that_ends_and_a_full_output_are_failures(ada):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [BIN / "mlaas", "services"], env=ada.environment, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1 and "No space left" in done.stderr
    closed = subprocess.run(
        ["sh", "-c", f"{shlex.quote(str(BIN / 'mlaas'))} services | true"], env=ada.environment, capture_output=True, text=True)
    assert closed.returncode == 0


def test_a_closed_output_is_no_connection(ada):
    """Without a file behind its number the key would be written to what was opened next, such as a connection."""
    ada.run("key", "get", "granite_chat")
    for words in ("key get granite_chat", "services", "whoami", "--version"):
        done = subprocess.run(
            ["sh", "-c", f"exec {shlex.quote(str(BIN / 'mlaas'))} {words} >&-"], env=ada.environment, capture_output=True, text=True)
        assert done.returncode == 1 and "Standard output cannot be written: Bad file" in done.stderr, (words, done)
    for closed in ("<&-", "2>&-", "<&- 2>&-"):
        done = subprocess.run(
            ["sh", "-c", f"exec {shlex.quote(str(BIN / 'mlaas'))} whoami {closed}"], env=ada.environment, capture_output=True, text=True)
        assert done.returncode == 0 and done.stdout.startswith("ada"), (closed, done)


def test_names_of_servers_cannot_steer_the_terminal(sandbox, ada):
    """A description with escape sequences is shown without them."""
    service = next(service for service in ada.json("services") if service["system_name"] == "vision")
    answer = requests.put(
        f"{sandbox.threescale}/admin/api/services/{service['id']}.json", timeout=20,
        data={"access_token": "sandbox-admin-token", "description": "see \x1b]0;owned\x07\x9b31m this"})
    assert answer.status_code == 200
    helper = Helper(sandbox.keycloak, sandbox.threescale)
    try:
        done = ada.run("services", environment={"MLAAS_SERVER": helper.url, "MLAAS_TOKEN": sandbox.token()})
        assert "see" in done.stdout and not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", done.stdout)
    finally:
        stop(helper.process)


# Networks

class Relay(http.server.ThreadingHTTPServer):
    """Passes each request on to the helper, and remembers what it was asked."""
    daemon_threads = True

    def __init__(self, target):
        self.target, self.asked = target, []
        super().__init__(("127.0.0.1", 0), RelayHandler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def port(self):
        return self.server_address[1]


class RelayHandler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        path = re.sub(r"^http://[^/]*", "", self.path)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "proxy-connection")}
        answer = requests.get(self.server.target + path, headers=headers, timeout=20)
        self.send_response(answer.status_code)
        self.send_header("Content-Type", answer.headers["Content-Type"])
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    def log_message(self, *_):
        pass


def test_a_proxy_and_its_exceptions_are_respected(sandbox, cli):
    relay = Relay(cli.server)
    settings = {"MLAAS_SERVER": "http://mlaas.test", "ALLOW_INSECURE_HTTP": "true", "MLAAS_TOKEN": sandbox.token(),
                "HTTP_PROXY": f"http://127.0.0.1:{relay.port}"}
    cli.run("whoami", environment=settings)
    assert relay.asked == ["http://mlaas.test/api/services"]
    done = cli.run("whoami", status=4, environment={**settings, "NO_PROXY": "mlaas.test"})
    assert "mlaas.test" in done.stderr and len(relay.asked) == 1
    relay.shutdown()


def test_a_company_authority_is_trusted_where_it_is_named(sandbox, cli, tmp_path):
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
         "-keyout", "key.pem", "-out", "cert.pem", "-subj", "/CN=company", "-addext", "subjectAltName=IP:127.0.0.1"],
        cwd=tmp_path, check=True, stderr=subprocess.DEVNULL)
    relay = Relay(cli.server)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    relay.socket = context.wrap_socket(relay.socket, server_side=True)
    settings = {"MLAAS_SERVER": f"https://127.0.0.1:{relay.port}", "MLAAS_TOKEN": sandbox.token()}
    done = cli.run("whoami", status=4, environment=settings)
    assert "CA_BUNDLE" in done.stderr
    for name in ("CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        cli.run("whoami", environment={**settings, name: str(tmp_path / "cert.pem")})
    done = cli.run("whoami", status=2, environment={**settings, "CA_BUNDLE": str(tmp_path / "none.pem")})
    assert "CA_BUNDLE" in done.stderr
    relay.shutdown()


# Bounds

def test_a_limit_is_waited_for_within_bounds(sandbox, tmp_path):
    helper = Helper(sandbox.keycloak, sandbox.threescale, RATE_LIMITS="read=1/day")
    try:
        cli = CommandLine(tmp_path, helper.url, MLAAS_TOKEN=sandbox.token())
        cli.run("services")
        # A wait of a day would end this call by its time-out.
        done = cli.run("services", status=1)
        assert "RATE_LIMITED" in done.stderr and "Try again in" in done.stderr
    finally:
        stop(helper.process)


# Generated text

def test_the_manual_and_the_completions_know_every_command(cli):
    commands = re.findall(r"^  ((?:[a-z]+ ?){1,2})  ", cli.run("--help").stdout, re.M)
    commands = [command.strip() for command in commands]
    assert "key get" in commands and len(commands) >= 18
    manual = cli.run("man").stdout
    for command in commands:
        assert f'.SS "mlaas {command} ' in manual, command
    version = cli.run("--version").stdout.strip()
    assert version in manual.split("\n", 1)[0]
    for title in ("ENVIRONMENT", '"EXIT STATUS"'):
        assert f".SH {title}\n".replace('"', "") in manual.replace('"', ""), title
    checked = subprocess.run(["groff", "-man", "-Tutf8", "-ww"], input=manual, capture_output=True, text=True) \
        if subprocess.run(["which", "groff"], capture_output=True).returncode == 0 else None
    assert checked is None or (checked.returncode == 0 and not checked.stderr), checked.stderr
    for shell in ("bash", "zsh", "fish"):
        script = cli.run("completion", shell).stdout
        assert all(word in script for command in commands for word in command.split()), shell


@pytest.mark.parametrize("line, expected", [
    ("mlaas ser", {"services"}), ("mlaas key ro", {"rotate"}), ("mlaas key get x --fo", {"--format"}),
    ("mlaas key get x --format ", {"env", "json", "curl"}), ("mlaas completion ", {"bash", "zsh", "fish"}),
    ("mlaas key get granite_chat --server https://x --pl", {"--plan"}), ("mlaas help key ", {"rotate", "get"}),
    # Bash hands a URL over in pieces.
    ("mlaas --server https : //x : 8443 key ro", {"rotate"}), ("mlaas --server = https : //x key ", {"rotate", "get"})])
def test_bash_completes(cli, tmp_path, line, expected):
    script = tmp_path / "mlaas.bash"
    script.write_text(cli.run("completion", "bash").stdout)
    words = shlex.split(line) + ([""] if line.endswith(" ") else [])
    program = (
        f"source {shlex.quote(str(script))}; COMP_WORDS=({' '.join(map(shlex.quote, words))}); "
        f"COMP_CWORD={len(words) - 1}; _mlaas; printf '%s\\n' \"${{COMPREPLY[@]}}\"")
    done = subprocess.run(["bash", "-c", program], capture_output=True, text=True, check=True)
    assert expected <= set(done.stdout.split()), done.stdout + done.stderr
