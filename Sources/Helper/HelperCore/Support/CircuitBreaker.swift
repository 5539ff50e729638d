import Synchronization

/// When calls to a dependency that keeps failing are refused, and when it is probed: a state machine with the time as an
/// argument. Closed, calls pass. After so many failures in a row it opens: calls are refused, but for one probe an
/// interval, even while an earlier probe still waits for its answer. Any success closes it.
///
/// The failures that open it belong to more than one caller, or to none: a request that the dependency always fails must not
/// let one caller refuse the service to all others.
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

    private let settings: Settings
    private var failuresInRow = 0
    /// Whose call failed first of those in a row.
    private var failedFirst: CallOwner?
    /// Whether the failures in a row say more than that one caller's calls fail.
    private var isWidespread = false
    /// The last probe, or the failure that opened it; nil while it is closed.
    private var probedAt: ContinuousClock.Instant?
    /// A probe that no caller waits for is under way.
    private var isProbing = false

    package init(_ settings: Settings) { self.settings = settings }

    package var isOpen: Bool { probedAt != nil }

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
        failedFirst = nil
        isWidespread = false
        probedAt = nil
    }

    /// - Parameter owner: whose request may have caused the failure; `background` where no caller's can have.
    package mutating func failed(for owner: CallOwner = .background, now: ContinuousClock.Instant) {
        failuresInRow += 1
        if owner == .background || (failedFirst ?? owner) != owner { isWidespread = true }
        failedFirst = failedFirst ?? owner
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
