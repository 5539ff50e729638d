"""Hundreds of signatures and keys that verifiers have got wrong before, through the front door: every bad one is refused,
every good one accepted. `peers/` gives the same tokens to verifiers that we did not write."""

import pytest
import requests

from forge import ECKey, Forge, RSAKey
from identity import Keys, World
from signature_cases import bad_keys, ecdsa_signatures, eddsa_signatures, good_keys, pkcs1_signatures

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]


@pytest.fixture(scope="module")
def world(sandbox):
    world = World(Keys(), sandbox.threescale)
    world.es384, world.es512 = ECKey("ec384", "ES384"), ECKey("ec512", "ES512")
    world.any = RSAKey("any")
    world.weak, world.three, world.large = RSAKey("weak", bits=1024), RSAKey("three", exponent=3), RSAKey("large", bits=4096)
    world.issuer.keys["mlaas"] += [world.es384.jwk(), world.es512.jwk(), world.any.jwk(alg="PS256", kid="any"),
                                   *(world.any.jwk(alg=alg, kid=alg) for alg in ALGORITHMS if alg[1] == "S" and alg[0] in "RP")]
    yield world
    world.close()


@pytest.fixture(scope="module")
def helper(world):
    with world.running() as helper:
        yield helper


@pytest.fixture(scope="module")
def session():
    with requests.Session() as session:
        yield session


def status(session, helper, token):
    return session.get(helper.url + "/api/services", headers={"Authorization": f"Bearer {token}"}, timeout=30).status_code


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_each_algorithm_is_accepted(world, helper, session, alg):
    key = {"ES256": world.ec, "ES384": world.es384, "ES512": world.es512, "EdDSA": world.ed}.get(alg, world.any)
    kid = alg if key is world.any else key.kid
    for _ in range(10):
        assert status(session, helper, world.forge.token(key=key, header={"alg": alg, "kid": kid})) == 200
    for other in ALGORITHMS:
        if other != alg:
            sign = lambda message: key.sign(message, alg)
            assert status(session, helper, world.forge.token(key=key, header={"alg": other, "kid": kid}, sign=sign)) == 401


@pytest.mark.parametrize("alg, least", [("RS256", 200), ("ES256", 100), ("ES384", 100), ("ES512", 100), ("EdDSA", 50)])
def test_signatures_that_are_none_are_refused(world, helper, session, alg, least):
    key = {"RS256": world.key, "ES256": world.ec, "ES384": world.es384, "ES512": world.es512, "EdDSA": world.ed}[alg]
    family = pkcs1_signatures if alg == "RS256" else eddsa_signatures if alg == "EdDSA" else ecdsa_signatures
    cases = list(family(key))
    accepted = [name for name, sign in cases if status(session, helper, world.forge.token(key=key, sign=sign)) != 401]
    assert accepted == [] and len(cases) >= least
    assert status(session, helper, world.forge.token(key=key)) == 200


def test_keys_that_are_none_are_refused_and_good_ones_accepted(world, session):
    cases = [(False, *case) for case in bad_keys(world)] + [(True, *case) for case in good_keys(world)]
    forges = []
    for index, (_, _, key, entries) in enumerate(cases):
        world.issuer.keys[f"case-{index}"] = [*entries, world.next.jwk(kid="other")]
        forges.append(Forge(world.issuer.realm(f"case-{index}"), key))
    with world.running(KEYCLOAK_ISSUERS=",".join(forge.issuer for forge in forges)) as helper:
        for (is_good, name, key, _), forge in zip(cases, forges):
            found = status(session, helper, forge.token(key=key))
            assert found == (200 if is_good else 401), name
            # The other key of the set works all the same.
            assert status(session, helper, forge.token(key=world.next, header={"kid": "other"})) == 200, name
