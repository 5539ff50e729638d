import Synchronization
package import Telemetry

/// Decides which failures of a dependency become log lines: the first of each cause at once, and those that follow as a
/// summary when its minute is over. A state machine with the time as an argument.
package struct FailureSummary<Cause: Hashable & Sendable>: Sendable {
    /// Causes with a summary of their own; the others share one.
    private static var causesMax: Int { 16 }

    private struct Count: Sendable {
        var loggedAt: ContinuousClock.Instant
        var unlogged = 0
    }

    private let interval: Duration
    /// By cause; nil for those beyond `causesMax`.
    private var counts: [Cause?: Count] = [:]

    package init(interval: Duration = .seconds(60)) { self.interval = interval }

    /// Counts a failure.
    /// - Returns: whether it is to be logged now. If not, `takeDue` answers it.
    package mutating func failed(_ cause: Cause, now: ContinuousClock.Instant) -> Bool {
        forgetOld(now)
        let isKnown = counts[cause] != nil
        let key = isKnown || counts.count < Self.causesMax ? cause : nil
        guard counts[key] == nil else {
            counts[key]?.unlogged += 1
            return false
        }
        counts[key] = Count(loggedAt: now)
        return true
    }

    /// The failures whose minute is over, to be logged now: how many there were of each cause since its last line. Called every
    /// second or so, whether or not anything fails.
    package mutating func takeDue(now: ContinuousClock.Instant) -> [(cause: Cause?, failures: Int)] {
        let due = counts.filter { $0.value.unlogged > 0 && $0.value.loggedAt.duration(to: now) >= interval }
        for cause in due.keys { counts[cause] = Count(loggedAt: now) }
        forgetOld(now)
        return due.map { ($0.key, $0.value.unlogged) }
    }

    /// What fails after a quiet minute is logged at once again. Not sooner, so that a dependency that fails now and then does not
    /// fill the log.
    private mutating func forgetOld(_ now: ContinuousClock.Instant) {
        counts = counts.filter { $0.value.loggedAt.duration(to: now) < interval || $0.value.unlogged > 0 }
    }
}

/// Logs the failures of one dependency with their own cause: when it first fails, when the cause changes, when its circuit
/// breaker opens and closes, and as a summary when a minute with more of them is over (`summarise`).
package final class DependencyLog: Sendable {
    private struct Failure: Hashable, Sendable {
        let operation: String
        /// What was called; nil for the dependency's own URL.
        var url: String?
        /// Of the answer, where there was one.
        var status: Int?
        let cause: String
        /// What an operator can check or change.
        var hint: String?
    }

    private struct State: Sendable {
        var failures = FailureSummary<Failure>()
        var refusals = FailureSummary<Failure>()
        var lastCause: String?
        var lastHint: String?
    }

    private static let otherCauses = Failure(operation: "several", cause: "other causes")

    private let system: UpstreamSystem
    private let address: String
    private let logger: Logger?
    private let state = Mutex(State())

    /// - Parameters:
    ///   - address: the dependency's URL without credentials.
    ///   - logger: nil logs nothing.
    package init(system: UpstreamSystem, address: String, logger: Logger?) {
        self.system = system
        self.address = address
        self.logger = logger
    }

    /// The cause of the last failure.
    package var lastCause: String? { state.withLock { $0.lastCause } }

    /// What an operator can check or change after the last failure.
    package var lastHint: String? { state.withLock { $0.lastHint } }

    /// A call failed for the dependency's fault.
    /// - Parameters:
    ///   - url: what was called, without secrets; nil for the dependency's own URL.
    ///   - status: of the answer, where there was one.
    ///   - cause: without secrets.
    ///   - hint: what an operator can check or change.
    ///   - openedBreaker: whether this failure opened the circuit breaker.
    package func failed(
        _ operation: some CustomStringConvertible, at url: String? = nil, status: Int? = nil, cause: String,
        hint: String? = nil, openedBreaker: Bool = false, now: ContinuousClock.Instant = .now
    ) {
        let failure = Failure(
            operation: operation.description, url: url, status: status, cause: Self.printable(cause), hint: hint)
        let isDue = state.withLock { state in
            state.lastCause = "\(operation) \(url ?? address): \(failure.cause)"
            state.lastHint = hint
            return state.failures.failed(failure, now: now)
        }
        if isDue { log(failure: failure, count: 1) }
        if openedBreaker { log(.warning, "circuit breaker opened", failure) }
    }

    /// A call was refused with a reason of the dependency's own, such as a failed validation.
    package func refused(
        _ operation: some CustomStringConvertible, at url: String? = nil, status: Int, cause: String,
        now: ContinuousClock.Instant = .now
    ) {
        let refusal = Failure(operation: operation.description, url: url, status: status, cause: Self.printable(cause))
        if state.withLock({ $0.refusals.failed(refusal, now: now) }) { log(refusal: refusal, count: 1) }
    }

    /// A call was answered.
    /// - Parameter closedBreaker: whether this answer closed the circuit breaker.
    package func succeeded(_ operation: some CustomStringConvertible, at url: String? = nil, closedBreaker: Bool) {
        guard closedBreaker else { return }
        log(.warning, "circuit breaker closed", Failure(operation: operation.description, url: url, cause: ""))
    }

    /// Logs the summaries whose minute is over. Called every second or so.
    package func summarise(now: ContinuousClock.Instant = .now) {
        let (failures, refusals) = state.withLock {
            ($0.failures.takeDue(now: now), $0.refusals.takeDue(now: now))
        }
        for (failure, count) in failures { log(failure: failure ?? Self.otherCauses, count: count) }
        for (refusal, count) in refusals { log(refusal: refusal ?? Self.otherCauses, count: count) }
    }

    private func log(failure: Failure, count: Int) {
        log(.warning, "dependency call failed", failure, ["failures": .integer(count)])
    }

    private func log(refusal: Failure, count: Int) {
        log(.info, "dependency refused a call", refusal, ["refusals": .integer(count)])
    }

    private func log(
        _ level: Logger.Level, _ message: String, _ failure: Failure, _ more: Logger.Metadata = [:]
    ) {
        guard let logger else { return }
        var metadata = more
        metadata["system"] = .string(system.rawValue)
        metadata["address"] = .string(failure.url ?? address)
        metadata["operation"] = .string(failure.operation)
        if let status = failure.status { metadata["upstream_status"] = .integer(status) }
        if !failure.cause.isEmpty { metadata[LogKey.error] = .string(failure.cause) }
        if let hint = failure.hint { metadata["hint"] = .string(hint) }
        logger.log(level: level, message, metadata: metadata)
    }

    /// Foreign text on one line, at most 300 characters.
    private static func printable(_ text: String) -> String {
        let scalars = text.unicodeScalars.prefix(300).map { $0.value < 0x20 || $0.value == 0x7F ? " " : $0 }
        return String(String.UnicodeScalarView(scalars))
    }
}
