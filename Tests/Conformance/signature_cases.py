"""Signatures and keys of the kind that Project Wycheproof collects, made here: what verifiers have got wrong before."""

import hashlib

from forge import GONE, b64, number

# Order of each curve, and of Ed25519's base point.
ORDERS = {
    "ES256": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    "ES384": 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
    "ES512": (2 ** 265 - 6) << 256 | 0x51868783BF2F966B7FCC0148F709A5D03BB5C9B8899C47AEBB6FB71E91386409,
}
FIELDS = {
    "ES256": 2 ** 256 - 2 ** 224 + 2 ** 192 + 2 ** 96 - 1,
    "ES384": 2 ** 384 - 2 ** 128 - 2 ** 96 + 2 ** 32 - 1,
    "ES512": 2 ** 521 - 1,
}
ED_ORDER = 2 ** 252 + 27742317777372353535851937790883648493
SHA256_INFO = bytes.fromhex("3031300d060960864801650304020105000420")
OTHER_HASHES = {
    "SHA-1": (bytes.fromhex("3021300906052b0e03021a05000414"), hashlib.sha1),
    "SHA-384": (bytes.fromhex("3041300d060960864801650304020205000430"), hashlib.sha384),
    "SHA-512": (bytes.fromhex("3051300d060960864801650304020305000440"), hashlib.sha512),
    "MD5": (bytes.fromhex("3020300c06082a864886f70d020505000410"), hashlib.md5),
}
WIDTH = 256


def padded(info, width=WIDTH, start=b"\0\1", fill=b"\xff", end=b"\0"):
    room = width - len(start) - len(end) - len(info)
    return start + fill * room + end + info


def pkcs1_blocks():
    """Paddings of a SHA-256 DigestInfo (RFC 8017 §9.2) that are not the one that may be: name and block of a message."""
    def of(name, make):
        return name, lambda message: make(hashlib.sha256(message).digest())
    good = lambda digest: padded(SHA256_INFO + digest)
    yield of("block type 2", lambda d: padded(SHA256_INFO + d, start=b"\0\2"))
    yield of("block type 0", lambda d: padded(SHA256_INFO + d, start=b"\0\0", fill=b"\0"))
    yield of("first byte 1", lambda d: padded(SHA256_INFO + d, start=b"\1\1"))
    yield of("no separator", lambda d: padded(SHA256_INFO + d, end=b""))
    yield of("separator ff", lambda d: padded(SHA256_INFO + d, end=b"\xff"))
    yield of("no padding", lambda d: (b"\0\1\0" + SHA256_INFO + d).rjust(WIDTH, b"\0"))
    yield of("a bare digest", lambda d: padded(d))
    yield of("a digest of zeros", lambda d: padded(SHA256_INFO + bytes(32)))
    for length in (0, 1, 7, 8, 9, 100):
        # What follows the digest is not looked at by verifiers that parse from the front (CVE-2006-4339).
        yield of(f"{length} bytes of padding and garbage behind", lambda d, length=length: (
            b"\0\1" + b"\xff" * length + b"\0" + SHA256_INFO + d).ljust(WIDTH, b"\x5a"))
        yield of(f"{length} bytes of padding and zeros behind", lambda d, length=length: (
            b"\0\1" + b"\xff" * length + b"\0" + SHA256_INFO + d).ljust(WIDTH, b"\0"))
    for index in range(len(SHA256_INFO)):
        for flip in (0x01, 0x80):
            yield of(f"DigestInfo byte {index} xor {flip:#x}", lambda d, index=index, flip=flip: padded(
                bytes(b ^ flip if i == index else b for i, b in enumerate(SHA256_INFO)) + d))
    for index in range(2, WIDTH - 52, 3):
        yield of(f"padding byte {index} is fe", lambda d, index=index: (
            lambda block: block[:index] + b"\xfe" + block[index + 1:])(good(d)))
    for index in (0, 2, 3, 5, 8, 9, 100):
        yield of(f"padding byte {2 + index} is 0", lambda d, index=index: (
            lambda block: block[:2 + index] + b"\0" + block[3 + index:])(good(d)))
    # DER that another parser might take for the same (BERserk, CVE-2014-1569).
    variants = {
        "parameters missing": "302f300b0609608648016503040201" + "0420",
        "parameters an empty sequence": "3031300d06096086480165030402013000" + "0420",
        "parameters an integer": "3032300e0609608648016503040201020100" + "0420",
        "parameters NULL with content": "3032300e060960864801650304020105015a" + "0420",
        "NULL with a long length": "3032300e06096086480165030402010581000420",
        "inner length long": "303230810d060960864801650304020105000420",
        "outer length long": "308131300d060960864801650304020105000420",
        "outer length two bytes": "30820031300d060960864801650304020105000420",
        "digest length long": "3032300d06096086480165030402010500048120",
        "digest length three bytes": "3034300d0609608648016503040201050004830000" + "20",
        "indefinite outer length": "3080300d060960864801650304020105000420",
        "indefinite inner length": "30333080060960864801650304020105000000" + "0420",
        "OID length long": "3032300e06810960864801650304020105000420",
        "OID with a leading zero digit": "3032300e060a8060864801650304020105000420",
        "digest a constructed string": "3031300d060960864801650304020105002420",
        "digest a bit string": "3032300d06096086480165030402010500032100",
        "a set for a sequence": "3131300d060960864801650304020105000420",
        "one element more": "3033300d060960864801650304020105000420",
        "outer length too small": "3030300d060960864801650304020105000420",
        "outer length too large": "3032300d060960864801650304020105000420",
        "outer length 0": "3000300d060960864801650304020105000420",
        "outer length huge": "30847fffffff300d060960864801650304020105000420",
        "digest length 0": "3031300d060960864801650304020105000400",
        "digest length 31": "3031300d06096086480165030402010500041f",
        "digest length 33": "3031300d060960864801650304020105000421",
    }
    for name, prefix in variants.items():
        behind = b"\5\0" if name == "one element more" else b""
        yield of(name, lambda d, prefix=prefix, behind=behind: padded(bytes.fromhex(prefix) + d + behind))
    for name, (info, digest) in OTHER_HASHES.items():
        yield f"DigestInfo of {name}", lambda message, info=info, digest=digest: padded(info + digest(message).digest())
        yield of(f"DigestInfo of {name} over SHA-256's digest", lambda d, info=info: padded(info + d))
    for index in range(32):
        yield of(f"digest byte {index}", lambda d, index=index: good(
            d[:index] + bytes([d[index] ^ 1]) + d[index + 1:]))


def pkcs1_signatures(key):
    """Names and signers of RS256 signatures that are none."""
    for name, block in pkcs1_blocks():
        yield name, lambda message, block=block: key.raw(block(message))
    good = lambda message: key.sign(message, "RS256")
    n = key.numbers.n
    for name, value in [("0", 0), ("1", 1), ("n", n), ("n - 1", n - 1), ("n + 1", n + 1), ("all ones", 2 ** 2048 - 1)]:
        yield f"the number {name}", lambda message, value=value: value.to_bytes(256, "big")
    yield "s + n", lambda message: (int.from_bytes(good(message), "big") + n).to_bytes(257, "big")
    yield "n - s", lambda message: (n - int.from_bytes(good(message), "big")).to_bytes(256, "big")
    yield "a zero in front", lambda message: b"\0" + good(message)
    yield "a zero behind", lambda message: good(message) + b"\0"
    yield "the first byte cut", lambda message: good(message)[1:]
    yield "the last byte cut", lambda message: good(message)[:-1]
    yield "reversed", lambda message: good(message)[::-1]
    yield "twice", lambda message: good(message) * 2
    yield "PSS", lambda message: key.sign(message, "PS256")


def ecdsa_signatures(key):
    """Names and signers of ECDSA signatures that are none (RFC 7518 §3.4)."""
    n, p, width = ORDERS[key.alg], FIELDS[key.alg], key.width
    top = 256 ** width - 1
    good = lambda message: key.sign(message)

    def parts(message):
        signature = good(message)
        return int.from_bytes(signature[:width], "big"), int.from_bytes(signature[width:], "big")

    edges = {"0": 0, "1": 1, "2": 2, "n - 1": n - 1, "n": n, "n + 1": n + 1, "p": p, "p - n": (p - n) % n, "n / 2": n // 2, "all ones": top}
    for r_name, r in edges.items():
        for s_name, s in edges.items():
            if r <= top and s <= top:
                yield f"r = {r_name}, s = {s_name}", lambda _, r=r, s=s: key.pair(r, s)
    for name, s in edges.items():
        if s <= top:
            yield f"s = {name}", lambda message, s=s: key.pair(parts(message)[0], s)
            yield f"r = {name}", lambda message, s=s: key.pair(s, parts(message)[1])
    yield "r and s swapped", lambda message: key.pair(*reversed(parts(message)))
    yield "r negated", lambda message: key.pair(n - parts(message)[0], parts(message)[1])
    yield "DER", lambda message: key.der(message)
    yield "one byte less", lambda message: good(message)[:-1]
    yield "one byte more", lambda message: good(message) + b"\0"
    yield "a zero in front of each half", lambda message: b"\0" + good(message)[:width] + b"\0" + good(message)[width:]
    yield "halves alone", lambda message: good(message)[:width]
    yield "hex", lambda message: good(message).hex().encode()
    yield "over another message", lambda message: good(message + b"x")


def eddsa_signatures(key):
    """Names and signers of Ed25519 signatures that are none (RFC 8032 §5.1.7)."""
    good = lambda message: key.sign(message)

    def moved(message, offset):
        signature = good(message)
        s = int.from_bytes(signature[32:], "little") + offset
        return signature[:32] + s.to_bytes(33, "little")[:32]

    for times in range(1, 15):
        # The same point by another number: a second valid signature, were it accepted.
        yield f"S plus {times} times the order", lambda message, times=times: moved(message, times * ED_ORDER)
    for bit in range(253, 256):
        yield f"bit {bit} of S", lambda message, bit=bit: moved(message, 1 << bit)
    small = [
        "0100000000000000000000000000000000000000000000000000000000000000", "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000000", "0000000000000000000000000000000000000000000000000000000000000080",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "0100000000000000000000000000000000000000000000000000000000000080", "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ]
    for index, point in enumerate(small):
        yield f"R of small order, {index}", lambda message, point=point: bytes.fromhex(point) + good(message)[32:]
        yield f"R of small order, {index}, and S = 0", lambda message, point=point: bytes.fromhex(point) + bytes(32)
    for name, s in [("0", 0), ("1", 1), ("the order", ED_ORDER), ("the order - 1", ED_ORDER - 1), ("all ones", 2 ** 256 - 1)]:
        yield f"S = {name}", lambda message, s=s: good(message)[:32] + s.to_bytes(32, "little")
    for index in range(0, 64, 5):
        yield f"byte {index}", lambda message, index=index: (
            lambda s: s[:index] + bytes([s[index] ^ 1]) + s[index + 1:])(good(message))
    yield "one byte less", lambda message: good(message)[:-1]
    yield "one byte more", lambda message: good(message) + b"\0"
    yield "halves swapped", lambda message: good(message)[32:] + good(message)[:32]
    yield "nothing", lambda message: b"\0"


def bad_keys(world):
    """Names and key sets by none of which a token of `world.key` (or of `world.ec`, `world.ed`) may be accepted."""
    rsa, ec, ed = world.key, world.ec, world.ed
    n, e = rsa.numbers.n, rsa.numbers.e
    x, y = ec.jwk()["x"], ec.jwk()["y"]
    yield "for encryption", rsa, [rsa.jwk(use="enc")]
    yield "use of another case", rsa, [rsa.jwk(use="Sig")]
    yield "use a list", rsa, [rsa.jwk(use=["sig"])]
    yield "key_ops to encrypt", rsa, [rsa.jwk(use=GONE, key_ops=["encrypt"])]
    yield "key_ops to sign", rsa, [rsa.jwk(key_ops=["sign"])]
    yield "key_ops empty", rsa, [rsa.jwk(key_ops=[])]
    yield "key_ops no list", rsa, [rsa.jwk(key_ops="verify")]
    yield "alg of another kind", rsa, [rsa.jwk(alg="ES256")]
    yield "alg none", rsa, [rsa.jwk(alg="none")]
    yield "alg RSA-OAEP", rsa, [rsa.jwk(alg="RSA-OAEP")]
    yield "alg PS256", rsa, [rsa.jwk(alg="PS256")]
    yield "alg null", rsa, [rsa.jwk(alg=None)]
    yield "kty of another case", rsa, [rsa.jwk(kty="rsa")]
    yield "kty missing", rsa, [rsa.jwk(kty=GONE)]
    yield "kty EC", rsa, [rsa.jwk(kty="EC")]
    yield "kid missing", rsa, [rsa.jwk(kid=GONE)]
    yield "kid a number", rsa, [rsa.jwk(kid=1)]
    yield "kid of another case", rsa, [rsa.jwk(kid=rsa.kid.upper())]
    yield "n missing", rsa, [rsa.jwk(n=GONE)]
    yield "n in padded base64", rsa, [rsa.jwk(n=number(n) + "==")]
    yield "n with a blank", rsa, [rsa.jwk(n=number(n)[:9] + " " + number(n)[9:])]
    yield "n even", rsa, [rsa.jwk(n=number(n + 1))]
    yield "n of 1024 bits", world.weak, [world.weak.jwk()]
    yield "n empty", rsa, [rsa.jwk(n="")]
    yield "n 0", rsa, [rsa.jwk(n="AA")]
    for value in (0, 1, 2, 4, 65536):
        yield f"e {value}", rsa, [rsa.jwk(e=number(value))]
    yield "e missing", rsa, [rsa.jwk(e=GONE)]
    yield "e as large as n", rsa, [rsa.jwk(e=number(n - 2))]
    yield "e another", rsa, [rsa.jwk(e=number(3))]
    yield "private exponent published", rsa, [rsa.jwk(d="AQAB")]
    yield "primes published", rsa, [rsa.jwk(p="AQAB", q="AQAB")]
    yield "the same id twice", rsa, [rsa.jwk(), world.next.jwk(kid=rsa.kid)]
    yield "the same key twice", rsa, [rsa.jwk(), rsa.jwk()]
    yield "a certificate alone", rsa, [rsa.jwk(n=GONE, e=GONE, x5c=["MIIB"])]
    yield "inside another object", rsa, [{"key": rsa.jwk()}]
    yield "inside a list", rsa, [[rsa.jwk()]]
    yield "EC of another curve", ec, [ec.jwk(crv="P-384")]
    yield "EC curve missing", ec, [ec.jwk(crv=GONE)]
    yield "EC curve of another name", ec, [ec.jwk(crv="secp256r1")]
    yield "EC x and y swapped", ec, [ec.jwk(x=y, y=x)]
    yield "EC not on the curve", ec, [ec.jwk(y=x)]
    yield "EC the origin", ec, [ec.jwk(x=b64(bytes(32)), y=b64(bytes(32)))]
    yield "EC x too long", ec, [ec.jwk(x=b64(b"\0" + bytes(32)))]
    yield "EC x too short", ec, [ec.jwk(x=b64(bytes(31)))]
    yield "EC x as large as the field", ec, [ec.jwk(x=number(FIELDS["ES256"]), y=number(FIELDS["ES256"]))]
    yield "EC y missing", ec, [ec.jwk(y=GONE)]
    yield "EC private", ec, [ec.jwk(d="AQAB")]
    yield "Ed25519 called X25519", ed, [ed.jwk(crv="X25519")]
    yield "Ed25519 called Ed448", ed, [ed.jwk(crv="Ed448")]
    yield "Ed25519 too long", ed, [ed.jwk(x=b64(bytes(33)))]
    yield "Ed25519 too short", ed, [ed.jwk(x=b64(bytes(31)))]
    yield "Ed25519 of kind EC", ed, [ed.jwk(kty="EC")]
    yield "Ed25519 not on the curve", ed, [ed.jwk(x=b64(b"\2" + bytes(31)))]
    yield "a shared secret", rsa, [{"kty": "oct", "kid": rsa.kid, "alg": "HS256", "k": b64(b"k" * 32)}]


def good_keys(world):
    """Names and key sets by which a token is accepted."""
    rsa = world.key
    yield "as Keycloak writes it", rsa, [rsa.jwk(x5c=["MIIB"], x5t="x", **{"x5t#S256": "y"})]
    yield "without use", rsa, [rsa.jwk(use=GONE)]
    yield "without alg", rsa, [rsa.jwk(alg=GONE)]
    yield "key_ops to verify", rsa, [rsa.jwk(use=GONE, key_ops=["verify"])]
    yield "members of others", rsa, [rsa.jwk(exp=0, iat="x", more={"a": [1]})]
    yield "behind a strange one", rsa, [{"kty": "AKP", "kid": rsa.kid, "alg": "ML-DSA-65", "pub": "AA"}, rsa.jwk()]
    yield "e 3", world.three, [world.three.jwk()]
    yield "4096 bits", world.large, [world.large.jwk()]
    yield "EC", world.ec, [world.ec.jwk()]
    yield "Ed25519", world.ed, [world.ed.jwk()]
