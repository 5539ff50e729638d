import Bytes
import Synchronization

/// Counts the open connections of one server, in all and by client, over all loops. Asked once a connection.
final class ConnectionCensus: Sendable {
    private struct Counts {
        var all = 0
        var bySubject: [String: Int] = [:]
        /// Milliseconds.
        var reportedAt: UInt64?
    }

    private let max: Int
    private let reserve: Int
    private let perAddressMax: Int
    private let isExempt: @Sendable (String) -> Bool
    private let counts = Mutex(Counts())

    /// A client with fewer connections than this may have one of the reserve: more than one probe comes from an address.
    static let few = 4
    /// Milliseconds between two reports that the connections are used up.
    private static let reportInterval: UInt64 = 10_000

    /// - Parameters:
    ///   - reserve: how many of `max` are kept for clients that have few.
    ///   - isExempt: whether an address speaks for many clients, so that only the limits over all hold for it.
    init(max: Int, reserve: Int = 0, perAddressMax: Int, isExempt: @escaping @Sendable (String) -> Bool) {
        self.max = max
        self.reserve = reserve
        self.perAddressMax = perAddressMax
        self.isExempt = isExempt
    }

    /// Connections that are counted now.
    var count: Int { counts.withLock { $0.all } }

    /// What becomes of a new connection.
    enum Entrance: ~Copyable {
        case entered(CensusEntry)
        /// There are as many connections as there may be in all.
        case full
        /// Its address has as many as it may have.
        case addressFull
    }

    /// Counts a connection for as long as the entry is held.
    /// - Parameter isReplacing: whether another has just made room for it, so that it takes nothing from the reserve.
    func enter(_ address: String, isReplacing: Bool = false) -> Entrance {
        let isExempt = isExempt(address)
        let subject = Self.subject(of: address)
        let (hasRoom, addressHasRoom) = counts.withLock { counts in
            let ofSubject = counts.bySubject[subject, default: 0]
            let mayUseReserve = isReplacing || ofSubject < Self.few
            let hasRoom = counts.all < (mayUseReserve ? max : max - reserve)
            let addressHasRoom = isExempt || ofSubject < perAddressMax
            if hasRoom, addressHasRoom {
                counts.all += 1
                counts.bySubject[subject] = ofSubject + 1
            }
            return (hasRoom, addressHasRoom)
        }
        guard addressHasRoom else { return .addressFull }
        guard hasRoom else { return .full }
        return .entered(CensusEntry(of: self, subject: subject, speaksForMany: isExempt))
    }

    /// How many connections each subject has.
    var sizes: [String: Int] { counts.withLock { $0.bySubject } }

    /// How many connections a client has that counts under that; one where each connection is one client.
    func size(of group: String?) -> Int {
        guard let group else { return 1 }
        return counts.withLock { $0.bySubject[group, default: 0] }
    }

    /// How many connections the client of an address has; none where each connection is one client.
    func size(ofAddress address: String) -> Int {
        isExempt(address) ? 0 : size(of: Self.subject(of: address))
    }

    /// How many connections there are, and how many of them the client with most has; nil when that has been reported just now.
    /// - Parameter now: milliseconds of a clock that never goes back.
    func usageToReport(now: UInt64) -> (count: Int, largest: Int)? {
        counts.withLock { counts in
            if let last = counts.reportedAt, now &- min(last, now) < Self.reportInterval { return nil }
            counts.reportedAt = now
            return (counts.all, counts.bySubject.values.max() ?? 0)
        }
    }

    fileprivate func leave(_ subject: String) {
        counts.withLock { counts in
            counts.all -= 1
            let left = counts.bySubject[subject, default: 1] - 1
            counts.bySubject[subject] = left == 0 ? nil : left
        }
    }

    /// What an address counts under.
    /// - Parameter address: as the kernel writes it, without brackets.
    static func subject(of address: String) -> String { IPAddress(address)?.countedSubject ?? address }
}

/// One connection that is counted. Dropping it uncounts it, on every way out.
struct CensusEntry: ~Copyable {
    private let census: ConnectionCensus
    /// What the connection counts under.
    let subject: String
    /// Whether the address is that of many clients.
    let speaksForMany: Bool

    fileprivate init(of census: ConnectionCensus, subject: String, speaksForMany: Bool) {
        self.census = census
        self.subject = subject
        self.speaksForMany = speaksForMany
    }

    deinit { census.leave(subject) }
}
