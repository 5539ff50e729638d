import HelperCore
import Testing

@testable import SharedState

/// An address is any text here.
extension RateSubject: ExpressibleByStringLiteral {
    /// An address of that name.
    public init(stringLiteral value: String) { self = .address(value) }
}

private let second: UInt64 = 1_000_000_000

@Suite("A sliding window")
struct WindowTableTests {
    private func table(_ windows: [RatePolicy.Window], capacity: Int = 100) -> WindowTable {
        WindowTable(RatePolicy(.read, windows), capacity: capacity)
    }

    @Test("admits the limit and no more, and says what is left and when there is more")
    func limit() {
        var table = table([.init(limit: 3, seconds: 60)])
        let start = 1_000_000 * second
        let verdicts = (0..<4).map { _ in table.count("ada", at: start) }
        #expect(verdicts.map(\.isAllowed) == [true, true, true, false])
        #expect(verdicts.map(\.remaining) == [2, 1, 0, 0])
        #expect(verdicts.allSatisfy { (60...63).contains($0.resetSeconds) })
        #expect(table.count("bob", at: start).isAllowed)
    }

    /// What the product promises: whatever the moments, no period of the window's length holds more than the limit.
    @Test("never admits more than the limit in any period, and gives room back within a twentieth", arguments: 1...6)
    func anyPeriod(_ seed: UInt64) {
        var random = SplitMix(state: seed)
        let (limit, length) = (7, 10 * second)
        var table = table([.init(limit: limit, seconds: 10)])
        var admitted: [UInt64] = []
        var now: UInt64 = 5 * second
        for _ in 0..<5_000 {
            now += UInt64.random(in: 0..<length / 5, using: &random) >> UInt64.random(in: 0..<12, using: &random)
            let isAllowed = table.count("ada", at: now).isAllowed
            let inPeriod = admitted.count { now - $0 < length }
            if isAllowed {
                admitted.append(now)
                #expect(inPeriod < limit)
            } else {
                // Refused for a reason: the limit was used up within the period and one piece.
                #expect(admitted.count { now - $0 <= length + length / UInt64(WindowTable.slots) } >= limit)
            }
        }
        #expect(admitted.count > 100)
    }

    @Test("the reset that a refusal names is when there is room again")
    func reset() {
        var table = table([.init(limit: 2, seconds: 60)])
        let start = 77 * second + 1
        _ = table.count("ada", at: start)
        _ = table.count("ada", at: start + 20 * second)
        let refusal = table.count("ada", at: start + 30 * second)
        #expect(!refusal.isAllowed)
        let reset = start + 30 * second + UInt64(refusal.resetSeconds) * second
        #expect(!table.count("ada", at: reset - 5 * second).isAllowed)
        #expect(table.count("ada", at: reset).isAllowed)
        #expect(!table.count("ada", at: reset).isAllowed)
    }

    @Test("of several windows all must have room, a refusal uses up none, and the verdict names the binding one")
    func several() {
        var table = table([.init(limit: 5, seconds: 86_400), .init(limit: 3, seconds: 60)])
        var now = 86_400 * second
        for remaining in [2, 1, 0] {
            #expect(table.count("ada", at: now) == verdict(true, 0, remaining, table, now))
        }
        #expect(!table.count("ada", at: now).isAllowed)
        now += 120 * second
        let fourth = table.count("ada", at: now)
        #expect(fourth.isAllowed && fourth.window == 1 && fourth.remaining == 1)
        #expect(table.count("ada", at: now).isAllowed)
        let refusal = table.count("ada", at: now)
        #expect(!refusal.isAllowed && refusal.window == 1 && refusal.resetSeconds > 80_000)
    }

    private func verdict(_ isAllowed: Bool, _ window: Int, _ remaining: Int, _ table: WindowTable, _ now: UInt64)
        -> RateVerdict
    {
        RateVerdict(isAllowed: isAllowed, window: window, remaining: remaining, resetSeconds: 63)
    }

    @Test("memory is bounded: the subject seen longest ago starts afresh, and no other inherits its count")
    func bounded() {
        var table = table([.init(limit: 1, seconds: 60)], capacity: 3)
        for subject: RateSubject in ["a", "b", "c"] { #expect(table.count(subject, at: second).isAllowed) }
        #expect(!table.count("a", at: second).isAllowed)
        #expect(table.count("d", at: second).isAllowed)  // "b" goes
        #expect(!table.count("a", at: second).isAllowed && !table.count("c", at: second).isAllowed)
        #expect(table.count("b", at: second).isAllowed && !table.count("b", at: second).isAllowed)
    }

    @Test("long silence empties it, at any clock value")
    func silence() {
        var table = table([.init(limit: 1, seconds: 1)])
        #expect(table.count("a", at: 0).isAllowed && !table.count("a", at: 1).isAllowed)
        #expect(table.count("a", at: 1_000_000 * second).isAllowed)
        #expect(table.count("a", at: .max / 2).isAllowed)
    }
}

struct SplitMix: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
