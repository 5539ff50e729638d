import Synchronization

/// Counts the open connections of one server, in all and by client address, over all loops. Asked once a connection.
final class ConnectionCensus: Sendable {
    private struct Counts {
        var all = 0
        var byAddress: [String: Int] = [:]
    }

    private let max: Int
    private let perAddressMax: Int
    private let isExempt: @Sendable (String) -> Bool
    private let counts = Mutex(Counts())

    /// - Parameter isExempt: whether an address speaks for many clients, so that only the limit over all holds for it.
    init(max: Int, perAddressMax: Int, isExempt: @escaping @Sendable (String) -> Bool) {
        self.max = max
        self.perAddressMax = perAddressMax
        self.isExempt = isExempt
    }

    /// False when there is no room; else `leave` must follow.
    func enter(_ address: String) -> Bool {
        let isExempt = isExempt(address)
        return counts.withLock { counts in
            let ofAddress = counts.byAddress[address, default: 0]
            guard counts.all < max, isExempt || ofAddress < perAddressMax else { return false }
            counts.all += 1
            counts.byAddress[address] = ofAddress + 1
            return true
        }
    }

    func leave(_ address: String) {
        counts.withLock { counts in
            counts.all -= 1
            let left = counts.byAddress[address, default: 1] - 1
            counts.byAddress[address] = left == 0 ? nil : left
        }
    }
}
