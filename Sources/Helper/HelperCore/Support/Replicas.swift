/// The other replicas, as far as use-cases care: a lock that narrows races between them, and news of our writes.
package struct Replicas: Sendable {
    /// Longer than the work under it normally takes.
    private static let lifetime = Duration.seconds(10)
    /// The longest wait for a lock.
    private static let patience = Duration.milliseconds(500)
    /// The part of what is left of the request's deadline that the wait may take: a tenth.
    private static let share = 10
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

    /// Does the work under the lock of that name, or without it when it stays busy for a tenth of what is left of the
    /// deadline, 500 ms at most. Exactly-once does not rest on the lock: it only spares replicas a race that 3scale settles.
    ///
    /// Call it for work that is going to write. An existing key is looked up and answered before: the replica that holds the
    /// lock may be dead.
    /// - Parameter work: told whether another caller held the lock before, so that what was read earlier must be read again.
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
        var left = min(Self.patience, Deadline.remaining(atMost: Self.patience * Self.share) / Self.share)
        while true {
            switch await state.acquire(lock: name, lifetime: Self.lifetime) {
            case .acquired(let held): return (held, waited)
            case .unavailable: return (nil, waited)
            case .busy:
                waited = true
                guard left > .zero, !Task.isCancelled else { return (nil, waited) }
                let pause = min(Self.poll, left)
                left -= pause
                await sleep(pause)
            }
        }
    }

    /// Tells every other replica.
    func announce(_ change: CallerChange) async { await state?.announce(change) }
}
