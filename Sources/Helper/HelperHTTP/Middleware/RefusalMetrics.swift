import HTTP
package import Telemetry

/// Counts bytes that were no well-formed request, which never reach a route.
package final class RefusalMetrics: Sendable {
    private let counters: [Int: Counter]

    package init(factory: any MetricsFactory) {
        let statuses = [400, 408, 413, 414, 417, 431, 501, 505]
        counters = Dictionary(
            uniqueKeysWithValues: statuses.map { status in
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
