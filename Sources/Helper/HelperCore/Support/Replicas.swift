/// The other replicas, as far as use-cases care: a lock that narrows races between them, and news of our writes.
package struct Replicas: Sendable {
    /// Longer than the work under it normally takes.
    fileprivate static let lifetime = Duration.seconds(10)
    /// How long a caller waits for a lock that is busy.
    enum Patience {
        /// The lock only spares work: a tenth of what is left of the request's deadline, 500 ms at most.
        case brief
        /// Work beside that of the holder may undo what it writes: a half of what is left, at most for as long as a lock lives.
        case long

        fileprivate var most: Duration {
            switch self {
            case .brief: .milliseconds(500)
            case .long: Replicas.lifetime
            }
        }

        fileprivate var share: Int {
            switch self {
            case .brief: 10
            case .long: 2
            }
        }
    }

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

    /// Does the work under the lock of that name, or without it when it stays busy for longer than the caller is patient.
    /// Exactly-once does not rest on the lock: it only spares replicas a race that 3scale settles.
    ///
    /// Call it for work that is going to write. An existing key is looked up and answered before: the replica that holds the
    /// lock may be dead.
    /// - Parameter work: told whether another caller held the lock before, so that what was read earlier must be read again.
    func whileLocked<Value: Sendable>(
        _ name: String, patience: Patience = .brief, _ work: (_ waited: Bool) async throws -> Value
    ) async throws -> Value {
        guard let state else { return try await work(false) }
        let (lock, waited) = await acquire(name, patience, state)
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

    private func acquire(
        _ name: String, _ patience: Patience, _ state: any SharedState
    ) async -> (HeldLock?, waited: Bool) {
        var waited = false
        var left = Deadline.remaining(atMost: patience.most * patience.share) / patience.share
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
