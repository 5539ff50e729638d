"""The rows of the attack table that are one token each: what it is, and what must be answered.

A case is (row, name, token of a world, status). A world has `forge`, `key` (RS256, signs the forge's tokens), `ec`, `ed`,
`enc` (the realm's encryption key), `stranger` (a key that no issuer has, under the id of `key`) and `trap` (a URL that
nothing may ever fetch).
"""

import json
import time

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwcrypto import jwe, jwk

from forge import GONE, b64, hmac_of, number, text

CASES = []


def case(row, name, status=401):
    def add(make):
        CASES.append((row, name, make, status))
        return make
    return add


def header(row, name, status=401, **changes):
    """Signed by the good key, with other header members."""
    case(row, name, status)(lambda w: w.forge.token(header=changes))


def claim(row, name, status=401, **changes):
    """Signed by the good key, with other claims; a function of now stands for a value."""
    def make(w):
        now = time.time()
        return w.forge.token(**{key: value(now) if callable(value) else value for key, value in changes.items()})
    case(row, name, status)(make)


def unsigned(row, name, signature=b"", **changes):
    case(row, name)(lambda w: w.forge.raw(w.forge.header(**changes), w.forge.claims(), signature=signature))


def of_text(row, name, change, status=401):
    """A good token whose text is changed."""
    case(row, name, status)(lambda w: change(w.forge.token()))


# 1-8: algorithms
for row, name in [(1, "none"), (2, "nOnE"), (2, "NONE"), (2, "None"), (7, "rs256"), (7, "Rs256"), (7, " RS256")]:
    case(row, f"alg {name}, nothing signed")(
        lambda w, name=name: f"{b64(text(w.forge.header(alg=name)))}.{b64(text(w.forge.claims()))}.")
    unsigned(row, f"alg {name}, a byte for a signature", b"\0", alg=name)
case(3, "alg none with the signature of an RS256 token")(
    lambda w: ".".join([b64(text(w.forge.header(alg="none"))), *w.forge.token().split(".")[1:]]))
case(3, "alg none over what was signed as none")(
    lambda w: w.forge.raw(w.forge.header(alg="none"), w.forge.claims(), sign=lambda m: w.key.sign(m, "RS256")))
for name, secret in [
    ("the PEM", lambda w: w.key.public(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)),
    ("the PEM without its last line feed", lambda w: w.key.public(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)[:-1]),
    ("the DER", lambda w: w.key.public(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)),
    ("PKCS#1", lambda w: w.key.public(Encoding.PEM, PublicFormat.PKCS1)),
    ("the JWK's n", lambda w: w.key.jwk()["n"].encode()),
    ("the JWK", lambda w: json.dumps(w.key.jwk()).encode()),
]:
    for alg in ("HS256", "RS256"):
        case(4, f"HMAC keyed with {name} of the public key, called {alg}")(
            lambda w, secret=secret, alg=alg: w.forge.raw(
                w.forge.header(alg=alg), w.forge.claims(), sign=lambda m: hmac_of(secret(w), m)))
case(5, "HMAC keyed with the EC point")(
    lambda w: w.forge.raw(
        w.forge.header(alg="HS256", kid=w.ec.kid), w.forge.claims(),
        sign=lambda m: hmac_of(w.ec.private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint), m)))
for alg in ("PS256", "RS384", "RS512", "PS384", "PS512"):
    case(6, f"a good {alg} signature by the key that says RS256")(
        lambda w, alg=alg: w.forge.token(header={"alg": alg}))
for name, value in [("missing", GONE), ("null", None), ("a number", 1), ("an array", ["RS256"]), ("empty", "")]:
    case(8, f"alg is {name}")(
        lambda w, value=value: w.forge.token(header={"alg": value}, sign=lambda m: w.key.sign(m, "RS256")))

# 9-14: signatures of another kind, shape or length
case(9, "ES256 with the id of an RSA key")(
    lambda w: w.forge.token(header={"alg": "ES256"}, sign=lambda m: w.ec.sign(m)))
case(9, "RS256 with the id of an EC key")(
    lambda w: w.forge.token(header={"kid": w.ec.kid}))
case(9, "EdDSA with the id of an EC key")(
    lambda w: w.forge.token(header={"alg": "EdDSA", "kid": w.ec.kid}, sign=lambda m: w.ed.sign(m)))
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
for name, r, s in [("zeros", 0, 0), ("r is the order", ORDER, 1), ("s is the order", 1, ORDER), ("both the order", ORDER, ORDER),
                   ("r is 0", 0, 1), ("s is 0", 1, 0), ("ones", 1, 1)]:
    case(10, f"ECDSA, {name}")(lambda w, r=r, s=s: w.forge.token(key=w.ec, sign=lambda m: w.ec.pair(r, s)))
case(11, "ECDSA in DER")(lambda w: w.forge.token(key=w.ec, sign=lambda m: w.ec.der(m)))
for length in (0, 63, 65, 128):
    case(11, f"ECDSA of {length} bytes")(
        lambda w, length=length: w.forge.token(key=w.ec, sign=lambda m: (w.ec.sign(m) * 2)[:length] or b"\0"))
L = 2 ** 252 + 27742317777372353535851937790883648493


def with_order_added(signature):
    s = int.from_bytes(signature[32:], "little") + L
    return signature[:32] + s.to_bytes(32, "little")


case(12, "EdDSA with S plus the order")(
    lambda w: w.forge.token(key=w.ed, sign=lambda m: with_order_added(w.ed.sign(m))))
of_text(13, "signature stripped", lambda t: t.rsplit(".", 1)[0] + ".")
of_text(13, "signature and dot stripped", lambda t: t.rsplit(".", 1)[0])
for name, signature in [("zeros", bytes(256)), ("one byte", b"\1"), ("10 kB", bytes(10_000)), ("255 bytes", b"\1" * 255),
                        ("257 bytes", b"\0" + b"\1" * 256)]:
    unsigned(14, f"a signature of {name}", signature)

# 16-21: changed after signing; keys that the token brings
of_text(16, "payload byte", lambda t: t[:len(t) // 3] + ("A" if t[len(t) // 3] != "A" else "B") + t[len(t) // 3 + 1:])
of_text(16, "header byte", lambda t: t[:9] + ("A" if t[9] != "A" else "B") + t[10:])
case(16, "another payload under the signature")(
    lambda w: ".".join([w.forge.token().split(".")[0], b64(text(w.forge.claims(sub="other"))),
                        w.forge.token().split(".")[2]]))
for row, name, member in [
    (17, "jwk", lambda w: {"jwk": w.stranger.jwk()}),
    (18, "jku", lambda w: {"jku": w.trap + "/jwks"}),
    (19, "x5u", lambda w: {"x5u": w.trap + "/latest/meta-data"}),
    (19, "x5u of cloud metadata", lambda w: {"x5u": "http://169.254.169.254/"}),
    (20, "x5c", lambda w: {"x5c": ["MIIB"]}),
]:
    case(row, f"signed by the key of its own {name}")(
        lambda w, member=member: w.forge.token(header=member(w), key=w.stranger))
case(21, "a good token that names the genuine key set", 200)(
    lambda w: w.forge.token(header={"jku": w.forge.issuer + "/protocol/openid-connect/certs"}))

# 22-30: key ids
case(22, "kid of a file, HMAC with an empty key")(
    lambda w: w.forge.raw(w.forge.header(alg="HS256", kid="../../../../dev/null"), w.forge.claims(),
                          sign=lambda m: hmac_of(b"", m)))
header(22, "kid of a file", kid="../../../../dev/null")
for kid in ("x' OR 1=1--", "*)(uid=*", "$(id)", "`id`", "|id", "{{7*7}}", "${jndi:ldap://x}"):
    header(23, f"kid {kid}", kid=kid)
header(24, "kid with a line break", kid="x\r\nfake: log line")
header(24, "kid with an escape sequence", kid="\x1b[31mred")
header(25, "kid of 10 kB", kid="k" * 10_000)
header(25, "kid of 100 kB, which no head can hold", 431, kid="k" * 100_000)
header(28, "kid missing", kid=GONE)
case(29, "signed by the encryption key")(lambda w: w.forge.token(header={"alg": "RS256"}, key=w.enc))
for name, value in [("empty", ""), ("null", None), ("a number", 1), ("a list", ["k1"]), ("257 bytes", "k" * 257)]:
    header(30, f"kid {name}", kid=value)

# 34-38: header members that change the meaning
for value in (["exp"], ["x"], [], "exp", None):
    header(34, f"crit {value}", crit=value)
header(35, "b64 false", b64=False, crit=["b64"])
header(35, "b64 false without crit", b64=False)
case(35, "payload not encoded")(
    lambda w: (lambda message: message + "." + b64(w.key.sign(message.encode())))(
        b64(text(w.forge.header(b64=False, crit=["b64"]))) + "." + text(w.forge.claims())))
for value in ("logout+jwt", "dpop+jwt", "secevent+jwt", "JOSE", "", None, 1, "jwt\u0130", "application/jwt+x"):
    header(36, f"typ {value!r}", typ=value)
for value in ("at+jwt", "AT+JWT", "application/at+jwt", "jwt"):
    header(37, f"typ {value}", 200, typ=value)
header(37, "no typ", 200, typ=GONE)
case(38, "a token inside a token")(
    lambda w: w.forge.raw(w.forge.header(cty="JWT"), w.forge.token()))
header(38, "cty", cty="JWT")

# 39-46: other serialisations and encodings


def encrypted(w, protected, key):
    token = jwe.JWE(text(w.forge.claims()), json.dumps(protected))
    token.add_recipient(key)
    return token.serialize(compact=True)


case(39, "JWE to the realm's encryption key")(
    lambda w: encrypted(w, {"alg": "RSA-OAEP", "enc": "A256GCM", "kid": w.enc.kid},
                        jwk.JWK(kty="RSA", n=number(w.enc.numbers.n), e=number(w.enc.numbers.e))))
case(40, "JWE whose password is to be hashed two thousand million times")(
    lambda w: ".".join([b64(text({"alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "p2c": 2 ** 31 - 1, "p2s": "AAAA"})),
                        b64(b"k" * 24), b64(b"i" * 12), b64(b"c" * 64), b64(b"t" * 16)]))
case(40, "the same in three parts")(
    lambda w: w.forge.raw({"alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "p2c": 2 ** 31 - 1}, "x", signature=b"x"))
case(41, "JWE that inflates")(
    lambda w: (lambda t: (t.add_recipient(jwk.JWK(kty="oct", k=b64(b"k" * 16))), t.serialize(compact=True))[1])(
        jwe.JWE(b" " * 200_000, json.dumps({"alg": "dir", "enc": "A128GCM", "zip": "DEF"}))))
header(41, "zip in a signed token", zip="DEF")
case(42, "JSON, flattened")(
    lambda w: (lambda p: json.dumps({"protected": p[0], "payload": p[1], "signature": p[2]}))(
        w.forge.token().split(".")))
case(42, "JSON, general")(
    lambda w: (lambda p: json.dumps(
        {"payload": p[1], "signatures": [{"protected": p[0], "signature": p[2]}]}))(
        w.forge.token().split(".")))
of_text(43, "compact text with a brace", lambda t: "{" + t)
of_text(43, "compact text with a quote", lambda t: t.replace(".", '"."', 1))
for name, change in [("four parts", lambda t: t + ".x"), ("no parts", lambda t: ".."), ("a dot", lambda t: "."),
                     ("five parts", lambda t: t + ".."), ("an empty header", lambda t: "." + t.split(".", 1)[1]),
                     ("an empty payload", lambda t: t.split(".")[0] + ".." + t.split(".")[2]),
                     ("a dot in front", lambda t: "." + t), ("one part", lambda t: t.split(".")[0])]:
    of_text(44, name, change)
for name, change in [("padding", lambda t: t + "=="), ("padding inside", lambda t: t.replace(".", "==.", 1)),
                     ("plus", lambda t: t[:-8] + "+" + t[-7:]), ("slash", lambda t: t[:-8] + "/" + t[-7:]),
                     ("a blank", lambda t: t[:-8] + " " + t[-8:]), ("a tab", lambda t: t[:-8] + "\t" + t[-8:]),
                     ("percent encoding", lambda t: t.replace(".", "%2E"))]:
    of_text(45, name, change)


def other_trailing_bits(token):
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return token[:-1] + alphabet[alphabet.index(token[-1]) + 1]


of_text(46, "trailing bits of the signature", other_trailing_bits)

# 47-54: the JSON itself
for name, data in [
    ("an array", b'["RS256"]'), ("a string", b'"RS256"'), ("empty", b" "), ("not UTF-8", b'{"alg":"RS256","kid":"k1","x":"\xff"}'),
    ("UTF-16", '{"alg":"RS256","kid":"k1"}'.encode("utf-16")), ("with a BOM", b'\xef\xbb\xbf{"alg":"RS256","kid":"k1"}'),
    ("with something behind", b'{"alg":"RS256","kid":"k1"}x'), ("with a comment", b'{"alg":"RS256",/**/"kid":"k1"}'),
    ("with single quotes", b"{'alg':'RS256','kid':'k1'}"), ("overlong UTF-8", b'{"alg":"RS256","kid":"k1","x":"\xc0\x80"}'),
]:
    case(47, f"header {name}")(lambda w, data=data: w.forge.raw(data, w.forge.claims()))
for data in ('{"alg":"RS256","alg":"none","kid":"k1"}', '{"alg":"none","alg":"RS256","kid":"k1"}', '{"alg":"RS256","kid":"k1","kid":"k1"}',
             '{"alg":"RS256","\\u0061lg":"none","kid":"k1"}'):
    case(48, f"header {data}")(lambda w, data=data: w.forge.raw(data, w.forge.claims()))


def payload(row, name, addition, status=401):
    """Good claims with something behind the last."""
    case(row, name, status)(lambda w: w.forge.raw(w.forge.header(), text(w.forge.claims())[:-1] + addition + "}"))


payload(49, "sub twice", ',"sub":"b"')
payload(49, "aud twice", ',"aud":"gw"')
payload(49, "a name twice, deep inside", ',"x":{"a":1,"b":{"c":1,"c":2}}')
payload(49, "every name once", ',"x":{"a":1,"b":{"c":1,"d":2}}', 200)
payload(50, "sub twice, once escaped", ',"\\u0073ub":"b"')
payload(51, "10,000 levels", ',"x":' + "[" * 5_000 + "]" * 5_000)
payload(51, "10,000 levels not closed", ',"x":' + "[" * 10_000)
payload(51, "an array of thousands", ',"x":[' + "0," * 5_000 + "0]")
payload(51, "an array of a million, which no head can hold", ',"x":[' + "0," * 1_000_000 + "0]", 431)
of_text(52, "1 MiB", lambda t: t + "A" * (1 << 20), 431)
of_text(52, "20 KiB", lambda t: t + "A" * 20_000)
for value in ("1e400", "-1e400", "9999999999999999999", "9" * 400, '"1790000300"', "true", "NaN", "Infinity", "null", "[]", "{}", "1e15x",
              "0x7fffffff", "01790000300", "1790000300.", ".5", "+1790000300", "1e-400", "-0", "9007199254740993"):
    case(53, f"exp {value[:24]}")(
        lambda w, value=value: w.forge.raw(
            w.forge.header(), text(w.forge.claims(exp=GONE))[:-1] + f',"exp":{value}}}'))
claim(54, "exp with a fraction", 200, exp=lambda now: int(now) + 60.5)
case(54, "exp with an exponent", 200)(
    lambda w: w.forge.raw(w.forge.header(), text(w.forge.claims(exp=GONE))[:-1] + ',"exp":9.0e9}'))

# 55-58: times (the skew is 30 s)
claim(55, "exp one second beyond the skew", exp=lambda now: int(now) - 31)
claim(55, "exp inside the skew", 200, exp=lambda now: int(now) - 15)
for name, value in [("missing", GONE), ("0", 0), ("negative", -1)]:
    claim(56, f"exp {name}", exp=value)
claim(57, "nbf beyond the skew", nbf=lambda now: int(now) + 90)
claim(57, "nbf inside the skew", 200, nbf=lambda now: int(now) + 15)
claim(57, "nbf 0", 200, nbf=0)
claim(57, "nbf a string", nbf="0")
claim(58, "iat one hour ahead", iat=lambda now: int(now) + 3_600)
claim(58, "iat a string", iat="now")

# 59-65: issuer and audience
for name, change in [("a slash behind", lambda i: i + "/"), ("upper case", lambda i: i.upper()), ("another realm", lambda i: i + "2"),
                     ("https", lambda i: i.replace("http:", "https:")), ("a blank behind", lambda i: i + " "),
                     ("localhost", lambda i: i.replace("127.0.0.1", "localhost")), ("a list", lambda i: [i]),
                     ("a line break behind", lambda i: i + "\n"), ("a zero behind", lambda i: i + "\0")]:
    case(59, f"iss with {name}")(lambda w, change=change: w.forge.token(iss=change(w.forge.issuer)))
for name, value in [("missing", GONE), ("null", None), ("a number", 1)]:
    claim(59, f"iss {name}", iss=value)
case(61, "iss of an attacker")(lambda w: w.forge.token(iss=w.trap + "/realms/mlaas", key=w.stranger))
for value in (GONE, [], "", [""], 1, {"gw": 1}, "gw ", "gw-evil", "g", None, ["gw", 1], ["gw", None], [["gw"]], "GW", "gw\0", "gw\u0301"):
    claim(62, f"aud {'missing' if value is GONE else repr(value)}", aud=value)
claim(63, "aud a string", 200, aud="gw")
claim(63, "aud an array, ours last", 200, aud=["account", "x", "gw"])
claim(64, "aud account alone", aud="account")
claim(65, "aud of another service", aud=["other"])

# 66-72: kinds of token
claim(66, "ID token for our audience", typ="ID", nonce="n", at_hash="h")
claim(66, "ID token of another provider", typ=GONE, nonce="n")
claim(66, "no typ, and nothing that an access token has", typ=GONE, scope=GONE, azp=GONE)
claim(66, "no typ, with scope, as other providers have it", 200, typ=GONE)
for kind in ("Refresh", "Offline"):
    case(67, f"{kind} token, HS512, foreign key id")(
        lambda w, kind=kind: w.forge.raw(
            w.forge.header(alg="HS512", kid="5b1c0f0e-internal"), w.forge.claims(typ=kind, aud=w.forge.issuer),
            sign=lambda m: hmac_of(b"k" * 64, m, hashes.SHA512)))
    claim(67, f"{kind} token by the realm's key", typ=kind)
claim(68, "logout token", typ="Logout", events={"http://schemas.openid.net/event/backchannel-logout": {}})
claim(68, "logout token without typ", typ=GONE, events={})
for kind in ("Serialized-ID", "DPoP", "", None, 1, ["Bearer"], "Bearer\0", "\u0412earer"):
    claim(68, f"typ {kind!r}", typ=kind)
for value in ("bearer", "BEARER"):
    claim(70, f"typ {value}", 200, typ=value)
claim(71, "bound to a key (DPoP)", cnf={"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"})
claim(72, "bound to a certificate", cnf={"x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"})
claim(72, "bound to nothing", cnf={})

# 74-81: who it is
claim(74, "service account", 200, preferred_username="service-account-x", sid=GONE, client_id="x", azp="x")
claim(74, "an e-mail of another type", 200, email=1)
claim(74, "no name", 200, preferred_username=GONE)
for name, value in [("null", None), ("missing", GONE), ("a number", 1), ("10 kB", "s" * 10_000), ("with a zero", "a\0b"),
                    ("empty", ""), ("a list", ["a"]), ("with a line break", "a\nb")]:
    claim(76, f"sub {name}", sub=value)
for name, value in [("a number", 1), ("empty", ""), ("10 kB", "s" * 10_000), ("with a zero", "a\0b"), ("a list", ["a"])]:
    claim(76, f"preferred_username {name}", 400, preferred_username=value)
claim(77, "lightweight token", sub=GONE, aud=GONE, preferred_username=GONE)
for value in ("ml-users", ["ml-users", 1], {"a": 1}, None):
    claim(80, f"groups {value!r}", 200, groups=value)
for value in (["admin"], "admin", {"roles": "admin"}, {"roles": {"admin": 1}}, {"roles": ["admin", 1]}, None, 1):
    claim(81, f"realm_access {value!r}", 200, realm_access=value)
