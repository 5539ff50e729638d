import HelperCore

/// How long leases of one policy last, in nanoseconds.
struct LeaseTerms: Sendable, Equatable {
    /// Redis ends a record that was not renewed for that long.
    let lifetime: UInt64
    /// Tokens may be used for that long after the message that asked for them was made. It is shorter than `lifetime` by far
    /// more than two good clocks differ over it.
    let validity: UInt64
    /// Tokens that were not used for that long are given back.
    let idleAfter: UInt64
    /// Renewals that are not urgent wait that long for others to go with.
    let pause: UInt64

    init(_ policy: RatePolicy) {
        let shortest = UInt64(policy.windows[0].seconds) * 1_000_000_000
        lifetime = min(shortest / 10, 60_000_000_000)
        validity = lifetime - lifetime / 64
        idleAfter = min(lifetime / 4, 2_000_000_000)
        pause = min(lifetime / 6, 1_000_000_000)
    }
}

/// What a lease tells Redis, and asks of it.
struct LeaseMessage: Sendable, Equatable {
    /// Of the record, unique among those of this replica for one subject.
    let name: UInt64
    /// Tokens used since the last message.
    let used: Int
    /// Tokens held. What the record has beyond these goes back to the limit.
    let keep: Int
    /// Requests that wait, each to be granted or refused.
    let need: Int
    /// Tokens wanted for requests to come.
    let ahead: Int
}

/// What Redis says to a `LeaseMessage`.
struct LeaseAnswer: Sendable, Equatable {
    /// The record was there, and has been renewed. If not, the tokens of `keep` are void.
    let isKept: Bool
    /// Requests granted of those that wait.
    let granted: Int
    /// Tokens leased for requests to come.
    let ahead: Int
    /// The window that binds most, and what it has left beside all leases.
    let window: Int
    let left: Int
    /// Nanoseconds until that window has more.
    let reset: UInt64
    /// Tokens that other leases hold.
    let othersHold: Int

    /// The verdict on one of the requests that waited.
    /// - Parameter index: its place among them; the first are granted.
    func verdict(_ index: Int) -> RateVerdict {
        RateVerdict(
            isAllowed: index < granted, window: window,
            remaining: index < granted ? left + ahead + granted - 1 - index : 0,
            reset: reset)
    }
}
