"""The main job with the tokens of a real Keycloak in place of the sandbox's."""

import pytest
import requests

from conftest import Helper, stop

MODES = ["granite_chat", "embeddings", "vision"]


@pytest.fixture(scope="module")
def helper(sandbox, real_keycloak):
    helper = Helper(real_keycloak, sandbox.threescale)
    yield helper
    stop(helper.process)


@pytest.mark.parametrize("user", ["ada", "bob", "carol", "erin.o-neil"])
def test_each_person_gets_their_keys(sandbox, real_keycloak, helper, user):
    token = sandbox.token(user, keycloak=real_keycloak)
    services = helper.services(token)
    for name in MODES:
        first = helper.init(token, services[name]["id"])
        assert first.status_code == 200, first.text
        assert first.json()["data"]["is_new"] is True
        again = helper.init(token, services[name]["id"]).json()["data"]
        assert again["is_new"] is False and again["api_key"] == first.json()["data"]["api_key"]
    assert all(helper.services(token)[name]["has_api_key"] for name in MODES)


def test_a_name_that_3scale_does_not_take_gets_a_key(sandbox, real_keycloak, helper):
    token = sandbox.token("zoë", keycloak=real_keycloak)
    services = helper.services(token)
    assert helper.init(token, services["vision"]["id"]).status_code == 200
    assert helper.services(token)["vision"]["has_api_key"] is True


def test_service_accounts_are_users_like_any_other(real_keycloak, helper):
    answer = requests.post(
        f"{real_keycloak}/realms/mlaas/protocol/openid-connect/token", timeout=20,
        data={"grant_type": "client_credentials", "client_id": "batch-loader", "client_secret": "batch-loader-secret"})
    token = answer.json()["access_token"]
    assert helper.init(token, helper.services(token)["embeddings"]["id"]).status_code == 200


@pytest.mark.parametrize("kind", ["id_token", "refresh_token"])
def test_other_kinds_of_token_are_refused(sandbox, real_keycloak, helper, kind):
    token = sandbox.token("ada", keycloak=real_keycloak, kind=kind)
    assert helper.get("/api/services", token).status_code == 401


@pytest.mark.parametrize("client", ["other-app", "lightweight-app", "es256-app"])
def test_tokens_of_other_clients_are_refused(sandbox, real_keycloak, helper, client):
    token = sandbox.token("ada", client=client, keycloak=real_keycloak)
    assert helper.get("/api/services", token).status_code == 401


def test_an_rfc_9068_token_is_accepted(sandbox, real_keycloak, helper):
    token = sandbox.token("ada", client="rfc9068-app", keycloak=real_keycloak)
    assert helper.get("/api/services", token).status_code == 200


def test_rotation_is_survived_on_the_first_request(sandbox, real_keycloak, helper):
    admin = requests.post(
        f"{real_keycloak}/realms/master/protocol/openid-connect/token", timeout=20,
        data={"grant_type": "password", "client_id": "admin-cli", "username": "admin", "password": "admin"}).json()
    headers = {"Authorization": f"Bearer {admin['access_token']}"}
    realm = requests.get(f"{real_keycloak}/admin/realms/mlaas", headers=headers, timeout=20).json()["id"]
    old = sandbox.token("bob", keycloak=real_keycloak)
    requests.post(
        f"{real_keycloak}/admin/realms/mlaas/components", headers=headers, timeout=20,
        json={"name": "rotated", "providerId": "rsa-generated", "providerType": "org.keycloak.keys.KeyProvider",
              "parentId": realm, "config": {"priority": ["200"], "algorithm": ["RS256"]}}).raise_for_status()
    new = sandbox.token("bob", keycloak=real_keycloak)
    assert helper.get("/api/services", new).status_code == 200
    assert helper.get("/api/services", old).status_code == 200
