"""Tokens of a real identity provider whose ID and access tokens look alike: Debian's LemonLDAP::NG."""

import base64
import contextlib
import json
import os
import threading

import pytest

import lemonldap
from conftest import Helper, stop
from identity import UNLIMITED, counter, refused


@pytest.fixture(scope="module")
def provider():
    if not lemonldap.AVAILABLE and os.environ.get("CI") != "true":
        pytest.skip("needs Debian's liblemonldap-ng-portal-perl: ./setup.sh ci")
    provider = lemonldap.LemonLDAP()
    yield provider
    provider.stop()


@contextlib.contextmanager
def running(provider, sandbox, **settings):
    helper = Helper(provider.url, sandbox.threescale, **{
        "KEYCLOAK_CLIENT_ID": "gateway", "KEYCLOAK_ISSUERS": provider.issuer, "KEYCLOAK_AUDIENCE": lemonldap.AUDIENCE,
        "KEYCLOAK_JWKS_URL": f"{provider.url}/oauth2/jwks",
        "RATE_LIMITS": UNLIMITED, **settings})
    try:
        yield helper
    finally:
        stop(helper.process)


@pytest.fixture(scope="module")
def helper(sandbox, provider):
    with running(provider, sandbox) as helper:
        yield helper


def granted(provider, client="gateway", **fields):
    answer = provider.token(client, **fields)
    assert answer.status_code == 200, answer.text
    return answer.json()


def login(provider, client="gateway"):
    return granted(provider, client, grant_type="password", username="dwho", password="dwho", scope="openid profile email")


def machine(provider, client="gateway"):
    return granted(provider, client, grant_type="client_credentials", scope="profile")["access_token"]


def part(token, index):
    return json.loads(base64.urlsafe_b64decode(token.split(".")[index] + "=="))


def services(helper, token):
    return helper.get("/api/services", token)


def refused_for(reason, helper, token):
    before = counter(helper, "mlaas_auth_total", reason=reason)
    refused(services(helper, token))
    assert counter(helper, "mlaas_auth_total", reason=reason) == before + 1


def test_access_tokens_are_accepted(provider, helper):
    answer = services(helper, login(provider)["access_token"])
    assert answer.status_code == 200 and answer.json()["data"]["user"] == {"soeid": "dwho", "email": "dwho@badwolf.org"}
    answer = services(helper, machine(provider))
    assert answer.status_code == 200 and answer.json()["data"]["user"]["soeid"] == "gateway"


def test_only_the_access_token_of_a_refresh_is_accepted(provider, helper):
    tokens = granted(provider, grant_type="refresh_token", refresh_token=login(provider)["refresh_token"])
    assert services(helper, tokens["access_token"]).status_code == 200
    refused_for("kind", helper, tokens["id_token"])


def test_id_and_refresh_tokens_are_refused(provider, helper):
    tokens = login(provider)
    access, identity = (tokens[kind] for kind in ("access_token", "id_token"))
    # Nothing but its claims tells one kind from the other here.
    assert part(access, 0) == part(identity, 0)
    assert all(part(access, 1)[claim] == part(identity, 1)[claim] for claim in ("iss", "aud", "sub"))
    refused_for("kind", helper, identity)
    refused(services(helper, tokens["refresh_token"]))


def test_an_audience_of_others_is_refused(provider, helper):
    refused_for("audience", helper, login(provider, "other")["access_token"])


def test_the_authorized_party_is_not_guessed(provider, sandbox):
    # Its access tokens name the client in `client_id`; only ID tokens have `azp`, and they stay ID tokens.
    with running(provider, sandbox, KEYCLOAK_AUDIENCE="nobody", KEYCLOAK_ALLOW_AZP="true") as helper:
        tokens = login(provider)
        refused_for("audience", helper, tokens["access_token"])
        refused_for("kind", helper, tokens["id_token"])


def test_another_name_of_the_issuer_is_refused(provider, sandbox):
    name = provider.issuer.replace("127.0.0.1", "localhost")
    with running(provider, sandbox, KEYCLOAK_ISSUERS=name) as helper:
        refused_for("issuer", helper, login(provider)["access_token"])


def test_a_token_of_nobody_is_refused(provider, helper):
    token = machine(provider, "nameless")
    assert part(token, 1)["sub"] is None
    refused_for("subject", helper, token)


def test_no_request_fails_while_keys_are_rotated(provider, helper):
    old = login(provider)["access_token"]
    before = part(old, 0)["kid"]
    assert services(helper, old).status_code == 200
    failures = []

    def rotate():
        try:
            provider.rotate()
        except Exception as error:
            failures.append(error)

    rotation = threading.Thread(target=rotate)
    rotation.start()
    # Each token is used once, as soon as it is there, so that the first by the new key is among them.
    requests = after = 0
    while after < 20:
        token = login(provider)["access_token"]
        answer = services(helper, token)
        assert answer.status_code == 200, answer.text
        requests += 1
        after += part(token, 0)["kid"] != before
        assert requests < 2000 and not failures, failures
    rotation.join()
    assert requests > after and provider.keys() == [part(token, 0)["kid"]]
    # This provider publishes one key: what it dropped is dropped here.
    refused_for("unknown_key", helper, old)
