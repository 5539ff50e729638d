"""A real identity provider that is not Keycloak: Debian's LemonLDAP::NG, on loopback, in a folder of its own."""

import json
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import requests
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from conftest import free_port, stop
from forge import RSAKey

SHARE = Path("/usr/share/lemonldap-ng")
PORTAL = SHARE / "portal/htdocs/index.psgi"
ROTATE = SHARE / "bin/rotateOidcKeys"
AVAILABLE = PORTAL.exists() and ROTATE.exists() and shutil.which("plackup") is not None
AUDIENCE = "https://gateway.example.com"
# Further audience, and what becomes `sub`: a client has no mail, so a token of its own says `"sub": null`.
CLIENTS = {"gateway": (AUDIENCE, "uid"), "other": ("", "uid"), "nameless": (AUDIENCE, "mail")}

INI = """\
[all]
logLevel = warn
checkTime = 1

[configuration]
type = File
dirName = {folder}/conf
localStorage = Cache::FileCache
localStorageOptions = {{ 'namespace' => 'configuration', 'cache_root' => '{folder}/cache' }}

[portal]
staticPrefix = /static
templateDir = {share}/portal/templates
languages = en
"""


class LemonLDAP:
    """Issuer `url`; user `dwho` of the packaged demonstration, whose password is the name; and `CLIENTS`."""

    def __init__(self):
        port = free_port()
        self.url = self.issuer = f"http://127.0.0.1:{port}"
        self.folder = tempfile.TemporaryDirectory()
        folder = Path(self.folder.name)
        for name in ("conf", "cache", "sessions", "persistent"):
            (folder / name).mkdir()
        ini = folder / "lemonldap-ng.ini"
        ini.write_text(INI.format(folder=folder, share=SHARE), encoding="utf-8")
        (folder / "conf/lmConf-1.json").write_text(json.dumps(self.configuration(folder)), encoding="utf-8")
        self.environment = {
            "PATH": os.environ["PATH"], "LLNG_DEFAULTCONFFILE": str(ini),
            "LLNG_DEFAULTLOGGER": "Lemonldap::NG::Common::Logger::Std"}
        self.log = open(folder / "log", "w", encoding="utf-8")
        # One process, one request at a time: what it signs with and what it publishes change together.
        self.process = subprocess.Popen(
            ["plackup", "--server", "HTTP::Server::PSGI", "--env", "deployment", "--host", "127.0.0.1", "--port", str(port), PORTAL],
            env=self.environment, stdout=self.log, stderr=subprocess.STDOUT)
        try:
            self.wait()
        except BaseException:
            self.stop()
            raise

    def configuration(self, folder):
        key = RSAKey("l1")
        private = key.private.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
        public = key.public(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        return {
            "cfgNum": 1, "cfgAuthor": "tests", "cfgDate": int(time.time()), "cfgVersion": "2.16.1",
            "portal": f"{self.url}/", "domain": "127.0.0.1", "cookieName": "lemonldap", "securedCookie": 0, "requireToken": 0,
            "authentication": "Demo", "userDB": "Same", "passwordDB": "Null", "registerDB": "Null",
            "locationRules": {"127.0.0.1": {"default": "accept"}}, "exportedHeaders": {}, "macros": {}, "groups": {},
            "portalDisplayRegister": 0, "portalDisplayResetPassword": 0, "portalDisplayCertificateResetByMail": 0,
            "demoExportedVars": {"uid": "uid", "cn": "cn", "mail": "mail"}, "whatToTrace": "uid",
            "globalStorage": "Apache::Session::File", "globalStorageOptions": self.storage(folder / "sessions"),
            "persistentStorage": "Apache::Session::File", "persistentStorageOptions": self.storage(folder / "persistent"),
            "localSessionStorage": "Cache::FileCache",
            "localSessionStorageOptions": {"namespace": "sessions", "cache_root": str(folder / "cache")},
            "issuerDBOpenIDConnectActivation": 1, "oidcServiceMetaDataIssuer": self.issuer, "oidcServiceIgnoreScopeForClaims": 1,
            "oidcServicePrivateKeySig": private, "oidcServicePublicKeySig": public, "oidcServiceKeyIdSig": key.kid,
            "oidcRPMetaDataOptions": {name: self.client(name, *options) for name, options in CLIENTS.items()},
            "oidcRPMetaDataExportedVars": {name: {"preferred_username": "uid", "email": "mail"} for name in CLIENTS},
        }

    @staticmethod
    def storage(folder):
        return {"Directory": str(folder), "LockDirectory": str(folder),
                "generateModule": "Lemonldap::NG::Common::Apache::Session::Generate::SHA256"}

    @staticmethod
    def client(name, audience, subject):
        options = {
            "ClientID": name, "ClientSecret": f"{name}-secret", "AccessTokenJWT": 1, "AccessTokenClaims": 1,
            "AccessTokenSignAlg": "RS256", "IDTokenSignAlg": "RS256", "IDTokenForceClaims": 1, "AccessTokenExpiration": 300,
            "IDTokenExpiration": 300, "RefreshToken": 1, "AllowPasswordGrant": 1, "AllowClientCredentialsGrant": 1,
            "UserIDAttr": subject, "BypassConsent": 1, "AdditionalAudiences": audience}
        return {f"oidcRPMetaDataOptions{option}": value for option, value in options.items()}

    def wait(self):
        end = time.monotonic() + 120
        while True:
            problem = "nothing listens"
            try:
                answer = requests.get(f"{self.url}/oauth2/jwks", timeout=60)
                if answer.status_code == 200:
                    return
                problem = answer.status_code
            except requests.ConnectionError:
                pass
            # It answers 500 for ever when a module is missing.
            if problem == 500 or time.monotonic() > end or self.process.poll() is not None:
                said = Path(self.log.name).read_text(encoding="utf-8")[:2000]
                raise RuntimeError(f"LemonLDAP::NG did not start: {problem}: {said}")
            time.sleep(0.1)

    def keys(self):
        """The ids of the published keys."""
        return [key["kid"] for key in requests.get(f"{self.url}/oauth2/jwks", timeout=60).json()["keys"]]

    def rotate(self):
        """Runs the packaged tool: a new key signs, and the old one is not published any more. In force within seconds."""
        subprocess.run(["perl", ROTATE], env=self.environment, check=True, timeout=120)

    def token(self, client="gateway", **fields):
        return requests.post(f"{self.url}/oauth2/token", auth=(client, f"{client}-secret"), data=fields, timeout=60)

    def stop(self):
        stop(self.process)
        self.log.close()
        self.folder.cleanup()
