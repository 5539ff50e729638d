import HelperCore
import Redis
import Testing

@testable import SharedState

/// What may come back from something that stands where Redis should.
@Suite("Replies of Redis")
struct RepliesTests {
    private static let strangeReplies: [RESPValue] = [
        .status("QUEUED"), .status(""), .status("ok"), .bulk(Array("OK".utf8)), .bulk([]), .integer(0), .integer(1),
        .integer(.min), .array([]), .array([.status("OK")]), .error("ERR no"),
    ]

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
