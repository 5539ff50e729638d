"""Signing keys, the tokens they sign, and a server of their public halves.

Signing costs more than anything that is measured, so tokens are made before, by `mint`, and kept in an ignored folder with
the keys until a day before they end.
"""

import base64
import hashlib
import http.server
import json
import re
import subprocess
import threading
import time
from pathlib import Path

ISSUER = "https://sso.example.com/realms/mlaas"
AUDIENCE = "mlaas-client"
LIFETIME = 30 * 86_400
DAY = 86_400


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Keys:
    """One RSA and one elliptic key: `rs` signs RS256, `es` ES256."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        born = self.folder / "born"
        if not born.exists() or time.time() > int(born.read_text()) + LIFETIME - DAY:
            for old in self.folder.iterdir():
                old.unlink()
            self.make()
            born.write_text(str(int(time.time())))
        self.expiry = int(born.read_text()) + LIFETIME
        self.public = self.folder / "rs.pub.pem"
        self.key_set = self.folder / "keys.json"

    def make(self):
        def openssl(*arguments):
            return subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=self.folder).stdout

        openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", "rs.pem")
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "es.pem")
        openssl("pkey", "-in", "rs.pem", "-pubout", "-out", "rs.pub.pem")
        modulus = openssl("rsa", "-in", "rs.pem", "-noout", "-modulus").decode().strip().partition("=")[2]
        # The last 64 bytes of a public key on P-256 in DER are its point.
        point = openssl("pkey", "-in", "es.pem", "-pubout", "-outform", "DER")[-64:]
        (self.folder / "keys.json").write_text(json.dumps({"keys": [
            {"kty": "RSA", "kid": "rs", "alg": "RS256", "use": "sig", "n": encode(bytes.fromhex(modulus)), "e": "AQAB"},
            {"kty": "EC", "kid": "es", "alg": "ES256", "use": "sig", "crv": "P-256",
             "x": encode(point[:32]), "y": encode(point[32:])}]}))


class Mint:
    def __init__(self, program, folder, keys):
        self.program, self.folder, self.keys = Path(program), Path(folder), keys
        self.folder.mkdir(parents=True, exist_ok=True)

    def tokens(self, count, users, algorithm="RS256", first=0, name="user"):
        """A file of `count` tokens, all different, of the users `{name}1` to `{name}{users}` in turn."""
        kind = algorithm[:2].lower()
        wanted = [algorithm, kind, ISSUER, AUDIENCE, name, first, count, users, self.keys.expiry]
        identity = hashlib.sha256(self.keys.key_set.read_bytes() + self.program.read_bytes() + repr(wanted).encode())
        file = self.folder / f"{kind}-{name}-{count}-{identity.hexdigest()[:12]}"
        if not file.exists():
            for old in self.folder.glob(f"{kind}-{name}-{count}-*"):
                old.unlink()
            part = file.with_suffix(".part")
            with part.open("wb") as out:
                subprocess.run([self.program, self.keys.folder / f"{kind}.pem", *map(str, wanted), "2"],
                               check=True, stdout=out)
            part.rename(file)
        return file


class KeyServer:
    """Serves the key set as an issuer does."""

    def __init__(self, key_set):
        body = Path(key_set).read_bytes()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def first_token(file):
    with open(file, encoding="ascii") as lines:
        return re.sub(r"\s", "", lines.readline())
