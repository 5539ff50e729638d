@testable import HelperCore
@testable import SharedState

/// What `RateScript` does in Redis for one subject, in Swift: `LedgerTests` holds the one against the other.
struct LeaseLedger {
    struct Record: Equatable {
        var tokens: Int
        /// Microseconds.
        var end: Int
    }

    let policy: RatePolicy
    private let life: Int
    /// By window, piece number to count.
    private(set) var pieces: [[Int: Int]]
    private(set) var records: [String: Record] = [:]

    init(_ policy: RatePolicy) {
        self.policy = policy
        life = Int(LeaseTerms(policy).lifetime / 1_000)
        pieces = policy.windows.map { _ in [:] }
    }

    private func length(_ window: Int) -> Int { policy.windows[window].seconds * 1_000_000 / WindowTable.slots }

    /// - Parameter now: microseconds of Redis' clock.
    mutating func answer(_ message: LeaseMessage, from holder: String, at now: Int) -> LeaseAnswer {
        let name = "\(holder).\(message.name)"
        let current = policy.windows.indices.map { now / length($0) }
        var hasLapsed = false
        for (key, record) in records {
            if record.end <= now {
                for window in pieces.indices {
                    let piece = record.end / length(window)
                    guard piece >= current[window] - WindowTable.slots else { continue }
                    pieces[window][piece, default: 0] += record.tokens
                }
                records[key] = nil
                if key == name { hasLapsed = true }
            } else if record.end > now + life {
                records[key]?.end = now + life
            }
        }
        for window in pieces.indices {
            for (piece, count) in pieces[window] {
                if piece < current[window] - WindowTable.slots { pieces[window][piece] = nil }
                if piece > current[window] {
                    pieces[window][piece] = nil
                    pieces[window][current[window], default: 0] += count
                }
            }
        }
        let mine = records.removeValue(forKey: name)
        let isKept = mine.map { $0.tokens >= message.used + message.keep } ?? false
        let keep = isKept ? message.keep : 0
        func add(_ number: Int) {
            guard number > 0 else { return }
            for window in pieces.indices { pieces[window][current[window], default: 0] += number }
        }
        add(hasLapsed ? 0 : message.used)
        let others = records.values.reduce(0) { $0 + $1.tokens }
        func left(_ window: Int) -> Int {
            policy.windows[window].limit - pieces[window].values.reduce(0, +) - others - keep
        }
        let granted = max(0, min(message.need, pieces.indices.map(left).min() ?? 0))
        add(granted)
        let free = pieces.indices.map(left).min() ?? 0
        let room = (policy.windows.map { $0.limit / RateScript.leasedShare }.min() ?? 0) - others - keep
        let ahead = max(0, min(message.ahead, free / RateScript.leftShare, (room + 1) / 2))
        if keep + ahead > 0 { records[name] = Record(tokens: keep + ahead, end: now + life) }
        var binding = (window: 0, left: Int.max, reset: 0)
        for window in pieces.indices {
            let remaining = max(0, left(window) - ahead)
            let oldest = pieces[window].filter { $0.value > 0 }.keys.min() ?? current[window]
            let reset = (oldest + WindowTable.slots + 1) * length(window) - now
            if remaining < binding.left || (remaining == binding.left && reset > binding.reset) {
                binding = (window, remaining, reset)
            }
        }
        if binding.left == 0, others > 0 { binding.reset = min(binding.reset, life) }
        return LeaseAnswer(
            isKept: isKept, granted: granted, ahead: ahead, window: binding.window, left: binding.left,
            reset: UInt64((binding.reset + 999) / 1_000) * 1_000_000, othersHold: others)
    }

    /// Requests that Redis would count for a window now, leases included.
    func charged(_ window: Int, at now: Int) -> Int {
        let first = now / length(window) - WindowTable.slots
        let counted = pieces[window].reduce(0) { $1.key >= first ? $0 + $1.value : $0 }
        return records.values.reduce(counted) {
            $1.end > now || $1.end / length(window) >= first ? $0 + $1.tokens : $0
        }
    }
}
