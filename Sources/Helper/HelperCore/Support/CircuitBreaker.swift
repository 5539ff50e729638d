import Synchronization

/// When calls to a dependency that keeps failing are refused, and when it is probed: a state machine with the time as an
/// argument. Closed, calls pass. After so many failures in a row it opens: calls are refused, but for one probe an
/// interval, even while an earlier probe still waits for its answer. Any success closes it.
///
/// The failures that open it belong to at least three callers, or one of them to none: requests that the dependency always
/// fails must not let one or two callers refuse the service to all others. Where fewer callers fail, it is in doubt: a call of
/// our own, whose failure belongs to no caller, then decides.
package struct BreakerState: Sendable {
    package struct Settings: Sendable {
        /// Failures in a row that open it, at least 1.
        package var failures = 5
        /// From one probe to the next.
        package var probeInterval = Duration.seconds(5)

        package init() {}
    }

    package enum Admission: Sendable, Equatable {
        /// It is closed.
        case pass
        /// It is open, and this call is the interval's probe.
        case probe
        /// It is open.
        case refused(untilProbe: Duration)
    }

    /// The callers that must fail where only calls of callers do.
    private static let ownersMin = 3

    private let settings: Settings
    private var failuresInRow = 0
    /// Whose calls failed of those in a row: at most `ownersMin` of them.
    private var failing: Set<CallOwner> = []
    /// The last probe, or the failure that opened it; nil while it is closed.
    private var probedAt: ContinuousClock.Instant?
    /// A probe that no caller waits for is under way.
    private var isProbing = false

    package init(_ settings: Settings) { self.settings = settings }

    package var isOpen: Bool { probedAt != nil }

    /// So many calls failed in a row that only their being of few callers keeps it closed.
    package var isInDoubt: Bool { !isOpen && failuresInRow >= settings.failures }

    /// Whether a call may be made now.
    package mutating func admit(now: ContinuousClock.Instant) -> Admission {
        guard let probedAt else { return .pass }
        if isProbing { return .refused(untilProbe: settings.probeInterval) }
        let wait = settings.probeInterval - probedAt.duration(to: now)
        if wait > .zero { return .refused(untilProbe: wait) }
        self.probedAt = now
        return .probe
    }

    /// A probe begins that no caller waits for: while it is under way, and for an interval after it, no caller need be one.
    package mutating func probeBegan() { isProbing = true }

    package mutating func probeEnded(now: ContinuousClock.Instant) {
        isProbing = false
        if isOpen { probedAt = now }
    }

    package mutating func succeeded() {
        failuresInRow = 0
        failing = []
        probedAt = nil
    }

    /// - Parameter owner: whose request may have caused the failure; `background` where no caller's can have.
    package mutating func failed(for owner: CallOwner = .background, now: ContinuousClock.Instant) {
        failuresInRow = min(failuresInRow + 1, settings.failures)
        if failing.count < Self.ownersMin { failing.insert(owner) }
        let isWidespread = failing.contains(.background) || failing.count >= Self.ownersMin
        if probedAt == nil, failuresInRow >= settings.failures, isWidespread { probedAt = now }
    }
}

/// The circuit breaker of one dependency, shared by all loops.
package final class CircuitBreaker: Sendable {
    package let probeInterval: Duration
    private let state: Mutex<BreakerState>
    /// A copy that is read without the lock.
    private let open = Atomic<Bool>(false)

    package init(_ settings: BreakerState.Settings = .init()) {
        probeInterval = settings.probeInterval
        state = Mutex(BreakerState(settings))
    }

    package var isOpen: Bool { open.load(ordering: .relaxed) }

    /// Failures of one or two callers would have opened it, had they been more.
    package var isInDoubt: Bool { state.withLock { $0.isInDoubt } }

    /// Whether a call may be made now.
    package func admit(now: ContinuousClock.Instant = .now) -> BreakerState.Admission {
        guard isOpen else { return .pass }
        return state.withLock { $0.admit(now: now) }
    }

    /// The dependency answered, be it with a refusal.
    /// - Returns: whether this closed the breaker.
    @discardableResult
    package func succeeded() -> Bool { change { $0.succeeded() } }

    /// It could not be reached, did not answer in time, or answered nonsense.
    /// - Parameter owner: whose request may have caused the failure; `background` where no caller's can have.
    /// - Returns: whether this opened the breaker.
    @discardableResult
    package func failed(for owner: CallOwner = .background, now: ContinuousClock.Instant = .now) -> Bool {
        change { $0.failed(for: owner, now: now) }
    }

    /// A probe that no caller waits for; callers are refused meanwhile. One at a time.
    package func probe(_ ask: () async -> Void) async {
        change { $0.probeBegan() }
        await ask()
        change { $0.probeEnded(now: .now) }
    }

    @discardableResult
    private func change(_ event: (inout BreakerState) -> Void) -> Bool {
        state.withLock { state in
            let wasOpen = state.isOpen
            event(&state)
            open.store(state.isOpen, ordering: .relaxed)
            return wasOpen != state.isOpen
        }
    }
}
