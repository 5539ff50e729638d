/// A connection that can be ended to make room for another. Loop-confined.
protocol Evictable: AnyObject {
    /// What its client counts under; nil when the address speaks for many clients, so that each connection is one.
    var clientGroup: String? { get }
    /// Since when its client has come no further; nil while a request is worked on, so that it must stay.
    /// - Parameter now: milliseconds of the loop's clock.
    func spareTime(now: UInt64) -> SpareTime?
    /// Ends it, unless bytes have arrived and are about to be read, or a client that took none of its answer has begun to. It
    /// counts no more then.
    /// - Returns: whether it was ended.
    func evict(now: UInt64) -> Bool
}

/// Since when a connection has done nothing for its client.
struct SpareTime: Equatable {
    /// Whether nothing has arrived of a request. Else a handshake or a request has begun and is not whole, or an answer waits for
    /// its client.
    let isIdle: Bool
    /// Milliseconds of the loop's clock; of a request or an answer, when the client last made progress with it.
    let since: UInt64

    /// Whether the client has begun something and has made no progress for too long.
    func isStuck(now: UInt64) -> Bool { !isIdle && now &- min(since, now) >= ClientProgress.patience }
}

/// In which order connections make room: a value, so that it can be tested without any.
enum EvictionOrder {
    struct Candidate {
        let group: String?
        let time: SpareTime
    }

    /// The largest group gives a connection first, and again as long as it stays the largest; of each group idle ones go
    /// before those that have begun something, and the longest waiting first.
    /// - Parameter sizes: how many connections each group has, also those that are no candidates.
    /// - Returns: indices of candidates, at most so many.
    static func choose(_ candidates: [Candidate], sizes: [String: Int], most: Int) -> [Int] {
        let byAge = candidates.indices.sorted { isBefore(candidates[$0].time, candidates[$1].time) }
        var taken: [String: Int] = [:]
        let ranked = byAge.enumerated().map { age, index in
            guard let group = candidates[index].group else { return (size: 1, age: age, index: index) }
            let size = sizes[group, default: 1] - taken[group, default: 0]
            taken[group, default: 0] += 1
            return (size: size, age: age, index: index)
        }
        return ranked.sorted { ($1.size, $0.age) < ($0.size, $1.age) }.prefix(most).map(\.index)
    }

    private static func isBefore(_ first: SpareTime, _ second: SpareTime) -> Bool {
        first.isIdle == second.isIdle ? first.since < second.since : first.isIdle
    }

    /// Whether a connection may go for a new one. One that is stuck may always go: many clients with one connection each could
    /// else keep everybody out. One that is idle may go unless its group is the smaller. One that has begun something and makes
    /// progress goes only where its group stays the larger.
    static func mayReplace(_ time: SpareTime, ofGroupWith size: Int, newGroup: Int, now: UInt64) -> Bool {
        if time.isStuck(now: now) { return true }
        return time.isIdle ? size >= newGroup : size > newGroup + 1
    }
}

/// The connections of one loop that go next. Looking for them takes time for each connection, so many are found at once.
/// Loop-confined.
struct EvictionList {
    private struct Entry {
        weak var connection: (any Evictable)?
        let time: SpareTime
    }

    private static let entriesMax = 128
    /// Milliseconds for which they are good.
    private static let lifetime: UInt64 = 1_000
    /// Milliseconds until it is worth looking again where few were found. Where many were, one: who looks may find that none
    /// of them can be ended.
    private static let pause: UInt64 = 10
    /// Beside that, a millisecond for each of so many connections: looking may take a tenth of the loop's time, however many
    /// newcomers are refused.
    private static let connectionsPerMillisecond = 100

    /// The next is the last.
    private var entries: [Entry] = []
    private var expiry: UInt64 = 0
    private var nextLook: UInt64 = 0

    /// Takes the connection that goes next off the list: the first that may.
    /// - Parameters:
    ///   - now: milliseconds of the loop's clock.
    ///   - sizes: how many connections each group has.
    ///   - mayGo: whether a connection may go for the new one.
    mutating func takeNext(
        now: UInt64, _ connections: () -> [any Evictable], sizes: () -> [String: Int],
        mayGo: (any Evictable, SpareTime) -> Bool
    ) -> (any Evictable)? {
        if now >= expiry { entries = [] }
        if let found = takeFirst(now, mayGo) { return found }
        guard now >= nextLook else { return nil }
        look(now, connections(), sizes())
        return takeFirst(now, mayGo)
    }

    /// Forgets those before it that are in a request by now or gone.
    private mutating func takeFirst(_ now: UInt64, _ mayGo: (any Evictable, SpareTime) -> Bool) -> (any Evictable)? {
        for index in entries.indices.reversed() {
            let entry = entries[index]
            guard let connection = entry.connection, connection.spareTime(now: now) == entry.time else {
                entries.remove(at: index)
                continue
            }
            guard mayGo(connection, entry.time) else { continue }
            entries.remove(at: index)
            return connection
        }
        return nil
    }

    private mutating func look(_ now: UInt64, _ connections: [any Evictable], _ sizes: [String: Int]) {
        var spare: [any Evictable] = []
        var candidates: [EvictionOrder.Candidate] = []
        for connection in connections {
            guard let time = connection.spareTime(now: now) else { continue }
            spare.append(connection)
            candidates.append(EvictionOrder.Candidate(group: connection.clientGroup, time: time))
        }
        let chosen = EvictionOrder.choose(candidates, sizes: sizes, most: Self.entriesMax)
        entries = chosen.reversed().map { Entry(connection: spare[$0], time: candidates[$0].time) }
        expiry = now &+ Self.lifetime
        let pause = chosen.count < Self.entriesMax ? Self.pause : 1
        nextLook = now &+ max(pause, UInt64(connections.count / Self.connectionsPerMillisecond))
    }
}
