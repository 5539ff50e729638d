"""What users are promised of rotation and revocation, proved from outside: one successor, no gap, and an end that is kept."""

import concurrent.futures
import json
import select
import socket
import threading
import time
from urllib.parse import urlsplit

import pytest
import requests

from conftest import Helper, stop
from own_sandbox import sandbox  # noqa: F401: fixture
from redis_server import Redis, programs
from tenant import applications, knobs
from test_key_changes import make
from test_key_test import world  # noqa: F401: fixture
from test_shared_state import PATIENT, wait_up


def lost(helper, token, path, reads):
    """Sends the request and loses its answer: closes at once, or when the answer is there and has not been read."""
    address = urlsplit(helper.url)
    with socket.create_connection((address.hostname, address.port), timeout=60) as connection:
        connection.sendall(
            f"POST {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\nContent-Length: 0\r\n\r\n".encode())
        if reads:
            select.select([connection], [], [], 60)


@pytest.mark.skipif("redis" not in programs(), reason="needs redis-server")
def test_a_rotation_that_is_sent_a_hundred_times_at_once_makes_one_successor(sandbox):
    redis = Redis()
    replicas = [Helper(sandbox.keycloak, sandbox.threescale, REDIS_URL=redis.url(), **PATIENT) for _ in range(3)]
    try:
        wait_up(replicas)
        token = sandbox.token()
        key, secret = make(replicas[0], token)
        path = f"/api/keys/{key}/rotate"

        def send(index):
            helper = replicas[index % 3]
            # A fifth of the answers is dropped.
            if index % 5 == 0:
                return lost(helper, token, path, reads=index % 10 == 0)
            return requests.post(helper.url + path, timeout=60, headers={"Authorization": f"Bearer {token}"})

        with concurrent.futures.ThreadPoolExecutor(100) as pool:
            answers = [answer for answer in pool.map(send, range(100)) if answer is not None]
        assert len(answers) == 80 and {answer.status_code for answer in answers} <= {200, 201}
        # Whether the call made it is the one thing in which they differ.
        data = [{**answer.json()["data"], "is_new": None} for answer in answers]
        assert all(each == data[0] for each in data)
        assert data[0]["api_key"] != secret and data[0]["key"]["generation"] == 2
        made = [answer for answer in answers if answer.status_code == 201]
        assert len(made) <= 1 and all(answer.json()["data"]["is_new"] for answer in made)
        assert {str(entry["id"]) for entry in applications(sandbox)} == {key, data[0]["key"]["id"]}
        lines = [json.loads(line) for replica in replicas for line in replica.stop().splitlines() if '"logger":"audit"' in line]
        assert [line["application_id"] for line in lines if line["outcome"] == "rotated"] == [int(data[0]["key"]["id"])]
    finally:
        for replica in replicas:
            stop(replica.process)
        redis.stop()


class Caller:
    """A program that calls the model every 10 ms with the key it has at the time."""

    def __init__(self, url, key):
        self.url, self.key, self.answers, self.running = url, key, [], True
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        session = requests.Session()
        while self.running:
            key = self.key
            answer = session.get(self.url + "/v1/models", headers={"user_key": key}, timeout=30)
            self.answers.append((key, answer.status_code))
            time.sleep(0.01)

    def wait(self, count):
        """For so many answers to the present key."""
        end = time.monotonic() + 60
        while [key for key, _ in list(self.answers)].count(self.key) < count:
            assert time.monotonic() < end and self.thread.is_alive()
            time.sleep(0.01)

    def stop(self):
        self.running = False
        self.thread.join(60)


def test_a_program_that_switches_to_the_new_key_when_it_has_it_is_never_refused(world):
    world.start()
    key = world.key("granite_chat")
    old = applications(world.sandbox)[0]["user_key"]
    caller = Caller(f"http://127.0.0.1:{world.gateway_port}/granite_chat", old)
    try:
        caller.wait(50)
        for _ in range(3):
            data = world.post(f"/api/keys/{key}/rotate").json()["data"]
            # The old one works on until the program knows the new one.
            caller.wait(len([each for each, _ in caller.answers if each == caller.key]) + 20)
            key, caller.key = data["key"]["id"], data["api_key"]
            caller.wait(50)
    finally:
        caller.stop()
    assert {status for _, status in caller.answers} == {200}
    assert len({key for key, _ in caller.answers}) == 4


def test_a_revoked_key_is_refused_at_once_where_the_change_arrived_and_elsewhere_in_the_time_that_the_answer_names(world):
    knobs(world.sandbox, gateway_processes=3, gateway_remembers_seconds=60, gateway_caches=False)
    world.start()
    key = world.key("granite_chat")
    secret = applications(world.sandbox)[0]["user_key"]

    def statuses():
        url = f"http://127.0.0.1:{world.gateway_port}/granite_chat/v1/models"
        return [requests.get(url, timeout=30, headers={"user_key": secret, "X-Sandbox-Process": str(process)}).status_code
                for process in range(3)]

    assert statuses() == [200, 200, 200]
    answer = requests.delete(
        f"{world.helper.url}/api/keys/{key}", timeout=30, headers={"Authorization": f"Bearer {world.token}"})
    assert answer.status_code == 200
    assert statuses() == [403, 200, 200]
    world.move_clock(answer.json()["data"]["stops_within_seconds"])
    assert statuses() == [403, 403, 403]
