package import Telemetry

/// Calls to a system behind us, by operation and outcome. Both are closed sets, so the series are few and kept.
package struct UpstreamMetrics: Sendable {
    private let system: String
    private let factory: any MetricsFactory

    package init(system: String, factory: any MetricsFactory) {
        self.system = system
        self.factory = factory
    }

    func record(_ operation: String, _ outcome: String, _ began: ContinuousClock.Instant) {
        Counter(
            label: "mlaas_upstream_requests_total",
            dimensions: [("system", system), ("operation", operation), ("outcome", outcome)], factory: factory
        ).increment()
        let (seconds, attoseconds) = began.duration(to: .now).components
        Timer(
            label: "mlaas_upstream_request_duration_seconds",
            dimensions: [("system", system), ("operation", operation)], factory: factory
        ).recordNanoseconds(seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
    }
}
