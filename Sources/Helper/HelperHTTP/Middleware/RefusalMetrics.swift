import HTTP
package import Telemetry

/// Counts bytes that were no well-formed request, which never reach a route.
package final class RefusalMetrics: Sendable {
    private let counters: [Int: Counter]

    package init(factory: any MetricsFactory) {
        counters = Dictionary(
            uniqueKeysWithValues: Set(ProtocolError.allCases.map(\.status.code)).map { status in
                (
                    status,
                    Counter(
                        label: "mlaas_http_malformed_requests_total",
                        dimensions: [("http_response_status_code", String(status))], factory: factory)
                )
            })
    }

    func note(_ error: ProtocolError) { counters[error.status.code]?.increment() }
}
