package import Crypto
package import Telemetry

/// That a server speaks TLS on its port, and nothing else.
package struct TLSListenerConfiguration: Sendable {
    /// What new connections get; replacing it leaves those that exist alone.
    package let contexts: TLSContextHolder
    let metrics: TLSHandshakeMetrics

    package init(contexts: TLSContextHolder, metrics: any MetricsFactory) {
        self.contexts = contexts
        self.metrics = TLSHandshakeMetrics(factory: metrics)
    }
}

/// `http_server_tls_handshakes_total{outcome,version}`: `completed`, `resumed`, or why there is no session. The version
/// is `none` unless there is one.
struct TLSHandshakeMetrics: Sendable {
    private let completed: [String: Counter]
    private let resumed: [String: Counter]
    private let failed: [TLSError.Outcome: Counter]

    init(factory: any MetricsFactory) {
        func counters(_ pairs: [(outcome: String, version: String)]) -> [Counter] {
            pairs.map {
                Counter(
                    label: "http_server_tls_handshakes_total",
                    dimensions: [("outcome", $0.outcome), ("version", $0.version)], factory: factory)
            }
        }
        let versions = ["TLSv1.2", "TLSv1.3"]
        completed = Dictionary(uniqueKeysWithValues: zip(versions, counters(versions.map { ("completed", $0) })))
        resumed = Dictionary(uniqueKeysWithValues: zip(versions, counters(versions.map { ("resumed", $0) })))
        failed = Dictionary(
            uniqueKeysWithValues: zip(
                TLSError.Outcome.allCases, counters(TLSError.Outcome.allCases.map { ($0.rawValue, "none") })))
    }

    func record(_ agreement: TLSSession.Agreement) {
        (agreement.isResumed ? resumed : completed)[agreement.version]?.increment()
    }

    func record(_ error: TLSError) { failed[error.outcome]?.increment() }
}
