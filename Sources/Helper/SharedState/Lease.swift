import HelperCore

/// One caller's allowance as far as this replica has leased it from Redis, decided without doing anything: times are
/// arguments, in nanoseconds of a clock that never steps and counts while the machine is suspended.
///
/// Redis charges a lease to the limit when it grants it, and keeps a record of it under the lease's name. A request takes a
/// token from the lease at once. A message to Redis says how many tokens were used since the last one, which Redis then counts
/// in the running piece of each window, and how many are kept. What it does not say is kept goes back to the limit. A record
/// that is not renewed ends after the lifetime, and Redis counts all of it as used at that moment.
///
/// Why the limit is never exceeded, whatever is lost or late:
/// - A token is used before its record ends: `end` is reckoned from before the message left, and a little early.
/// - After a message without an answer nothing is known of its record. So it is given up with every token in it, and a new
///   name is taken. Whether or not Redis has acted on the message, what was used is charged in the old record or counted.
/// - Redis says when it no longer knew a record. Its tokens are dropped then.
///
/// A message that has not left changes nothing: the lease goes on until its end.
struct Lease: Sendable {
    /// What the lease says to one request.
    enum Decision: Sendable, Equatable {
        /// A token was taken.
        case allowed(RateVerdict, Renewal)
        /// Redis said lately that there is no room, and no other replica can give any back.
        case refused(RateVerdict)
        /// Only Redis can say.
        case ask
    }

    /// Whether to renew the lease. Each is said once for each message.
    enum Renewal: Int, Sendable {
        case none
        /// With the next messages.
        case due
        /// At once, or requests will have to wait for it.
        case urgent
    }

    /// Nanoseconds a refusal is repeated without asking: counters can vanish with Redis, without waiting for a window's end.
    static let refusalMax: UInt64 = 1_000_000_000
    /// Tokens of a lease that are enough for any caller but one whose use within `shortest` is more.
    private static let plenty = 200.0
    /// Nanoseconds.
    private static let shortest = 500_000_000.0

    /// Tokens that may be used until `end`.
    private(set) var held = 0
    private var end: UInt64 = 0
    /// `held` after the last answer.
    private var size = 0
    /// Tokens used that Redis has not been told of.
    private var used = 0
    /// Nil when Redis has no record of this lease.
    private(set) var name: UInt64?

    /// What `take` has said of renewal since the last message.
    private var said = Renewal.none
    /// What the message under way has taken out of the lease.
    private struct UnderWay {
        /// When it was made.
        let at: UInt64
        /// It begins a record.
        let isNew: Bool
        let used: Int
        /// Tokens that it gives back.
        let returned: Int
    }
    private var underWay: UnderWay?

    /// Requests since the message before, for the rate.
    private var requests = 0
    private var reckonedAt: UInt64?
    /// Requests a nanosecond.
    private var rate = 0.0
    private(set) var lastUse: UInt64 = 0

    /// Whether its use is to be looked at later.
    var isWatched = false

    // What Redis said last.
    private var window = 0
    /// Requests left beside those held.
    private var left = 0
    private var resetAt: UInt64 = 0
    private var refusesUntil: UInt64 = 0

    /// Whether Redis has a record that it should hear of.
    var isOpen: Bool { name != nil }
    var isAsking: Bool { underWay != nil }
    /// Whether `take` has said since the last message that the lease is to be renewed.
    var isDue: Bool { said != .none }

    // MARK: Requests

    /// Decides for one request.
    mutating func take(_ terms: LeaseTerms, at now: UInt64) -> Decision {
        if held > 0 {
            guard now < end else {
                // The answer under way says what becomes of them.
                if underWay == nil { giveUp() }
                return .ask
            }
            held -= 1
            used += 1
            requests += 1
            lastUse = max(lastUse, now)
            return .allowed(verdict(true, at: now), renewal(terms, at: now))
        }
        return now < refusesUntil ? .refused(verdict(false, at: now)) : .ask
    }

    private mutating func renewal(_ terms: LeaseTerms, at now: UInt64) -> Renewal {
        let wanted = wantedRenewal(terms, at: now)
        guard wanted.rawValue > said.rawValue else { return .none }
        said = wanted
        return wanted
    }

    private func wantedRenewal(_ terms: LeaseTerms, at now: UInt64) -> Renewal {
        if underWay != nil { return .none }
        if held < min(size / 4, Int(min(rate * Double(terms.pause) * 2, 1e9))) { return .urgent }
        return held <= size / 2 || end - now <= terms.lifetime / 2 ? .due : .none
    }

    private func verdict(_ isAllowed: Bool, at now: UInt64) -> RateVerdict {
        RateVerdict(
            isAllowed: isAllowed, window: window, remaining: isAllowed ? left + held : 0,
            reset: resetAt > now ? resetAt - now : 0)
    }

    // MARK: Messages

    /// What to ask Redis. Nothing may be under way.
    /// - Parameters:
    ///   - need: requests that wait.
    ///   - newName: for the record, if a new one is begun. Never used before by this replica.
    mutating func message(need: Int, newName: UInt64, _ terms: LeaseTerms, at now: UInt64) -> LeaseMessage {
        if name != nil, now >= end { giveUp() }
        requests += need
        reckon(terms, at: now)
        let target = target(terms)
        // What a caller who has become slower does not use goes back, to those who come by other replicas.
        let returned = max(0, held - target)
        held -= returned
        return send(newName, need: need, ahead: target - held, returned: returned, at: now)
    }

    /// What gives back all that is held; nil when Redis has no record, or has ended it. Nothing may be under way.
    mutating func closing(_ terms: LeaseTerms, at now: UInt64) -> LeaseMessage? {
        if now >= end { giveUp() }
        guard let name else { return nil }
        reckon(terms, at: now)
        let returned = held
        held = 0
        return send(name, need: 0, ahead: 0, returned: returned, at: now)
    }

    private mutating func send(
        _ newName: UInt64, need: Int, ahead: Int, returned: Int, at now: UInt64
    ) -> LeaseMessage {
        precondition(underWay == nil, "Invalid state: a message is under way")
        underWay = UnderWay(at: now, isNew: name == nil, used: used, returned: returned)
        let name = name ?? newName
        self.name = name
        said = .none
        defer { used = 0 }
        return LeaseMessage(name: name, used: used, keep: held, need: need, ahead: ahead)
    }

    /// Brings the rate up to now: at once when it rises, by halves when it falls.
    private mutating func reckon(_ terms: LeaseTerms, at now: UInt64) {
        if let before = reckonedAt {
            let elapsed = Double(now - min(now, before))
            let sample = Double(requests) / max(elapsed, Double(terms.pause))
            rate = elapsed > Double(terms.lifetime) ? sample : max(sample, (rate + sample) / 2)
        }
        reckonedAt = now
        requests = 0
    }

    /// Tokens to hold: what is used within two thirds of the lifetime, but no more than is plenty. None for a caller that
    /// would most likely give them back.
    private func target(_ terms: LeaseTerms) -> Int {
        guard rate * Double(terms.idleAfter) >= 1 else { return 0 }
        let use = rate * Double(terms.lifetime) * 2 / 3
        return Int(exactly: min(use, max(Self.plenty, rate * Self.shortest), 1e9).rounded()) ?? 0
    }

    /// Applies the answer to the message under way; the requests that waited are granted or refused by it.
    mutating func answered(_ answer: LeaseAnswer, _ terms: LeaseTerms, at now: UInt64) {
        guard let sent = underWay?.at else { return }
        underWay = nil
        if !answer.isKept {
            // What was used meanwhile, Redis has counted with the whole of the record.
            held = 0
            used = 0
        }
        held += answer.ahead
        size = held
        if held + used == 0 { name = nil } else { end = sent &+ terms.validity }
        window = answer.window
        left = answer.left
        resetAt = now &+ answer.reset
        let isFinal = answer.left == 0 && answer.othersHold == 0 && held == 0
        refusesUntil = isFinal ? now &+ min(answer.reset, Self.refusalMax) : 0
        lastUse = max(lastUse, now)
    }

    /// The message under way has no answer that can be used.
    mutating func failed() {
        underWay = nil
        giveUp()
    }

    /// The message under way has not left, so Redis has not acted on it.
    mutating func unsent() {
        guard let unsent = underWay else { return }
        underWay = nil
        if unsent.isNew {
            giveUp()
        } else {
            held += unsent.returned
            used += unsent.used
        }
    }

    /// Drops the tokens and the record: Redis counts them as used when the record ends.
    private mutating func giveUp() {
        held = 0
        used = 0
        size = 0
        name = nil
    }
}
