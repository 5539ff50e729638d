import Synchronization

/// The sweep's plan, shared by the sweep itself, the calls that give a key an end, and the news of other replicas.
package final class KeyDeadlines: Sendable {
    private let sweep: Mutex<Sweep>
    private let now: @Sendable () -> Int

    /// - Parameter now: seconds since 1970.
    package init(now: @escaping @Sendable () -> Int) {
        self.now = now
        sweep = Mutex(Sweep(now: now()))
    }

    /// What the sweep tells of itself.
    package var status: Sweep.Status { sweep.withLock { $0.status(now: now()) } }

    /// Accepts what other replicas have changed.
    package func note(_ change: CallerChange) {
        guard case .deadline(let account, let time) = change else { return }
        note(account: account, endsAt: time)
    }

    /// 3scale's clock, as far as its answers have told: seconds since 1970.
    package var clock: Int { plan { sweep, now in now + sweep.status(now: now).clockDifference } }

    /// 3scale has told its time: seconds since 1970.
    func note(clock: Int) { plan { $0.note(clock: clock, now: $1) } }

    /// A key of an account ends at a time.
    func note(account: Int, endsAt time: Int) {
        sweep.withLock { $0.note(account: account, endsAt: time, now: now()) }
    }

    /// The same, told to the other replicas when the time is near: they find a later one by themselves. It is enough that a key may
    /// end then: the sweep looks before it acts.
    func announce(account: Int, endsAt time: Int, to replicas: Replicas) async {
        note(account: account, endsAt: time)
        guard time <= now() + Sweep.horizon else { return }
        await replicas.announce(.deadline(account: account, at: time))
    }

    /// Reads or changes the plan.
    func plan<Value: Sendable>(_ change: (inout Sweep, _ now: Int) -> Value) -> Value {
        sweep.withLock { change(&$0, now()) }
    }
}
