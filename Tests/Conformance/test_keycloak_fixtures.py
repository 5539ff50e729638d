"""The sandbox's Keycloak beside what a real one answered: each recorded request is made again, and the answers must have
the same status, media type, members and types, the same errors to the letter, and tokens with the same claims.

KEYCLOAK_FIXTURES names the folder of recordings; without it everything here is skipped.
"""

import base64
import json
import os
import re
import socket
import urllib.parse
from pathlib import Path

import pytest
import requests

from conftest import Sandbox, stop

FOLDER = os.environ.get("KEYCLOAK_FIXTURES") or ""
NAMES = sorted(path.stem for path in Path(FOLDER).glob("*.json")) if FOLDER else []
BASE = "/realms/mlaas/protocol/openid-connect"
VERIFIER = "pmVwCWje-w0Eg9j32dnMLrmUEwWOo9as7T-CkQT9HVpLXYzDMUUNAVdnrJ_fW5Ig"
CHALLENGE = "B1dRf29a6mgEPDEqxAWFY4AtxtMu2HGVEfRLSCBahEk"
CALLBACK = "http://127.0.0.1:5000/callback"
# Members whose presence depends on the one server that was recorded: its themes, its optional features.
FREE_FORM = {"mtls_endpoint_aliases"}

pytestmark = pytest.mark.skipif(not NAMES, reason="needs KEYCLOAK_FIXTURES")


def recording(name):
    return json.loads((Path(FOLDER) / f"{name}.json").read_text(encoding="utf-8"))


class Server:
    """Makes the steps that recorded requests stand on."""

    def __init__(self, sandbox):
        self.sandbox, self.url = sandbox, sandbox.keycloak

    def post(self, path, form, **options):
        return requests.post(self.url + path, data=form, allow_redirects=False, timeout=20, **options)

    def get(self, path, **options):
        return requests.get(self.url + path, allow_redirects=False, timeout=20, **options)

    def login(self, client="mlaas-client", scope="openid", user="ada"):
        return self.post(f"{BASE}/token", {
            "client_id": client, "client_secret": f"{client}-secret", "grant_type": "password", "username": user,
            "password": f"{user}-password", "scope": scope}).json()

    def introspect(self, token, client="mlaas-client", **options):
        return self.post(f"{BASE}/token/introspect", {
            "client_id": client, "client_secret": f"{client}-secret", "token": token}, **options)

    def refresh(self, token, client="mlaas-client"):
        return self.post(f"{BASE}/token", {
            "client_id": client, "client_secret": f"{client}-secret", "grant_type": "refresh_token",
            "refresh_token": token})

    def userinfo(self, token, **headers):
        return self.get(f"{BASE}/userinfo", headers={"Authorization": f"Bearer {token}", **headers})

    def logout(self, token):
        return self.post(f"{BASE}/logout", {
            "client_id": "mlaas-client", "client_secret": "mlaas-client-secret", "refresh_token": token})

    def revoke(self, token):
        return self.post(f"{BASE}/revoke", {
            "client_id": "mlaas-client", "client_secret": "mlaas-client-secret", "token": token})

    def admin_token(self):
        return requests.post(f"{self.url}/realms/master/protocol/openid-connect/token", timeout=20, data={
            "grant_type": "password", "client_id": "admin-cli", "username": "admin", "password": "admin",
        }).json()["access_token"]

    def reader_token(self):
        return self.post(f"{BASE}/token", {
            "grant_type": "client_credentials", "client_id": "mlaas-offboarding",
            "client_secret": "mlaas-offboarding-secret"}).json()["access_token"]

    def admin(self, path, token=None):
        token = token or self.reader_token()
        return self.get(f"/admin/realms/mlaas/{path}", headers={"Authorization": f"Bearer {token}"})

    def user_id(self):
        return self.admin("users?username=ada&exact=true").json()[0]["id"]

    def authorize(self, **changes):
        query = {"client_id": "mlaas-portal", "redirect_uri": CALLBACK, "response_type": "code", "scope": "openid",
                 "state": "s-1", "nonce": "n-1", "code_challenge": CHALLENGE, "code_challenge_method": "S256"}
        query.update(changes)
        query = {name: value for name, value in query.items() if value is not None}
        return self.get(f"{BASE}/auth?{urllib.parse.urlencode(query)}")

    def post_login(self, page):
        action = re.search(r'action="([^"]+)"', page.text).group(1).replace("&amp;", "&")
        return requests.post(
            action, data={"username": "ada", "password": "ada-password", "credentialId": ""}, allow_redirects=False,
            timeout=20)

    def code(self):
        location = self.post_login(self.authorize()).headers["Location"]
        return urllib.parse.parse_qs(urllib.parse.urlparse(location).query)["code"][0]

    def exchange(self, code, verifier=VERIFIER):
        return self.post(f"{BASE}/token", {
            "grant_type": "authorization_code", "client_id": "mlaas-portal", "client_secret": "mlaas-portal-secret",
            "code": code, "code_verifier": verifier, "redirect_uri": CALLBACK})

    def device(self):
        return self.post(f"{BASE}/auth/device", {
            "client_id": "mlaas-cli", "scope": "openid", "code_challenge": CHALLENGE,
            "code_challenge_method": "S256"})

    def poll(self, code):
        return self.post(f"{BASE}/token", {
            "grant_type": "urn:ietf:params:oauth:grant-type:device_code", "client_id": "mlaas-cli",
            "device_code": code, "code_verifier": VERIFIER})

    def consent(self, device):
        page = self.get(urllib.parse.urlparse(device["verification_uri_complete"])._replace(scheme="", netloc="").geturl())
        logged_in = self.post_login(page)
        action = re.search(r'action="([^"]+)"', logged_in.text).group(1)
        code = re.search(r'name="code" value="([^"]+)"', logged_in.text).group(1)
        cookie = logged_in.headers["Set-Cookie"].split(";")[0]
        return requests.post(
            action, data={"accept": "Yes", "code": code}, headers={"Cookie": cookie}, allow_redirects=False, timeout=20)

    def enable(self, enabled):
        requests.put(f"{self.sandbox.admin}/users/ada", json={"enabled": enabled}, timeout=10).raise_for_status()

    def raw(self, path):
        """A path that clients would tidy up."""
        host, port = self.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
            text = b""
            while chunk := connection.recv(65536):
                text += chunk
        head, body = text.split(b"\r\n\r\n", 1)
        answer = requests.Response()
        answer.status_code = int(head.split()[1])
        answer._content = body
        for line in head.decode().split("\r\n")[1:]:
            name, value = line.split(": ", 1)
            answer.headers[name] = value
        return answer


def after(first, second):
    first()
    return second()


def disabled(server, work):
    token = server.login()
    server.enable(False)
    try:
        return work(token)
    finally:
        server.enable(True)


def rotated(server):
    requests.post(f"{server.sandbox.admin}/keys", timeout=10).raise_for_status()


def too_fast(server):
    code = server.device().json()["device_code"]
    server.poll(code)
    return server.poll(code)


def granted(server):
    device = server.device().json()
    server.consent(device)
    return device["device_code"]


OTHER_HOST = {"Host": "keycloak.iam.svc:8080"}
# What must be done first, by the recording's name; every other recording is made again as it stands.
STEPS = {
    "admin-add-key": lambda s: requests.post(
        f"{s.url}/admin/realms/mlaas/components", json={"name": "k"}, timeout=20,
        headers={"Authorization": f"Bearer {s.admin_token()}"}),
    "admin-no-permission": lambda s: (
        lambda token: after(lambda: s.revoke(token), lambda: s.admin("users", token)))(s.login()["access_token"]),
    "admin-role-users": lambda s: s.admin("roles/ml-users/users?first=0&max=50"),
    "admin-user-by-id": lambda s: s.admin(f"users/{s.user_id()}"),
    "admin-user-groups": lambda s: s.admin(f"users/{s.user_id()}/groups"),
    "admin-user-roles": lambda s: s.admin(f"users/{s.user_id()}/role-mappings"),
    "admin-user-roles-composite": lambda s: s.admin(f"users/{s.user_id()}/role-mappings/realm/composite"),
    "admin-user-unknown": lambda s: s.admin("users/00000000-0000-4000-8000-000000000000"),
    "admin-users-count": lambda s: s.admin("users/count"),
    "admin-users-exact": lambda s: s.admin("users?username=ada&exact=true"),
    "admin-users-none": lambda s: s.admin("users?username=nobody&exact=true"),
    "admin-users-page": lambda s: s.admin("users?first=0&max=2"),
    "admin-write-forbidden": lambda s: requests.post(
        f"{s.url}/admin/realms/mlaas/users", json={"username": "x"}, timeout=20,
        headers={"Authorization": f"Bearer {s.reader_token()}"}),
    "browser-login-page": lambda s: s.authorize(),
    "browser-login-posted": lambda s: s.post_login(s.authorize()),
    "browser-logout": lambda s: s.get(
        f"{BASE}/logout?" + urllib.parse.urlencode({
            "id_token_hint": s.exchange(s.code()).json()["id_token"],
            "post_logout_redirect_uri": "http://127.0.0.1:5000/"})),
    "certs-after-key-deleted": lambda s: (
        rotated(s), requests.delete(f"{s.sandbox.admin}/keys", timeout=10), s.get(f"{BASE}/certs"))[-1],
    "certs-after-rotation": lambda s: after(lambda: rotated(s), lambda: s.get(f"{BASE}/certs")),
    "code-exchange": lambda s: s.exchange(s.code()),
    "code-reused": lambda s: (lambda code: after(lambda: s.exchange(code), lambda: s.exchange(code)))(s.code()),
    "code-wrong-verifier": lambda s: s.exchange(s.code(), "x" * 43),
    "device-consent-posted": lambda s: s.consent(s.device().json()),
    "device-poll-pending": lambda s: s.poll(s.device().json()["device_code"]),
    "device-poll-too-fast": too_fast,
    "device-poll-done": lambda s: s.poll(granted(s)),
    "device-poll-again": lambda s: (lambda code: after(lambda: s.poll(code), lambda: s.poll(code)))(granted(s)),
    "introspect": lambda s: s.introspect(s.login()["access_token"]),
    "introspect-accept-jwt": lambda s: s.introspect(s.login()["access_token"], headers={"Accept": "application/jwt"}),
    "introspect-after-code-reuse": lambda s: (lambda code: (lambda token: after(
        lambda: s.exchange(code), lambda: s.introspect(token)))(s.exchange(code).json()["access_token"]))(s.code()),
    "introspect-after-logout": lambda s: (lambda t: after(
        lambda: s.logout(t["refresh_token"]), lambda: s.introspect(t["access_token"])))(s.login()),
    "introspect-after-revoke": lambda s: (lambda t: after(
        lambda: s.revoke(t["access_token"]), lambda: s.introspect(t["access_token"])))(s.login()),
    "introspect-disabled-user": lambda s: disabled(s, lambda t: s.introspect(t["access_token"])),
    "introspect-id-token": lambda s: s.introspect(s.login()["id_token"]),
    "introspect-lightweight": lambda s: s.introspect(s.login("lightweight-app")["access_token"]),
    "introspect-no-client": lambda s: s.post(f"{BASE}/token/introspect", {"token": s.login()["access_token"]}),
    "introspect-other-client-not-in-aud": lambda s: s.introspect(s.login()["access_token"], "other-app"),
    "introspect-other-host": lambda s: s.introspect(s.login()["access_token"], headers=OTHER_HOST),
    "introspect-public-client": lambda s: s.post(
        f"{BASE}/token/introspect", {"client_id": "mlaas-cli", "token": s.login()["access_token"]}),
    "introspect-refresh-token": lambda s: s.introspect(s.login()["refresh_token"]),
    "introspect-wrong-secret": lambda s: s.post(
        f"{BASE}/token/introspect", {
            "client_id": "mlaas-client", "client_secret": "wrong", "token": s.login()["access_token"]}),
    "logout-legacy": lambda s: s.logout(s.login()["refresh_token"]),
    "logout-legacy-again": lambda s: (lambda t: after(lambda: s.logout(t), lambda: s.logout(t)))(
        s.login()["refresh_token"]),
    "path-dots": lambda s: s.raw("/realms/x/../mlaas/.well-known/openid-configuration"),
    "path-double-slash": lambda s: s.raw("//realms/mlaas/.well-known/openid-configuration"),
    "revoke-access-token": lambda s: s.revoke(s.login()["access_token"]),
    "token-after-rotation": lambda s: after(
        lambda: rotated(s), lambda: s.post(f"{BASE}/token", recording("token-after-rotation")["request"]["form"])),
    "token-refresh": lambda s: s.refresh(s.login()["refresh_token"]),
    "token-refresh-after-logout": lambda s: (lambda t: after(lambda: s.logout(t), lambda: s.refresh(t)))(
        s.login()["refresh_token"]),
    "token-refresh-disabled-user": lambda s: disabled(s, lambda t: s.refresh(t["refresh_token"])),
    "token-refresh-other-client": lambda s: s.refresh(s.login()["refresh_token"], "other-app"),
    "token-refresh-twice": lambda s: (lambda t: after(lambda: s.refresh(t), lambda: s.refresh(t)))(
        s.login()["refresh_token"]),
    "token-refresh-with-access-token": lambda s: s.refresh(s.login()["access_token"]),
    "userinfo": lambda s: s.userinfo(s.login()["access_token"]),
    "userinfo-after-revoke": lambda s: (lambda t: after(lambda: s.revoke(t), lambda: s.userinfo(t)))(
        s.login()["access_token"]),
    "userinfo-id-token": lambda s: s.userinfo(s.login()["id_token"]),
    "userinfo-lightweight": lambda s: s.userinfo(s.login("lightweight-app")["access_token"]),
    "userinfo-no-openid-scope": lambda s: s.userinfo(s.login(scope="profile email")["access_token"]),
    "userinfo-other-host": lambda s: s.userinfo(s.login()["access_token"], **OTHER_HOST),
}


def again(server, request):
    headers = dict(request.get("headers") or {})
    body = request.get("form") or request.get("body")
    return requests.request(
        request["method"], server.url + request["path"], data=body, headers=headers, allow_redirects=False, timeout=20)


def shape(value):
    """Names and types; of lists, the shapes that occur in them."""
    if isinstance(value, dict):
        return {name: "…" if name in FREE_FORM else shape(entry) for name, entry in sorted(value.items())}
    if isinstance(value, list):
        shapes = []
        for entry in value:
            if shape(entry) not in shapes:
                shapes.append(shape(entry))
        return sorted(shapes, key=str)
    if isinstance(value, bool):
        return "bool"
    return "number" if isinstance(value, (int, float)) else type(value).__name__


def decoded(token):
    def part(text):
        return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))

    header, payload, _ = token.split(".")
    return part(header), part(payload)


def media_type(value):
    return (value or "").split(";")[0].strip()


@pytest.fixture
def server():
    sandbox = Sandbox()
    yield Server(sandbox)
    stop(sandbox.process)


@pytest.mark.parametrize("name", NAMES)
def test_the_sandbox_answers_like_keycloak(server, name):
    recorded = recording(name)
    answer = STEPS[name](server) if name in STEPS else again(server, recorded["request"])
    expected = recorded["response"]
    headers = {header.lower(): value for header, value in expected["headers"]}
    assert answer.status_code == expected["status"], answer.text
    if headers.get("content-type") and expected["body"] not in ("", None):
        assert media_type(answer.headers.get("Content-Type")) == media_type(headers["content-type"])
    if "location" in headers and not name.startswith("admin"):
        wanted, got = (urllib.parse.urlparse(url) for url in (headers["location"], answer.headers["Location"]))
        assert got.path == wanted.path
        assert sorted(urllib.parse.parse_qs(got.query)) == sorted(urllib.parse.parse_qs(wanted.query))
    if "www-authenticate" in headers:
        assert answer.headers["WWW-Authenticate"] == headers["www-authenticate"]
    if not isinstance(expected["body"], str) and expected["body"] is not None:
        body = answer.json()
        if isinstance(expected["body"], dict) and "error" in expected["body"]:
            assert body == expected["body"]
        assert shape(body) == shape(expected["body"])
        for kind, parts in recorded.get("decoded", {}).items():
            header, payload = decoded(body[kind])
            assert header["alg"] == parts["header"]["alg"] and header["typ"] == parts["header"]["typ"]
            assert shape(payload) == shape(parts["payload"]), kind
            for claim in ("typ", "azp", "aud", "acr", "scope"):
                if kind != "refresh_token" or claim != "scope":
                    if claim != "aud" or not str(parts["payload"].get("aud", "")).startswith("http"):
                        assert payload.get(claim) == parts["payload"].get(claim), claim
            assert str(payload["jti"])[:7] == str(parts["payload"]["jti"])[:7] or kind != "access_token"
    elif expected["body"] == "":
        assert answer.text == ""
