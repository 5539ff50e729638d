import Synchronization
package import Telemetry

/// Decides which failures of a dependency become log lines: the first of each cause, and a summary of each cause a minute
/// later at the earliest. A state machine with the time as an argument.
package struct FailureSummary: Sendable {
    /// Causes that are told apart; the others share one summary.
    private static let causesMax = 16

    private struct Cause: Sendable {
        var loggedAt: ContinuousClock.Instant
        var unlogged = 0
    }

    private let interval: Duration
    private var causes: [String: Cause] = [:]

    package init(interval: Duration = .seconds(60)) { self.interval = interval }

    /// Counts a failure.
    /// - Returns: how many failures of that cause the line to write now stands for; nil when there is no line to write.
    package mutating func failed(_ cause: String, now: ContinuousClock.Instant) -> Int? {
        let isKnown = causes[cause] != nil
        if !isKnown, causes.count >= Self.causesMax {
            causes = causes.filter { $0.value.loggedAt.duration(to: now) < interval || $0.value.unlogged > 0 }
        }
        let key = isKnown || causes.count < Self.causesMax ? cause : ""
        guard var known = causes[key] else {
            causes[key] = Cause(loggedAt: now)
            return 1
        }
        known.unlogged += 1
        let isDue = known.loggedAt.duration(to: now) >= interval
        causes[key] = isDue ? Cause(loggedAt: now) : known
        return isDue ? known.unlogged : nil
    }

    /// The trouble is over: whatever fails next is told at once. What was logged within the last interval stays known, so that
    /// a dependency that fails now and then does not fill the log.
    package mutating func recovered(now: ContinuousClock.Instant) {
        causes = causes.filter { $0.value.loggedAt.duration(to: now) < interval }
    }
}

/// Logs the failures of one dependency with their own cause: when it first fails, when the cause changes, when its circuit
/// breaker opens and closes, and as a summary every minute meanwhile.
package final class DependencyLog: Sendable {
    private struct State: Sendable {
        var failures = FailureSummary()
        var refusals = FailureSummary()
        var lastCause: String?
    }

    private let system: String
    private let address: String
    private let logger: Logger?
    private let state = Mutex(State())

    /// - Parameters:
    ///   - system: `3scale` or `keycloak`.
    ///   - address: the dependency's URL without credentials.
    ///   - logger: nil logs nothing.
    package init(system: String, address: String, logger: Logger?) {
        self.system = system
        self.address = address
        self.logger = logger
    }

    /// The cause of the last failure.
    package var lastCause: String? { state.withLock { $0.lastCause } }

    /// A call failed for the dependency's fault.
    /// - Parameters:
    ///   - cause: without secrets.
    ///   - openedBreaker: whether this failure opened the circuit breaker.
    package func failed(
        _ operation: String, cause: String, openedBreaker: Bool = false, now: ContinuousClock.Instant = .now
    ) {
        let cause = Self.printable(cause)
        let count = state.withLock { state in
            state.lastCause = "\(operation) \(address): \(cause)"
            return state.failures.failed("\(operation) \(cause)", now: now)
        }
        if let count {
            log(.warning, "dependency call failed", operation, cause, ["failures": .integer(count)])
        }
        if openedBreaker { log(.warning, "circuit breaker opened", operation, cause) }
    }

    /// A call was refused with a reason of the dependency's own, such as a failed validation.
    package func refused(
        _ operation: String, status: Int, cause: String, now: ContinuousClock.Instant = .now
    ) {
        let cause = Self.printable(cause)
        let count = state.withLock { $0.refusals.failed("\(operation) \(status) \(cause)", now: now) }
        guard let count else { return }
        log(
            .info, "dependency refused a call", operation, cause,
            ["upstream_status": .integer(status), "refusals": .integer(count)])
    }

    /// A call was answered.
    /// - Parameter closedBreaker: whether this answer closed the circuit breaker.
    package func succeeded(_ operation: String, closedBreaker: Bool, now: ContinuousClock.Instant = .now) {
        guard closedBreaker else { return }
        state.withLock { $0.failures.recovered(now: now) }
        log(.warning, "circuit breaker closed", operation, nil)
    }

    private func log(
        _ level: Logger.Level, _ message: String, _ operation: String, _ cause: String?, _ more: Logger.Metadata = [:]
    ) {
        guard let logger else { return }
        var metadata = more
        metadata["system"] = .string(system)
        metadata["address"] = .string(address)
        metadata["operation"] = .string(operation)
        if let cause { metadata[LogKey.error] = .string(cause) }
        logger.log(level: level, message, metadata: metadata)
    }

    /// Foreign text on one line, at most 300 characters.
    private static func printable(_ text: String) -> String {
        let scalars = text.unicodeScalars.prefix(300).map { $0.value < 0x20 || $0.value == 0x7F ? " " : $0 }
        return String(String.UnicodeScalarView(scalars))
    }
}
