import Bytes
import HelperCore
import Redis
import Testing

@testable import SharedState

/// What may come back from something that stands where Redis should.
@Suite("Replies of Redis")
struct RepliesTests {
    private static let strangeReplies: [RESPValue] = [
        .status("QUEUED"), .status(""), .status("ok"), .bulk(Array("OK".utf8)), .bulk([]), .integer(0), .integer(1),
        .integer(ForeignNumber(.min)), .array([]), .array([.status("OK")]), .error("ERR no"),
    ]

    private static let policy = RatePolicy(.write, [.init(limit: 30, seconds: 60), .init(limit: 200, seconds: 86_400)])

    private static let message = LeaseMessage(name: 1, used: 3, keep: 5, need: 2, ahead: 7)

    private static func count(_ numbers: [Int64]) -> RESPValue {
        .array([.array(numbers.map { .integer(ForeignNumber($0)) })])
    }

    private static func answer(_ reply: RESPValue) -> LeaseAnswer? {
        RateScript.answers(reply, to: [("ada", message)], policy)?.first
    }

    @Test("to a count: who is granted, by which window, how much is left and when there is more")
    func verdict() throws {
        let answer = try #require(Self.answer(Self.count([1, 1, 0, 0, 29, 62_001, 0])))
        #expect(answer.isKept && answer.ahead == 0)
        #expect(answer.verdict(0) == RateVerdict(isAllowed: true, window: 0, remaining: 29, resetSeconds: 63))
        #expect(!answer.verdict(1).isAllowed)
        let refused = try #require(Self.answer(Self.count([0, 0, 0, 1, 0, 0, 9])))
        #expect(refused.verdict(0) == RateVerdict(isAllowed: false, window: 1, remaining: 0, resetSeconds: 1))
    }

    /// `allowed` of 2 was taken for a refusal, and a wait near the largest number ended the process.
    @Test("to a count that no count could be are none", arguments: 0..<7)
    func noVerdict(_ place: Int) {
        let most = [1, 2, 7, 1, 200, 90_721_000, Int64.max]
        for number in [.min, .min + 1, -1_000, -1, 2, 3, 201, 90_721_001, .max - 999, .max - 1, .max] as [Int64] {
            var numbers: [Int64] = [1, 1, 3, 1, 150, 40_000, 4]
            numbers[place] = number
            let isGood = number >= 0 && number <= most[place]
            #expect((Self.answer(Self.count(numbers)) != nil) == isGood, "\(numbers)")
        }
        #expect(Self.answer(Self.count([1, 0, 29])) == nil)
        #expect(Self.answer(.array([])) == nil)
        #expect(Self.answer(.array([.array(Array(repeating: .null, count: 7))])) == nil)
    }

    @Test("to a lock: OK means acquired and nil means busy")
    func lock() {
        let lock = HeldLock(name: "ada:7", token: "t")
        #expect(LockScript.outcome(.status("OK"), of: lock) == .acquired(lock))
        #expect(LockScript.outcome(.null, of: lock) == .busy)
    }

    @Test("to a lock that are neither OK nor nil mean that there is no lock to wait for", arguments: strangeReplies)
    func noLock(_ reply: RESPValue) {
        #expect(LockScript.outcome(reply, of: HeldLock(name: "ada:7", token: "t")) == .unavailable)
    }
}
