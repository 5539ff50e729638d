#!/usr/bin/env python3
"""The Grafana dashboard of MLaaS Helper, as code.

Usage: dashboard.py          writes mlaas-helper.json beside this file
       dashboard.py --check  exits 1 when that file is not what would be written
"""

import json
import sys
from pathlib import Path

TARGET = Path(__file__).with_name("mlaas-helper.json")
API = 'http_route!~"/api/health.*|/metrics"'
JOB = 'job=~"$job", instance=~"$instance"'


def rate(metric, labels="", by=""):
    inner = f"rate({metric}{{{JOB}{', ' + labels if labels else ''}}}[$__rate_interval])"
    return f"sum by ({by}) ({inner})" if by else f"sum({inner})"


def quantile(share, metric, by="", labels=""):
    return f"histogram_quantile({share}, {rate(metric + '_bucket', labels, ', '.join(filter(None, [by, 'le'])))})"


def gauge(metric, by="instance", labels=""):
    return f"max by ({by}) ({metric}{{{JOB}{', ' + labels if labels else ''}}})"


REQUESTS = "http_server_request_duration_seconds"
UPSTREAM = "mlaas_upstream_request"

# Title of the row, and its panels: title, unit, kind, what it means, queries with their legends.
ROWS = [
    ("Is it well?", [
        ("Requests a second", "reqps", "stat", "All requests but health checks and scrapes.",
         [(rate(REQUESTS + "_count", API), "")]),
        ("Error ratio", "percentunit", "stat", "Share of those answered with a 5xx status.",
         [(f"({rate(REQUESTS + '_count', API + ', http_response_status_code=~%s' % json.dumps('5..'))} or vector(0))"
           f" / {rate(REQUESTS + '_count', API)}", "")]),
        ("Slowest of a hundred", "s", "stat", "99th percentile of the duration of requests.",
         [(quantile(0.99, REQUESTS, "", API), "")]),
        ("Replicas", "short", "stat", "Replicas that can be scraped.", [(f"sum(up{{{JOB}}})", "")]),
        ("Age of the catalogue", "s", "stat", "Oldest of all replicas.",
         [(f"max(mlaas_catalog_age_seconds{{{JOB}}})", "")]),
        ("Open breakers", "short", "stat", "Circuit breakers that keep calls from a system behind us.",
         [(f"sum(mlaas_breaker_open{{{JOB}}}) or vector(0)", "")]),
    ]),
    ("Requests", [
        ("By status", "reqps", "timeseries", "Requests a second by status of the answer.",
         [(rate(REQUESTS + "_count", API, "http_response_status_code"), "{{http_response_status_code}}")]),
        ("By route", "reqps", "timeseries", "Requests a second by route and method.",
         [(rate(REQUESTS + "_count", API, "http_route, http_request_method"),
           "{{http_request_method}} {{http_route}}")]),
        ("Duration", "s", "timeseries", "Percentiles over all routes.",
         [(quantile(share, REQUESTS, "", API), name)
          for share, name in ((0.5, "50 %"), (0.9, "90 %"), (0.99, "99 %"))]),
        ("Duration by route, 99 %", "s", "timeseries", "99th percentile of each route.",
         [(quantile(0.99, REQUESTS, "http_route", API), "{{http_route}}")]),
        ("In flight", "short", "timeseries", "Requests that wait for an answer.",
         [(f"sum by (instance) (http_server_active_requests{{{JOB}}})", "{{instance}}")]),
        ("Malformed", "reqps", "timeseries", "Bytes that were no well-formed request, by status of the refusal.",
         [(rate("mlaas_http_malformed_requests_total", "", "http_response_status_code"),
           "{{http_response_status_code}}")]),
    ]),
    ("Who may", [
        ("Access tokens", "reqps", "timeseries", "What became of access tokens.",
         [(rate("mlaas_auth_total", "", "outcome"), "{{outcome}}")]),
        ("Refused, by reason", "reqps", "timeseries", "The check that refused tokens failed.",
         [(rate("mlaas_auth_total", 'outcome!="accepted"', "reason") + " > 0", "{{reason}}")]),
        ("Rate limits", "reqps", "timeseries", "Requests refused, by policy.",
         [(rate("mlaas_rate_limited_total", "", "policy"), "{{policy}}")]),
    ]),
    ("Keys", [
        ("Provisioning", "short", "timeseries", "Acts by outcome, in five minutes.",
         [(f"sum by (outcome) (increase(mlaas_provisioning_total{{{JOB}}}[5m]))", "{{outcome}}")]),
        ("API keys", "short", "timeseries", "Keys with an owner's mark, by state, as the last scan counted them.",
         [(f"max by (state) (mlaas_keys{{{JOB}}})", "{{state}}")]),
        ("Keys that should have ended", "s", "timeseries", "For how long, and since when a replica has not scanned.",
         [(gauge("mlaas_sweep_overdue_seconds"), "overdue {{instance}}"),
          (gauge("mlaas_sweep_age_seconds"), "last scan {{instance}}")]),
        ("Catalogue", "short", "timeseries", "Services in the catalogue.",
         [(gauge("mlaas_catalog_services"), "{{instance}}")]),
        ("Age of what is remembered", "s", "timeseries", "Catalogue and signing keys, by replica.",
         [(gauge("mlaas_catalog_age_seconds"), "catalogue {{instance}}"),
          (gauge("mlaas_keys_age_seconds"), "keys {{instance}}")]),
        ("Fetches of signing keys", "short", "timeseries", "By outcome, in an hour.",
         [(f"sum by (outcome) (increase(mlaas_key_refresh_total{{{JOB}}}[1h]))", "{{outcome}}")]),
    ]),
    ("Systems behind", [
        ("Calls", "reqps", "timeseries", "Calls by system and outcome.",
         [(rate(UPSTREAM + "s_total", "", "system, outcome") + " > 0", "{{system}} {{outcome}}")]),
        ("3scale, by operation", "reqps", "timeseries", "Calls to 3scale by operation.",
         [(rate(UPSTREAM + "s_total", 'system="3scale"', "operation") + " > 0", "{{operation}}")]),
        ("Duration of calls, 99 %", "s", "timeseries", "99th percentile, waiting for room included.",
         [(quantile(0.99, UPSTREAM + "_duration_seconds", "system"), "{{system}}")]),
        ("Duration of calls to 3scale, 99 %", "s", "timeseries", "By operation.",
         [(quantile(0.99, UPSTREAM + "_duration_seconds", "operation", 'system="3scale"'), "{{operation}}")]),
        ("Breakers", "short", "timeseries", "1 while open.",
         [(gauge("mlaas_breaker_open", "instance, system"), "{{system}} {{instance}}")]),
    ]),
    ("Caches", [
        ("Hit ratio", "percentunit", "timeseries", "Look-ups that a cache answered.",
         [(f"{rate('mlaas_cache_hits_total', '', 'cache')} / ({rate('mlaas_cache_hits_total', '', 'cache')}"
           f" + {rate('mlaas_cache_misses_total', '', 'cache')})", "{{cache}}")]),
        ("Entries", "short", "timeseries", "Entries over all replicas.",
         [(f"sum by (cache) (mlaas_cache_entries{{{JOB}}})", "{{cache}}")]),
        ("Evictions", "ops", "timeseries", "Entries that left because a cache was full.",
         [(rate("mlaas_cache_evictions_total", "", "cache"), "{{cache}}")]),
    ]),
    ("Process", [
        ("Processor", "short", "timeseries", "Cores in use.",
         [(rate("process_cpu_seconds_total", "", "instance"), "{{instance}}")]),
        ("Memory", "bytes", "timeseries", "Resident memory.",
         [(gauge("process_resident_memory_bytes"), "{{instance}}")]),
        ("File descriptors", "short", "timeseries", "Open, and how many may be.",
         [(gauge("process_open_fds"), "{{instance}}"), (gauge("process_max_fds"), "may be open {{instance}}")]),
        ("Lag of the event loops, 99 %", "s", "timeseries", "How late timers are.",
         [(quantile(0.99, "mlaas_event_loop_lag_seconds", "instance"), "{{instance}}")]),
        ("Lost telemetry", "short", "timeseries", "Log lines and spans lost in five minutes.",
         [(f"sum(increase(mlaas_log_dropped_lines_total{{{JOB}}}[5m]))", "lines"),
          (f"sum by (reason) (increase(mlaas_spans_dropped_total{{{JOB}}}[5m]))", "spans {{reason}}")]),
        ("Builds", "short", "table", "Which version runs where.",
         [(f"mlaas_build_info{{{JOB}}}", "")]),
    ]),
]


def panel(identifier, place, definition):
    title, unit, kind, description, queries = definition
    made = {
        "id": identifier, "type": kind, "title": title, "description": description, "gridPos": place,
        "datasource": {"type": "prometheus", "uid": "${datasource}"},
        "targets": [
            {"refId": chr(65 + number), "expr": query, "legendFormat": legend or "__auto",
             **({"instant": True, "format": "table"} if kind == "table" else {})}
            for number, (query, legend) in enumerate(queries)],
        "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
        "options": {},
    }
    if kind == "stat":
        made["options"] = {"reduceOptions": {"calcs": ["lastNotNull"]}, "graphMode": "area", "colorMode": "value"}
        if title == "Error ratio":
            made["fieldConfig"]["defaults"]["thresholds"] = {"mode": "absolute", "steps": [
                {"color": "green", "value": None}, {"color": "orange", "value": 0.01}, {"color": "red", "value": 0.05}]}
    elif kind == "timeseries":
        made["options"] = {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}}
    return made


def variable(name, query):
    return {"name": name, "label": name, "type": "query", "datasource": {"type": "prometheus", "uid": "${datasource}"},
            "query": query, "refresh": 2, "multi": True, "includeAll": True, "allValue": ".*",
            "current": {"text": "All", "value": "$__all"}}


def dashboard():
    panels, identifier, y = [], 1, 0
    for title, definitions in ROWS:
        panels.append({"id": identifier, "type": "row", "title": title, "collapsed": False, "panels": [],
                       "gridPos": {"x": 0, "y": y, "w": 24, "h": 1}})
        identifier, y, x = identifier + 1, y + 1, 0
        width, height = (4, 4) if definitions[0][2] == "stat" else (8, 8)
        for definition in definitions:
            if x + width > 24:
                x, y = 0, y + height
            panels.append(panel(identifier, {"x": x, "y": y, "w": width, "h": height}, definition))
            identifier, x = identifier + 1, x + width
        y += height
    return {
        "uid": "mlaas-helper", "title": "MLaaS Helper", "tags": ["mlaas"], "schemaVersion": 39, "version": 1,
        "editable": True, "refresh": "30s", "time": {"from": "now-3h", "to": "now"}, "timezone": "",
        "templating": {"list": [
            {"name": "datasource", "label": "datasource", "type": "datasource", "query": "prometheus", "refresh": 1},
            variable("job", "label_values(mlaas_build_info, job)"),
            variable("instance", 'label_values(mlaas_build_info{job=~"$job"}, instance)')]},
        "annotations": {"list": []}, "panels": panels,
    }


def main():
    text = json.dumps(dashboard(), indent=2, ensure_ascii=False) + "\n"
    if sys.argv[1:] == ["--check"]:
        if not TARGET.exists() or TARGET.read_text(encoding="utf-8") != text:
            print(f"{TARGET.name} is out of date; run: {Path(__file__).name}", file=sys.stderr)
            return 1
        return 0
    TARGET.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
