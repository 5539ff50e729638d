"""Three replicas and a Redis never allow more than the limit in any window, whatever befalls replicas and clocks."""

import signal
import threading
import time

import pytest
import requests

from conftest import Helper, stop
from redis_server import Redis, programs
from shifted_clock import ShiftedClock
from test_shared_state import PATIENT, replicas, wait_until, wait_up

pytestmark = pytest.mark.skipif("redis" not in programs(), reason="needs redis-server")
LIMIT = 480
# Seconds. Leases last a tenth of it.
WINDOW = 20
PAUSE = 30


class Visitors:
    """Clients of one replica who ask for the list again and again, all with one token."""

    def __init__(self, helper, token, workers=3):
        self.helper, self.token = helper, token
        self.pause = 0.08
        # Of allowed requests: when each was sent, and when its answer came.
        self.allowed = []
        self.refused = 0
        self.others = []
        self.may_go = threading.Event()
        self.may_go.set()
        self.is_over = False
        self.threads = [threading.Thread(target=self.run) for _ in range(workers)]
        for thread in self.threads:
            thread.start()

    def run(self):
        session = requests.Session()
        while not self.is_over:
            self.may_go.wait()
            sent = time.monotonic()
            try:
                answer = session.get(
                    self.helper.url + "/api/services", timeout=60, headers={"Authorization": f"Bearer {self.token}"})
            except requests.RequestException:
                # The replica has been killed. Its answer is lost, so it is not counted.
                time.sleep(0.1)
                continue
            if answer.status_code == 200:
                self.allowed.append((sent, time.monotonic()))
            elif answer.status_code == 429:
                self.refused += 1
            else:
                self.others.append(answer.text)
            time.sleep(self.pause)

    def hold(self):
        """Sends nothing from now on until `go`."""
        self.may_go.clear()

    def go(self):
        self.may_go.set()

    def stop(self):
        self.is_over = True
        self.may_go.set()
        for thread in self.threads:
            thread.join(90)


def most_in_a_window(allowed, seconds):
    """The most requests that were surely allowed within so many seconds: each was sent after the first of them was, and was
    answered before the window's end."""
    allowed = sorted(allowed)
    most = 0
    for first, (begin, _) in enumerate(allowed):
        within = 0
        for sent, answered in allowed[first:]:
            if sent > begin + seconds:
                break
            within += answered <= begin + seconds
        most = max(most, within)
    return most


def test_the_count_of_a_window_leaves_out_what_may_have_been_decided_outside():
    assert most_in_a_window([(0, 1), (1, 2), (5, 6), (10, 11)], 10) == 3
    assert most_in_a_window([(0, 30), (1, 2), (3, 4)], 10) == 2


def test_no_window_has_more_than_the_limit(sandbox):
    """One replica is paused for longer than a window, one is killed, the third's clock steps, and Redis' clock is set back."""
    clock, redis_clock = ShiftedClock(), ShiftedClock()
    redis = Redis(environment=redis_clock.environment)
    settings = {"REDIS_URL": redis.url(), "RATE_LIMITS": f"read={LIMIT}/{WINDOW} seconds",
                "KEYCLOAK_CLOCK_SKEW_SECONDS": "1m", **PATIENT}
    helpers = [*replicas(sandbox, 2, **settings), *replicas(sandbox, 1, **settings, **clock.environment)]
    visitors = []
    try:
        wait_up(helpers)
        token = sandbox.token("ada")
        visitors = [Visitors(helper, token) for helper in helpers]
        paused, killed, stepping = visitors
        # Slowly enough for every replica to hold leases.
        time.sleep(3)

        # What it has leased is unused, and some of its requests may be under way.
        helpers[0].process.send_signal(signal.SIGSTOP)
        paused_at = time.monotonic()
        paused.hold()
        for others in (killed, stepping):
            others.pause = 0.02

        time.sleep(4)
        redis_clock.shift(-8)

        time.sleep(4)
        helpers[1].process.kill()
        killed.hold()
        helpers[1].process.wait(10)
        helpers[1] = killed.helper = Helper(sandbox.keycloak, sandbox.threescale, **settings)
        wait_up(helpers[1:2])
        killed.go()

        time.sleep(4)
        clock.shift(120)
        time.sleep(4)
        clock.shift(-50)

        time.sleep(max(0, paused_at + PAUSE - time.monotonic()))
        paused.pause = 0.02
        before = [len(group.allowed) for group in visitors]
        helpers[0].process.send_signal(signal.SIGCONT)
        paused.go()
        wait_until(lambda: all(len(group.allowed) > count for group, count in zip(visitors, before)), seconds=60)
        time.sleep(3)
    finally:
        helpers[0].process.send_signal(signal.SIGCONT)
        for group in visitors:
            group.stop()
        for helper in helpers:
            stop(helper.process)
        redis.stop()
    assert [text for group in visitors for text in group.others] == []
    allowed = [request for group in visitors for request in group.allowed]
    # Two clocks measure the window: Redis' and ours.
    most = most_in_a_window(allowed, WINDOW - 0.1)
    assert LIMIT // 2 < most <= LIMIT
    assert all(group.refused for group in visitors)
