"""A helper that trusts an issuer of ours, for tests of who is let in."""

import contextlib
import re
from types import SimpleNamespace

import pytest

from conftest import Helper, stop
from forge import ECKey, EdKey, Forge, RSAKey
from issuer import Issuer

ALL = "RS256,RS384,RS512,PS256,PS384,PS512,ES256,ES384,ES512,EdDSA"
# No limit may refuse a caller here.
UNLIMITED = "read=1000000/minute;write=1000000/minute;auth_failure=1000000/minute"
MESSAGES = {"The access token is invalid", "The access token expired"}


class Keys:
    """Made once: finding primes is slow."""

    def __init__(self):
        self.key, self.next = RSAKey("k1"), RSAKey("k2")
        self.enc = RSAKey("enc", alg="RSA-OAEP", use="enc")
        self.stranger = RSAKey("k1")
        self.ec, self.ed = ECKey("ec1"), EdKey("ed1")

    @property
    def set(self):
        return [self.enc.jwk(), self.key.jwk(), self.ec.jwk(), self.ed.jwk()]


class World(SimpleNamespace):
    """An issuer, its keys, and helpers that trust it."""

    def __init__(self, keys, threescale):
        super().__init__(**vars(keys), keys=keys, threescale=threescale, issuer=Issuer(), traps=Issuer())
        self.trap = self.traps.url
        self.issuer.keys["mlaas"] = keys.set
        self.forge = Forge(self.issuer.realm("mlaas"), keys.key)

    def helper(self, ready=True, **settings):
        return Helper(self.issuer.url, self.threescale, ready=ready, **{
            "KEYCLOAK_CLIENT_ID": "gw", "KEYCLOAK_ALGORITHMS": ALL, "KEYCLOAK_KEYS_COOLDOWN": "30s",
            "RATE_LIMITS": UNLIMITED, **settings})

    @contextlib.contextmanager
    def running(self, ready=True, **settings):
        helper = self.helper(ready, **settings)
        try:
            yield helper
        finally:
            stop(helper.process)

    def close(self):
        self.issuer.stop()
        self.traps.stop()


@pytest.fixture(scope="module")
def keys():
    return Keys()


@pytest.fixture
def world(sandbox, keys):
    world = World(keys, sandbox.threescale)
    yield world
    world.close()


def refused(answer, message=None):
    """Asserts that it is the answer to a bad token, which tells nothing else."""
    assert answer.status_code == 401, answer.text
    error = answer.json()["error"]
    assert error["code"] == "INVALID_TOKEN" and error["message"] in ({message} if message else MESSAGES)
    challenge = answer.headers["WWW-Authenticate"]
    assert challenge.startswith('Bearer realm="mlaas", error="invalid_token", error_description="' + error["message"])
    assert '/.well-known/oauth-protected-resource"' in challenge and answer.headers["Cache-Control"] == "no-store"


def counter(helper, name, **labels):
    """A metric's value, summed over the series that have these labels."""
    total = 0
    for line in helper.get("/metrics").text.splitlines():
        if re.match(name + r"[{ ]", line) and all(f'{key}="{value}"' in line for key, value in labels.items()):
            total += float(line.rsplit(" ", 1)[1])
    return total


def outbound(helper):
    """Calls to Keycloak so far."""
    return counter(helper, "mlaas_upstream_requests_total", system="keycloak")
