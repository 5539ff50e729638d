import Telemetry

/// What each metric means: the HELP texts of the exposition.
let metricDescriptions: [String: PrometheusRegistry.Description] = [
    "http_server_request_duration_seconds": .init(
        help: "Duration of HTTP requests by route template, method and status."),
    "http_server_active_requests": .init(help: "HTTP requests being answered now."),
    "mlaas_auth_total": .init(help: "Requests by what became of their access token."),
    "mlaas_upstream_requests_total": .init(help: "Calls to systems behind this one by operation and outcome."),
    "mlaas_upstream_request_duration_seconds": .init(help: "Duration of calls to systems behind this one."),
    "mlaas_catalog_services": .init(help: "Services in the catalogue."),
    "mlaas_catalog_age_seconds": .init(help: "Age of the catalogue."),
    "mlaas_keys_age_seconds": .init(help: "Age of the oldest issuer's signing keys."),
    "mlaas_build_info": .init(help: "Always 1, with the version as a label."),
]
