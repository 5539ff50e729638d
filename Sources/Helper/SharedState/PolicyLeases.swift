import EventLoop
import HelperCore
import Synchronization

/// The leases of one policy that this replica has, and the requests that wait for Redis. Its loops share them, so that a caller
/// whose connections are spread over many loops leases as one. Split into shards, so that loops hardly ever wait for each other.
final class PolicyLeases: Sendable {
    /// Resumed with nil when Redis gives no answer. From any thread.
    typealias Waiter = CheckedContinuation<RateVerdict?, Never>

    /// A message, and the requests that its answer decides.
    struct Outgoing: Sendable {
        let subject: RateSubject
        let message: LeaseMessage
        let waiters: [Waiter]
    }

    /// The steps that follow a message.
    struct Aftermath: Sendable {
        /// `giveBack` must be asked about the subject from now on.
        var isWatched = false
        /// Requests wait for another message.
        var mustAsk = false
        /// The lease is to be renewed.
        var renewal = Lease.Renewal.none
    }

    /// Subjects, over all shards. Beyond it the one that was seen longest ago asks Redis again.
    static let subjectsMax = 32_768
    private static let shardsCount = 16

    private struct State: Sendable {
        var table: LeaseTable
        var waiters: [RateSubject: [Waiter]] = [:]
    }

    private final class Shard: Sendable {
        let state: Mutex<State>
        init(_ table: LeaseTable) { state = Mutex(State(table: table)) }
    }

    let policy: RatePolicy
    let terms: LeaseTerms
    private let shards: [Shard]
    private let now: @Sendable () -> UInt64

    /// - Parameter now: nanoseconds of a clock that never steps and counts while the machine is suspended.
    init(_ policy: RatePolicy, now: @escaping @Sendable () -> UInt64 = { bootNanoseconds() }) {
        self.policy = policy
        self.now = now
        terms = LeaseTerms(policy)
        shards = (0..<Self.shardsCount).map { _ in
            Shard(LeaseTable(policy, capacity: Self.subjectsMax / Self.shardsCount))
        }
    }

    private func shard(_ subject: RateSubject) -> Shard {
        shards[Int(LocalCounters.spread(subject) % UInt64(Self.shardsCount))]
    }

    // MARK: Requests

    /// Decides for one request.
    func take(_ subject: RateSubject) -> Lease.Decision {
        shard(subject).state.withLock { $0.table.take(subject, at: now()) }
    }

    /// Lets a request wait for Redis.
    /// - Returns: whether a message must be sent for it. If not, others that wait see to that, or the message under way.
    func wait(_ subject: RateSubject, _ waiter: Waiter) -> Bool {
        shard(subject).state.withLock { state in
            let isFirst = state.waiters[subject] == nil
            state.waiters[subject, default: []].append(waiter)
            return isFirst && !state.table.isAsking(subject)
        }
    }

    /// Lets the requests of the subject wait no longer.
    func giveUp(_ subject: RateSubject) {
        let waiters = shard(subject).state.withLock { $0.waiters.removeValue(forKey: subject) }
        for waiter in waiters ?? [] { waiter.resume(returning: nil) }
    }

    // MARK: Messages

    /// What to ask Redis for the subject, with all requests that wait; nil while a message is under way, and when there is
    /// nothing to ask.
    func message(_ subject: RateSubject) -> Outgoing? {
        shard(subject).state.withLock { state in
            let need = state.waiters[subject]?.count ?? 0
            guard let message = state.table.message(subject, need: need, at: now()) else { return nil }
            let waiters = state.waiters.removeValue(forKey: subject) ?? []
            return Outgoing(subject: subject, message: message, waiters: waiters)
        }
    }

    /// See `LeaseTable.giveBack`.
    func giveBack(_ subject: RateSubject) -> LeaseTable.Idleness {
        shard(subject).state.withLock { $0.table.giveBack(subject, at: now()) }
    }

    /// Messages that give back everything, whatever its use.
    func giveBackAll() -> [Outgoing] {
        shards.flatMap { shard in
            shard.state.withLock { $0.table.giveBackAll(at: now()) }
                .map { Outgoing(subject: $0, message: $1, waiters: []) }
        }
    }

    /// Applies the answer to a message, and decides for the requests that waited for it or came while it was under way.
    func answered(_ sent: Outgoing, _ answer: LeaseAnswer) -> Aftermath {
        var aftermath = Aftermath()
        let decided = shard(sent.subject).state.withLock { state in
            let now = now()
            aftermath.isWatched = state.table.answered(sent.subject, sent.message, answer, at: now)
            var decided: [(Waiter, RateVerdict)] = []
            var rest: [Waiter] = []
            for waiter in state.waiters.removeValue(forKey: sent.subject) ?? [] {
                switch state.table.take(sent.subject, at: now) {
                case .allowed(let verdict, let renewal):
                    if renewal.rawValue > aftermath.renewal.rawValue { aftermath.renewal = renewal }
                    decided.append((waiter, verdict))
                case .refused(let verdict): decided.append((waiter, verdict))
                case .ask: rest.append(waiter)
                }
            }
            if !rest.isEmpty {
                state.waiters[sent.subject] = rest
                aftermath.mustAsk = true
            }
            return decided
        }
        for (number, waiter) in sent.waiters.enumerated() { waiter.resume(returning: answer.verdict(number)) }
        for (waiter, verdict) in decided { waiter.resume(returning: verdict) }
        return aftermath
    }

    /// The message has no answer that can be used. The requests that wait are decided without Redis.
    /// - Parameter hasLeft: false when Redis cannot have acted on it.
    func failed(_ sent: Outgoing, hasLeft: Bool) -> Aftermath {
        let (isWatched, later) = shard(sent.subject).state.withLock { state in
            let later = state.waiters.removeValue(forKey: sent.subject) ?? []
            guard hasLeft else { return (state.table.unsent(sent.subject, sent.message), later) }
            state.table.failed(sent.subject, sent.message)
            return (false, later)
        }
        for waiter in sent.waiters + later { waiter.resume(returning: nil) }
        return Aftermath(isWatched: isWatched)
    }
}
