"""A real identity provider that is not Keycloak: Debian's Glewlwyd, on loopback, in a folder of its own."""

import gzip
import json
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import requests

from conftest import free_port, stop
from forge import RSAKey, number

DOCS = Path("/usr/share/doc/glewlwyd")
AVAILABLE = shutil.which("glewlwyd") is not None and shutil.which("sqlite3") is not None


def packaged(*names):
    """A file of the package's documentation, which Debian may have compressed."""
    for folder in (DOCS, Path("/usr/share/doc/glewlwyd-common")):
        for name in names:
            for path in (folder / name, folder / f"{name}.gz"):
                if path.exists():
                    data = path.read_bytes()
                    return (gzip.decompress(data) if path.suffix == ".gz" else data).decode()
    raise RuntimeError(f"glewlwyd has no {names}")


class Glewlwyd:
    """Issuer `{url}/realms/mlaas`; user `ada`, client `gateway`, audience by claim of the user."""

    def __init__(self):
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.issuer = f"{self.url}/realms/mlaas"
        self.folder = tempfile.TemporaryDirectory()
        folder = Path(self.folder.name)
        database = folder / "glewlwyd.db"
        subprocess.run(["sqlite3", database], input=packaged("database/init.sqlite3.sql"), text=True, check=True)
        text = packaged("glewlwyd.conf.sample")
        for old, new in [
            ("port=4593", f'port={port}\nbind_address="127.0.0.1"'), ('external_url="http://localhost:4593', f'external_url="{self.url}'),
            ('api_prefix="api"', 'api_prefix="realms"'), ('cookie_domain="localhost"', 'cookie_domain="127.0.0.1"'),
            ("cookie_secure=1", "cookie_secure=0"), ("/var/cache/glewlwyd/glewlwyd.db", str(database)),
        ]:
            assert old in text, old
            text = text.replace(old, new)
        (folder / "glewlwyd.conf").write_text(text, encoding="utf-8")
        self.log = open(folder / "log", "w", encoding="utf-8")
        self.process = subprocess.Popen(
            ["glewlwyd", f"--config-file={folder / 'glewlwyd.conf'}"], stdout=self.log, stderr=subprocess.STDOUT)
        self.admin = requests.Session()
        self.sign_in()
        self.key = RSAKey("g1")
        self.configure()

    def sign_in(self):
        end = time.monotonic() + 60
        while True:
            try:
                answer = self.admin.post(
                    f"{self.url}/realms/auth/", json={"username": "admin", "password": "password"}, timeout=20)
                if answer.status_code == 200:
                    return
            except requests.RequestException:
                pass
            assert time.monotonic() < end and self.process.poll() is None, "glewlwyd did not start"
            time.sleep(0.1)

    def call(self, method, path, body=None):
        answer = self.admin.request(method, f"{self.url}/realms/{path}", json=body, timeout=60)
        assert answer.status_code < 300, (path, answer.status_code, answer.text)
        return answer

    def configure(self):
        module = next(item for item in self.admin.get(f"{self.url}/realms/mod/user/", timeout=60).json() if item["name"] == "database")
        module["parameters"] = {**(module.get("parameters") or {}), "use-glewlwyd-connection": True,
                                "data-format": {"aud": {"multiple": False, "read": True, "write": True}}}
        self.call("PUT", "mod/user/database", module)
        self.call("PUT", "mod/user/database/reset")
        self.call("POST", "scope/", {"name": "mlaas", "display_name": "mlaas", "password_required": True,
                                     "password_max_age": 0, "scheme": {}})
        self.call("POST", "user/", {"username": "ada", "password": "ada-password", "name": "Ada", "email": "ada@example.com",
                                    "enabled": True, "scope": ["openid", "mlaas", "g_profile"]})
        self.call("POST", "client/", {
            "client_id": "gateway", "name": "gateway", "enabled": True, "confidential": True, "password": "gateway-secret",
            "client_secret": "gateway-secret", "token_endpoint_auth_method": ["client_secret_basic", "client_secret_post"],
            "redirect_uri": ["http://127.0.0.1/"], "scope": ["mlaas"],
            "authorization_type": ["password", "client_credentials", "refresh_token", "code"]})
        self.install(self.key)

    def plugin(self, key, *old):
        """The provider's settings, with `key` signing and old keys published."""
        keys = {"keys": [self.private_jwk(each) for each in (key, *old)]}
        return {
            "module": "oidc", "name": "mlaas", "display_name": "mlaas", "enabled": True, "parameters": {
                "iss": self.issuer, "jwt-type": "rsa", "jwt-key-size": "256", "jwks-private": json.dumps(keys),
                "default-kid": key.kid, "access-token-duration": 300, "refresh-token-duration": 3600, "code-duration": 600,
                "refresh-token-rolling": True, "allow-non-oidc": True, "auth-type-code-enabled": True, "auth-type-token-enabled": True,
                "auth-type-id-token-enabled": True, "auth-type-password-enabled": True, "auth-type-client-enabled": True,
                "auth-type-device-enabled": False, "auth-type-refresh-enabled": True, "jwks-show": True, "pkce-allowed": True,
                "introspection-revocation-allowed": True, "introspection-revocation-allow-target-client": True,
                "additional-parameters": [
                    {"user-parameter": "username", "token-parameter": "preferred_username"},
                    {"user-parameter": "email", "token-parameter": "email"}],
                "resource-allowed": True, "resource-scope": {"mlaas": ["https://gateway.example.com"]},
                "session-management-allowed": False}}

    def install(self, key, *old, replaces=False):
        if replaces:
            self.call("DELETE", "mod/plugin/mlaas")
        self.call("POST", "mod/plugin/", self.plugin(key, *old))

    def rotate(self, key):
        """A new key signs; the old one stays published."""
        old, self.key = self.key, key
        self.install(key, old, replaces=True)

    @staticmethod
    def private_jwk(key):
        private = key.private.private_numbers()
        return key.jwk(d=number(private.d), p=number(private.p), q=number(private.q), dp=number(private.dmp1),
                       dq=number(private.dmq1), qi=number(private.iqmp))

    def token(self, **fields):
        return requests.post(f"{self.issuer}/token", auth=("gateway", "gateway-secret"), data=fields, timeout=60)

    def stop(self):
        stop(self.process)
        self.log.close()
        self.folder.cleanup()
