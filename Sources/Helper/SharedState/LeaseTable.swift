import HelperCore

/// The leases of one policy, for a bounded number of subjects. Not thread-safe; time is an argument.
struct LeaseTable: Sendable {
    let terms: LeaseTerms
    private var subjects: RecencyIndex<RateSubject>
    private var leases: [Lease] = []
    private var names: UInt64 = 0

    /// - Parameter capacity: subjects. The one that was seen longest ago goes first: its tokens stay charged until Redis ends
    ///   the record.
    init(_ policy: RatePolicy, capacity: Int) {
        terms = LeaseTerms(policy)
        subjects = RecencyIndex(capacity: capacity)
    }

    /// Decides for one request.
    mutating func take(_ subject: RateSubject, at now: UInt64) -> Lease.Decision {
        leases[place(subject)].take(terms, at: now)
    }

    /// What to ask Redis for the subject; nil while a message is under way, and when there is nothing to ask.
    /// - Parameter need: requests that wait. With none the lease is renewed, if it still is to be.
    mutating func message(_ subject: RateSubject, need: Int, at now: UInt64) -> LeaseMessage? {
        let position = place(subject)
        guard !leases[position].isAsking, need > 0 || leases[position].isDue else { return nil }
        names += 1
        return leases[position].message(need: need, newName: names, terms, at: now)
    }

    /// What gives everything back that the subject holds, if it has made no request for long enough. Called about the time
    /// that it names.
    mutating func giveBack(_ subject: RateSubject, at now: UInt64) -> Idleness {
        guard let position = subjects.position(subject) else { return .nothing }
        leases[position].isWatched = false
        guard leases[position].isOpen, !leases[position].isAsking else { return .nothing }
        let end = leases[position].lastUse &+ terms.idleAfter
        guard end <= now else {
            leases[position].isWatched = true
            return .inUse(until: end)
        }
        return leases[position].closing(terms, at: now).map { .message($0) } ?? .nothing
    }

    enum Idleness: Equatable {
        /// Nothing is held, or a message is under way.
        case nothing
        case inUse(until: UInt64)
        case message(LeaseMessage)
    }

    /// Messages that give back everything, whatever its use.
    mutating func giveBackAll(at now: UInt64) -> [(RateSubject, LeaseMessage)] {
        var messages: [(RateSubject, LeaseMessage)] = []
        for (subject, position) in subjects.entries where !leases[position].isAsking {
            if let message = leases[position].closing(terms, at: now) { messages.append((subject, message)) }
        }
        return messages
    }

    /// Applies an answer, unless it belongs to a lease that has been forgotten.
    /// - Returns: whether `giveBack` must be asked about the subject from now on.
    mutating func answered(
        _ subject: RateSubject, _ message: LeaseMessage, _ answer: LeaseAnswer, at now: UInt64
    ) -> Bool {
        guard let position = position(subject, message) else { return false }
        leases[position].answered(answer, terms, at: now)
        return watches(position)
    }

    /// There is no answer to the message.
    mutating func failed(_ subject: RateSubject, _ message: LeaseMessage) {
        if let position = position(subject, message) { leases[position].failed() }
    }

    /// The message has not left.
    /// - Returns: whether `giveBack` must be asked about the subject from now on.
    mutating func unsent(_ subject: RateSubject, _ message: LeaseMessage) -> Bool {
        guard let position = position(subject, message) else { return false }
        leases[position].unsent()
        return watches(position)
    }

    private mutating func watches(_ position: Int) -> Bool {
        guard leases[position].isOpen, !leases[position].isWatched else { return false }
        leases[position].isWatched = true
        return true
    }

    /// Whether a message about the subject is under way.
    func isAsking(_ subject: RateSubject) -> Bool {
        subjects.position(subject).map { leases[$0].isAsking } ?? false
    }

    private mutating func position(_ subject: RateSubject, _ message: LeaseMessage) -> Int? {
        guard let position = subjects.position(subject), leases[position].isAsking,
            leases[position].name == message.name
        else { return nil }
        return position
    }

    private mutating func place(_ subject: RateSubject) -> Int {
        let place = subjects.place(subject)
        if place.position == leases.count {
            leases.append(Lease())
        } else if place.isNew {
            leases[place.position] = Lease()
        }
        return place.position
    }
}
