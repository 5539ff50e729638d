"""Tokens of a real identity provider that is not Keycloak: Debian's Glewlwyd."""

import os

import pytest

import glewlwyd
from conftest import Helper, stop
from forge import RSAKey
from identity import UNLIMITED, refused

AUDIENCE = "https://gateway.example.com"


@pytest.fixture(scope="module")
def provider():
    if not glewlwyd.AVAILABLE and os.environ.get("CI") != "true":
        pytest.skip("needs Debian's glewlwyd and sqlite3: ./setup.sh ci")
    provider = glewlwyd.Glewlwyd()
    yield provider
    provider.stop()


@pytest.fixture(scope="module")
def helper(sandbox, provider):
    # Without a resource its audience is the scope as it was asked for.
    helper = Helper(
        provider.url, sandbox.threescale, KEYCLOAK_CLIENT_ID="gateway", KEYCLOAK_AUDIENCE=f"openid mlaas,{AUDIENCE},gateway",
        RATE_LIMITS=UNLIMITED)
    yield helper
    stop(helper.process)


def login(provider):
    answer = provider.token(grant_type="password", username="ada", password="ada-password", scope="openid mlaas")
    assert answer.status_code == 200, answer.text
    return answer.json()


def machine(provider, **fields):
    answer = provider.token(grant_type="client_credentials", scope="mlaas", **fields)
    assert answer.status_code == 200, answer.text
    return answer.json()["access_token"]


def services(helper, token):
    return helper.get("/api/services", token)


def test_access_tokens_are_accepted(provider, helper):
    answer = services(helper, login(provider)["access_token"])
    assert answer.status_code == 200 and answer.json()["data"]["user"] == {"soeid": "ada", "email": "ada@example.com"}
    answer = services(helper, machine(provider, resource=AUDIENCE))
    assert answer.status_code == 200 and answer.json()["data"]["user"]["soeid"] == "gateway"


def test_a_refreshed_token_is_accepted(provider, helper):
    answer = provider.token(grant_type="refresh_token", refresh_token=login(provider)["refresh_token"])
    assert answer.status_code == 200, answer.text
    assert services(helper, answer.json()["access_token"]).status_code == 200


def test_id_and_refresh_tokens_are_refused(provider, helper):
    tokens = login(provider)
    # Its audience is `gateway`, which is accepted here: the kind of token decides.
    for kind in ("id_token", "refresh_token"):
        refused(services(helper, tokens[kind]))


def test_an_audience_of_others_is_refused(provider, helper):
    refused(services(helper, machine(provider)))


def test_a_new_key_is_accepted_on_its_first_request(provider, helper):
    old = login(provider)["access_token"]
    assert services(helper, old).status_code == 200
    provider.rotate(RSAKey("g2"))
    assert services(helper, login(provider)["access_token"]).status_code == 200
    assert services(helper, old).status_code == 200
