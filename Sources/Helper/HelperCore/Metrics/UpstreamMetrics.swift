package import Telemetry

/// Calls to a system behind us by operation and outcome, and how long they took. Both are closed sets, so every handle is
/// made at start and a series is there before its first event.
package struct UpstreamMetrics<Operation: UpstreamOperation>: Sendable {
    package typealias Outcome = UpstreamOutcome

    private struct Handles: Sendable {
        let outcomes: [Outcome: Counter]
        let duration: Timer
    }

    private let handles: [Operation: Handles]

    package init(factory: any MetricsFactory) {
        let system = Operation.system.rawValue
        let pairs = Operation.allCases.map { operation in
            let counters = Outcome.allCases.map { outcome in
                (
                    outcome,
                    Counter(
                        label: "mlaas_upstream_requests_total",
                        dimensions: [
                            ("system", system), ("operation", operation.rawValue), ("outcome", outcome.rawValue),
                        ], factory: factory)
                )
            }
            let duration = Timer(
                label: "mlaas_upstream_request_duration_seconds",
                dimensions: [("system", system), ("operation", operation.rawValue)], factory: factory)
            return (operation, Handles(outcomes: Dictionary(uniqueKeysWithValues: counters), duration: duration))
        }
        handles = Dictionary(uniqueKeysWithValues: pairs)
    }

    /// - Parameter began: when the call was made, the wait for a slot included.
    package func record(_ operation: Operation, _ outcome: Outcome, since began: ContinuousClock.Instant) {
        guard let handles = handles[operation] else { return }
        handles.outcomes[outcome]?.increment()
        handles.duration.record(duration: began.duration(to: .now))
    }
}

/// The calls that are made to one system: a closed set, so that none can be missing from the metrics. The raw value is the
/// name in metrics, logs and traces.
package protocol UpstreamOperation: RawRepresentable<String>, CaseIterable, Hashable, Sendable, CustomStringConvertible
{
    static var system: UpstreamSystem { get }
}

/// A system behind us. The raw value is the name in metrics and logs.
package enum UpstreamSystem: String, Sendable {
    case keycloak
    case threeScale = "3scale"
}

extension UpstreamOperation {
    package var description: String { rawValue }
}

/// What became of a call.
package enum UpstreamOutcome: String, Sendable, CaseIterable {
    case ok
    /// No connection came about.
    case unreachable
    /// TLS failed: its certificate is not trusted, has expired or is for another name.
    case untrusted
    /// It answered 5xx, or the connection ended before the answer did.
    case unavailable
    /// It answered 429.
    case rateLimited = "rate_limited"
    /// Not sent: the circuit breaker is open.
    case breakerOpen = "breaker_open"
    /// Not sent: no slot became free in time.
    case noSlot = "no_slot"
    /// We gave up before it answered, since the result was of no more use.
    case cancelled
    /// It did not answer in what the queue and the calls before had left of the request's time.
    case deadline
    case timeout
    /// It refused who we are.
    case accessDenied = "access_denied"
    /// It refused what we asked for.
    case rejected
    case notFound = "not_found"
    /// Its answer makes no sense.
    case malformed
}
