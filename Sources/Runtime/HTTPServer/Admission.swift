/// A request that waits for a slot. Told at most one of the two, and nothing after it has dropped its `QueuePlace`.
protocol AdmissionWaiter: AnyObject {
    /// It is this request's turn; it stands in the queue no more.
    func begin(in slot: consuming AdmissionSlot)
    /// It has waited as long as it may; it stands in the queue no more.
    func waitedTooLong()
}

/// The right to work on one request. Its request counts as in flight; dropping it gives it back, on every way out.
struct AdmissionSlot: ~Copyable {
    private let admission: Admission

    fileprivate init(of admission: Admission) {
        self.admission = admission
        admission.slotTaken()
    }

    deinit { admission.slotReturned() }
}

/// A place in the queue. Dropping it leaves the queue, on every way out.
struct QueuePlace: ~Copyable {
    private let admission: Admission
    private let ticket: WaitingLine<Admission.Waiting>.Ticket

    fileprivate init(of admission: Admission, _ ticket: WaitingLine<Admission.Waiting>.Ticket) {
        self.admission = admission
        self.ticket = ticket
    }

    deinit { admission.leave(ticket) }
}

/// How many requests of one kind are under way on one loop, and who waits for a slot, within bounds. Has neither clock nor socket.
/// Loop-confined.
///
/// A slot is either free or held: it is taken in the step in which work begins, never set aside for a waiter. So nothing
/// that happens to a waiter can lose one.
///
/// The longest waiting is served first. Once that one has waited for a quarter of the queue's time, there is more load
/// than can be carried, and the newest is served first: the clients of the oldest are the likeliest to have given up, and
/// work for them would be done in vain. Those that are not reached in time are refused without any work.
final class Admission {
    enum Verdict: ~Copyable {
        case start(AdmissionSlot)
        case wait(QueuePlace)
        case refuse
    }

    fileprivate struct Waiting {
        let waiter: any AdmissionWaiter
        /// Milliseconds.
        let since: UInt64
    }

    /// Waiters that are served or refused in one go before sockets get their turn.
    private static let stepsPerTurnMax = 64

    private let inFlightMax: Int
    private let queuedMax: Int
    private let queueTime: UInt64
    private let counts: AdmissionCounts
    private let wakeUp: () -> Void
    private var queue = WaitingLine<Waiting>()
    private var isServing = false
    private var isWoken = false
    private(set) var inFlight = 0

    /// - Parameters:
    ///   - inFlightMax: at least 1.
    ///   - queuedMax: at least 0.
    ///   - queueTime: how long one may wait, in milliseconds.
    ///   - counts: kept up to date.
    ///   - wakeUp: arranges for `serve` to be called soon, not at once.
    init(inFlightMax: Int, queuedMax: Int, queueTime: UInt64, counts: AdmissionCounts, wakeUp: @escaping () -> Void) {
        self.inFlightMax = inFlightMax
        self.queuedMax = queuedMax
        self.queueTime = queueTime
        self.counts = counts
        self.wakeUp = wakeUp
    }

    /// Requests that wait now.
    var queued: Int { queue.count }

    /// Asks for a slot. Those that wait come before a newcomer.
    /// - Parameter now: milliseconds of a clock that never goes back.
    func enter(_ waiter: any AdmissionWaiter, now: UInt64) -> Verdict {
        if inFlight < inFlightMax, queue.count == 0 { return .start(AdmissionSlot(of: self)) }
        guard queue.count < queuedMax else { return .refuse }
        let ticket = queue.append(Waiting(waiter: waiter, since: now))
        counts.setQueued(queue.count)
        return .wait(QueuePlace(of: self, ticket))
    }

    /// Gives free slots to those that wait, and refuses those that have waited too long.
    func serve(now: UInt64) {
        isWoken = false
        guard !isServing else { return }
        isServing = true
        var steps = 0
        while steps < Self.stepsPerTurnMax, let oldest = queue.oldest {
            let waited = now &- oldest.since
            if waited >= queueTime {
                take { $0.removeOldest() }?.waitedTooLong()
            } else if inFlight < inFlightMax {
                let isOverloaded = waited >= queueTime / 4
                take { isOverloaded ? $0.removeNewest() : $0.removeOldest() }?.begin(in: AdmissionSlot(of: self))
            } else {
                break
            }
            steps += 1
        }
        isServing = false
        if let oldest = queue.oldest, inFlight < inFlightMax || now &- oldest.since >= queueTime { wake() }
    }

    private func take(_ remove: (inout WaitingLine<Waiting>) -> Waiting?) -> (any AdmissionWaiter)? {
        let taken = remove(&queue)
        counts.setQueued(queue.count)
        return taken?.waiter
    }

    private func wake() {
        guard !isServing, !isWoken else { return }
        isWoken = true
        wakeUp()
    }

    fileprivate func slotTaken() {
        inFlight += 1
        counts.setInFlight(inFlight)
    }

    fileprivate func slotReturned() {
        inFlight -= 1
        counts.setInFlight(inFlight)
        // Not below the work that has ended: turns taken by work that does not wait must not pile up on the stack.
        if queue.count > 0 { wake() }
    }

    fileprivate func leave(_ ticket: WaitingLine<Waiting>.Ticket) {
        guard queue.remove(ticket) != nil else { return }
        counts.setQueued(queue.count)
    }
}
