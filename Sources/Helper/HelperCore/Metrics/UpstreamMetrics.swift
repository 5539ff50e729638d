package import Telemetry

/// Calls to a system behind us by operation and outcome, and how long they took. Both are closed sets, so every handle is
/// made at start and a series is there before its first event.
package struct UpstreamMetrics: Sendable {
    /// What became of a call.
    package enum Outcome: String, Sendable, CaseIterable {
        case ok
        /// It could not be reached, or it said that it cannot answer now.
        case unavailable
        case timeout
        /// It refused who we are.
        case accessDenied = "access_denied"
        /// It refused what we asked for.
        case rejected
        case notFound = "not_found"
        /// Its answer makes no sense.
        case malformed
    }

    private struct Operation: Sendable {
        let outcomes: [Outcome: Counter]
        let duration: Timer
    }

    private let operations: [String: Operation]
    private let unlisted: Operation

    /// - Parameters:
    ///   - system: `3scale` or `keycloak`.
    ///   - operations: the names of all calls that will be made.
    package init(system: String, operations: [String], factory: any MetricsFactory) {
        func make(_ name: String) -> Operation {
            let pairs = Outcome.allCases.map { outcome in
                (
                    outcome,
                    Counter(
                        label: "mlaas_upstream_requests_total",
                        dimensions: [("system", system), ("operation", name), ("outcome", outcome.rawValue)],
                        factory: factory)
                )
            }
            return Operation(
                outcomes: Dictionary(uniqueKeysWithValues: pairs),
                duration: Timer(
                    label: "mlaas_upstream_request_duration_seconds",
                    dimensions: [("system", system), ("operation", name)], factory: factory))
        }
        self.operations = Dictionary(uniqueKeysWithValues: Set(operations).map { ($0, make($0)) })
        unlisted = make("other")
    }

    /// - Parameter began: when the call was made, waiting for room included.
    package func record(_ operation: String, _ outcome: Outcome, since began: ContinuousClock.Instant) {
        let operation = operations[operation] ?? unlisted
        operation.outcomes[outcome]?.increment()
        operation.duration.record(duration: began.duration(to: .now))
    }
}
