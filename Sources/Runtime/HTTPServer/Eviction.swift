/// A connection that can be ended to make room for another. Loop-confined.
protocol Evictable: AnyObject {
    /// What its client counts under; nil when the address speaks for many clients, so that each connection is one.
    var clientGroup: String? { get }
    /// Nil while it is in a request, so that it must stay.
    var spareTime: SpareTime? { get }
    /// Ends it, unless a request has arrived and is about to be read. It counts no more then.
    /// - Returns: whether it was ended.
    func evict() -> Bool
}

/// Since when a connection has done nothing for its client.
struct SpareTime: Equatable {
    /// Whether nothing has arrived of a request. Else a handshake or a request has begun and is not whole.
    let isIdle: Bool
    /// Milliseconds of the loop's clock.
    let since: UInt64
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

    /// Whether a connection may go for a new one. One that is idle may go unless its group is the smaller. One that has
    /// begun something goes only where its group stays the larger.
    static func mayReplace(_ time: SpareTime, ofGroupWith size: Int, newGroup: Int) -> Bool {
        time.isIdle ? size >= newGroup : size > newGroup + 1
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

    /// The next is the last.
    private var entries: [Entry] = []
    private var expiry: UInt64 = 0
    private var nextLook: UInt64 = 0

    /// The connection that goes next. It stays the next until it is in a request or gone.
    /// - Parameters:
    ///   - now: milliseconds of the loop's clock.
    ///   - sizes: how many connections each group has.
    mutating func next(
        now: UInt64, _ connections: () -> [any Evictable], sizes: () -> [String: Int]
    ) -> (connection: any Evictable, time: SpareTime)? {
        if now >= expiry { entries = [] }
        if let found = firstValid() { return found }
        guard now >= nextLook else { return nil }
        look(now, connections(), sizes())
        return firstValid()
    }

    /// Takes the connection that goes next off the list.
    mutating func dropNext() { entries.removeLast() }

    private mutating func firstValid() -> (connection: any Evictable, time: SpareTime)? {
        while let entry = entries.last {
            if let connection = entry.connection, connection.spareTime == entry.time {
                return (connection, entry.time)
            }
            entries.removeLast()
        }
        return nil
    }

    private mutating func look(_ now: UInt64, _ connections: [any Evictable], _ sizes: [String: Int]) {
        var spare: [any Evictable] = []
        var candidates: [EvictionOrder.Candidate] = []
        for connection in connections {
            guard let time = connection.spareTime else { continue }
            spare.append(connection)
            candidates.append(EvictionOrder.Candidate(group: connection.clientGroup, time: time))
        }
        let chosen = EvictionOrder.choose(candidates, sizes: sizes, most: Self.entriesMax)
        entries = chosen.reversed().map { Entry(connection: spare[$0], time: candidates[$0].time) }
        expiry = now &+ Self.lifetime
        nextLook = chosen.count < Self.entriesMax ? now &+ Self.pause : now &+ 1
    }
}
