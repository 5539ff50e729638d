"""Verifies an RS256 access token with PyJWT in FastAPI and answers the same bytes to everybody.

Usage: verify_fastapi.py SETTING.json (see harness/anchors.py)
"""

import json
import os
import sys
from pathlib import Path

import jwt
import uvicorn
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from fastapi import Depends, FastAPI, HTTPException, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

# Each worker is started anew and reads the setting from there.
SETTING = json.loads(Path(os.environ.setdefault("SETTING", sys.argv[-1])).read_text())
KEY = load_pem_public_key(Path(SETTING["Public"]).read_bytes())
BODY = Path(SETTING["Body"]).read_bytes()
FIELDS = dict(SETTING["Fields"])

app = FastAPI()
bearer = HTTPBearer()


async def caller(credentials: HTTPAuthorizationCredentials = Depends(bearer)) -> str:
    try:
        claims = jwt.decode(credentials.credentials, KEY, algorithms=["RS256"], audience=SETTING["Audience"],
                            issuer=SETTING["Issuer"], options={"require": ["exp", "iss", "aud"]})
        return claims["preferred_username"]
    except (jwt.InvalidTokenError, KeyError):
        raise HTTPException(401) from None


@app.get("/api/services")
async def services(_: str = Depends(caller)) -> Response:
    return Response(BODY, headers=FIELDS)


if __name__ == "__main__":
    uvicorn.run("verify_fastapi:app", host="127.0.0.1", port=SETTING["Port"], workers=SETTING["Loops"], loop="uvloop",
                http="httptools", access_log=False, log_level="critical", server_header=False)
