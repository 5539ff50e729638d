import Telemetry

/// `http_client_transfers_total{connection}`: what a finished transfer ran on. `new` and `reused` tell how well the pool
/// serves; `none` never got a connection. `http_client_retries_total`: requests sent again because a pooled connection
/// had died.
struct HTTPClientMetrics: Sendable {
    private let new: Counter
    private let reused: Counter
    private let none: Counter
    let retries: Counter

    init(factory: any MetricsFactory) {
        func transfers(_ connection: String) -> Counter {
            Counter(
                label: "http_client_transfers_total", dimensions: [("connection", connection)], factory: factory)
        }
        new = transfers("new")
        reused = transfers("reused")
        none = transfers("none")
        retries = Counter(label: "http_client_retries_total", factory: factory)
    }

    /// - Parameters:
    ///   - opened: connections made for the transfer.
    ///   - hasBegun: whether its request could begin to be sent.
    func record(opened: Int, hasBegun: Bool) {
        if opened > 0 { new.increment() } else if hasBegun { reused.increment() } else { none.increment() }
    }
}
