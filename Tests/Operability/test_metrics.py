"""What `/metrics` tells."""

import contextlib
import os
import re
import socket
import subprocess
import time
from urllib.parse import urlsplit

import pytest
import requests
from conftest import ROOT, harness

import exposition

# Names that operators rely on, with their labels.
PROMISED = {
    "http_server_request_duration_seconds": {"http_route", "http_request_method", "http_response_status_code"},
    "http_server_active_requests": set(),
    "http_server_queued_requests": set(),
    "http_server_connections": set(),
    "http_server_client_memory_bytes": set(),
    "http_server_client_memory_limit_bytes": set(),
    "http_server_shed_connections_total": set(),
    "mlaas_auth_total": {"outcome", "reason"},
    "mlaas_upstream_requests_total": {"system", "operation", "outcome"},
    "mlaas_upstream_request_duration_seconds": {"system", "operation"},
    "mlaas_cache_hits_total": {"cache"},
    "mlaas_cache_misses_total": {"cache"},
    "mlaas_cache_evictions_total": {"cache"},
    "mlaas_catalog_incomplete_services": set(),
    "mlaas_access_unknown_services": set(),
    "mlaas_catalog_services": set(),
    "mlaas_catalog_age_seconds": set(),
    "mlaas_keys_age_seconds": set(),
    "mlaas_provisioning_total": {"outcome"},
    "mlaas_key_tests_total": {"verdict"},
    "mlaas_sweep_age_seconds": set(),
    "mlaas_sweep_overdue_seconds": set(),
    "mlaas_sweep_clock_difference_seconds": set(),
    "mlaas_sweep_accounts": set(),
    "mlaas_key_refresh_total": {"outcome"},
    "mlaas_event_loop_lag_seconds": set(),
    "mlaas_build_info": {"version", "commit"},
    "process_cpu_seconds_total": set(),
    "process_resident_memory_bytes": set(),
    "process_open_fds": set(),
    "process_max_fds": set(),
    "process_start_time_seconds": set(),
}


def scrape(helper):
    answer = helper.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    return exposition.parse(answer.text)


def test_promtool_has_nothing_to_say(helper, sandbox, promtool):
    token = sandbox.token("ada")
    for service in helper.services(token).values():
        helper.init(token, service["id"])
    result = subprocess.run(
        [promtool, "check", "metrics"], input=helper.get("/metrics").content, capture_output=True, timeout=60)
    assert (result.returncode, result.stdout, result.stderr) == (0, b"", b"")


def test_every_promised_metric_is_there_with_its_labels(helper, sandbox):
    helper.services(sandbox.token("ada"))
    found = scrape(helper)
    end = time.monotonic() + 20
    # Some of the sweep's metrics are there once a scan has read every application.
    while "mlaas_sweep_overdue_seconds" not in exposition.names(found) and time.monotonic() < end:
        time.sleep(0.1)
        found = scrape(helper)
    labels = {}
    for name, pairs in found:
        family = re.sub(r"_(bucket|sum|count)$", "", name)
        labels.setdefault(family, set()).update(label for label, _ in pairs if label != "le")
    for name, wanted in PROMISED.items():
        assert labels.get(name) == wanted, name


def test_every_metric_is_in_the_operators_reference(helper):
    reference = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    missing = {name for name in exposition.names(scrape(helper)) if f"`{name}`" not in reference}
    assert not missing, "add them to the table of docs/operations.md"


def test_what_happens_is_counted(sandbox):
    helper = harness.Helper(sandbox.keycloak, sandbox.threescale, MLAAS_COMMIT="0123abc")
    try:
        before = scrape(helper)
        token = sandbox.token("carol")
        service = helper.services(token)["granite_chat"]
        key = helper.init(token, service["id"]).json()["data"]["api_key"]
        assert helper.init(token, service["id"]).json()["data"]["api_key"] == key
        helper.services(token)
        assert helper.get("/api/services").status_code == 401
        assert helper.get("/api/services", token + "x").status_code == 401
        after = scrape(helper)

        def grew(name, **labels):
            return exposition.total(after, name, **labels) - exposition.total(before, name, **labels)

        count = "http_server_request_duration_seconds_count"
        assert grew(count, http_route="/api/services", http_request_method="GET", http_response_status_code="200") == 2
        assert grew(count, http_route="/api/services/init", http_response_status_code="200") == 2
        assert grew(count, http_route="/api/services", http_response_status_code="401") == 2
        assert grew("mlaas_auth_total", outcome="accepted") == 4
        assert grew("mlaas_auth_total", outcome="missing", reason="none") == 1
        assert grew("mlaas_auth_total", outcome="refused") == 1
        assert grew("mlaas_provisioning_total", outcome="created") == 1
        assert grew("mlaas_provisioning_total", outcome="returned") == 1
        assert grew("mlaas_upstream_requests_total", operation="create_application", outcome="ok") == 1
        assert grew("mlaas_cache_misses_total", cache="callers") == 1
        assert exposition.total(after, "mlaas_build_info", commit="0123abc") == 1
        assert exposition.total(after, "mlaas_keys_age_seconds") < 60
        assert exposition.total(after, "mlaas_key_refresh_total", outcome="ok") >= 1
        assert exposition.total(after, "process_resident_memory_bytes") > 1e6
        assert exposition.total(after, "process_open_fds") > 5
        assert exposition.total(after, "mlaas_metrics_refused_series_total") == 0
    finally:
        helper.stop()


def test_no_caller_chooses_a_label(helper):
    for number in range(20):
        requests.request(f"BREW{number}", helper.url + "/api/health", timeout=10)
        requests.get(f"{helper.url}/nowhere/{number}?a={number}", timeout=10)
        helper.get(f"/api/services/{number}", f"no.token.{number}")
    found = scrape(helper)
    name = "http_server_request_duration_seconds_count"
    methods = exposition.values(found, name, "http_request_method")
    assert "_OTHER" in methods and not any(method.startswith("BREW") for method in methods)
    routes = exposition.values(found, name, "http_route")
    assert "_unmatched" in routes and not any(route.startswith("/nowhere") for route in routes)
    assert all(not re.search(r"\d", route) for route in routes)


def test_malformed_requests_are_counted_by_their_refusal(helper):
    before = exposition.total(scrape(helper), "mlaas_http_malformed_requests_total", http_response_status_code="400")
    address = urlsplit(helper.url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nno colon\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 400 ")
    after = exposition.total(scrape(helper), "mlaas_http_malformed_requests_total", http_response_status_code="400")
    assert after - before == 1


def test_metrics_may_have_a_port_of_their_own(sandbox):
    port = harness.free_port()
    helper = harness.Helper(
        sandbox.keycloak, sandbox.threescale, METRICS_PORT=str(port), METRICS_HOST="127.0.0.1")
    try:
        assert helper.get("/metrics").status_code == 404
        own = f"http://127.0.0.1:{port}"
        answer = requests.get(own + "/metrics", timeout=10)
        assert answer.status_code == 200 and exposition.parse(answer.text)
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert requests.get(own + "/api/health", timeout=10).status_code == 404
        answer = requests.post(own + "/metrics", timeout=10)
        assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD")
        # Its connections come out of the descriptors that clients leave.
        with contextlib.ExitStack() as held:
            def hold(count, address):
                for _ in range(count):
                    held.enter_context(socket.create_connection(("127.0.0.1", port), 10, (address, 0)))
            hold(60, "127.0.0.2")
            assert requests.get(own + "/metrics", timeout=10).status_code == 200
            for number in range(3, 13):
                hold(30, f"127.0.0.{number}")
            time.sleep(1)
            assert len(os.listdir(f"/proc/{helper.process.pid}/fd")) < 128 + 80
    finally:
        helper.stop()


@pytest.mark.parametrize(("variable", "value"), [
    ("METRICS_PORT", "-1"), ("MLAAS_COMMIT", "not a commit"), ("OTEL_TRACES_SAMPLER_ARG", "2"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4318"), ("OTEL_EXPORTER_OTLP_HEADERS", "s3cret-without-equals")])
def test_a_bad_value_is_named_and_a_secret_is_not_shown(variable, value):
    result = subprocess.run(
        [harness.BIN / "mlaas-helper", "config", "check"], env={variable: value}, capture_output=True, text=True,
        timeout=30)
    assert result.returncode == 78 and variable + ":" in result.stderr
    assert "s3cret" not in result.stderr + result.stdout
