"""The PyPI client `python-keycloak`, unmodified, against the sandbox."""

import pytest
from keycloak import KeycloakAdmin, KeycloakOpenID
from keycloak.exceptions import KeycloakAuthenticationError, KeycloakPostError


@pytest.fixture(scope="module")
def client(sandbox):
    return KeycloakOpenID(
        server_url=sandbox.keycloak, realm_name="mlaas", client_id="mlaas-client",
        client_secret_key="mlaas-client-secret")


def test_well_known_and_keys(client, sandbox):
    assert client.well_known()["issuer"] == f"{sandbox.keycloak}/realms/mlaas"
    assert [key["alg"] for key in client.certs()["keys"]] == ["RS256", "RSA-OAEP", "ES256"]
    assert client.public_key()


def test_password_refresh_userinfo_introspection_logout(client):
    token = client.token("ada", "ada-password", scope="openid")
    assert client.userinfo(token["access_token"])["preferred_username"] == "ada"
    assert client.introspect(token["access_token"])["active"] is True
    assert client.decode_token(token["access_token"])["sub"]
    fresh = client.refresh_token(token["refresh_token"])
    assert fresh["access_token"] != token["access_token"]
    client.logout(fresh["refresh_token"])
    assert client.introspect(fresh["access_token"]) == {"active": False}
    with pytest.raises(KeycloakPostError):
        client.refresh_token(fresh["refresh_token"])


def test_client_credentials(client):
    token = client.token(grant_type="client_credentials")
    assert "refresh_token" not in token
    assert client.decode_token(token["access_token"])["preferred_username"] == "service-account-mlaas-client"


def test_wrong_credentials_are_refused(client):
    with pytest.raises((KeycloakAuthenticationError, KeycloakPostError)):
        client.token("ada", "wrong")


def test_device_flow_starts(client):
    assert client.device()["interval"] == 1


def test_admin_reads_users(sandbox):
    admin = KeycloakAdmin(
        server_url=sandbox.keycloak, username="admin", password="admin", realm_name="mlaas", user_realm_name="master")
    assert [user["username"] for user in admin.get_users({"username": "ada", "exact": True})] == ["ada"]
