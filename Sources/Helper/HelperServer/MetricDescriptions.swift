import Telemetry

/// What each metric means: the HELP texts of the exposition.
let metricDescriptions = ProcessMetrics.descriptions.merging(helperDescriptions) { $1 }

private let helperDescriptions: [String: PrometheusRegistry.Description] = [
    "http_server_request_duration_seconds": .init(
        help: "Duration of HTTP requests by route template, method and status.", seriesMax: 1_000),
    "http_server_active_requests": .init(help: "HTTP requests being worked on or waiting for a slot."),
    "http_server_queued_requests": .init(help: "HTTP requests waiting for a slot."),
    "http_server_connections": .init(help: "Open connections of clients, handshakes under way included."),
    "http_server_client_memory_bytes": .init(help: "Memory held for clients, to within a few steps of 32 KiB."),
    "http_server_client_memory_limit_bytes": .init(help: "What SERVER_MEMORY allows to be held for clients."),
    "http_server_shed_connections_total": .init(
        help: "Connections ended because the memory for clients was used up."),
    "http_server_evicted_connections_total": .init(
        help: "Connections, idle or without progress, ended to make room for others, at SERVER_MAX_CONNECTIONS."),
    "http_server_refused_connections_total": .init(
        help: "New connections that were closed at once, at a limit of connections."),
    "mlaas_metrics_refused_series_total": .init(help: "Metric series that were refused; anything but 0 is a defect."),
    "http_server_tls_handshakes_total": .init(help: "TLS handshakes by what became of them and version."),
    "http_client_transfers_total": .init(help: "Outgoing requests by whether their connection was new or reused."),
    "http_client_retries_total": .init(help: "Outgoing requests sent again since a pooled connection had died."),
    "mlaas_tls_certificate_expiry_timestamp_seconds": .init(
        help: "When the served certificate ends, in seconds since 1970."),
    "mlaas_credential_reloads_total": .init(help: "Secrets and certificates read again while running, by outcome."),
    "mlaas_auth_total": .init(help: "Requests by what became of their access token."),
    "mlaas_portal_sign_ins_total": .init(help: "Sign-ins to the portal by what became of them."),
    "mlaas_upstream_requests_total": .init(
        help: "Calls to systems behind this one by operation and outcome.", seriesMax: 800),
    "mlaas_upstream_request_duration_seconds": .init(help: "Duration of calls to systems behind this one."),
    "mlaas_key_tests_total": .init(help: "Tests of API keys at their gateways by verdict."),
    "mlaas_provisioning_total": .init(help: "Acts of provisioning by what became of them."),
    "mlaas_cache_hits_total": .init(help: "Look-ups that a cache answered."),
    "mlaas_cache_misses_total": .init(help: "Look-ups that a cache could not answer, or no more."),
    "mlaas_cache_evictions_total": .init(help: "Entries that left a cache because it was full."),
    "mlaas_cache_entries": .init(help: "Entries in a cache."),
    "mlaas_cache_bytes": .init(help: "What the entries of a cache take together."),
    "mlaas_cache_oldest_age_seconds": .init(help: "Age of the entry that was used longest ago."),
    "mlaas_rate_limited_total": .init(help: "Requests refused by a rate limit."),
    "mlaas_breaker_open": .init(help: "1 while the circuit breaker of a system behind this one is open."),
    "mlaas_key_refresh_total": .init(help: "Fetches of signing keys by outcome."),
    "mlaas_catalog_incomplete_services": .init(
        help: "Services whose proxy 3scale did not give at the last refresh."),
    "mlaas_access_unknown_services": .init(help: "Names in MLAAS_SERVICE_ROLES that no service has."),
    "mlaas_catalog_services": .init(help: "Services in the catalogue."),
    "mlaas_catalog_age_seconds": .init(help: "Age of the catalogue."),
    "mlaas_keys_age_seconds": .init(help: "Age of the oldest issuer's signing keys."),
    "mlaas_keys": .init(help: "API keys that carry an owner's mark, by state, as the last whole scan counted them."),
    "mlaas_sweep_age_seconds": .init(
        help: "Seconds since a scan last read every application for keys that have ended, or since the start."),
    "mlaas_sweep_overdue_seconds": .init(
        help: "For how long the end of a key has been over that is not suspended or deleted yet."),
    "mlaas_sweep_clock_difference_seconds": .init(help: "Seconds by which 3scale's clock is ahead of this one."),
    "mlaas_sweep_accounts": .init(help: "Accounts with a key that ends within three hours."),
    "mlaas_build_info": .init(help: "Always 1, with version and commit as labels."),
    "mlaas_http_malformed_requests_total": .init(help: "Bytes that were no well-formed request, by answer."),
    "mlaas_log_dropped_lines_total": .init(
        help: "Log lines dropped because standard output did not take them fast enough."),
    "mlaas_audit_waiting_lines": .init(help: "Audit lines that standard output has not taken yet."),
    "mlaas_spans_exported_total": .init(help: "Spans that the collector took."),
    "mlaas_spans_dropped_total": .init(help: "Spans that were lost, by reason."),
    "mlaas_event_loop_blocked_total": .init(help: "Times an event loop stood still for a second or longer."),
    "mlaas_event_loop_lag_seconds": .init(
        help: "How late a loop's timers are.", buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5]),
    "mlaas_redis_up": .init(help: "1 while every connection to Redis is up and nothing has failed lately, else 0."),
    "mlaas_redis_errors_total": .init(help: "Commands and connections that Redis did not serve, by kind."),
]
