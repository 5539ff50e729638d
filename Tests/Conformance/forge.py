"""Keys and tokens made by hand: good ones, and such as no identity provider would make."""

import base64
import json
import time

from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

HASHES = {"256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}
CURVES = {"ES256": (ec.SECP256R1, "P-256", 32), "ES384": (ec.SECP384R1, "P-384", 48), "ES512": (ec.SECP521R1, "P-521", 66)}
GONE = object()


def b64(data):
    return base64.urlsafe_b64encode(data.encode() if isinstance(data, str) else data).rstrip(b"=").decode()


def number(value, width=None):
    return b64(value.to_bytes(width or (value.bit_length() + 7) // 8 or 1, "big"))


def text(part):
    """A part of a token before it is encoded: bytes and strings as they are, anything else as JSON."""
    return part if isinstance(part, (bytes, str)) else json.dumps(part, separators=(",", ":"))


def changed(members, changes):
    return {name: value for name, value in {**members, **changes}.items() if value is not GONE}


class RSAKey:
    kty = "RSA"

    def __init__(self, kid, alg="RS256", bits=2048, exponent=65537, use="sig"):
        self.kid, self.alg, self.use = kid, alg, use
        self.private = rsa.generate_private_key(exponent, bits)

    @property
    def numbers(self):
        return self.private.public_key().public_numbers()

    def jwk(self, **changes):
        return changed({"kid": self.kid, "kty": "RSA", "alg": self.alg, "use": self.use, "n": number(self.numbers.n),
                        "e": number(self.numbers.e)}, changes)

    def sign(self, message, alg="RS256"):
        digest = HASHES[alg[2:]]()
        scheme = (padding.PKCS1v15() if alg.startswith("RS") else
                  padding.PSS(padding.MGF1(digest), padding.PSS.DIGEST_LENGTH))
        return self.private.sign(message, scheme, digest)

    def raw(self, block):
        """The private operation on a block of our own padding."""
        private = self.private.private_numbers()
        width = (self.numbers.n.bit_length() + 7) // 8
        return pow(int.from_bytes(block, "big"), private.d, self.numbers.n).to_bytes(width, "big")

    def public(self, encoding, form):
        return self.private.public_key().public_bytes(encoding, form)


class ECKey:
    kty = "EC"

    def __init__(self, kid, alg="ES256"):
        self.kid, self.alg = kid, alg
        curve, self.crv, self.width = CURVES[alg]
        self.private = ec.generate_private_key(curve())

    def jwk(self, **changes):
        point = self.private.public_key().public_numbers()
        return changed({"kid": self.kid, "kty": "EC", "alg": self.alg, "use": "sig", "crv": self.crv,
                        "x": number(point.x, self.width), "y": number(point.y, self.width)}, changes)

    def der(self, message, alg=None):
        return self.private.sign(message, ec.ECDSA(HASHES[(alg or self.alg)[2:]]()))

    def sign(self, message, alg=None):
        return self.pair(*decode_dss_signature(self.der(message, alg)))

    def pair(self, r, s):
        return r.to_bytes(self.width, "big") + s.to_bytes(self.width, "big")


class EdKey:
    kty, alg = "OKP", "EdDSA"

    def __init__(self, kid):
        self.kid = kid
        self.private = ed25519.Ed25519PrivateKey.generate()

    def jwk(self, **changes):
        raw = self.private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return changed({"kid": self.kid, "kty": "OKP", "alg": "EdDSA", "use": "sig", "crv": "Ed25519", "x": b64(raw)},
                       changes)

    def sign(self, message, alg=None):
        return self.private.sign(message)


def hmac_of(secret, message, digest=hashes.SHA256):
    code = hmac.HMAC(secret, digest())
    code.update(message)
    return code.finalize()


class Forge:
    """Makes tokens of one issuer for audience `gw`."""

    def __init__(self, issuer, key):
        self.issuer, self.key = issuer, key

    def claims(self, **changes):
        now = int(time.time())
        return changed({
            "exp": now + 300, "iat": now, "jti": "onrtac:1", "iss": self.issuer, "aud": ["gw", "account"],
            "sub": "c1f6a3de-0001", "typ": "Bearer", "azp": "portal", "scope": "openid email",
            "preferred_username": "grace", "realm_access": {"roles": ["ml-users"]}}, changes)

    def header(self, **changes):
        return changed({"alg": self.key.alg, "typ": "JWT", "kid": self.key.kid}, changes)

    def token(self, header=None, key=None, sign=None, **claims):
        """A signed token; `header` changes header members, the rest changes claims."""
        key = key or self.key
        head = changed({"alg": key.alg, "typ": "JWT", "kid": key.kid}, header or {})
        return self.raw(head, self.claims(**claims), sign=sign or (lambda message: key.sign(message, head["alg"])))

    def raw(self, header, payload, sign=None, signature=None):
        """A token of any parts: objects, text or bytes."""
        message = f"{b64(text(header))}.{b64(text(payload))}"
        if signature is None:
            signature = (sign or (lambda data: self.key.sign(data, self.key.alg)))(message.encode())
        return f"{message}.{b64(signature)}"
