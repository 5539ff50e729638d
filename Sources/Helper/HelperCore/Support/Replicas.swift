/// The other replicas, as far as use-cases care: a lock that narrows races between them, and news of our writes.
package struct Replicas: Sendable {
    /// Longer than the work under it normally takes, so that a replica that dies blocks nobody for long.
    private static let lifetime = Duration.seconds(10)
    private static let patience = Duration.seconds(5)
    private static let poll = Duration.milliseconds(50)

    /// There are no others.
    package static let none = Replicas()

    private let state: (any SharedState)?
    private let sleep: @Sendable (Duration) async -> Void

    private init() {
        state = nil
        sleep = { _ in }
    }

    package init(state: any SharedState, sleep: @escaping @Sendable (Duration) async -> Void) {
        self.state = state
        self.sleep = sleep
    }

    /// Does the work, with the lock of that name where it could be had. The lock is a courtesy: one that cannot be had in
    /// time is done without, since exactly-once does not rest on it.
    /// - Parameter work: told whether somebody else had the lock before, so that things may have changed.
    func whileLocked<Value: Sendable>(
        _ name: String, _ work: (_ waited: Bool) async throws -> Value
    ) async throws -> Value {
        guard let state else { return try await work(false) }
        let (lock, waited) = await acquire(name, state)
        guard let held = lock else { return try await work(waited) }
        do {
            let value = try await work(waited)
            await state.release(held)
            return value
        } catch {
            await state.release(held)
            throw error
        }
    }

    private func acquire(_ name: String, _ state: any SharedState) async -> (HeldLock?, waited: Bool) {
        var waited = false
        let end = ContinuousClock.now + Deadline.remaining(atMost: Self.patience)
        while true {
            switch await state.acquire(lock: name, lifetime: Self.lifetime) {
            case .acquired(let held): return (held, waited)
            case .unavailable: return (nil, waited)
            case .busy:
                waited = true
                guard ContinuousClock.now < end, !Task.isCancelled else { return (nil, waited) }
                await sleep(Self.poll)
            }
        }
    }

    /// Tells every other replica.
    func announce(_ change: CallerChange) async { await state?.announce(change) }
}
