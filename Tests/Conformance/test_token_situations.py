"""The rows of the attack table that need a situation: keys that come and go, an issuer that fails, two callers."""

import concurrent.futures
import time

import pytest
import requests

from forge import GONE, Forge
from identity import keys, outbound, refused, world
from signature_cases import pkcs1_signatures


def services(helper, token, **headers):
    return requests.get(
        helper.url + "/api/services", headers={"Authorization": f"Bearer {token}", **headers}, timeout=30)


def test_row_15_padding_variants(world):
    with world.running() as helper:
        before = outbound(helper)
        signatures = list(pkcs1_signatures(world.key))
        assert len(signatures) > 200
        for name, make in signatures:
            assert services(helper, world.forge.token(sign=make)).status_code == 401, name
        assert services(helper, world.forge.token()).status_code == 200 and outbound(helper) == before


def test_row_26_an_unknown_key_costs_one_fetch(world):
    with world.running() as helper:
        before = world.issuer.fetches()
        for _ in range(2):
            refused(services(helper, world.forge.token(header={"kid": "unknown"})))
        assert world.issuer.fetches() == before + 1


def test_row_27_a_thousand_unknown_keys_cost_one_fetch(world):
    with world.running() as helper:
        before = world.issuer.fetches()
        tokens = [world.forge.token(header={"kid": f"unknown-{index}"}, sign=lambda _: b"x") for index in range(1000)]
        began = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(lambda token: services(helper, token).status_code, tokens))
        assert set(answers) == {401}
        # One a cooldown, also for those that came while it was under way.
        assert world.issuer.fetches() - before <= 1 + (time.monotonic() - began) // 30
        assert services(helper, world.forge.token()).status_code == 200


def test_row_31_a_repeated_key_id_names_no_key(world):
    world.issuer.keys["mlaas"] = [world.key.jwk(), world.stranger.jwk(), world.next.jwk()]
    with world.running() as helper:
        refused(services(helper, world.forge.token()))
        refused(services(helper, world.forge.token(key=world.stranger)))
        assert services(helper, world.forge.token(key=world.next)).status_code == 200


def test_row_32_keys_of_unknown_kinds_do_not_cost_the_others(world):
    world.issuer.keys["mlaas"] = [
        {"kid": "pq", "kty": "AKP", "alg": "ML-DSA-65", "use": "sig", "pub": "AAAA"}, world.enc.jwk(alg="RSA-OAEP-256"),
        {"kid": "x", "kty": 1}, "text", 1, None, {}, {"kty": "EC", "crv": "secp256k1", "kid": "k", "x": "AA", "y": "AA"},
        world.key.jwk()]
    with world.running() as helper:
        assert services(helper, world.forge.token()).status_code == 200


def test_row_33_private_members_and_secrets_are_not_used(world):
    world.issuer.keys["mlaas"] = [
        world.key.jwk(d="AQAB"), {"kid": "oct", "kty": "oct", "alg": "HS256", "k": "c2VjcmV0"}, world.next.jwk()]
    with world.running() as helper:
        refused(services(helper, world.forge.token()))
        assert services(helper, world.forge.token(key=world.next)).status_code == 200
        assert "private half" in helper.stop()


def test_row_60_keys_of_one_issuer_do_not_vouch_for_another(world):
    world.issuer.keys["second"] = [world.next.jwk()]
    second = Forge(world.issuer.realm("second"), world.next)
    with world.running(KEYCLOAK_ISSUERS=f"{world.forge.issuer},{second.issuer}") as helper:
        assert services(helper, world.forge.token()).status_code == 200
        assert services(helper, second.token()).status_code == 200
        refused(services(helper, second.token(key=world.key)))
        refused(services(helper, world.forge.token(key=world.next)))
        # The same id in both sets is two keys.
        refused(services(helper, second.token(key=world.key, header={"kid": "k2"})))


def test_row_67_a_refresh_token_causes_no_fetch(world):
    with world.running() as helper:
        before = outbound(helper)
        for kid in ("internal-1", "internal-2"):
            refused(services(helper, world.forge.raw(
                world.forge.header(alg="HS512", kid=kid), world.forge.claims(typ="Refresh"), signature=b"x" * 64)))
        assert outbound(helper) == before
        # The fetch for a brand-new key is still available.
        world.issuer.keys["mlaas"] = [world.next.jwk()]
        assert services(helper, world.forge.token(key=world.next)).status_code == 200


def test_row_64_the_log_says_how_to_mend_the_audience(world):
    with world.running() as helper:
        refused(services(helper, world.forge.token(aud="account")))
        refused(services(helper, world.forge.token(typ="ID")))
        refused(services(helper, world.forge.token(iss="http://keycloak:8080/realms/mlaas")))
        log = helper.stop()
    assert "audience mapper" in log and "it holds: account" in log
    assert "An ID token was sent" in log and "by another host name" in log


def test_row_69_only_listed_clients(world):
    with world.running(KEYCLOAK_AUTHORIZED_PARTIES="portal,cli") as helper:
        assert services(helper, world.forge.token(azp="cli")).status_code == 200
        for party in ("other", "portal ", "Portal", "", GONE, 1, ["portal"]):
            refused(services(helper, world.forge.token(azp=party)))


def test_row_73_proofs_of_possession_are_not_taken_for_tokens(world):
    with world.running() as helper:
        bound = world.forge.token(cnf={"jkt": "x"}, typ="DPoP")
        proof = world.forge.raw({"typ": "dpop+jwt", "alg": "ES256", "jwk": world.ec.jwk()},
                                {"htm": "GET", "htu": helper.url + "/api/services", "jti": "1", "iat": int(time.time())},
                                sign=world.ec.sign)
        refused(services(helper, bound, DPoP=proof))
        refused(services(helper, proof))
        answer = requests.get(
            helper.url + "/api/services", headers={"Authorization": f"DPoP {bound}", "DPoP": proof}, timeout=30)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "MISSING_AUTH")


def test_row_75_a_name_is_not_a_subject(world):
    with world.running() as helper:
        owner = world.forge.token(sub="subject-75", preferred_username=GONE)
        service = helper.services(owner)["granite_chat"]["id"]
        assert helper.init(owner, service).status_code == 200
        for name in ("subject-75", "service-account-75"):
            thief = world.forge.token(sub="thief-75", preferred_username=name)
            assert helper.services(thief)["granite_chat"]["has_api_key"] is False
        assert helper.init(world.forge.token(sub="thief-75", preferred_username="subject-75"), service).status_code == 409


def test_row_78_a_recycled_name_opens_nothing(world):
    with world.running() as helper:
        first = world.forge.token(sub="first-78", preferred_username="recycled")
        service = helper.services(first)["granite_chat"]["id"]
        key = helper.init(first, service).json()["data"]["api_key"]
        second = world.forge.token(sub="second-78", preferred_username="recycled")
        entry = helper.services(second)["granite_chat"]
        assert entry["has_api_key"] is False and "api_key" not in entry
        answer = helper.init(second, service)
        assert answer.status_code == 409 and key not in answer.text
        assert helper.services(first)["granite_chat"]["api_key"] == key


def role_answers(world, helper, **claims):
    return services(helper, world.forge.token(**claims)).status_code


def test_row_79_lookalikes_are_not_the_role(world):
    with world.running(MLAAS_REQUIRED_ROLE="admin\u00e9") as helper:
        assert role_answers(world, helper, realm_access={"roles": ["x", "admin\u00e9"]}) == 200
        for role in ("Admin\u00e9", "\u0430dmin\u00e9", "admin\u00e9 ", "admine\u0301", "admin\u00e9\u200b", "admin"):
            assert role_answers(world, helper, realm_access={"roles": [role]}) == 403, role
        assert role_answers(world, helper, preferred_username="admin\u00e9") == 403


def test_row_82_roles_of_another_client_and_shape_grant_nothing(world):
    with world.running(MLAAS_REQUIRED_ROLE="admin") as helper:
        assert role_answers(world, helper, resource_access={"gw": {"roles": ["admin"]}}) == 200
        for claims in ({"resource_access": {"other": {"roles": ["admin"]}}}, {"resource_access": {"GW": {"roles": ["admin"]}}},
                       {"resource_access": ["admin"]}, {"resource_access": {"gw": ["admin"]}}, {"realm_access": ["admin"]},
                       {"realm_access": {"roles": "admin"}}, {"groups": ["admin"]}, {"roles": ["admin"]}, {"scope": "admin"}):
            assert role_answers(world, helper, **claims) == 403, claims
        answer = services(helper, world.forge.token())
        assert answer.json()["error"]["code"] == "FORBIDDEN"
        assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]
