"""A rolling update behind a real router: HAProxy, which is what OpenShift's is made of, routes by readiness."""

import shutil
import subprocess
import threading

import pytest
import requests

from conftest import answers, conformance, person, podman, wait_until

# As strict as can be: a request that one replica fails is not tried on the other.
CONFIGURATION = """
global
    maxconn 200
defaults
    mode http
    timeout connect 2s
    timeout client 30s
    timeout server 30s
    retries 0
    option http-server-close
frontend router
    bind 127.0.0.1:{port}
    default_backend helper
backend helper
    option httpchk GET /api/health/ready
    http-check expect status 200
    default-server check inter 200 fastinter 200 downinter 200 fall 1 rise 1
    server a 127.0.0.1:{a}
    server b 127.0.0.1:{b}
"""


@pytest.fixture
def router(tmp_path):
    program = shutil.which("haproxy", path="/usr/sbin:/usr/bin:/usr/local/sbin")
    if not program:
        pytest.skip("needs haproxy")
    ports = {name: conformance.free_port() for name in ("port", "a", "b")}
    file = tmp_path / "haproxy.cfg"
    file.write_text(CONFIGURATION.format(**ports), encoding="utf-8")
    process = subprocess.Popen([program, "-f", file, "-db"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    yield ports
    process.terminate()
    process.wait(timeout=20)


def test_no_request_is_lost_while_both_replicas_are_replaced(sandbox, container, router):
    url = f"http://127.0.0.1:{router['port']}"
    token = person(sandbox, "rolling")
    ended, seen = threading.Event(), []

    def ask(path):
        while not ended.is_set():
            try:
                answer = requests.get(url + path, headers={"Authorization": f"Bearer {token}"}, timeout=30)
                seen.append((path, answer.status_code))
            except requests.RequestException as error:
                seen.append((path, str(error)))

    def replica(side):
        return container(port=router[side], SHUTDOWN_DRAIN_SECONDS="5", RATE_LIMITS="off")

    old = replica("a")
    wait_until(lambda: answers(url + "/api/health/ready"))
    askers = [threading.Thread(target=ask, args=(path,)) for path in ("/api/health", "/api/services") * 3]
    for asker in askers:
        asker.start()
    try:
        for side in ("b", "a", "b"):
            new = replica(side)
            # The router's next check finds it before the old one gets its signal, as a kubelet's probe does.
            count = len(seen)
            wait_until(lambda: len(seen) > count + 20)
            podman("kill", "--signal", "TERM", old.name)
            wait_until(lambda: old.inspect("{{.State.Status}}") == "exited", seconds=60)
            assert old.inspect("{{.State.ExitCode}}") == "0"
            old.remove()
            old = new
    finally:
        ended.set()
        for asker in askers:
            asker.join()
    lost = [answer for answer in seen if answer[1] != 200]
    assert not lost and len(seen) > 200, (len(lost), len(seen), lost[:5])
