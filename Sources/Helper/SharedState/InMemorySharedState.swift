import Bytes
import Crypto
package import HelperCore
import Synchronization

/// State of one process alone: what is used without Redis, and in place of it while it is away.
package final class InMemorySharedState: SharedState {
    private struct Lock: Sendable {
        let token: String
        /// Nanoseconds of `now`.
        let end: UInt64
    }

    private let counters: LocalCounters
    private let locks = Mutex<[String: Lock]>([:])
    private let now: @Sendable () -> UInt64

    /// - Parameters:
    ///   - policies: those that will be asked for.
    ///   - now: nanoseconds from any start, never going back.
    package init(
        policies: [RatePolicy], now: @escaping @Sendable () -> UInt64
    ) {
        counters = LocalCounters(policies, now: now)
        self.now = now
    }

    package func count(_ subject: RateSubject, under policy: RatePolicy) -> Eventually<RateVerdict> {
        .now(decide(subject, under: policy))
    }

    func decide(_ subject: RateSubject, under policy: RatePolicy) -> RateVerdict {
        counters.count(subject, under: policy)
    }

    /// Counts what another has allowed, so that a decision here starts from it.
    func note(_ subject: RateSubject, under policy: RatePolicy) { counters.note(subject, under: policy) }

    package func acquire(lock name: String, lifetime: Duration) async -> LockOutcome {
        let now = now()
        let lock = Lock(token: Hex.encode(SecureRandom.bytes(16)), end: now &+ UInt64(clamping: lifetime.nanoseconds))
        let isTaken = locks.withLock { locks in
            if let held = locks[name], held.end > now { return false }
            locks[name] = lock
            return true
        }
        return isTaken ? .acquired(HeldLock(name: name, token: lock.token)) : .busy
    }

    package func release(_ lock: HeldLock) async {
        locks.withLock { locks in if locks[lock.name]?.token == lock.token { locks[lock.name] = nil } }
    }

    /// There are no others.
    package func announce(_ change: CallerChange) async {}
}
