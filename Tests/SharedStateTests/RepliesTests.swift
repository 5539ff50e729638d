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

    private static func count(_ numbers: [Int64]) -> RESPValue {
        .array(numbers.map { .integer(ForeignNumber($0)) })
    }

    @Test("to a count: who is allowed, by which window, how much is left and when there is more")
    func verdict() {
        let allowed = RateScript.verdict(Self.count([1, 0, 29, 62_001]), Self.policy)
        #expect(allowed == RateVerdict(isAllowed: true, window: 0, remaining: 29, resetSeconds: 63))
        let refused = RateScript.verdict(Self.count([0, 1, 0, 0]), Self.policy)
        #expect(refused == RateVerdict(isAllowed: false, window: 1, remaining: 0, resetSeconds: 1))
    }

    /// `allowed` of 2 was taken for a refusal, and a wait near the largest number ended the process.
    @Test("to a count that no count could be are none", arguments: 0..<4)
    func noVerdict(_ place: Int) {
        for number in [.min, .min + 1, -1_000, -1, 2, 201, 90_721_001, .max - 999, .max - 1, .max] as [Int64] {
            var numbers: [Int64] = [1, 1, 150, 40_000]
            numbers[place] = number
            // Some are good in some places.
            let isGood = (2...3).contains(place) && (number == 2 || (place == 3 && number == 201))
            #expect((RateScript.verdict(Self.count(numbers), Self.policy) != nil) == isGood, "\(numbers)")
        }
        #expect(RateScript.verdict(Self.count([1, 0, 29]), Self.policy) == nil)
        #expect(RateScript.verdict(.array([.null, .null, .null, .null]), Self.policy) == nil)
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
