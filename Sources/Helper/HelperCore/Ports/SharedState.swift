/// What replicas share for speed: counters of rate limits, short locks, and news of changes.
///
/// Every conformer owes: no call fails or waits for more than a fraction of a second. Where the others cannot be reached,
/// limits are counted here alone, locks say so, and news stay here: correctness never rests on this.
package protocol SharedState: Sendable {
    /// Counts one request of `subject` if the policy has room for it, at once where that needs no waiting. Refused requests
    /// do not count.
    func count(_ subject: RateSubject, under policy: RatePolicy) -> Eventually<RateVerdict>

    /// Takes the lock of that name unless another caller holds it. It expires by itself after `lifetime`.
    ///
    /// A lock only narrows a race between replicas. A replica that dies leaves its lock until it expires, so that users of a
    /// lock owe two things: what exists already is found and answered before any lock is asked for, and the wait for one is
    /// bounded as `Replicas.whileLocked` bounds it.
    func acquire(lock name: String, lifetime: Duration) async -> LockOutcome

    /// Gives a lock back, if it is still ours. Safe to repeat.
    func release(_ lock: HeldLock) async

    /// Tells every other replica. Returns when the news are on their way.
    func announce(_ change: CallerChange) async
}

/// A value now, or a wait on the same loop that yields it.
package enum Eventually<Value: Sendable>: Sendable {
    case now(Value)
    case later(@Sendable () async -> Value)

    /// The value, waited for if need be.
    package func value() async -> Value {
        switch self {
        case .now(let value): value
        case .later(let wait): await wait()
        }
    }
}

package enum LockOutcome: Sendable, Equatable {
    case acquired(HeldLock)
    /// Another caller holds it; the store said so in so many words.
    case busy
    /// The store gave no answer, an error, or one that is not a lock's: go on without the lock, at once.
    case unavailable
}

/// A lock that was taken, by a token that no other replica knows.
package struct HeldLock: Sendable, Equatable {
    package let name: String
    package let token: String

    package init(name: String, token: String) {
        self.name = name
        self.token = token
    }
}
