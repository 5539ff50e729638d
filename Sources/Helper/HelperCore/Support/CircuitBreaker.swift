import Synchronization

/// When calls to a dependency that keeps failing are refused, and when it is probed: a state machine with the time as an
/// argument. Closed, calls pass. After so many failures in a row it opens: calls are refused, but for one probe an
/// interval, even while an earlier probe still waits for its answer. Any success closes it.
package struct BreakerState: Sendable {
    package struct Settings: Sendable {
        /// Failures in a row that open it, at least 1.
        package var failures = 5
        /// From one probe to the next.
        package var probeInterval = Duration.seconds(5)

        package init() {}
    }

    private let settings: Settings
    private var failuresInRow = 0
    /// The last probe, or the failure that opened it; nil while it is closed.
    private var probedAt: ContinuousClock.Instant?
    /// A probe that no caller waits for is under way.
    private var isProbing = false

    package init(_ settings: Settings) { self.settings = settings }

    package var isOpen: Bool { probedAt != nil }

    /// Whether a call may be made now.
    /// - Returns: nil when it may; else how long until the next probe.
    package mutating func admit(now: ContinuousClock.Instant) -> Duration? {
        guard let probedAt else { return nil }
        if isProbing { return settings.probeInterval }
        let wait = settings.probeInterval - probedAt.duration(to: now)
        if wait > .zero { return wait }
        self.probedAt = now
        return nil
    }

    /// A probe begins that no caller waits for: while it is under way, and for an interval after it, no caller need be one.
    package mutating func probeBegan() { isProbing = true }

    package mutating func probeEnded(now: ContinuousClock.Instant) {
        isProbing = false
        if isOpen { probedAt = now }
    }

    package mutating func succeeded() {
        failuresInRow = 0
        probedAt = nil
    }

    package mutating func failed(now: ContinuousClock.Instant) {
        failuresInRow += 1
        if probedAt == nil, failuresInRow >= settings.failures { probedAt = now }
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
    /// - Returns: nil when it may; else how long until the next probe.
    package func admit(now: ContinuousClock.Instant = .now) -> Duration? {
        guard isOpen else { return nil }
        return state.withLock { $0.admit(now: now) }
    }

    /// The dependency answered, be it with a refusal.
    /// - Returns: whether this closed the breaker.
    @discardableResult
    package func succeeded() -> Bool { change { $0.succeeded() } }

    /// It could not be reached, did not answer in time, or answered nonsense.
    /// - Returns: whether this opened the breaker.
    @discardableResult
    package func failed(now: ContinuousClock.Instant = .now) -> Bool { change { $0.failed(now: now) } }

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
