"""Says which tokens a library accepts. Usage: verify.py pyjwt|authlib < cases.json

Reads a list of `{"token", "jwk", "alg"}` and writes a list of true, false or the name of what was raised instead of a
refusal."""

import json
import sys


def pyjwt(case):
    import jwt
    try:
        key = jwt.PyJWK(case["jwk"], algorithm=case["alg"]).key
        jwt.decode(case["token"], key, algorithms=[case["alg"]], audience="gw")
        return True
    except jwt.PyJWTError:
        return False


def authlib(case):
    from authlib.jose import JsonWebToken, errors
    try:
        claims = JsonWebToken([case["alg"]]).decode(
            case["token"], {"keys": [case["jwk"]]}, claims_options={"aud": {"essential": True, "value": "gw"}})
        claims.validate()
        return True
    except errors.JoseError:
        return False


def main():
    verify = {"pyjwt": pyjwt, "authlib": authlib}[sys.argv[1]]
    results = []
    for case in json.load(sys.stdin):
        try:
            results.append(verify(case))
        except Exception as error:  # whatever a library lets out is a finding
            results.append(type(error).__name__)
    json.dump(results, sys.stdout)


main()
