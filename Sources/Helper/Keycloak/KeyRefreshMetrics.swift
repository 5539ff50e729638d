package import Telemetry

/// Fetches of signing keys by outcome: `mlaas_key_refresh_total{outcome}`.
package struct KeyRefreshMetrics: Sendable {
    let loaded: Counter
    let failed: Counter

    package init(factory: any MetricsFactory) {
        func counter(_ outcome: String) -> Counter {
            Counter(label: "mlaas_key_refresh_total", dimensions: [("outcome", outcome)], factory: factory)
        }
        loaded = counter("ok")
        failed = counter("failed")
    }
}
