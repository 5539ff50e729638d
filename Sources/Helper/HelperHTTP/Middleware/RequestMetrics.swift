import HTTP
import HTTPServer
import Synchronization
package import Telemetry

/// Durations by route template, method and status, and requests in flight. Handles are made once for each combination
/// that occurs; all three come from closed sets.
package final class RequestMetrics: Sendable {
    private struct Key: Hashable, Sendable {
        let route: String
        let method: String
        let status: Int
    }

    private let factory: any MetricsFactory
    private let timers = Mutex<[Key: Timer]>([:])
    private let inFlight = Atomic<Int>(0)

    package init(factory: any MetricsFactory) { self.factory = factory }

    /// Requests being answered now.
    package var requestsInFlight: Int { inFlight.load(ordering: .relaxed) }

    func begin() { inFlight.wrappingAdd(1, ordering: .relaxed) }

    func end(route: String, method: HTTPMethod, status: Int, nanoseconds: UInt64) {
        inFlight.wrappingSubtract(1, ordering: .relaxed)
        let key = Key(route: route, method: Self.name(method), status: status)
        let timer = timers.withLock { timers in
            if let known = timers[key] { return known }
            let made = Timer(
                label: "http_server_request_duration_seconds",
                dimensions: [
                    ("http_route", key.route), ("http_request_method", key.method),
                    ("http_response_status_code", String(status)),
                ], factory: factory)
            timers[key] = made
            return made
        }
        timer.recordNanoseconds(Int64(clamping: nanoseconds))
    }

    /// Methods that nobody has defined would make a series each.
    private static func name(_ method: HTTPMethod) -> String {
        if case .other = method { return "_OTHER" }
        return method.rawValue
    }
}
