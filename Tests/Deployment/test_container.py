"""The image at work: as an arbitrary user, without any right, on a read-only file system, in 64 MiB."""

import concurrent.futures
import json
import re
import threading
import time

import pytest
import requests

import names
from conftest import IMAGE, ROOT, main_job, person, podman, run, wait_until


def test_the_environment_of_the_original_service_does_the_main_job(sandbox, container):
    helper = container()
    main_job(helper, person(sandbox, "container"))
    token = sandbox.token("container")
    service = helper.services(token)["granite_chat"]["id"]
    checked = run(ROOT / "test_api.sh", "-u", helper.url, "-s", service, env={"PATH": "/usr/bin:/bin", "JWT_TOKEN": token})
    assert " 0 failed" in checked.stdout
    assert helper.inspect("{{.HostConfig.Memory}} {{.HostConfig.ReadonlyRootfs}}") == f"{64 << 20} true"
    # How many descriptors a container gets is up to its runtime.
    lines = [json.loads(line) for line in helper.logs().splitlines()]
    assert not [line for line in lines if line["level"] in ("warning", "error")
                and line["message"] != "descriptor limit lowers connection limit"]


def test_the_health_check_tells_health_and_its_absence(sandbox, container):
    helper = container()
    assert podman("healthcheck", "run", helper.name, check=False).returncode == 0
    assert helper.inspect("{{.State.Health.Status}}") == "healthy"
    ready = podman("exec", helper.name, "/usr/bin/mlaas-helper", "healthcheck", "--ready", check=False)
    assert ready.returncode == 0, ready.stderr

    # A process that does not answer is not healthy, though it lives.
    podman("kill", "--signal", "STOP", helper.name)
    try:
        assert podman("healthcheck", "run", helper.name, check=False).returncode == 1
    finally:
        podman("kill", "--signal", "CONT", helper.name)


def test_not_ready_is_told_apart_from_dead(container):
    helper = container(ready=False, KEYCLOAK_URL="http://127.0.0.1:9")
    live, ready = (podman("exec", helper.name, "/usr/bin/mlaas-helper", "healthcheck", *option, check=False)
                   for option in ([], ["--ready"]))
    assert live.returncode == 0, live.stderr
    assert ready.returncode == 1 and "answered 503" in ready.stderr and "NOT_READY" in ready.stderr


def test_the_documentation_is_browsable(container):
    helper = container()
    page = helper.get("/docs")
    assert page.status_code == 200 and "text/html" in page.headers["Content-Type"]
    assert page.headers["Content-Security-Policy"].startswith("default-src 'self'")


def test_bad_variables_are_told_and_nothing_is_served(sandbox, tmp_path):
    done = podman("run", "--rm", "--network", "none", "-e", "SERVER_PORT=x", IMAGE, check=False)
    assert done.returncode == 78
    for name in ("KEYCLOAK_URL", "KEYCLOAK_REALM", "KEYCLOAK_CLIENT_ID", "THREESCALE_ADMIN_API_URL",
                 "THREESCALE_ADMIN_API_KEY", "SERVER_PORT"):
        assert name in done.stderr


def test_names_are_looked_up_by_the_systems_resolver(sandbox, container, tmp_path):
    """By DNS for one system and by /etc/hosts for the other: what glibc, libcurl and a static Swift do together."""
    keycloak = sandbox.keycloak.replace("127.0.0.1", "sso.cluster.test")
    threescale = sandbox.threescale.replace("127.0.0.1", "tenant-admin.cluster.test")
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.1 localhost tenant-admin.cluster.test\n", encoding="utf-8")
    with names.Server({"sso.cluster.test": "127.0.0.1"}) as server:
        resolver = tmp_path / "resolv.conf"
        resolver.write_text(f"nameserver {server.address}\noptions timeout:1\n", encoding="utf-8")
        helper = container(
            "-v", f"{resolver}:/etc/resolv.conf:ro", "-v", f"{hosts}:/etc/hosts:ro",
            KEYCLOAK_URL=keycloak, THREESCALE_ADMIN_API_URL=threescale, ALLOW_INSECURE_HTTP="true",
            KEYCLOAK_ISSUERS=f"{sandbox.keycloak}/realms/mlaas",
            KEYCLOAK_JWKS_URL=f"{keycloak}/realms/mlaas/protocol/openid-connect/certs")
        main_job(helper, person(sandbox, "resolved"))
        assert "sso.cluster.test" in server.asked and "tenant-admin.cluster.test" not in server.asked


def test_the_end_of_a_container_fails_no_request(sandbox, container):
    helper = container(SHUTDOWN_DRAIN_SECONDS="3", APPLICATIONS_CACHE_SECONDS="0")
    token = person(sandbox, "patient")
    assert helper.services(token)
    slow = {"kind": "latency", "path": "/admin/api/accounts/find.json", "delay_ms": 2500, "count": 1}
    failures, answered, stopping = [], [], threading.Event()

    def ask():
        end = time.monotonic() + 90
        while time.monotonic() < end:
            try:
                answered.append(requests.get(helper.url + "/api/health", timeout=30).status_code)
            except requests.exceptions.ConnectionError as error:
                # After the drain the port is closed; a connection that was accepted must have been answered.
                if not stopping.is_set() or "refused" not in str(error):
                    failures.append(error)
                return

    with concurrent.futures.ThreadPoolExecutor(5) as pool:
        requests.post(sandbox.admin + "/faults/3scale", json=slow, timeout=10).raise_for_status()
        askers = [pool.submit(ask) for _ in range(4)]
        late = pool.submit(helper.services, token)
        wait_until(lambda: len(answered) > 50)
        stopping.set()
        podman("kill", "--signal", "TERM", helper.name)
        wait_until(lambda: requests.get(helper.url + "/api/health/ready", timeout=5).status_code == 503)
        before = len(answered)
        assert late.result(timeout=60)["granite_chat"]
        for asker in askers:
            asker.result(timeout=100)
    assert not failures, failures
    assert set(answered) == {200} and len(answered) > before, "no request was answered during the drain"
    wait_until(lambda: helper.inspect("{{.State.Status}}") == "exited")
    assert helper.inspect("{{.State.ExitCode}}") == "0"


def test_a_second_signal_ends_it_at_once(container):
    helper = container(SHUTDOWN_DRAIN_SECONDS="600")
    podman("kill", "--signal", "TERM", helper.name)
    wait_until(lambda: '"draining"' in helper.logs(), helper.logs)
    podman("kill", "--signal", "TERM", helper.name)
    wait_until(lambda: helper.inspect("{{.State.Status}}") == "exited", helper.logs)
    assert helper.inspect("{{.State.ExitCode}}") == "1"


def test_memory_stays_in_its_limit_under_load(sandbox, container):
    helper = container()
    tokens = [person(sandbox, f"load.{number}") for number in range(20)]
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda index: helper.get("/api/services", tokens[index % 20]).status_code, range(600)))
    assert set(answers) == {200}
    used = podman("stats", "--no-stream", "--format", "{{.MemUsage}}", helper.name).stdout
    assert helper.inspect("{{.State.OOMKilled}}") == "false"
    assert re.match(r"[0-9.]+MB / 67.11MB", used), used
