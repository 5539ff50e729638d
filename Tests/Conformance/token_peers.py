"""Gives our tokens to verifiers that we did not write, and says where they decide otherwise than ours.

Usage: token_peers.py PYTHON   writes the differences into docs/token-differences.md; PYTHON has PyJWT and Authlib
"""

import json
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

from forge import ECKey, Forge, RSAKey
from identity import Keys
from signature_cases import bad_keys, ecdsa_signatures, eddsa_signatures, good_keys, pkcs1_signatures
from token_cases import CASES

PEERS = Path(__file__).parent / "peers"
# Rows of the attack table that say how a token is written and signed; the others are about claims, of which each
# library leaves other parts to its caller.
WRITTEN = set(range(1, 51)) - {21, 25, 36, 37}


def cases():
    """Every case as (family, name, token, key set member, algorithm, whether ours accepts it)."""
    keys = Keys()
    world = SimpleNamespace(**vars(keys), trap="http://127.0.0.1:9", weak=RSAKey("weak", bits=1024), large=RSAKey("large", bits=4096),
                            three=RSAKey("three", exponent=3))
    world.forge = Forge("http://127.0.0.1:9/realms/mlaas", world.key)
    families = [("PKCS#1", world.key, pkcs1_signatures), ("EdDSA", world.ed, eddsa_signatures)]
    families += [(alg, ECKey("ec", alg), ecdsa_signatures) for alg in ("ES256", "ES384", "ES512")]
    for family, key, signatures in families:
        yield family, "valid", world.forge.token(key=key), key.jwk(), key.alg, True
        for name, sign in signatures(key):
            yield family, name, world.forge.token(key=key, sign=sign), key.jwk(), key.alg, False
    for row, name, make, status in CASES:
        if row in WRITTEN and status in (200, 401):
            yield f"row {row}", name, make(world), world.key.jwk(), "RS256", status == 200
    for family, good, keys in [("bad key", False, bad_keys(world)), ("good key", True, good_keys(world))]:
        for name, key, entries in keys:
            # Choosing among keys is the caller's business in these libraries.
            if len(entries) > 1:
                continue
            alg = key.alg if key.alg.startswith(("RS", "ES", "Ed")) else "RS256"
            yield family, name, world.forge.token(key=key), entries[0], alg, good


def run(command, data):
    return json.loads(subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True, text=True).stdout)


def differences(python):
    """(how many cases, {(peer, family, name): what the peer says}) of those where a peer decides otherwise."""
    listed = list(cases())
    data = json.dumps([{"token": token, "jwk": jwk if isinstance(jwk, dict) else {}, "alg": alg} for _, _, token, jwk, alg, _ in listed])
    commands = {"PyJWT": [python, PEERS / "verify.py", "pyjwt"], "Authlib": [python, PEERS / "verify.py", "authlib"],
                "Node": ["node", PEERS / "verify.mjs"]}
    found = {}
    for peer, command in commands.items():
        for (family, name, _, _, _, good), verdict in zip(listed, run(command, data)):
            # An exception refuses as well.
            if (verdict is True) != good:
                found[peer, family, name] = "accepts" if verdict is True else f"refuses ({verdict})"
    return len(listed), found


DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "token-differences.md"
MARK = "<!-- differences -->"
# Which reason of the document explains a difference.
REASONS = [
    ("key-id", r"row (22|23|24|28|30|9) .*|bad key kid .*"), ("critical", r"row (34|35) .*"), ("nested", r"row 38 .*"),
    ("compressed", r"row 41 .*"), ("encoding", r"row (44|45|46) .*|bad key n (in padded base64|with a blank)"),
    ("text", r"row 47 .*"), ("repeated", r"row (48|49|50) .*"), ("purpose", r"bad key (for encryption|use .*|key_ops .*)"),
    ("key-algorithm", r"bad key alg .*"), ("key-kind", r"bad key (kty .*|Ed25519 of kind EC)"), ("short", r"bad key n of 1024 bits"),
    ("exposed", r"bad key ((private exponent|primes) published|EC private)"),
]


def reason(family, name):
    return next((key for key, pattern in REASONS if re.fullmatch(pattern, f"{family} {name}")), None)


def table(found):
    """The lines of the document's second table."""
    rows = {}
    for (peer, family, name), verdict in found.items():
        rows.setdefault((reason(family, name) or "?", family, name, verdict), []).append(peer)
    escaped = lambda value: value.replace("|", "\\|").replace("`", "'")
    return ["| reason | family | case | there | who |", "| --- | --- | --- | --- | --- |"] + [
        f"| `{key}` | {family} | {escaped(name)} | {verdict} | {', '.join(sorted(peers))} |"
        for (key, family, name, verdict), peers in sorted(rows.items())]


def document(count, found):
    head = DOCUMENT.read_text(encoding="utf-8").split(MARK)[0]
    return f"{head}{MARK}\n\n{count} tokens, {len(found)} differences.\n\n" + "\n".join(table(found)) + "\n"


if __name__ == "__main__":
    DOCUMENT.write_text(document(*differences(sys.argv[1])), encoding="utf-8")
