"""What one stranger, one caller or one peer does must not cost the others their answers: seen from outside."""

import concurrent.futures
import socket
import threading
import time

import pytest
import requests

from conftest import ADMIN_TOKEN, Helper, stop
from identity import keys, world
from issuer import until
from redis_server import Redis, programs

pytestmark = pytest.mark.alone

UNLIMITED = {"RATE_LIMITS": "read=1000000/minute;write=1000000/minute;auth_failure=1000000/minute"}


@pytest.fixture
def faults(sandbox):
    """Adds faults to the imitated 3scale; they go at the end."""
    def add(**fault):
        requests.post(sandbox.admin + "/faults/3scale", json=fault, timeout=10).raise_for_status()
    yield add
    requests.delete(sandbox.admin + "/faults/3scale", timeout=10).raise_for_status()
    requests.post(sandbox.admin + "/reset", timeout=10).raise_for_status()


def at_once(count, work):
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        return list(pool.map(work, range(count)))


# MARK: One caller and the others


def test_one_callers_plans_do_not_keep_others_from_their_lists(sandbox, faults):
    """Forty plans, each with limits to be read, asked for 300 times while 3scale takes its time."""
    service = requests.get(
        sandbox.threescale + "/admin/api/services.json", auth=("", ADMIN_TOKEN), timeout=10).json()["services"][0]["service"]["id"]
    plans = f"{sandbox.threescale}/admin/api/services/{service}/application_plans.json"
    for index in range(40):
        requests.post(plans, auth=("", ADMIN_TOKEN), timeout=10, data={
            "name": f"plan {index}", "state_event": "publish"}).raise_for_status()
    helper = Helper(sandbox.keycloak, sandbox.threescale, APPLICATIONS_CACHE_SECONDS="0", **UNLIMITED)
    try:
        hungry, others = sandbox.token("ada"), [sandbox.token(name) for name in ("bob", "carol")]
        faults(kind="latency", delay_ms=30)
        with concurrent.futures.ThreadPoolExecutor(300) as pool:
            asked = [pool.submit(helper.get, f"/api/services/{service}/plans", hungry) for _ in range(300)]
            time.sleep(1)
            codes = [helper.get("/api/services", token).status_code for token in others for _ in range(2)]
            assert codes == [200] * 4
            assert {it.result().status_code for it in asked} <= {200, 503}
    finally:
        stop(helper.process)


def test_an_answer_of_introspection_that_is_too_long_denies_nobody_else(world):
    asked = "/realms/mlaas/protocol/openid-connect/token/introspect"

    def introspect(handler):
        handler.reply(200, {"active": True, "roles": ["x" * 20] * world.roles})

    world.issuer.answers[asked] = introspect
    world.roles = 0
    with world.running(KEYCLOAK_INTROSPECTION="true", KEYCLOAK_CLIENT_SECRET="not-a-secret", KEYCLOAK_INTROSPECTION_CACHE_SECONDS="100ms",
                       API_RETRY_COUNT="0") as helper:
        good = [world.forge.token(sub=f"person-{index}", preferred_username=f"person{index}") for index in range(20)]
        assert helper.get("/api/services", good[0]).status_code == 200
        # A person with 6,000 roles is a person; an answer of megabytes is not read.
        for world.roles, codes in ((6_000, {200}), (200_000, {503})):
            for index in range(10):
                token = world.forge.token(
                    sub="of-many-roles", preferred_username="roles", jti=f"{world.roles} {index}")
                assert helper.get("/api/services", token).status_code in codes
        world.roles = 0
        assert {helper.get("/api/services", token).status_code for token in good} == {200}


@pytest.mark.parametrize("status", [500, 403])
def test_one_service_whose_proxy_cannot_be_read_holds_up_no_other(sandbox, faults, status):
    """Where the token may not read the configurations in bulk, each service's is read by itself."""
    service = requests.get(
        sandbox.threescale + "/admin/api/services.json", auth=("", ADMIN_TOKEN), timeout=10).json()["services"][0]["service"]["id"]
    faults(kind="status", path="/admin/api/account/proxy_configs/*", status=403)
    faults(kind="status", path=f"/admin/api/services/{service}/proxy*", status=status)
    helper = Helper(sandbox.keycloak, sandbox.threescale, ready=False, **UNLIMITED)
    try:
        assert until(lambda: helper.get("/api/health/ready").status_code == 200, seconds=20)
        assert len(helper.services(sandbox.token("ada"))) >= 2
    finally:
        stop(helper.process)


# MARK: Keys, locks and connections


def test_everybody_with_a_brand_new_key_waits_for_one_fetch(world):
    with world.running() as helper:
        assert helper.get("/api/services", world.forge.token()).status_code == 200
        before = world.issuer.fetches()

        def slowly(handler):
            time.sleep(0.4)
            handler.reply(*world.issuer.answer(world.issuer.certs("mlaas")))

        world.issuer.keys["mlaas"] = [world.next.jwk(), world.key.jwk()]
        world.issuer.answers[world.issuer.certs("mlaas")] = slowly
        tokens = [world.forge.token(key=world.next, sub=f"p{index}", preferred_username=f"person{index}") for index in range(100)]
        codes = at_once(100, lambda index: helper.get("/api/services", tokens[index]).status_code)
        assert codes == [200] * 100
        assert world.issuer.fetches() <= before + 2


@pytest.mark.skipif("redis" not in programs(), reason="needs redis-server")
def test_a_lock_that_a_dead_replica_left_costs_nobody_their_key(sandbox, faults):
    redis = Redis()
    settings = {"REDIS_URL": redis.url(), "API_TIMEOUT": "4s", **UNLIMITED}
    first, second = (Helper(sandbox.keycloak, sandbox.threescale, **settings) for _ in range(2))
    try:
        services = first.services(sandbox.token("carol"))
        service = next(iter(services.values()))["id"]
        token = sandbox.token("carol")
        faults(kind="latency", method="POST", delay_ms=3_000)
        thread = threading.Thread(target=lambda: pytest.raises(requests.RequestException, first.init, token, service))
        thread.start()
        assert until(lambda: b"mlaas:lock" in redis.command("KEYS", "mlaas:lock:*"), seconds=10)
        first.process.kill()
        thread.join()
        requests.delete(sandbox.admin + "/faults/3scale", timeout=10).raise_for_status()
        answer = second.init(token, service)
        assert answer.status_code == 200, answer.text
        again = second.init(token, service)
        assert again.json()["data"]["api_key"] == answer.json()["data"]["api_key"]
    finally:
        first.process.kill()
        stop(second.process)
        redis.stop()


class ForgetfulRelay:
    """Answers the first request of each connection as the server behind it does; the second is read, and the connection closed."""

    def __init__(self, url):
        self.target = ("127.0.0.1", int(url.rpartition(":")[2]))
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        with client, socket.create_connection(self.target) as server:
            client.settimeout(60)
            try:
                server.sendall(self.message(client))
                client.sendall(self.message(server))
                client.recv(65_536)
            except OSError:
                pass

    def message(self, peer):
        received = b""
        while b"\r\n\r\n" not in received:
            received += self.more(peer)
        head, _, body = received.partition(b"\r\n\r\n")
        length = next((int(line.split(b":")[1]) for line in head.lower().split(b"\r\n")
                       if line.startswith(b"content-length:")), 0)
        while len(body) < length:
            body += self.more(peer)
        return head + b"\r\n\r\n" + body

    def more(self, peer):
        read = peer.recv(65_536)
        if not read:
            raise OSError("closed")
        return read

    def close(self):
        self.listener.close()


def test_a_peer_that_closes_kept_connections_in_silence_refuses_no_key(sandbox):
    relay = ForgetfulRelay(sandbox.threescale)
    helper = Helper(sandbox.keycloak, relay.url, APPLICATIONS_CACHE_SECONDS="0", **UNLIMITED)
    try:
        token = sandbox.token("ada")
        services = [service["id"] for service in helper.services(token).values()]
        for _ in range(5):
            assert len(helper.services(token)) == len(services)
        codes = {helper.init(token, service).status_code for service in services for _ in range(2)}
        assert 200 in codes and max(codes) < 500
    finally:
        stop(helper.process)
        relay.close()
