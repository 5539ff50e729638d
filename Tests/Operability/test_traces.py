"""Traces: continued, sent on, and exported to a collector that decodes them with OpenTelemetry's own definitions."""

import base64
import http.client
import json
import re
import time

import pytest
import requests
from conftest import Collector, Recorder, harness, lines
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

import exposition

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"
SAMPLED = {"traceparent": f"00-{TRACE}-{PARENT}-01", "tracestate": "vendor=opaque,other=2"}


def decode(body):
    """OTLP's JSON differs from protocol buffers' in that ids are hexadecimal."""
    def rewrite(value):
        if isinstance(value, dict):
            return {name: base64.b64encode(bytes.fromhex(item)).decode()
                    if name in ("traceId", "spanId", "parentSpanId") else rewrite(item)
                    for name, item in value.items()}
        return [rewrite(item) for item in value] if isinstance(value, list) else value

    return json_format.ParseDict(rewrite(json.loads(body)), ExportTraceServiceRequest())


def spans(collector):
    return [span for _, _, _, body in list(collector.requests) for resource in decode(body).resource_spans
            for scope in resource.scope_spans for span in scope.spans]


def wait_until(condition, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("it did not happen")


def attributes(span):
    return {item.key: getattr(item.value, item.value.WhichOneof("value")) for item in span.attributes}


def start(sandbox, collector, threescale=None, **settings):
    return harness.Helper(
        sandbox.keycloak, threescale or sandbox.threescale, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, **settings)


def scrape(helper):
    return exposition.parse(helper.get("/metrics").text)


def test_a_callers_trace_is_continued_sent_on_and_exported(sandbox, collector):
    recorder = Recorder(sandbox.threescale)
    helper = start(
        sandbox, collector, recorder.url, OTEL_TRACES_SAMPLER_ARG="0", LOG_LEVEL="debug",
        OTEL_SERVICE_NAME="my-helper", OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer%20otlp-s3cret,x-tenant=a%2Cb")
    try:
        answer = requests.get(
            helper.url + "/api/services?secret=1", timeout=30,
            headers={**SAMPLED, "Authorization": f"Bearer {sandbox.token('erin.o-neil')}", "X-Request-ID": "r-1"})
        assert answer.status_code == 200
        wait_until(lambda: spans(collector))
    finally:
        log = helper.stop()
        recorder.close()
    assert all(span.trace_id.hex() == TRACE for span in spans(collector))
    [server] = [span for span in spans(collector) if span.kind == Span.SPAN_KIND_SERVER]
    clients = [span for span in spans(collector) if span.kind == Span.SPAN_KIND_CLIENT]
    assert server.parent_span_id.hex() == PARENT and server.name == "GET /api/services"
    assert attributes(server) == {
        "http.request.method": "GET", "http.route": "/api/services", "http.response.status_code": 200,
        "url.scheme": "http"}
    assert server.trace_state == SAMPLED["tracestate"] and server.status.code == Status.STATUS_CODE_UNSET
    assert clients and all(span.parent_span_id == server.span_id for span in clients)
    # By the wall clock, which the machine may set meanwhile.
    slack = 50_000_000
    for span in clients:
        times = server.start_time_unix_nano, span.start_time_unix_nano, span.end_time_unix_nano, server.end_time_unix_nano
        assert all(before <= after + slack for before, after in zip(times, times[1:])), times
    assert abs(server.start_time_unix_nano / 1e9 - time.time()) < 60

    # What 3scale was told is the span that is exported for the call.
    told = {headers["traceparent"]: headers.get("tracestate") for _, _, headers, _ in recorder.requests
            if TRACE in headers.get("traceparent", "")}
    assert set(told) == {f"00-{TRACE}-{span.span_id.hex()}-01" for span in clients}
    assert set(told.values()) == {SAMPLED["tracestate"]}

    method, path, headers, body = collector.requests[0]
    assert (method, path, headers["content-type"]) == ("POST", "/v1/traces", "application/json")
    assert headers["authorization"] == "Bearer otlp-s3cret" and headers["x-tenant"] == "a,b"
    resource = {item.key: item.value.string_value for item in decode(body).resource_spans[0].resource.attributes}
    assert resource["service.name"] == "my-helper" and resource["service.version"]
    [line] = [line for line in lines(log) if line.get("request_id") == "r-1" and line["message"] == "request"]
    assert line["trace_id"] == TRACE and "otlp-s3cret" not in log


@pytest.mark.parametrize("fields", [
    [("traceparent", f"00-{TRACE}-{PARENT}")], [("traceparent", f"00-{TRACE.upper()}-{PARENT}-01")],
    [("traceparent", f"00-{'0' * 32}-{PARENT}-01")], [("traceparent", f"ff-{TRACE}-{PARENT}-01")],
    [("traceparent", SAMPLED["traceparent"]), ("traceparent", f"00-{'1' * 32}-{PARENT}-01")]])
def test_a_malformed_traceparent_starts_a_new_trace(sandbox, fields):
    recorder = Recorder(sandbox.threescale)
    helper = harness.Helper(sandbox.keycloak, recorder.url, LOG_LEVEL="debug")
    try:
        # Other clients would join or drop a repeated field.
        raw = http.client.HTTPConnection(helper.url.removeprefix("http://"), timeout=30)
        raw.putrequest("GET", "/api/services")
        raw.putheader("Authorization", f"Bearer {sandbox.token('ada')}")
        raw.putheader("X-Request-ID", "r-2")
        for name, value in fields:
            raw.putheader(name, value)
        raw.endheaders()
        assert raw.getresponse().status == 200
    finally:
        log = helper.stop()
        recorder.close()
    [line] = [line for line in lines(log) if line.get("request_id") == "r-2" and line["message"] == "request"]
    assert re.fullmatch("[0-9a-f]{32}", line["trace_id"])
    assert line["trace_id"].lower() not in (TRACE, "1" * 32, "0" * 32)
    assert any(line["trace_id"] in headers.get("traceparent", "") for _, _, headers, _ in recorder.requests)


def test_a_failed_request_is_marked_and_keeps_its_secrets(sandbox, collector):
    requests.post(
        sandbox.admin + "/faults/3scale", timeout=10,
        json={"kind": "status", "status": 500, "body": "body-s3cret", "path": "*/accounts/find*"})
    helper = start(sandbox, collector, APPLICATIONS_CACHE_SECONDS="0", API_RETRY_COUNT="0")
    try:
        answer = helper.get("/api/services?token=query-s3cret", sandbox.token("ada"))
        assert answer.status_code == 503
        helper.get("/no/path-s3cret")
        wait_until(lambda: any(span.name == "GET _unmatched" for span in spans(collector)))
    finally:
        requests.delete(sandbox.admin + "/faults/3scale", timeout=10)
        helper.stop()
    [server] = [span for span in spans(collector) if span.name == "GET /api/services"]
    assert server.status.code == Status.STATUS_CODE_ERROR and attributes(server)["error.type"] == "503"
    [call] = [span for span in spans(collector) if span.name == "3scale find_account"]
    assert call.status.code == Status.STATUS_CODE_ERROR and attributes(call)["http.response.status_code"] == 500
    assert call.trace_id == server.trace_id and call.parent_span_id == server.span_id
    assert b"s3cret" not in b"".join(body for _, _, _, body in collector.requests)


def test_what_the_collector_cannot_take_now_is_sent_again(sandbox):
    collector = Collector([503, 429])
    helper = start(sandbox, collector)
    try:
        for _ in range(3):
            helper.get("/api/health")
        wait_until(lambda: len(collector.requests) >= 3)
        bodies = [body for _, _, _, body in collector.requests[:3]]
        assert bodies[0] == bodies[1] == bodies[2]
        wait_until(lambda: exposition.total(scrape(helper), "mlaas_spans_exported_total") > 0)
        assert exposition.total(scrape(helper), "mlaas_spans_dropped_total") == 0
    finally:
        helper.stop()
        collector.close()


def test_what_the_collector_refuses_is_counted_and_not_sent_again(sandbox):
    collector = Collector([400])
    helper = start(sandbox, collector)
    try:
        wait_until(lambda: exposition.total(scrape(helper), "mlaas_spans_dropped_total", reason="refused") > 0)
        first = collector.requests[0][3]
        wait_until(lambda: len(collector.requests) > 1)
        assert collector.requests[1][3] != first
    finally:
        log = helper.stop()
        collector.close()
    assert "spans could not be exported" in log and "the collector answered 400" in log


def test_a_collector_that_hangs_costs_spans_and_no_request(sandbox):
    collector = Collector()
    collector.gate.clear()
    helper = start(sandbox, collector, OTEL_BSP_MAX_QUEUE_SIZE="20")
    try:
        wait_until(lambda: collector.requests)
        with requests.Session() as session:
            for _ in range(100):
                assert session.get(helper.url + "/api/health", timeout=10).status_code == 200
        assert exposition.total(scrape(helper), "mlaas_spans_dropped_total", reason="queue_full") >= 50
        collector.gate.set()
        wait_until(lambda: exposition.total(scrape(helper), "mlaas_spans_exported_total") >= 20)
    finally:
        collector.gate.set()
        helper.stop()
        collector.close()


def test_spans_that_wait_are_sent_before_the_end(sandbox, collector):
    helper = start(sandbox, collector)
    helper.get("/api/services/last-of-all")
    helper.stop()
    assert any(span.name == "GET /api/services/{id}" for span in spans(collector))


def test_nothing_is_exported_that_nobody_wants(sandbox, collector):
    helper = start(sandbox, collector, OTEL_TRACES_SAMPLER_ARG="0")
    helper.get("/api/health")
    requests.get(helper.url + "/api/health", headers={"traceparent": f"00-{TRACE}-{PARENT}-00"}, timeout=10)
    helper.stop()
    assert not collector.requests
