"""The product on its sandbox, as it is measured."""

import json
import os
import urllib.parse
import urllib.request
from pathlib import Path

from .processes import Process, ask, free_port
from .tokens import AUDIENCE, ISSUER

ADMIN_TOKEN = "sandbox-admin-token"
CLIENT_SECRET = f"{AUDIENCE}-secret"


class Sandbox(Process):
    """An imitated 3scale with that many services and accounts (`user1`, `user2`, …, each with one key)."""

    def __init__(self, program, folder, services=10, accounts=None):
        self.keycloak, self.threescale, self.admin = (free_port() for _ in range(3))
        command = [program, "--keycloak-port", self.keycloak, "--threescale-port", self.threescale,
                   "--admin-port", self.admin, "--services", services]
        if accounts:
            command += ["--accounts", accounts]
        super().__init__("sandbox", command, Path(folder) / f"sandbox-{self.admin}.log")
        self.wait_until(lambda: ask(self.admin, "/counts")[0].status == 200)

    def token(self, user):
        """An access token of a person whom its Keycloak knows."""
        form = {"grant_type": "password", "client_id": AUDIENCE, "client_secret": CLIENT_SECRET,
                "username": user, "password": f"{user}-password", "scope": "openid"}
        url = f"http://127.0.0.1:{self.keycloak}/realms/mlaas/protocol/openid-connect/token"
        with urllib.request.urlopen(url, urllib.parse.urlencode(form).encode(), timeout=20) as answer:
            return json.load(answer)["access_token"]


def helper_environment(sandbox, port, keys_url=None, loops=2, **settings):
    """As a company would run it: rate limiter, metrics and log on; the limits are higher than the load.

    `keys_url` is a server of the benchmark's own keys; None takes those of the sandbox, found as usual.
    """
    environment = {
        "PATH": os.environ["PATH"], "KEYCLOAK_URL": keys_url or f"http://127.0.0.1:{sandbox.keycloak}",
        "KEYCLOAK_REALM": "mlaas", "KEYCLOAK_CLIENT_ID": AUDIENCE,
        "THREESCALE_ADMIN_API_URL": f"http://127.0.0.1:{sandbox.threescale}", "THREESCALE_ADMIN_API_KEY": ADMIN_TOKEN,
        "SERVER_HOST": "127.0.0.1", "SERVER_PORT": str(port), "SERVER_LOOPS": str(loops),
        "SHUTDOWN_DRAIN_SECONDS": "0", "APPLICATIONS_CACHE_SECONDS": "3600",
        "RATE_LIMITS": "read=1000000000/minute;write=1000000000/minute;auth_failure=1000000000/minute"}
    if keys_url:
        environment |= {"KEYCLOAK_ISSUERS": ISSUER, "KEYCLOAK_JWKS_URL": f"{keys_url}/keys",
                        "KEYCLOAK_ALGORITHMS": "RS256,ES256"}
    return environment | {name: str(value) for name, value in settings.items()}


class Helper(Process):
    """The release build on a sandbox."""

    def __init__(self, program, folder, sandbox, keys_url=None, loops=2, waits=True, port=None, **settings):
        self.port = port or free_port()
        environment = helper_environment(sandbox, self.port, keys_url, loops, **settings)
        super().__init__("helper", [program], Path(folder) / f"helper-{self.port}.log", env=environment)
        if waits:
            self.wait_until(self.is_ready)

    def is_ready(self):
        return ask(self.port, "/api/health/ready")[0].status == 200


class VerifyServer(Process):
    """The helper's server and token check alone, answering what the helper answered."""

    def __init__(self, program, folder, answer, keys, loops=2):
        self.port = free_port()
        command = [program, self.port, loops, keys.key_set, ISSUER, AUDIENCE, answer.body_file, answer.fields_file]
        super().__init__("verify only", command, Path(folder) / f"verify-{self.port}.log")
        self.wait_until(lambda: ask(self.port, "/")[0].status == 401)


class Answer:
    """What the helper answered, so that others can answer the same: the body, and every field but those that each server
    writes by itself."""

    OWN = {"date", "content-length", "content-type", "connection", "server", "keep-alive"}

    def __init__(self, folder, port, token, path="/api/services"):
        answer, self.body = ask(port, path, token)
        if answer.status != 200:
            raise RuntimeError(f"the helper answered {answer.status}: {self.body[:500]!r}")
        self.type = answer.getheader("content-type")
        self.fields = [(name, value) for name, value in answer.getheaders() if name.lower() not in self.OWN]
        self.body_file = Path(folder) / f"body-{len(self.body)}.json"
        self.body_file.write_bytes(self.body)
        # What the runtime adds by itself to each answer is not added twice.
        self.fields_file = Path(folder) / f"fields-{len(self.body)}"
        self.fields_file.write_text(
            "".join(f"{name}: {value}\n" for name, value in self.fields if name.lower() != "x-request-id"))
