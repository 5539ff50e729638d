"""What a real Keycloak does to tokens and keys: refresh, other grants and clients, rotation while requests run, users
switched off, another host name."""

import base64
import collections
import concurrent.futures
import itertools
import json
import os
import threading
import time

import pytest
import requests

from conftest import Helper, stop
from identity import UNLIMITED, refused
from issuer import until

SECRET = {"KEYCLOAK_CLIENT_SECRET": "mlaas-client-secret"}


def grant(url, client="mlaas-client", **fields):
    answer = requests.post(
        f"{url}/realms/mlaas/protocol/openid-connect/token", timeout=60,
        data={"client_id": client, "client_secret": f"{client}-secret", **fields})
    answer.raise_for_status()
    return answer.json()


def login(url, user="ada", client="mlaas-client"):
    return grant(url, client, grant_type="password", username=user, password=f"{user}-password", scope="openid")


class Admin:
    def __init__(self, url):
        self.url = f"{url}/admin/realms/mlaas"
        self.tokens = f"{url}/realms/master/protocol/openid-connect/token"

    def call(self, method, path, **options):
        # Anew for each call: an administrator's token lives a minute.
        token = requests.post(
            self.tokens, timeout=60,
            data={"grant_type": "password", "client_id": "admin-cli", "username": "admin", "password": "admin"})
        answer = requests.request(
            method, self.url + path, headers={"Authorization": f"Bearer {token.json()['access_token']}"}, timeout=60, **options)
        answer.raise_for_status()
        return answer

    def add_key(self, name, priority):
        realm = self.call("GET", "").json()["id"]
        answer = self.call("POST", "/components", json={
            "name": name, "providerId": "rsa-generated", "providerType": "org.keycloak.keys.KeyProvider", "parentId": realm,
            "config": {"priority": [str(priority)], "algorithm": ["RS256"]}})
        return answer.headers["Location"].rsplit("/", 1)[1]

    def set_enabled(self, name, enabled):
        user = self.call("GET", f"/users?username={name}&exact=true").json()[0]
        self.call("PUT", f"/users/{user['id']}", json={**user, "enabled": enabled})


@pytest.fixture
def start(sandbox, real_keycloak):
    """Starts helpers, which are stopped at the end."""
    helpers = []

    def run(url=real_keycloak, **settings):
        helpers.append(Helper(url, sandbox.threescale, RATE_LIMITS=UNLIMITED, **settings))
        return helpers[-1]
    yield run
    for helper in helpers:
        stop(helper.process)


def services(helper, token):
    return helper.get("/api/services", token)


def test_grants_and_refresh(start, real_keycloak):
    helper = start()
    tokens = login(real_keycloak)
    fresh = grant(real_keycloak, grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    assert fresh["access_token"] != tokens["access_token"]
    for token in (tokens["access_token"], fresh["access_token"],
                  grant(real_keycloak, "batch-loader", grant_type="client_credentials")["access_token"],
                  grant(real_keycloak, grant_type="client_credentials")["access_token"]):
        assert services(helper, token).status_code == 200
    offline = grant(real_keycloak, grant_type="password", username="ada", password="ada-password", scope="openid offline_access")
    assert services(helper, offline["access_token"]).status_code == 200
    for other in (fresh["id_token"], fresh["refresh_token"], offline["refresh_token"]):
        refused(services(helper, other))


def test_other_algorithms_and_bound_tokens(start, real_keycloak):
    helper = start(KEYCLOAK_ALGORITHMS="RS256,ES256")
    assert services(helper, login(real_keycloak, client="es256-app")["access_token"]).status_code == 200
    bound = requests.post(
        f"{real_keycloak}/realms/mlaas/protocol/openid-connect/token", timeout=60,
        data={"client_id": "dpop-app", "client_secret": "dpop-app-secret", "grant_type": "password", "username": "ada",
              "password": "ada-password"})
    # Keycloak wants a proof here, so that no bearer token of this client exists.
    assert bound.status_code == 400


def test_lightweight_tokens_are_completed_by_introspection(start, real_keycloak):
    token = login(real_keycloak, client="lightweight-app")["access_token"]
    refused(services(start(), token))
    answer = services(start(KEYCLOAK_INTROSPECTION="true", **SECRET), token)
    assert answer.status_code == 200 and answer.json()["data"]["user"]["soeid"] == "ada"


def test_the_metadata_leads_to_the_issuer(start, real_keycloak):
    helper = start()
    challenge = helper.get("/api/services").headers["WWW-Authenticate"]
    url = challenge.split('resource_metadata="')[1].rstrip('"')
    document = requests.get(url, timeout=60).json()
    assert document["resource"] == helper.url
    discovery = requests.get(document["authorization_servers"][0] + "/.well-known/openid-configuration", timeout=60).json()
    assert discovery["issuer"] == document["authorization_servers"][0]


def test_no_request_fails_while_keys_are_rotated(start, real_keycloak):
    helper = start(KEYCLOAK_KEYS_REFRESH="1s", KEYCLOAK_KEYS_COOLDOWN="100ms")
    admin = Admin(real_keycloak)
    end, failed, done = threading.Event(), [], [0]

    def work():
        while not end.is_set():
            token = login(real_keycloak, "bob")["access_token"]
            for _ in range(5):
                answer = services(helper, token)
                done[0] += 1
                if answer.status_code != 200:
                    failed.append(answer.text)

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        workers = [pool.submit(work) for _ in range(2)]
        old = login(real_keycloak)["access_token"]
        added = []
        for round in range(3):
            before = done[0]
            added.append(admin.add_key(f"round-{round}", 300 + round))
            assert services(helper, login(real_keycloak)["access_token"]).status_code == 200
            assert until(lambda: done[0] >= before + 20)
        end.set()
        for worker in workers:
            worker.result()
    assert failed == [] and services(helper, old).status_code == 200
    # A key that Keycloak drops is dropped here, with what was remembered of its tokens.
    token = login(real_keycloak)["access_token"]
    assert services(helper, token).status_code == 200
    for identifier in added:
        admin.call("DELETE", f"/components/{identifier}")
    assert until(lambda: services(helper, token).status_code == 401)
    assert services(helper, login(real_keycloak)["access_token"]).status_code == 200


ROTATIONS = int(os.environ.get("MLAAS_ROTATIONS", 3))
# Of all senders together; a busy machine sends fewer.
REQUESTS_PER_SECOND = 150


def test_rotations_at_full_pace_refuse_nobody_while_a_stranger_makes_up_key_ids(start, real_keycloak, record_property):
    helper = start(TRUSTED_PROXIES="127.0.0.1", KEYCLOAK_KEYS_COOLDOWN="30s")
    admin, end = Admin(real_keycloak), threading.Event()

    def machine():
        # Costs Keycloak no hash of a password.
        return grant(real_keycloak, "batch-loader", grant_type="client_credentials")["access_token"]

    tokens, statuses, made_up = [machine()], collections.Counter(), collections.Counter()
    first_requests = []

    def send(session, token, address):
        headers = {"Authorization": f"Bearer {token}", "X-Forwarded-For": address}
        return session.get(helper.url + "/api/services", headers=headers, timeout=60).status_code

    def work(number, senders):
        with requests.Session() as session:
            due = time.monotonic()
            for index in itertools.count():
                if end.wait(max(0, due - time.monotonic())):
                    return
                due = max(due + senders / REQUESTS_PER_SECOND, time.monotonic() - 1)
                if index % 10 == 9:
                    head = json.dumps({"alg": "RS256", "typ": "JWT", "kid": f"made-up-{number}-{index}"}).encode()
                    token = ".".join([base64.urlsafe_b64encode(head).decode().rstrip("="), *tokens[0].split(".")[1:]])
                    made_up[send(session, token, "198.51.100.7")] += 1
                else:
                    statuses[send(session, tokens[(index + number) % len(tokens)], f"192.0.2.{number}")] += 1

    added, began = [], time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(40) as pool:
        workers = [pool.submit(work, number, 8) for number in range(8)]
        try:
            for rotation in range(ROTATIONS):
                before = statuses.total()
                added.append(admin.add_key(f"rotation-{rotation}", 400 + rotation))
                # Many first requests by the brand-new key at once.
                fresh = [machine() for _ in range(4)]
                answers = [pool.submit(send, requests, fresh[index % 4], "192.0.2.200") for index in range(20)]
                first_requests += [answer.result() for answer in answers]
                tokens.append(fresh[0])
                assert until(lambda: statuses.total() >= before + 100)
        finally:
            end.set()
            for worker in workers:
                worker.result()
            rate = statuses.total() / (time.monotonic() - began)
            for identifier in added:
                admin.call("DELETE", f"/components/{identifier}")
    record_property("requests_per_second", round(rate))
    print(f"{statuses.total()} requests, {rate:.0f} a second, {made_up.total()} with made-up key ids")
    assert set(first_requests) == {200} and len(first_requests) == 20 * ROTATIONS
    assert set(statuses) == {200}, statuses
    assert set(made_up) == {401}, made_up


def test_a_disabled_user_is_refused_where_keycloak_is_asked(start, real_keycloak):
    local = start()
    asking = start(KEYCLOAK_INTROSPECTION="true", KEYCLOAK_INTROSPECTION_CACHE_SECONDS="1", **SECRET)
    tokens, admin = login(real_keycloak, "carol"), Admin(real_keycloak)
    token = tokens["access_token"]
    assert {services(helper, token).status_code for helper in (local, asking)} == {200}
    for kind in ("id_token", "refresh_token"):
        # Keycloak itself calls both of them active.
        refused(services(asking, tokens[kind]))
    admin.set_enabled("carol", False)
    try:
        assert until(lambda: services(asking, token).status_code == 401)
        assert services(local, token).status_code == 200
    finally:
        admin.set_enabled("carol", True)
    session = login(real_keycloak, "carol")
    assert services(asking, session["access_token"]).status_code == 200
    requests.post(
        f"{real_keycloak}/realms/mlaas/protocol/openid-connect/logout", timeout=60,
        data={"client_id": "mlaas-client", "client_secret": "mlaas-client-secret",
              "refresh_token": session["refresh_token"]}).raise_for_status()
    assert until(lambda: services(asking, session["access_token"]).status_code == 401)


def test_another_host_name_is_another_issuer(start, real_keycloak):
    other = real_keycloak.replace("127.0.0.1", "localhost")
    tokens = login(other)
    strict = start()
    refused(services(strict, tokens["access_token"]))
    assert "another host name" in strict.stop() and "KEYCLOAK_ISSUERS" in open_log(strict)
    both = start(KEYCLOAK_ISSUERS=f"{real_keycloak}/realms/mlaas,{other}/realms/mlaas")
    assert services(both, tokens["access_token"]).status_code == 200
    assert services(both, login(real_keycloak)["access_token"]).status_code == 200
    # A session keeps the issuer of its login.
    fresh = grant(real_keycloak, grant_type="refresh_token", refresh_token=login(real_keycloak)["refresh_token"])
    assert services(both, fresh["access_token"]).status_code == 200
    # One public name, keys fetched by the internal one.
    split = start(real_keycloak, KEYCLOAK_ISSUERS=f"{other}/realms/mlaas")
    assert services(split, tokens["access_token"]).status_code == 200
    refused(services(split, login(real_keycloak)["access_token"]))
    fixed = start(
        "http://127.0.0.1:9", KEYCLOAK_ISSUERS=f"{other}/realms/mlaas",
        KEYCLOAK_JWKS_URL=f"{real_keycloak}/realms/mlaas/protocol/openid-connect/certs")
    assert services(fixed, tokens["access_token"]).status_code == 200


def open_log(helper):
    helper.log.seek(0)
    return helper.log.read()
