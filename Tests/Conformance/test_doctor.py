"""The doctor finds every fault that it should, says what to do, ends with a status by severity, and tells no secret."""

import hashlib
import http.server
import json
import os
import ssl
import subprocess
import threading
import time

import pytest
import requests

from conftest import ADMIN_TOKEN, BIN, Sandbox, free_port, stop
from redis_impostor import ESCAPED, PASSWORD, Impostor
from redis_server import Redis, programs

SECRETS = [ADMIN_TOKEN, "sandbox-read-only-token", "sandbox-expired-token", "mlaas-client-secret", "wr0ng-t0ken",
           PASSWORD, ESCAPED]
needs_redis = pytest.mark.skipif("redis" not in programs(), reason="needs redis-server")


@pytest.fixture
def sandbox():
    """One for each test: faults are made in it."""
    sandbox = Sandbox()
    yield sandbox
    stop(sandbox.process)


def doctor(sandbox, *options, **settings):
    """Its exit status and findings by check; several of one check are listed together."""
    environment = {
        "PATH": os.environ["PATH"], "KEYCLOAK_URL": sandbox.keycloak, "KEYCLOAK_REALM": "mlaas",
        "KEYCLOAK_CLIENT_ID": "mlaas-client", "THREESCALE_ADMIN_API_URL": sandbox.threescale,
        "THREESCALE_ADMIN_API_KEY": ADMIN_TOKEN, "API_TIMEOUT": "5", **settings}
    result = subprocess.run(
        [BIN / "mlaas-helper", "doctor", "--json", *options], env=environment, capture_output=True, text=True, timeout=120)
    for secret in SECRETS:
        assert secret not in result.stdout + result.stderr
    assert result.stderr == ""
    report = json.loads(result.stdout)
    found = {}
    for finding in report["findings"]:
        assert set(finding) <= {"check", "severity", "message", "advice"}
        if finding["severity"] in ("warning", "error"):
            assert finding.get("advice"), finding
        found.setdefault(finding["check"], []).append(finding)
    assert result.returncode == {"ok": 0, "info": 0, "warning": 1, "error": 2}[report["severity"]]
    return result.returncode, found


def severities(found, check):
    return {finding["severity"] for finding in found.get(check, [])}


def admin(sandbox, method, route, /, **body):
    requests.request(method, sandbox.admin + route, json=body, timeout=10).raise_for_status()


def threescale(sandbox, method, path, **form):
    answer = requests.request(
        method, f"{sandbox.threescale}/admin/api/{path}.json", auth=("", ADMIN_TOKEN), data=form, timeout=10)
    answer.raise_for_status()
    return answer.json() if answer.content else None


def service(sandbox, name):
    services = threescale(sandbox, "GET", "services")["services"]
    return next(entry["service"]["id"] for entry in services if entry["service"]["system_name"] == name)


def test_a_good_deployment_has_two_warnings_a_service_without_a_plan_and_one_without_an_endpoint(sandbox):
    status, found = doctor(sandbox)
    assert status == 1 and severities(found, "service.plan") == {"warning"}
    assert "Rerank" in found["service.plan"][0]["message"]
    for check in ("keycloak.reachable", "keycloak.issuer", "keycloak.keys", "clock", "3scale.reachable", "3scale.token",
                  "3scale.permission", "3scale.statistics", "3scale.account_plan", "3scale.services", "3scale.duplicates", "service"):
        assert severities(found, check) == {"ok"}, check
    assert severities(found, "keycloak.token") == {"info"}
    assert "SIGHUP" in found["configuration"][0]["advice"] and severities(found, "configuration") == {"ok"}
    threescale(sandbox, "POST", f"services/{service(sandbox, 'rerank')}/application_plans", name="Basic", state_event="publish")
    _, found = doctor(sandbox)
    warnings = [finding for findings in found.values() for finding in findings if finding["severity"] == "warning"]
    assert [finding["check"] for finding in warnings] == ["service.endpoint"] and "Code Assist" in warnings[0]["message"]


def test_for_people_it_is_a_line_each(sandbox):
    result = subprocess.run([BIN / "mlaas-helper", "doctor"], capture_output=True, text=True, timeout=60, env={
        "PATH": os.environ["PATH"], "KEYCLOAK_URL": sandbox.keycloak, "KEYCLOAK_REALM": "mlaas",
        "KEYCLOAK_CLIENT_ID": "mlaas-client", "THREESCALE_ADMIN_API_URL": sandbox.threescale,
        "THREESCALE_ADMIN_API_KEY": ADMIN_TOKEN})
    lines = result.stdout.splitlines()
    assert result.returncode == 1 and lines[-1].endswith(" ok")
    assert any(line.startswith("warning  service.plan") and "Publish an application plan" in line for line in lines)


@pytest.mark.parametrize("token, words", [
    ("wr0ng-t0ken", "wrong, expired"), ("sandbox-expired-token", "wrong, expired"), ("stats-only", "scope")])
def test_an_admin_token_that_is_not_let_in(sandbox, token, words):
    admin(sandbox, "POST", "/tokens", value="stats-only", scopes=["stats"])
    status, found = doctor(sandbox, THREESCALE_ADMIN_API_KEY=token)
    assert status == 2 and severities(found, "3scale.token") == {"error"}
    assert words in found["3scale.token"][0]["message"] + found["3scale.token"][0]["advice"]
    assert "service" not in found and "3scale.permission" not in found


def test_an_admin_token_that_may_not_read_usage(sandbox):
    admin(sandbox, "POST", "/tokens", value="no-stats", scopes=["account_management"])
    _, found = doctor(sandbox, THREESCALE_ADMIN_API_KEY="no-stats")
    assert severities(found, "3scale.statistics") == {"warning"} and severities(found, "3scale.token") == {"ok"}
    assert "Analytics API" in found["3scale.statistics"][0]["advice"]


def test_an_admin_token_that_may_only_read(sandbox):
    status, found = doctor(sandbox, THREESCALE_ADMIN_API_KEY="sandbox-read-only-token")
    assert status == 2 and severities(found, "3scale.permission") == {"error"}
    assert severities(found, "3scale.token") == {"ok"}


def test_a_suspended_tenant(sandbox):
    admin(sandbox, "PUT", "/knobs", suspended=True)
    status, found = doctor(sandbox)
    assert status == 2 and "suspended" in found["3scale.token"][0]["message"]


@pytest.mark.parametrize("offset, severity, status", [(10, "warning", 1), (-10, "warning", 1), (120, "error", 2), (-120, "error", 2)])
def test_clocks_that_are_apart(sandbox, offset, severity, status):
    admin(sandbox, "PUT", "/clock", offset_seconds=offset)
    # The imitated server makes its date once a second.
    end = time.monotonic() + 10
    found = {}
    while severity not in severities(found, "clock") and time.monotonic() < end:
        code, found = doctor(sandbox)
    assert severity in severities(found, "clock") and code == status


@pytest.mark.parametrize("name, check", [("KEYCLOAK_URL", "keycloak.reachable"), ("THREESCALE_ADMIN_API_URL", "3scale.reachable")])
def test_systems_that_do_not_answer(sandbox, name, check):
    status, found = doctor(sandbox, **{name: f"http://127.0.0.1:{free_port()}"})
    assert status == 2 and severities(found, check) == {"error"} and name in found[check][0]["advice"]
    # The other system is examined all the same.
    assert "3scale.token" in found or "keycloak.issuer" in found


def test_systems_that_hang_do_not_hang_the_doctor(sandbox):
    for system in ("keycloak", "3scale"):
        admin(sandbox, "POST", f"/faults/{system}", kind="latency", delay_ms=30_000)
    began = time.monotonic()
    status, found = doctor(sandbox, API_TIMEOUT="1")
    assert status == 2 and time.monotonic() - began < 15
    assert severities(found, "keycloak.reachable") == severities(found, "3scale.reachable") == {"error"}


def test_a_realm_that_is_not_there_and_an_issuer_that_is_another(sandbox):
    status, found = doctor(sandbox, KEYCLOAK_REALM="other")
    assert status == 2 and "KEYCLOAK_REALM" in found["keycloak.issuer"][0]["advice"]
    status, found = doctor(sandbox, KEYCLOAK_ISSUERS="https://sso.example.com/realms/mlaas")
    assert status == 2 and "KEYCLOAK_ISSUERS" in found["keycloak.issuer"][0]["advice"]
    assert sandbox.keycloak in found["keycloak.issuer"][0]["message"]


def test_keys_of_another_algorithm(sandbox):
    status, found = doctor(sandbox, KEYCLOAK_ALGORITHMS="ES512")
    assert status == 2 and severities(found, "keycloak.keys") == {"error"}


def test_the_audience_is_proven_by_a_token(sandbox, tmp_path):
    path = tmp_path / "token"
    path.write_text(sandbox.token() + "\n", encoding="utf-8")
    _, found = doctor(sandbox, "--token-file", str(path))
    assert severities(found, "keycloak.token") == {"ok"} and "ada" in found["keycloak.token"][0]["message"]
    status, found = doctor(sandbox, "--token-file", str(path), KEYCLOAK_AUDIENCE="other-client")
    assert status == 2 and severities(found, "keycloak.token") == {"error"}
    assert "audience" in found["keycloak.token"][0]["message"]
    path.write_text(sandbox.token(kind="id_token"), encoding="utf-8")
    status, found = doctor(sandbox, "--token-file", str(path))
    assert status == 2 and "ID token" in found["keycloak.token"][0]["advice"]
    path.write_text("a" * 17_000 + ".b.c", encoding="utf-8")
    status, found = doctor(sandbox, "--token-file", str(path))
    assert status == 2 and "groups" in found["keycloak.token"][0]["advice"]
    assert doctor(sandbox, "--token-file", str(tmp_path / "nothing"))[0] == 2


def test_with_the_clients_secret_a_token_of_its_own_is_looked_at(sandbox):
    _, found = doctor(sandbox, KEYCLOAK_CLIENT_SECRET="mlaas-client-secret")
    assert severities(found, "keycloak.token") == {"ok"}, found["keycloak.token"]
    _, found = doctor(sandbox, KEYCLOAK_CLIENT_SECRET="wr0ng-t0ken")
    assert severities(found, "keycloak.token") == {"warning"}


def test_a_refused_introspection_is_an_error(sandbox):
    status, found = doctor(sandbox, KEYCLOAK_INTROSPECTION="true", KEYCLOAK_CLIENT_SECRET="wr0ng-t0ken")
    assert status == 2 and severities(found, "keycloak.introspection") == {"error"}
    assert "503" in found["keycloak.introspection"][0]["message"]
    assert "KEYCLOAK_CLIENT_SECRET" in found["keycloak.introspection"][0]["advice"]
    _, found = doctor(sandbox, KEYCLOAK_INTROSPECTION="true", KEYCLOAK_CLIENT_SECRET="mlaas-client-secret")
    assert severities(found, "keycloak.introspection") == {"ok"}


def test_a_token_without_the_required_role(sandbox, tmp_path):
    path = tmp_path / "token"
    path.write_text(sandbox.token("carol"))
    _, found = doctor(sandbox, "--token-file", path, MLAAS_REQUIRED_ROLE="no-caller-has-this")
    assert severities(found, "keycloak.token") == {"error"}
    assert "MLAAS_REQUIRED_ROLE" in found["keycloak.token"][0]["message"]


def test_a_default_plan_that_no_service_has(sandbox):
    _, found = doctor(sandbox, MLAAS_DEFAULT_PLAN="no-such-plan")
    assert severities(found, "service.default_plan") == {"warning"}


def test_https_on_a_port_that_speaks_none(sandbox):
    _, found = doctor(sandbox, THREESCALE_ADMIN_API_URL=sandbox.threescale.replace("http:", "https:"))
    assert "speaks no TLS" in found["3scale.reachable"][0]["advice"]


def test_a_web_page_in_place_of_3scale_is_not_blamed_on_the_token(sandbox):
    admin(sandbox, "POST", "/faults/3scale", kind="html", status=403)
    _, found = doctor(sandbox)
    assert "web page" in found["3scale.token"][0]["message"] and "firewall" in found["3scale.token"][0]["advice"]


def test_names_in_access_rules_that_no_service_has(sandbox):
    _, found = doctor(sandbox, MLAAS_SERVICE_ROLES="granite_chat=ml-users;Granite_Chat=ml-users;gone=ml-users")
    assert severities(found, "access.services") == {"warning"}
    message = found["access.services"][0]["message"]
    assert "'Granite_Chat', 'gone'" in message and "'granite_chat'" not in message
    _, found = doctor(sandbox, MLAAS_SERVICE_ROLES="granite_chat=ml-users")
    assert severities(found, "access.services") == {"ok"}


def test_a_proxy_that_cannot_be_read_is_named_with_its_call(sandbox):
    vision = service(sandbox, "vision")
    admin(sandbox, "PUT", f"/services/{vision}", promoted=False)
    admin(sandbox, "POST", "/faults/3scale", kind="status", status=500, path=f"/admin/api/services/{vision}/proxy.json")
    _, found = doctor(sandbox)
    assert severities(found, "service.proxy") == {"warning"}
    message = found["service.proxy"][0]["message"]
    assert "Vision" in message and f"GET services/{vision}/proxy.json answers 500" in message


def test_services_that_cannot_be_had(sandbox):
    threescale(sandbox, "PUT", f"services/{service(sandbox, 'speech_to_text')}", backend_version="oauth")
    admin(sandbox, "PUT", f"/services/{service(sandbox, 'vision')}", promoted=False)
    admin(sandbox, "PUT", f"/services/{service(sandbox, 'embeddings')}", service_plans=False)
    status, found = doctor(sandbox, API_PAGE_SIZE="2")
    assert status == 1
    for check, name in (("service.mode", "Speech to Text"), ("service.promotion", "Vision"),
                        ("service.service_plan", "Embeddings"), ("service.plan", "Rerank")):
        assert [name in finding["message"] for finding in found[check]] == [True], check


def test_duplicates_of_ours(sandbox):
    account = requests.get(
        f"{sandbox.threescale}/admin/api/accounts/find.json", params={"username": "grace"}, auth=("", ADMIN_TOKEN),
        timeout=10).json()["account"]["id"]
    chat = service(sandbox, "granite_chat")
    plan = threescale(sandbox, "GET", f"services/{chat}/application_plans")["plans"][0]["application_plan"]["id"]
    mark = "[mlaas owner=0123456789abcdef01234567]"
    ids = [threescale(sandbox, "POST", f"accounts/{account}/applications", plan_id=plan, name="n", description=f"d {text}")["application"]["id"]
           for text in (mark, "by hand", mark, "by hand")]
    status, found = doctor(sandbox, API_PAGE_SIZE="2")
    assert status == 1 and severities(found, "3scale.duplicates") == {"warning"}
    assert f"{ids[0]}, {ids[2]}" in found["3scale.duplicates"][0]["message"]


def test_default_plans_that_make_keys_nobody_asked_for(sandbox):
    _, found = doctor(sandbox)
    assert severities(found, "3scale.signup_plans") == {"ok"}
    for name in ("embeddings", "vision"):
        plans = threescale(sandbox, "GET", f"services/{service(sandbox, name)}/application_plans")["plans"]
        threescale(sandbox, "PUT", f"services/{service(sandbox, name)}/application_plans/{plans[0]['application_plan']['id']}/default")
    status, found = doctor(sandbox)
    assert status == 1 and severities(found, "3scale.signup_plans") == {"warning"}
    assert "makes 2 live keys" in found["3scale.signup_plans"][0]["message"]
    assert "MLAAS_DEFAULT_PLAN" in found["3scale.signup_plans"][0]["advice"]


def test_twins_and_accounts_of_one_name(sandbox):
    admin(sandbox, "PUT", "/race", milliseconds=600_000)
    accounts = [threescale(sandbox, "POST", "signup", org_name="mary", username="mary")["account"]["id"] for _ in range(2)]
    chat = service(sandbox, "granite_chat")
    plan = threescale(sandbox, "GET", f"services/{chat}/application_plans")["plans"][0]["application_plan"]["id"]
    made = [threescale(sandbox, "POST", f"accounts/{account}/applications", plan_id=plan, user_key="one-key-of-two")["application"]["id"]
            for account in accounts]
    status, found = doctor(sandbox)
    assert status == 1
    assert f"{made[0]} of account {accounts[0]}, {made[1]} of account {accounts[1]}" in found["3scale.twins"][0]["message"]
    assert "one-key-of-two" not in json.dumps(found)
    assert f"accounts {accounts[0]}, {accounts[1]} each have a user named 'mary'" in found["3scale.account_names"][0]["message"]


def test_accounts_of_one_name_that_other_tools_made_are_found_by_the_keys_on_them(sandbox):
    admin(sandbox, "PUT", "/race", milliseconds=600_000)
    chat = service(sandbox, "granite_chat")
    plan = threescale(sandbox, "GET", f"services/{chat}/application_plans")["plans"][0]["application_plan"]["id"]
    accounts = []
    for organization in ("Mary and sons", "Mary"):
        accounts.append(threescale(sandbox, "POST", "signup", org_name=organization, username="mary")["account"]["id"])
        threescale(
            sandbox, "POST", f"accounts/{accounts[-1]}/applications", plan_id=plan, name="mlaas:mary:granite_chat",
            description="[mlaas owner=0123456789abcdef01234567]")
    _, found = doctor(sandbox)
    assert f"accounts {accounts[0]}, {accounts[1]} each have a user named 'mary'" in found["3scale.account_names"][0]["message"]


def test_who_is_found_by_the_mark_after_another_name_was_taken(sandbox):
    """As versions left it that renamed the user alone."""
    account = threescale(sandbox, "POST", "signup", org_name="zoe.before", username="zoe-0123456789ab")["account"]["id"]
    plan = threescale(sandbox, "GET", f"services/{service(sandbox, 'granite_chat')}/application_plans")["plans"][0]
    made = threescale(
        sandbox, "POST", f"accounts/{account}/applications", plan_id=plan["application_plan"]["id"],
        name="mlaas:zoe.before:granite_chat", description="[mlaas owner=0123456789abcdef01234567]")["application"]["id"]
    status, found = doctor(sandbox, "--who", "zoë")
    assert status == 0 and severities(found, "who") == {"ok"}
    assert f"account {account}" in found["who"][0]["message"] and f"applications {made}" in found["who"][0]["message"]


def mark(issuer, subject):
    digits = hashlib.sha256(issuer.encode() + b"\0" + subject.encode()).hexdigest()[:24]
    return f"[mlaas owner={digits} ok]"


def add(sandbox, account, name, description):
    """Adds an application and returns its id."""
    plans = threescale(sandbox, "GET", f"services/{service(sandbox, name)}/application_plans")["plans"]
    return threescale(
        sandbox, "POST", f"accounts/{account}/applications", plan_id=plans[0]["application_plan"]["id"], name="n",
        description=description)["application"]["id"]


def new_account(sandbox, name):
    return threescale(sandbox, "POST", "signup", org_name=name, username=name)["account"]["id"]


def test_accounts_with_the_marks_of_two_owners(sandbox):
    realm = f"{sandbox.keycloak}/realms/mlaas"
    first, second = new_account(sandbox, "first"), new_account(sandbox, "second")
    ids = [add(sandbox, account, name, mark(realm, subject)) for account, name, subject in (
        (first, "granite_chat", "one"), (first, "embeddings", "two"), (first, "vision", "one"), (second, "embeddings", "three"))]
    status, found = doctor(sandbox, API_PAGE_SIZE="2")
    assert status == 1 and severities(found, "3scale.account_owners") == {"warning"}
    message = found["3scale.account_owners"][0]["message"]
    one, two = (mark(realm, subject)[len("[mlaas owner="):][:24] for subject in ("one", "two"))
    assert f"account {first} carries the marks of 2 owners" in message and "IDENTITY_CONFLICT" in message
    assert f"{ids[0]}, {ids[2]} of owner {one}; {ids[1]} of owner {two}" in message
    assert "owners move" in found["3scale.account_owners"][0]["advice"] and len(found["3scale.account_owners"]) == 1


def test_unmarked_applications_beside_marked_ones(sandbox):
    realm = f"{sandbox.keycloak}/realms/mlaas"
    one, shared, plain = (new_account(sandbox, name) for name in ("one", "shared", "plain"))
    for account, name, subject in ((one, "granite_chat", "a"), (shared, "granite_chat", "b"), (shared, "embeddings", "c")):
        add(sandbox, account, name, mark(realm, subject))
    ids = [add(sandbox, account, "vision", "From the portal") for account in (one, shared, plain)]
    _, found = doctor(sandbox)
    assert severities(found, "3scale.unmarked") == {"info"}
    messages = {finding["message"] for finding in found["3scale.unmarked"]}
    adopted = next(text for text in messages if "init marks them" in text)
    hidden = next(text for text in messages if "two owners share" in text)
    assert f"{ids[0]} of account {one}" in adopted and f"{ids[1]} of account {shared}" in hidden
    assert not any(f"of account {plain}" in text for text in messages)
    _, found = doctor(sandbox, MLAAS_ADOPT_UNMARKED="false")
    assert [f"{ids[0]} of account {one}; {ids[1]} of account {shared}" in finding["message"] and "MLAAS_ADOPT_UNMARKED" in
            finding["message"] for finding in found["3scale.unmarked"]] == [True]


def test_marks_of_unknown_identity_issuers(sandbox, tmp_path):
    realm, moved = f"{sandbox.keycloak}/realms/mlaas", "https://sso.example.com/realms/mlaas"
    subjects = tmp_path / "subjects"
    subjects.write_text(" ada \r\n\nbob\n")
    account, old, gone = (new_account(sandbox, name) for name in ("ada", "bob", "gone"))
    assert severities(doctor(sandbox, "--subjects", subjects)[1], "3scale.mark_issuers") == {"ok"}
    add(sandbox, account, "vision", mark(realm, "ada"))
    assert severities(doctor(sandbox, "--subjects", subjects)[1], "3scale.mark_issuers") == {"ok"}
    theirs = add(sandbox, old, "vision", mark(moved, "bob"))
    stranger = add(sandbox, gone, "vision", mark(realm, "who left"))
    # Without a list of subjects the marks cannot be told from each other.
    _, found = doctor(sandbox)
    assert severities(found, "3scale.mark_issuers") == {"info"}
    assert "3 owners" in found["3scale.mark_issuers"][0]["message"] and "--subjects" in found["3scale.mark_issuers"][0]["advice"]
    # An issuer that no setting names is any other.
    status, found = doctor(sandbox, "--subjects", subjects)
    assert status == 1 and [finding["severity"] for finding in found["3scale.mark_issuers"]] == ["warning"]
    assert f"{theirs} of account {old}; {stranger} of account {gone}" in found["3scale.mark_issuers"][0]["message"]
    # One realm under two names: people of the second name are known by the first.
    _, found = doctor(sandbox, "--subjects", subjects, KEYCLOAK_ISSUERS=f"{realm},{moved}",
                      KEYCLOAK_JWKS_URL=f"{realm}/protocol/openid-connect/certs")
    alias, rest = found["3scale.mark_issuers"]
    assert f"of people of {moved}" in alias["message"] and f"{theirs} of account {old}" in alias["message"]
    assert f"owners move --from {moved} --to {realm}" in alias["advice"]
    assert f"{stranger} of account {gone}" in rest["message"] and f"{theirs} of" not in rest["message"]
    # An identity that keeps the former name makes those marks known.
    _, found = doctor(sandbox, "--subjects", subjects, KEYCLOAK_ISSUERS=f"{realm}={moved}")
    alias, rest = found["3scale.mark_issuers"]
    assert f"of people of {realm}" in alias["message"] and f"owners move --from {realm} --to {moved}" in alias["advice"]
    assert f"{stranger} of" in rest["message"]


def test_one_realm_under_two_names_with_two_identities(sandbox):
    first = f"{sandbox.keycloak}/realms/mlaas"
    second = first.replace("127.0.0.1", "localhost")
    status, found = doctor(sandbox, KEYCLOAK_ISSUERS=f"{first},{second}")
    assert status == 1 and severities(found, "keycloak.identity") == {"warning"}
    assert "IDENTITY_CONFLICT" in found["keycloak.identity"][0]["message"]
    assert f"{second}={first}" in found["keycloak.identity"][0]["advice"]
    _, found = doctor(sandbox, KEYCLOAK_ISSUERS=f"{first},{second}={first}")
    assert severities(found, "keycloak.identity") == {"ok"}
    _, found = doctor(sandbox, KEYCLOAK_ISSUERS=f"{first},http://127.0.0.1:{free_port()}/realms/mlaas")
    assert severities(found, "keycloak.identity") == {"ok"}
    assert "keycloak.identity" not in doctor(sandbox)[1]


def test_a_list_of_subjects_that_cannot_be_read(sandbox, tmp_path):
    (tmp_path / "empty").write_text("\n")
    for path in (tmp_path / "nothing", tmp_path / "empty"):
        result = subprocess.run([BIN / "mlaas-helper", "doctor", "--subjects", path], capture_output=True, text=True, timeout=60, env={
            "PATH": os.environ["PATH"], "KEYCLOAK_URL": sandbox.keycloak, "KEYCLOAK_REALM": "mlaas",
            "KEYCLOAK_CLIENT_ID": "mlaas-client", "THREESCALE_ADMIN_API_URL": sandbox.threescale,
            "THREESCALE_ADMIN_API_KEY": ADMIN_TOKEN})
        assert result.returncode == 64 and str(path) in result.stderr and result.stdout == ""


@pytest.mark.parametrize("name, username", [("grace", "grace"), ("zoë", "zoe-0123456789ab"), ("CORP\\ada", "CORP-ada-fedcba987654")])
def test_who_has_a_name(sandbox, name, username):
    if name != "grace":
        threescale(sandbox, "POST", "signup", org_name=name, username=username)
    status, found = doctor(sandbox, "--who", name)
    assert status == 0 and set(found) == {"who"}
    assert f"'{name}' is user '{username}'" in found["who"][0]["message"] and "state created" in found["who"][0]["message"] or name == "grace"


def test_who_is_found_by_the_applications_made_for_the_name(sandbox):
    account = threescale(sandbox, "POST", "signup", org_name="renamed in the portal", username="zoe-0123456789ab")["account"]["id"]
    plan = threescale(sandbox, "GET", f"services/{service(sandbox, 'granite_chat')}/application_plans")["plans"][0]
    made = threescale(
        sandbox, "POST", f"accounts/{account}/applications", plan_id=plan["application_plan"]["id"], name="mlaas:zoë:granite_chat",
        description="[mlaas owner=0123456789abcdef01234567]")["application"]["id"]
    status, found = doctor(sandbox, "--who", "zoë", API_PAGE_SIZE="2")
    assert status == 0 and f"account {account} 'renamed in the portal'" in found["who"][0]["message"]
    assert f"applications {made}" in found["who"][0]["message"]


def test_who_has_no_account_yet(sandbox):
    status, found = doctor(sandbox, "--who", "no-account@example.com")
    assert status == 0 and severities(found, "who") == {"info"}
    status, found = doctor(sandbox, "--who", "grace", THREESCALE_ADMIN_API_KEY="wr0ng-t0ken")
    assert status == 2 and severities(found, "3scale.token") == {"error"}


def test_a_broken_answer_is_a_finding_and_no_crash(sandbox):
    for kind in ("html", "truncate", "empty", "drop"):
        for system in ("keycloak", "3scale"):
            admin(sandbox, "POST", f"/faults/{system}", kind=kind, status=200)
        status, _ = doctor(sandbox)
        assert status == 2, kind
        for system in ("keycloak", "3scale"):
            requests.delete(f"{sandbox.admin}/faults/{system}", timeout=10)


def test_it_changes_nothing(sandbox):
    requests.delete(sandbox.admin + "/journal/3scale", timeout=10)
    doctor(sandbox, KEYCLOAK_CLIENT_SECRET="mlaas-client-secret")
    journal = requests.get(sandbox.admin + "/journal/3scale", timeout=10).json()["journal"]
    assert journal and {entry["method"] for entry in journal} == {"GET"}


def test_a_bad_configuration_is_told_before_anything_is_asked():
    result = subprocess.run([BIN / "mlaas-helper", "doctor"], env={"PATH": os.environ["PATH"]}, capture_output=True, timeout=60)
    assert result.returncode == 78


class Realm:
    """An issuer over HTTPS, with a certificate that is valid for that many days."""

    def __init__(self, folder, days):
        self.certificate = folder / "certificate.pem"
        key = folder / "key.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", str(days),
             "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", self.certificate],
            check=True, capture_output=True)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://localhost:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def handler(realm):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                base = realm.url + "/realms/mlaas"
                body = json.dumps({"issuer": base, "jwks_uri": base + "/certs", "keys": [{"use": "sig", "alg": "RS256"}]})
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_):
                pass
        return Handler

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.mark.parametrize("days, severity", [(90, "ok"), (10, "warning"), (1, "error")])
def test_certificates_before_they_expire(sandbox, tmp_path, days, severity):
    realm = Realm(tmp_path, days)
    try:
        _, found = doctor(sandbox, KEYCLOAK_URL=realm.url, CA_BUNDLE=str(realm.certificate))
    finally:
        realm.stop()
    assert severities(found, "keycloak.issuer") == {"ok"}
    seen = {finding["severity"] for finding in found["certificate"] if "of Keycloak" in finding["message"]}
    assert seen == {severity}
    roots = {finding["severity"] for finding in found["certificate"] if "CA_BUNDLE" in finding["message"]}
    assert roots == {"ok" if days == 90 else "warning"}


def test_a_certificate_that_is_not_trusted(sandbox, tmp_path):
    realm = Realm(tmp_path, 90)
    try:
        status, found = doctor(sandbox, KEYCLOAK_URL=realm.url)
    finally:
        realm.stop()
    assert status == 2 and "CA_BUNDLE" in found["keycloak.reachable"][0]["advice"]
    assert "self" in found["keycloak.reachable"][0]["message"]


@pytest.fixture
def redis():
    server = Redis()
    yield server
    server.stop()


def redis_finding(sandbox, url, patience="10s"):
    """Its severity and what is said."""
    status, found = doctor(sandbox, REDIS_URL=url, REDIS_TIMEOUT=patience)
    assert status == 1 and len(found["redis"]) == 1
    return found["redis"][0]["severity"], found["redis"][0]["message"] + " " + found["redis"][0].get("advice", "")


def test_without_redis_nothing_is_said_of_it(sandbox):
    assert "redis" not in doctor(sandbox)[1]


@needs_redis
def test_a_redis_that_works_is_left_as_it_was(sandbox, redis):
    severity, text = redis_finding(sandbox, redis.url(database=2))
    assert severity == "ok" and f"127.0.0.1:{redis.port}" in text
    assert b"keys=" not in redis.command("INFO", "keyspace")
    # It was written all the same: a SET that expires, and the key's deletion.
    statistics = redis.command("INFO", "commandstats")
    assert b"cmdstat_ping:" in statistics and b"cmdstat_set:" in statistics and b"cmdstat_del:" in statistics


def test_no_redis_at_all(sandbox):
    severity, text = redis_finding(sandbox, f"redis://:{ESCAPED}@127.0.0.1:{free_port()}/0")
    assert severity == "warning" and "cannot be used: cannot be reached" in text and "REDIS_URL" in text


@needs_redis
def test_a_wrong_password_of_redis(sandbox, redis):
    severity, text = redis_finding(sandbox, redis.url().replace("s3cret", "gu3ss"))
    assert severity == "warning" and "WRONGPASS" in text and "gu3ss" not in text
    severity, text = redis_finding(sandbox, f"redis://127.0.0.1:{redis.port}")
    assert severity == "warning" and "NOAUTH" in text


@needs_redis
def test_a_redis_that_is_not_let_write(sandbox, redis):
    for rights, words in ((["~other:*", "&*", "+@all"], "NOPERM"), (["~*", "resetchannels", "+@all"], "NOPERM"),
                          *((["~*", "&*", "+@all", f"-{command}"], f"'{command}' command") for command in (
                              "eval", "evalsha", "publish", "time", "hgetall", "hincrby", "hdel", "pexpire"))):
        redis.command("ACL", "SETUSER", "weak", "reset", "on", ">w3ak", *rights)
        severity, text = redis_finding(sandbox, f"redis://weak:w3ak@127.0.0.1:{redis.port}")
        assert severity == "warning" and "refuses to be written" in text and words in text and "w3ak" not in text
        assert "mlaas:*" in text
    redis.command("CONFIG", "SET", "maxmemory", "1")
    severity, text = redis_finding(sandbox, redis.url())
    assert severity == "warning" and "OOM" in text
    redis.command("CONFIG", "SET", "maxmemory", "0")
    redis.command("REPLICAOF", "127.0.0.1", str(free_port()))
    severity, text = redis_finding(sandbox, redis.url())
    assert severity == "warning" and "READONLY" in text


@needs_redis
def test_a_redis_that_is_late(sandbox, redis):
    redis.process.send_signal(19)
    try:
        severity, text = redis_finding(sandbox, redis.url())
    finally:
        redis.process.send_signal(18)
    assert severity == "warning" and "no reply in time" in text


@pytest.mark.parametrize("kind", Impostor.ANSWERS)
def test_what_answers_at_redis_port_is_not_redis(sandbox, kind):
    impostor = Impostor(kind)
    try:
        severity, text = redis_finding(sandbox, impostor.url)
    finally:
        impostor.close()
    assert severity == "warning" and "s3cret" not in text
