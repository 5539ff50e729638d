"""Who is answered which key when user names, issuers, accounts and members change."""

import concurrent.futures
import contextlib
import hashlib
import http.server
import json
import subprocess
import threading
import time

import pytest
import requests

from conftest import BIN, Sandbox, stop
from forge import GONE, Forge
from identity import World, keys
from issuer import until
from tenant import accounts, add_application, admin, applications, knobs, published_plan, sign_up, threescale, users

INTROSPECT = "/realms/mlaas/protocol/openid-connect/token/introspect"


@pytest.fixture
def world(keys):
    """A tenant and an issuer for one test: both are changed in it."""
    sandbox = Sandbox()
    world = World(keys, sandbox.threescale)
    world.sandbox = sandbox
    yield world
    world.close()
    stop(sandbox.process)


def person(world, name, subject=None, **claims):
    return world.forge.token(sub=subject or f"subject-of-{name}", preferred_username=name, **claims)


def ids(helper, token):
    return {name: service["id"] for name, service in helper.services(token).items()}


def key_of(answer):
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]["api_key"]


def failure(answer):
    return answer.status_code, answer.json().get("error", {}).get("code")


def make_signup_create(sandbox, system_name):
    """Signup makes an application on this service from now on."""
    listed = threescale(sandbox, "GET", "services")["services"]
    service = next(entry["service"]["id"] for entry in listed if entry["service"]["system_name"] == system_name)
    plan = published_plan(sandbox, service)
    threescale(sandbox, "PUT", f"services/{service}/application_plans/{plan}/default")


@pytest.mark.parametrize("case", ["two issuers", "a recycled name"])
def test_what_a_signup_created_belongs_to_the_person_who_signed_up(world, case):
    world.issuer.keys["second"] = [world.next.jwk()]
    second = Forge(world.issuer.realm("second"), world.next)
    make_signup_create(world.sandbox, "granite_chat")
    with world.running(KEYCLOAK_ISSUERS=f"{world.forge.issuer},{second.issuer}") as helper:
        first = person(world, "dana", "first")
        other = (second.token(sub="first", preferred_username="dana") if case == "two issuers"
                 else person(world, "dana", "second"))
        services = ids(helper, first)
        key = key_of(helper.init(first, services["granite_chat"]))
        assert [entry["name"] for entry in applications(world.sandbox)] == ["API signup"]
        for service in ("granite_chat", "embeddings"):
            answer = helper.init(other, services[service])
            assert failure(answer) == (409, "IDENTITY_CONFLICT") and key not in answer.text
        assert helper.services(other)["granite_chat"]["has_api_key"] is False
        assert key_of(helper.init(first, services["granite_chat"])) == key


def test_a_removed_member_keeps_nothing_of_the_account(world):
    account = sign_up(world.sandbox, "boss", org_name="Acme")
    member = threescale(
        world.sandbox, "POST", f"accounts/{account}/users", username="member", email="member@example.com",
        password="long enough, surely")["user"]
    with world.running() as helper, world.running() as fresh:
        token, boss = person(world, "member"), person(world, "boss")
        services = ids(helper, token)
        portal = add_application(world.sandbox, account, services["granite_chat"])
        # Both replicas have cached whose account it was, or one alone.
        assert helper.get("/api/services", token).json()["data"]["account_id"] == str(account)
        threescale(world.sandbox, "DELETE", f"accounts/{account}/users/{member['id']}")
        key = key_of(helper.init(token, services["embeddings"]))
        assert key_of(fresh.init(token, services["embeddings"])) == key
        assert [entry["id"] for entry in applications(world.sandbox, account)] == [portal["id"]]
        for replica in (helper, fresh):
            assert replica.services(token)["granite_chat"]["has_api_key"] is False
        made = [entry for entry in applications(world.sandbox) if entry["service_id"] == int(services["embeddings"])]
        assert len(made) == 1, "two applications of one person and service"
        assert key_of(helper.init(boss, services["granite_chat"])) == portal["user_key"]


def test_two_host_names_of_one_realm_are_one_issuer(world):
    internal = Forge("http://keycloak.internal:8080/realms/mlaas", world.key)
    settings = {"KEYCLOAK_ISSUERS": f"{world.forge.issuer},{internal.issuer}",
                "KEYCLOAK_JWKS_URL": world.issuer.url + world.issuer.certs("mlaas")}
    with world.running(**settings) as helper:
        outside = person(world, "dana", "one")
        inside = internal.token(sub="one", preferred_username="dana")
        service = ids(helper, outside)["granite_chat"]
        key = key_of(helper.init(outside, service))
        assert key_of(helper.init(inside, service)) == key
        assert helper.services(inside)["granite_chat"]["api_key"] == key
        assert failure(helper.init(internal.token(sub="two", preferred_username="dana"), service)) == (
            409, "IDENTITY_CONFLICT")


def test_a_changed_host_name_keeps_the_keys(world):
    with world.running() as helper:
        before = person(world, "dana", "one")
        service = ids(helper, before)["granite_chat"]
        key = key_of(helper.init(before, service))
    moved = Forge("https://sso.new.example.com/realms/mlaas", world.key)
    settings = {"KEYCLOAK_ISSUERS": f"{moved.issuer}={world.forge.issuer}",
                "KEYCLOAK_JWKS_URL": world.issuer.url + world.issuer.certs("mlaas")}
    with world.running(**settings) as helper:
        after = moved.token(sub="one", preferred_username="dana")
        assert helper.services(after)["granite_chat"]["api_key"] == key
        assert key_of(helper.init(after, service)) == key
        assert helper.get("/api/services", before).status_code == 401, "the former host name is not accepted any more"


def test_a_renamed_person_keeps_the_key(world):
    with world.running() as helper, world.running() as fresh:
        service = ids(helper, person(world, "maiden", "one"))["granite_chat"]
        before = len(accounts(world.sandbox))
        key = key_of(helper.init(person(world, "maiden", "one"), service))
        for replica in (fresh, helper):
            answer = replica.init(person(world, "married", "one"), service)
            assert key_of(answer) == key and answer.json()["data"]["is_new"] is False
        assert len(accounts(world.sandbox)) == before + 1 and len(applications(world.sandbox)) == 1
        # The former name is free: its next holder gets an own key.
        assert key_of(helper.init(person(world, "maiden", "two"), service)) != key
        assert helper.services(person(world, "married", "one"))["granite_chat"]["api_key"] == key


@pytest.mark.parametrize("names", [("maiden", "married", "third"), ("maiden", "zoë", "third"), ("zoë", "plain", "josé")])
def test_a_person_who_is_renamed_twice_keeps_the_key(world, names):
    with world.running() as helper:
        service = ids(helper, person(world, names[0], "one"))["granite_chat"]
        key = key_of(helper.init(person(world, names[0], "one"), service))
        for name in names[1:]:
            token = person(world, name, "one")
            assert key_of(helper.init(token, service)) == key, name
            assert helper.services(token)["granite_chat"]["api_key"] == key
        assert len(applications(world.sandbox)) == 1


def test_a_renamed_person_keeps_the_key_where_an_account_has_the_name(world):
    """A call that died after its signup leaves such an account."""
    with world.running() as helper:
        service = ids(helper, person(world, "maiden", "one"))["granite_chat"]
        key = key_of(helper.init(person(world, "maiden", "one"), service))
        left = sign_up(world.sandbox, "married")
        time.sleep(3.5)
        for _ in range(2):
            answer = helper.init(person(world, "married", "one"), service)
            assert key_of(answer) == key and answer.json()["data"]["is_new"] is False
        assert len(applications(world.sandbox)) == 1
        threescale(world.sandbox, "DELETE", f"accounts/{left}")
        assert key_of(helper.init(person(world, "married", "one"), service)) == key
        assert helper.services(person(world, "married", "one"))["granite_chat"]["api_key"] == key


def test_introspection_completes_the_claims(world):
    world.issuer.answers[INTROSPECT] = (200, {
        "active": True, "sub": "one", "iss": world.forge.issuer, "aud": ["gw"], "preferred_username": "dana",
        "realm_access": {"roles": ["ml-users", "ml-admins"]}})
    with world.running(
            KEYCLOAK_INTROSPECTION="true", KEYCLOAK_CLIENT_SECRET="s", MLAAS_REQUIRED_ROLE="ml-admins") as helper:
        light = world.forge.token(sub="one", preferred_username=GONE, realm_access=GONE)
        full = person(world, "dana", "one", realm_access={"roles": ["ml-admins"]})
        answer = helper.get("/api/services", light)
        assert answer.status_code == 200 and answer.json()["data"]["user"]["soeid"] == "dana", answer.text
        service = helper.services(light)["granite_chat"]["id"]
        before = len(accounts(world.sandbox))
        key = key_of(helper.init(light, service))
        assert key_of(helper.init(full, service)) == key
        assert len(accounts(world.sandbox)) == before + 1 and accounts(world.sandbox)[-1]["org_name"] == "dana"


@pytest.mark.parametrize("state", ["rejected", "suspended", "scheduled_for_deletion"])
def test_a_blocked_account_is_refused_and_logged(world, state):
    with world.running() as helper:
        token = person(world, "blocked")
        services = ids(helper, token)
        data = helper.init(token, services["granite_chat"]).json()["data"]
        threescale(world.sandbox, "PUT", f"accounts/{data['account_id']}", state=state)
        for service in ("granite_chat", "embeddings"):
            assert failure(helper.init(token, services[service])) == (403, "ACCOUNT_BLOCKED")
        assert len(applications(world.sandbox)) == 1
        with world.running() as fresh:
            for replica in (helper, fresh):
                listed = replica.services(token)
                assert not any(service["has_api_key"] or "api_key" in service for service in listed.values())
        log = [json.loads(line) for line in helper.stop().splitlines()]
    audited = [line for line in log if line["logger"] == "audit" and line["message"] == "refused: the account is blocked"]
    assert [(line["level"], line["user"], line["service"], line["outcome"]) for line in audited] == [
        ("warning", "blocked", service, "failed") for service in ("granite_chat", "embeddings")]
    refused = [line for line in log if line.get("status") == 403]
    assert [(line["user"], line["code"]) for line in refused] == [("blocked", "ACCOUNT_BLOCKED")] * 2
    assert all(f"account {data['account_id']} is {state}" in line["error"] for line in refused)


@pytest.mark.parametrize("state", ["rejected", "suspended", "scheduled_for_deletion"])
def test_a_person_whose_account_is_blocked_and_has_no_key_gets_none(world, state):
    account = sign_up(world.sandbox, "blocked")
    threescale(world.sandbox, "PUT", f"accounts/{account}", state=state)
    with world.running() as helper:
        token = person(world, "blocked")
        services = ids(helper, token)
        before = len(accounts(world.sandbox))
        for _ in range(2):
            assert failure(helper.init(token, services["granite_chat"])) == (403, "ACCOUNT_BLOCKED")
        assert applications(world.sandbox) == [] and len(accounts(world.sandbox)) == before
        assert "refused: the account is blocked" in helper.stop()


@contextlib.contextmanager
def applications_are_disabled(world):
    """A 3scale before the sandbox's whose answers say `enabled: false` of live applications, as of a tenant that will be deleted."""
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def forward(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name: self.headers[name] for name in ("Authorization", "Content-Type", "Accept") if name in self.headers}
            answer = requests.request(
                self.command, world.sandbox.threescale + self.path, data=body, headers=headers, timeout=30)
            data = answer.content.replace(b'"enabled":true', b'"enabled":false')
            self.send_response(answer.status_code)
            self.send_header("Content-Type", answer.headers.get("Content-Type", "application/json"))
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
        do_GET = do_POST = do_PUT = do_DELETE = forward

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def test_a_key_that_3scale_calls_disabled_is_not_shown_as_usable(world):
    token = person(world, "disabled")
    with world.running() as helper:
        service = ids(helper, token)["granite_chat"]
        key = key_of(helper.init(token, service))
    with applications_are_disabled(world) as url, world.running(THREESCALE_ADMIN_API_URL=url) as helper:
        listed = helper.services(token)["granite_chat"]
        assert listed["has_api_key"] is False and listed["key_state"] == "suspended"
        answer = helper.init(token, service)
        assert answer.status_code == 200 and answer.json()["message"] == "API key is suspended", answer.text
        assert answer.json()["data"]["key_state"] == "suspended" and answer.json()["data"]["is_new"] is False
        assert answer.json()["data"]["api_key"] == key and len(applications(world.sandbox)) == 1


def test_a_token_that_introspection_calls_inactive_gets_nothing(world):
    """Keycloak says so of a user who was disabled, and of one who is gone."""
    world.issuer.answers[INTROSPECT] = (200, {"active": False})
    with world.running(KEYCLOAK_INTROSPECTION="true", KEYCLOAK_CLIENT_SECRET="s") as helper:
        token = person(world, "dana", "one")
        for answer in (helper.get("/api/services", token), helper.init(token, "1")):
            assert failure(answer) == (401, "INVALID_TOKEN")
        assert applications(world.sandbox) == []


@pytest.mark.parametrize("service", ["granite_chat", "vision"])
def test_an_answer_without_a_credential_is_an_error(world, service):
    with world.running() as helper:
        token = person(world, "keyless")
        knobs(world.sandbox, hide_credentials=True)
        answer = helper.init(token, ids(helper, token)[service])
        assert failure(answer) == (409, "KEY_UNAVAILABLE") and int(answer.headers["Retry-After"]) > 0


@pytest.mark.parametrize("verified", [False, GONE, "true", 1])
def test_an_unverified_address_is_not_sent_to_3scale(world, verified):
    with world.running() as helper:
        token = person(world, "mallory", email="director@example.com", email_verified=verified)
        answer = helper.init(token, ids(helper, token)["granite_chat"])
        account = answer.json()["data"]["account_id"]
        assert threescale(world.sandbox, "GET", f"accounts/{account}")["account"]["org_name"] == "mallory"
        assert [(user["username"], user.get("email") or None) for user in users(world.sandbox, account)] == [("mallory", None)]


def test_a_verified_address_names_nobody(world):
    with world.running() as helper:
        token = person(world, "ellen", email="ellen@example.com", email_verified=True)
        account = helper.init(token, ids(helper, token)["granite_chat"]).json()["data"]["account_id"]
        assert threescale(world.sandbox, "GET", f"accounts/{account}")["account"]["org_name"] == "ellen"
        assert [user["email"] for user in users(world.sandbox, account)] == ["ellen@example.com"]


@pytest.mark.parametrize("name", ["", "x" * 300, 7, ["dana"], {"name": "dana"}, True, "a\nb"])
def test_a_user_name_that_cannot_be_used_is_told(world, name):
    with world.running() as helper:
        token = world.forge.token(preferred_username=name)
        for answer in (helper.get("/api/services", token), helper.init(token, "1")):
            assert failure(answer) == (400, "USER_INFO_ERROR")
            assert "preferred_username" in answer.text


def test_a_role_with_a_blank_opens_its_service(world):
    with world.running(MLAAS_SERVICE_ROLES="granite_chat=ML Users|ml-admins") as helper:
        for roles, sees in ((["ML Users"], True), (["ml-admins"], True), (["MLUsers"], False), (["ML"], False), ([], False)):
            token = person(world, "dana", realm_access={"roles": roles})
            assert ("granite_chat" in helper.services(token)) is sees, roles


def test_an_access_rule_for_no_service_is_told(world):
    with world.running(MLAAS_SERVICE_ROLES="granite-chat=ml-admins") as helper:
        assert "granite_chat" in helper.services(person(world, "dana"))
        assert "mlaas_access_unknown_services 1" in helper.get("/metrics").text
        assert until(lambda: "unknown service in MLAAS_SERVICE_ROLES" in helper.logged(), 30)
        assert '"granite-chat"' in helper.logged()


@pytest.mark.parametrize("name", [
    "KEYCLOAK_AUTHORIZED_PARTIES", "KEYCLOAK_ISSUERS", "KEYCLOAK_AUDIENCE", "KEYCLOAK_ALGORITHMS", "CORS_ALLOWED_ORIGINS",
    "TRUSTED_PROXIES"])
def test_a_list_of_nothing_is_refused(world, name):
    for value in (",", " , ,"):
        environment = {
            "KEYCLOAK_URL": world.issuer.url, "KEYCLOAK_REALM": "mlaas", "KEYCLOAK_CLIENT_ID": "gw",
            "THREESCALE_ADMIN_API_URL": world.threescale, "THREESCALE_ADMIN_API_KEY": "secret", name: value}
        checked = subprocess.run([BIN / "mlaas-helper", "config", "check"], env=environment, capture_output=True, text=True,
                                 timeout=20, check=False)
        assert checked.returncode == 78 and name in checked.stdout + checked.stderr


def at_once(*calls):
    with concurrent.futures.ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]


@pytest.mark.parametrize("wrong_first", [True, False])
def test_calls_at_once_have_each_their_own_plan(world, wrong_first):
    with world.running() as helper:
        token = person(world, "planner")
        service = ids(helper, token)["granite_chat"]
        admin(world.sandbox, "POST", "/faults/3scale", kind="latency", method="GET", path="/admin/api/accounts/find*",
              delay_ms=2000, count=1)
        delays = {"wrong": 0 if wrong_first else 0.5, "right": 0.5 if wrong_first else 0}

        def init(name, **members):
            time.sleep(delays[name])
            return helper.init(token, service, **members)
        wrong, right = at_once(lambda: init("wrong", plan_id="999"), lambda: init("right"))
        assert key_of(right) and len(applications(world.sandbox)) == 1
        # Where the key was there first, the plan of a repeat says nothing.
        assert failure(wrong) == (404, "PLAN_NOT_FOUND") or key_of(wrong) == key_of(right)


def test_a_tenant_that_returns_no_descriptions_is_told(world):
    with world.running() as helper:
        token = person(world, "unmarked")
        service = ids(helper, token)["granite_chat"]
        knobs(world.sandbox, application_description=False)
        answer = helper.init(token, service)
        assert failure(answer) == (502, "UPSTREAM_ERROR") and "api_key" not in answer.text
        assert "3scale does not return descriptions" in helper.stop()


@pytest.mark.parametrize("has_key", [True, False])
def test_an_account_of_a_name_that_is_merely_alike_is_another_persons(world, has_key):
    account = sign_up(world.sandbox, "Hopper")
    knobs(world.sandbox, find_ignores_case=True)
    with world.running() as helper:
        mine, theirs = person(world, "hopper"), person(world, "Hopper")
        services = ids(helper, mine)
        portal = add_application(world.sandbox, account, services["granite_chat"]) if has_key else None
        with world.running() as fresh:
            assert fresh.services(mine)["granite_chat"]["has_api_key"] is False
        made = helper.init(mine, services["granite_chat"])
        assert [entry["id"] for entry in applications(world.sandbox, account)] == ([portal["id"]] if portal else [])
        assert key_of(made) and int(made.json()["data"]["account_id"]) != account
        answer = helper.init(theirs, services["granite_chat"])
        assert answer.json()["data"]["account_id"] == str(account)
        assert key_of(answer) != key_of(made) and (not portal or key_of(answer) == portal["user_key"])


def test_a_name_that_3scale_takes_for_another_is_a_conflict(world):
    """3scale finds and refuses the name as that of another person."""
    account = sign_up(world.sandbox, "Hopper")
    knobs(world.sandbox, find_ignores_case=True)
    with world.running() as helper:
        token = person(world, "hopper")
        service = ids(helper, token)["granite_chat"]
        admin(world.sandbox, "POST", "/faults/3scale", kind="status", method="POST", path="/admin/api/signup*", status=422,
              body='{"errors":{"username":["has already been taken"]}}')
        assert failure(helper.init(token, service)) == (409, "IDENTITY_CONFLICT")
        assert applications(world.sandbox, account) == []


@contextlib.contextmanager
def validation_is_blind(sandbox):
    """Others' rows of the last hour are not seen by the checks for uniqueness."""
    admin(sandbox, "PUT", "/race", milliseconds=3_600_000)
    yield
    admin(sandbox, "PUT", "/race", milliseconds=0)


def test_two_accounts_of_one_name_make_one_key(world):
    with world.running() as helper:
        token = person(world, "double")
        services = ids(helper, token)
        key = key_of(helper.init(token, services["granite_chat"]))
        with validation_is_blind(world.sandbox):
            threescale(world.sandbox, "POST", "signup", org_name="double", username="double")
        for seed in range(8):
            knobs(world.sandbox, find_varies=True)
            admin(world.sandbox, "PUT", "/seed", seed=seed)
            with world.running() as fresh:
                assert key_of(fresh.init(token, services["granite_chat"])) == key, seed
                # Both accounts have the name already.
                assert '"outcome":"renamed"' not in fresh.logged(), seed
        assert len(applications(world.sandbox)) == 1


def digits(*parts):
    """The first 24 hex digits of SHA-256 over parts with a zero byte between."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]


def test_what_calls_that_died_left_on_two_accounts_of_one_name_is_cleared(world):
    """Neither application can be confirmed while both are there."""
    accounts_of_the_name = [sign_up(world.sandbox, "gemini")]
    with world.running() as helper:
        token = person(world, "gemini", "one")
        service = ids(helper, token)["granite_chat"]
        owner = digits(world.forge.issuer, "one")
        with validation_is_blind(world.sandbox):
            accounts_of_the_name.append(sign_up(world.sandbox, "gemini"))
            for attempt, account in enumerate(accounts_of_the_name):
                add_application(
                    world.sandbox, account, service, application_id=f"mlaas-{digits(owner, service)}",
                    description=f"Requested through MLaaS Helper [mlaas owner={owner} attempt={attempt}]")
        time.sleep(3.5)
        key = key_of(helper.init(token, service))
        assert [entry["user_key"] for entry in applications(world.sandbox)] == [key]
        assert applications(world.sandbox)[0]["description"].endswith(" ok]")


def test_a_key_with_a_twin_is_told(world):
    account, other = (sign_up(world.sandbox, name) for name in ("castor", "pollux"))
    with world.running() as helper:
        token = person(world, "castor")
        service = ids(helper, token)["granite_chat"]
        with validation_is_blind(world.sandbox):
            mine, twin = (add_application(world.sandbox, owner, service, user_key="0123456789abcdef0123456789abcdef")
                          for owner in (account, other))
        time.sleep(3.5)
        for _ in range(2):
            answer = helper.init(token, service)
            assert failure(answer) == (409, "KEY_HAS_TWIN") and mine["user_key"] not in answer.text
        threescale(world.sandbox, "DELETE", f"accounts/{other}/applications/{twin['id']}")
        assert key_of(helper.init(token, service)) == mine["user_key"]
