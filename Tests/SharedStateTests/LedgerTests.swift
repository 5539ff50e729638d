import Bytes
import EventLoop
import HelperCore
import LoopTesting
import Redis
import TestSupport
import Testing

@testable import SharedState

/// The script in a real Redis against the model of it that the tests of leases use.
@Suite("The script that counts in Redis", .leavesNothing)
struct LedgerTests {
    private static let policy = RatePolicy(.write, [.init(limit: 60, seconds: 10), .init(limit: 200, seconds: 60)])

    /// The script with its clock taken from the last argument.
    private static func command(
        _ messages: [(subject: RateSubject, message: LeaseMessage)], holder: String, at now: Int
    ) -> RESPCommand {
        let source = RateScript.source(clock: "{0, tonumber(ARGV[#ARGV])}")
        return RESPCommand(
            (["EVAL", source] + RateScript.arguments(messages, policy, holder: holder) + [String(now)])
                .map { Array($0.utf8) })
    }

    @Test("answers as its model does", .enabled(if: Conformer.hasRedis, "needs redis-server"), arguments: 1...12)
    func agrees(_ seed: UInt64) async throws {
        try await withRedis { client in
            var random = SplitMix(state: seed)
            let subjects: [RateSubject] = ["ada", "bob", "cy"].map { .address("\($0)-\(seed)") }
            var ledgers = subjects.map { _ in LeaseLedger(Self.policy) }
            var names: UInt64 = 1
            var now = 1_700_000_000_000_000
            let began = ContinuousClock.now
            for _ in 0..<300 {
                now += Int.random(in: 0..<2_000_000, using: &random) >> Int.random(in: 0..<12, using: &random)
                if Int.random(in: 0..<60, using: &random) == 0 { now -= Int.random(in: 0..<8_000_000, using: &random) }
                let holder = "h\(Int.random(in: 0..<3, using: &random))"
                if Int.random(in: 0..<20, using: &random) == 0 { names += 1 }
                let messages = subjects.map {
                    (
                        $0,
                        LeaseMessage(
                            name: names, used: Int.random(in: 0..<3, using: &random),
                            keep: Int.random(in: 0..<4, using: &random), need: Int.random(in: 0..<4, using: &random),
                            ahead: Int.random(in: 0..<9, using: &random))
                    )
                }
                let reply = try await client.send(Self.command(messages, holder: holder, at: now))
                // Redis forgets records by its own clock, which the model does not see: a slow run compares fewer answers.
                if began.duration(to: .now) > .seconds(2) { break }
                let expected = messages.indices.map { ledgers[$0].answer(messages[$0].1, from: holder, at: now) }
                #expect(RateScript.answers(reply, to: messages, Self.policy) == expected)
            }
        }
    }

    @Test(
        "leaves no key that does not expire, wherever Redis ends it",
        .enabled(if: Conformer.hasRedis, "needs redis-server"),
        arguments: ["pexpire", "hdel", "hincrby"])
    func expires(_ refused: String) async throws {
        let (program, configuration) = try startRedis()
        try await withClient(configuration) { admin in
            _ = try await admin.send(
                RESPCommand("ACL", "SETUSER", "weak", "on", ">weak", "~*", "&*", "+@all", "-\(refused)"))
            var weak = configuration
            weak.username = "weak"
            weak.password = "weak"
            try await withClient(weak) { client in
                let now = 1_700_000_000_000_000
                // The second grant replaces the record of the first.
                for used in 0...1 {
                    let message = LeaseMessage(name: 1, used: used, keep: 0, need: 1, ahead: 1)
                    _ = try? await client.send(Self.command([("ada", message)], holder: "h", at: now))
                }
            }
            guard
                case .integer(let left) = try await admin.send(RESPCommand("PTTL", RateScript.key("ada", Self.policy)))
            else {
                Issue.record("no reply to PTTL")
                return
            }
            // -2 is no key, -1 one that stays for ever.
            #expect(left.within(-1 ... -1) == nil)
        }
        withExtendedLifetime(program) {}
    }

    private func withRedis(_ body: (RedisClient) async throws -> Void) async throws {
        let (program, configuration) = try startRedis()
        try await withClient(configuration, body)
        withExtendedLifetime(program) {}
    }

    private func withClient(
        _ configuration: RedisConfiguration, _ body: (RedisClient) async throws -> Void
    ) async throws {
        let client = await RedisClient.start(configuration, group: TestLoops.group, events: { _ in })
        await becomesTrue { (try? await client.send(RESPCommand("PING"))) != nil }
        let result: Result<Void, any Error>
        do { result = .success(try await body(client)) } catch { result = .failure(error) }
        await client.shutdown()
        try result.get()
    }
}
