"""The last rows of the attack table: how a credential is sent, and what time and Keycloak's failures do."""

import base64
import http.client
import json
import time

import pytest
import requests

from conftest import Helper, stop
from identity import counter, keys, refused, world
from issuer import until


def services(helper, token):
    return helper.get("/api/services", token)


def call(helper, query="", **fields):
    return requests.get(f"{helper.url}/api/services{query}", headers=fields, timeout=30)


def expect(answer, status, code):
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), answer.text
    return answer.headers.get("WWW-Authenticate", "")


def test_row_83_two_credentials(world):
    with world.running() as helper:
        token = world.forge.token()
        joined = expect(call(helper, Authorization=f"Bearer {token}, Bearer {token}"), 400, "INVALID_REQUEST")
        assert 'error="invalid_request"' in joined
        expect(call(helper, f"?access_token={token}", Authorization=f"Bearer {token}"), 400, "INVALID_REQUEST")
        connection = http.client.HTTPConnection(helper.url.split("/")[2], timeout=30)
        connection.putrequest("GET", "/api/services")
        for _ in range(2):
            connection.putheader("Authorization", f"Bearer {token}")
        connection.endheaders()
        answer = connection.getresponse()
        assert answer.status == 400 and json.load(answer)["error"]["code"] == "INVALID_REQUEST"


def test_row_84_spellings_of_the_scheme(world):
    with world.running() as helper:
        for scheme in ("bearer ", "BEARER ", "Bearer    "):
            assert call(helper, Authorization=scheme + world.forge.token()).status_code == 200
        for text in ("Bearer", "Bearer\t" + world.forge.token(), world.forge.token(), "Bearer:" + world.forge.token()):
            assert call(helper, Authorization=text).status_code == 401


def test_row_85_other_schemes(world):
    with world.running() as helper:
        for scheme in ("Basic", "Token", "DPoP", "Bearerx", "JWT", "Digest", "Negotiate"):
            challenge = expect(call(helper, Authorization=f"{scheme} {world.forge.token()}"), 401, "MISSING_AUTH")
            assert "error" not in challenge and challenge.startswith('Bearer realm="mlaas", resource_metadata="http')


def test_row_86_a_token_in_the_query_is_refused_and_not_logged(world):
    with world.running(LOG_LEVEL="trace") as helper:
        token = world.forge.token()
        for query in (f"?access_token={token}", f"?a=1&access%5Ftoken={token}", f"?{token}", f"?access_token={token}&access_token=x"):
            expect(call(helper, query), 401, "MISSING_AUTH")
        log = helper.stop()
        assert token not in log and token.split(".")[2] not in log and token.split(".")[1][:40] not in log


def session(url, user="ada"):
    answer = requests.post(
        f"{url}/realms/mlaas/protocol/openid-connect/token", timeout=20,
        data={"grant_type": "password", "client_id": "mlaas-client", "client_secret": "mlaas-client-secret",
              "username": user, "password": f"{user}-password", "scope": "openid"})
    answer.raise_for_status()
    return answer.json()


def test_row_87_ended_sessions_and_disabled_users(sandbox):
    local = Helper(sandbox.keycloak, sandbox.threescale)
    asking = Helper(
        sandbox.keycloak, sandbox.threescale, KEYCLOAK_INTROSPECTION="true", KEYCLOAK_CLIENT_SECRET="mlaas-client-secret",
        KEYCLOAK_INTROSPECTION_CACHE_SECONDS="1")
    try:
        tokens = session(sandbox.keycloak)
        assert {services(helper, tokens["access_token"]).status_code for helper in (local, asking)} == {200}
        requests.post(
            f"{sandbox.keycloak}/realms/mlaas/protocol/openid-connect/logout", timeout=20,
            data={"client_id": "mlaas-client", "client_secret": "mlaas-client-secret",
                  "refresh_token": tokens["refresh_token"]}).raise_for_status()
        assert until(lambda: services(asking, tokens["access_token"]).status_code == 401, 20)
        refused(services(asking, tokens["access_token"]))
        # Checked here alone it stays good until it ends, as the guide says.
        assert services(local, tokens["access_token"]).status_code == 200

        bob = session(sandbox.keycloak, "bob")["access_token"]
        assert services(asking, bob).status_code == 200
        requests.put(f"{sandbox.admin}/users/bob", json={"enabled": False}, timeout=20).raise_for_status()
        assert until(lambda: services(asking, bob).status_code == 401, 20)
        requests.put(f"{sandbox.admin}/users/bob", json={"enabled": True}, timeout=20).raise_for_status()

        # Kinds of token that the issuer calls active are refused all the same.
        tokens = session(sandbox.keycloak)
        for kind in ("id_token", "refresh_token"):
            refused(services(asking, tokens[kind]))
        # A lightweight token says nothing of its owner: the issuer does.
        light = sandbox.token(client="lightweight-app")
        refused(services(local, light))
        assert services(asking, light).json()["data"]["user"]["soeid"] == "ada"
    finally:
        stop(local.process)
        stop(asking.process)


def test_row_87_nothing_is_said_of_tokens_that_cannot_be_asked_about(sandbox):
    helper = Helper(
        sandbox.keycloak, sandbox.threescale, KEYCLOAK_INTROSPECTION="true", KEYCLOAK_CLIENT_SECRET="wrong")
    try:
        answer = services(helper, sandbox.token())
        expect(answer, 503, "UPSTREAM_UNAVAILABLE")
        assert "Retry-After" in answer.headers and "WWW-Authenticate" not in answer.headers
    finally:
        assert "KEYCLOAK_CLIENT_SECRET" in helper.stop()


def test_row_88_a_withdrawn_key_is_refused_after_the_refresh(world):
    with world.running(KEYCLOAK_KEYS_REFRESH="1s") as helper:
        token = world.forge.token()
        assert services(helper, token).status_code == 200
        world.issuer.keys["mlaas"] = [world.next.jwk()]
        assert until(lambda: services(helper, token).status_code == 401)
        refused(services(helper, token))
        assert services(helper, world.forge.token(key=world.next)).status_code == 200


def test_row_89_a_brand_new_key_works_on_its_first_request(world):
    with world.running() as helper:
        old = world.forge.token()
        assert services(helper, old).status_code == 200
        before = world.issuer.fetches()
        world.issuer.keys["mlaas"] = [world.next.jwk(), world.key.jwk()]
        assert services(helper, world.forge.token(key=world.next)).status_code == 200
        assert world.issuer.fetches() == before + 1
        assert services(helper, old).status_code == 200


def test_row_90_keys_outlive_their_issuer(world):
    with world.running(KEYCLOAK_KEYS_REFRESH="1s") as helper:
        world.issuer.answers[world.issuer.certs("mlaas")] = (500, {"error": "unknown_error"})
        failed = lambda: counter(helper, "mlaas_key_refresh_total", outcome="failed")
        assert until(lambda: failed() >= 2)
        assert services(helper, world.forge.token()).status_code == 200
        ready = helper.get("/api/health/ready")
        assert ready.status_code == 200
        assert {check["name"]: check["status"] for check in ready.json()["data"]["checks"]}["keycloak"] == "degraded"
        # And not longer than is allowed.
    with world.running(ready=False, KEYCLOAK_KEYS_REFRESH="1s", KEYCLOAK_KEYS_MAX_STALE="2s") as helper:
        world.issuer.answers.clear()
        assert until(lambda: services(helper, world.forge.token()).status_code == 200)
        world.issuer.answers[world.issuer.certs("mlaas")] = (500, {})
        assert until(lambda: services(helper, world.forge.token()).status_code == 503)


def test_row_91_without_keys_nothing_can_be_said(world):
    world.issuer.answers[world.issuer.certs("mlaas")] = (500, {})
    with world.running(ready=False) as helper:
        answer = services(helper, world.forge.token())
        expect(answer, 503, "UPSTREAM_UNAVAILABLE")
        assert "Retry-After" in answer.headers and "WWW-Authenticate" not in answer.headers
        assert helper.get("/api/health/ready").status_code == 503
        refused(services(helper, "a.b.c"))
        world.issuer.answers.clear()
        assert until(lambda: services(helper, world.forge.token()).status_code == 200)
        assert until(lambda: helper.get("/api/health/ready").status_code == 200)


@pytest.mark.parametrize("name, answer", [
    ("html", (200, b"<html>Login</html>")), ("no keys", (200, {})), ("null", (200, {"keys": None})),
    ("2 MiB", (200, b'{"keys":[' + b" " * (2 << 20) + b"]}")), ("204", (204, b"")), ("403", (403, {"error": "HTTPS required"})),
    ("an array", (200, [])), ("101 keys", (200, {"keys": [{}] * 101})), ("deep", (200, b'{"keys":' + b"[" * 100_000)),
    ("not UTF-8", (200, b'{"keys":["\xff"]}')), ("keys twice", (200, b'{"keys":[],"keys":[]}'))])
def test_row_92_malformed_answers_leave_the_keys(world, name, answer):
    with world.running(KEYCLOAK_KEYS_REFRESH="1s") as helper:
        world.issuer.answers[world.issuer.certs("mlaas")] = answer
        assert until(lambda: counter(helper, "mlaas_key_refresh_total", outcome="failed") >= 1)
        assert services(helper, world.forge.token()).status_code == 200


def test_row_92_redirects_are_not_followed_and_slow_answers_block_nobody(world):
    with world.running(KEYCLOAK_KEYS_REFRESH="1s") as helper:
        world.issuer.answers[world.issuer.certs("mlaas")] = lambda handler: handler.reply(302, b"", Location=world.trap + "/jwks")
        assert until(lambda: counter(helper, "mlaas_key_refresh_total", outcome="failed") >= 1)
        assert world.traps.journal == [] and services(helper, world.forge.token()).status_code == 200
        before = counter(helper, "mlaas_key_refresh_total", outcome="failed")
        world.issuer.answers[world.issuer.certs("mlaas")] = world.issuer.drip
        began = world.issuer.fetches()
        assert until(lambda: world.issuer.fetches() > began)
        assert services(helper, world.forge.token()).status_code == 200
        # The slow answer is given up.
        assert until(lambda: counter(helper, "mlaas_key_refresh_total", outcome="failed") > before)


def test_row_93_an_empty_set_is_told_and_changes_nothing(world):
    with world.running(KEYCLOAK_KEYS_REFRESH="1s") as helper:
        world.issuer.keys["mlaas"] = []
        assert until(lambda: counter(helper, "mlaas_key_refresh_total", outcome="failed") >= 1)
        assert services(helper, world.forge.token()).status_code == 200
        log = helper.stop()
        assert "no usable key" in log and "stay in use" in log


def test_row_94_clocks_that_are_apart_are_told(world):
    with world.running() as helper:
        now = int(time.time())
        refused(services(helper, world.forge.token(iat=now + 300, exp=now + 600)))
        assert counter(helper, "mlaas_auth_total", reason="issued_in_future") == 1
        assert "clocks of this host and of Keycloak are apart" in helper.stop()


def test_row_95_a_remembered_token_ends_when_it_ends(world):
    with world.running(KEYCLOAK_CLOCK_SKEW_SECONDS="0") as helper:
        end = time.time() + 3
        token = world.forge.token(exp=end)
        while time.time() < end - 1:
            assert services(helper, token).status_code == 200
        assert counter(helper, "mlaas_cache_hits_total", cache="tokens") > 0
        assert until(lambda: time.time() > end + 0.1)
        refused(services(helper, token), "The access token expired")


def test_row_96_tokens_are_remembered_by_all_of_their_bytes(world):
    with world.running() as helper:
        good = world.forge.token(jti="same")
        header, payload, signature = good.split(".")
        for _ in range(2):
            assert services(helper, good).status_code == 200
        raw = base64.urlsafe_b64decode(signature + "==")
        for forged in (world.forge.token(jti="same", key=world.stranger), f"{header}.{payload}.{signature[:-2]}AA",
                       f"{header}.{payload}.{base64.urlsafe_b64encode(raw[:-1] + b'x').rstrip(b'=').decode()}",
                       f"{header}.{world.forge.token(jti='same', sub='other').split('.')[1]}.{signature}"):
            refused(services(helper, forged))
        assert services(helper, good).status_code == 200


def test_row_97_a_forged_token_does_not_learn_that_it_expired(world):
    with world.running() as helper:
        past = int(time.time()) - 600
        refused(services(helper, world.forge.token(exp=past, key=world.stranger)), "The access token is invalid")
        refused(services(helper, world.forge.token(exp=past, typ="ID", key=world.stranger)), "The access token is invalid")
        refused(services(helper, world.forge.token(exp=past)), "The access token expired")
