import HelperCore

/// Counters of one policy for a bounded number of subjects. Not thread-safe; time is an argument.
///
/// Each window's time is cut into `slots` equal pieces and one counter kept for each, plus one for the piece that is running:
/// a request counts from the moment it is made until the whole piece it fell into has left the window. So no period of
/// the window's length ever holds more than the limit, and room comes back at most one piece late.
struct WindowTable: Sendable {
    static let slots = 20
    private static let ringSize = slots + 1

    private struct Window: Sendable {
        let limit: Int
        /// Nanoseconds of one piece.
        let piece: UInt64
    }

    private let windows: [Window]
    private var subjects: RecencyIndex<RateSubject>
    /// Counts by subject, window and piece modulo `ringSize`.
    private var rings: [UInt32] = []
    /// The running piece by subject and window, when it was last looked at.
    private var current: [UInt64] = []
    /// The sum of the ring by subject and window.
    private var totals: [Int] = []

    /// - Parameter capacity: subjects; the one that was seen longest ago goes first.
    init(_ policy: RatePolicy, capacity: Int) {
        windows = policy.windows.map {
            Window(limit: $0.limit, piece: UInt64($0.seconds) * 1_000_000_000 / UInt64(Self.slots))
        }
        subjects = RecencyIndex(capacity: capacity)
    }

    /// Counts one request if every window has room.
    /// - Parameter now: nanoseconds, never less than before.
    mutating func count(_ subject: RateSubject, at now: UInt64) -> RateVerdict {
        let first = place(subject, at: now)
        var isAllowed = true
        for offset in windows.indices where totals[first + offset] >= windows[offset].limit { isAllowed = false }
        if isAllowed { add(first) }
        return verdict(first, isAllowed, at: now)
    }

    /// Counts one request that another counter has allowed.
    mutating func note(_ subject: RateSubject, at now: UInt64) { add(place(subject, at: now)) }

    /// Brings the subject's counters up to now.
    /// - Returns: the index of its first window.
    private mutating func place(_ subject: RateSubject, at now: UInt64) -> Int {
        let place = subjects.place(subject)
        let first = place.position * windows.count
        if first == totals.count {
            rings.append(contentsOf: repeatElement(0, count: windows.count * Self.ringSize))
            for window in windows {
                current.append(now / window.piece)
                totals.append(0)
            }
        }
        for offset in windows.indices {
            let index = first + offset
            let piece = now / windows[offset].piece
            let passed = place.isNew ? UInt64(Self.ringSize) : piece - min(piece, current[index])
            if passed >= UInt64(Self.ringSize) {
                if totals[index] > 0 || place.isNew {
                    for slot in index * Self.ringSize..<(index + 1) * Self.ringSize { rings[slot] = 0 }
                    totals[index] = 0
                }
            } else if passed > 0 {
                for step in 1...passed {
                    let slot = slot(index, current[index] + step)
                    totals[index] -= Int(rings[slot])
                    rings[slot] = 0
                }
            }
            current[index] = piece
        }
        return first
    }

    private func slot(_ index: Int, _ piece: UInt64) -> Int {
        index * Self.ringSize + Int(piece % UInt64(Self.ringSize))
    }

    /// Counts in the running pieces.
    private mutating func add(_ first: Int) {
        for index in first..<first + windows.count {
            rings[slot(index, current[index])] += 1
            totals[index] += 1
        }
    }

    /// - Parameter first: the first window of a subject that has been brought up to now.
    private func verdict(_ first: Int, _ isAllowed: Bool, at now: UInt64) -> RateVerdict {
        var binding = (window: 0, remaining: Int.max, reset: 0 as UInt64)
        for offset in windows.indices {
            let remaining = max(0, windows[offset].limit - totals[first + offset])
            guard remaining <= binding.remaining else { continue }
            let reset = reset(first + offset, windows[offset].piece, at: now)
            if remaining < binding.remaining || reset > binding.reset { binding = (offset, remaining, reset) }
        }
        return RateVerdict(
            isAllowed: isAllowed, window: binding.window, remaining: binding.remaining, reset: binding.reset)
    }

    /// Nanoseconds until the oldest piece that holds anything leaves the window.
    private func reset(_ index: Int, _ length: UInt64, at now: UInt64) -> UInt64 {
        // The place after the running piece's, and then round the ring: the oldest comes first.
        let start = index * Self.ringSize
        let running = current[index]
        var place = Int(running % UInt64(Self.ringSize))
        for age in 1...UInt64(Self.ringSize) {
            place = place + 1 == Self.ringSize ? 0 : place + 1
            if rings[start + place] > 0 { return (running + age) * length - now }
        }
        return 0
    }
}
