import Bytes
import EventLoop
import HelperCore
import LoopTesting
import Redis
import Synchronization
import Telemetry
import Testing

@testable import SharedState

/// A Redis that answers when a test says so and grants everything. Loop-confined.
private final class HeldRedis {
    /// Subjects' keys and numbers, by script.
    private(set) var scripts: [[(key: String, need: Int, ahead: Int)]] = []
    private var waiting: [CheckedContinuation<Result<RESPValue, RedisError>, Never>] = []
    private var answers: [RESPValue] = []
    private(set) var mostAtOnce = 0
    var isReady = true

    var underWay: Int { waiting.count }
    var messages: Int { scripts.reduce(0) { $0 + $1.count } }

    func send(_ command: RESPCommand) async throws(RedisError) -> RESPValue {
        // Lengths and values alternate.
        let lines = String(decoding: command.bytes, as: UTF8.self).split(
            separator: "\r\n", omittingEmptySubsequences: false)
        let words = stride(from: 2, to: lines.count, by: 2).map { String(lines[$0]) }
        let count = Int(words[2]) ?? 0
        let script = (0..<count).map { index in
            let first = words.count - 5 * (count - index)
            return (key: words[3 + index], need: Int(words[first + 3]) ?? 0, ahead: Int(words[first + 4]) ?? 0)
        }
        scripts.append(script)
        answers.append(
            .array(
                script.map { asked in
                    .array([1, asked.need, asked.ahead, 0, 1_000, 0, 0].map { .integer(ForeignNumber(Int64($0))) })
                }))
        let result = await withCheckedContinuation { waiter in
            waiting.append(waiter)
            mostAtOnce = max(mostAtOnce, waiting.count)
        }
        return try result.get()
    }

    func answerFirst() {
        guard !waiting.isEmpty else { return }
        waiting.removeFirst().resume(returning: .success(answers.removeFirst()))
    }
}

@Suite("What a loop says to Redis about leases", .leavesNothing, .timeLimit(.minutes(5)))
struct LeaseExchangeTests {
    private static let policy = RatePolicy(.read, [.init(limit: 1_000_000, seconds: 3_600)])

    /// On a loop: a Redis, and what is said to it.
    private struct Bench {
        let redis: HeldRedis
        let exchange: LoopBound<LeaseExchange>
        let loop: EventLoop

        init(_ leases: PolicyLeases..., loop: EventLoop, patience: Duration = .seconds(600)) {
            let redis = HeldRedis()
            let health = RedisHealth(
                links: 1, factory: PrometheusRegistry(),
                logger: Logger(
                    label: "redis", handler: JSONLogHandler(sink: InMemoryLogSink(), level: .info, now: { 0 })),
                now: { EventLoop.nanoseconds() })
            let channel = LeaseExchange.Channel(
                isReady: { redis.isReady },
                send: { (command) async throws(RedisError) in try await redis.send(command) }, patience: patience)
            self.redis = redis
            self.loop = loop
            exchange = LoopBound(
                LeaseExchange(leases, loop: loop, channel: channel, health: health, holder: "r"), to: loop)
        }

        /// Asks for one request.
        func ask(_ subject: RateSubject, _ verdicts: Verdicts, under policy: RatePolicy = LeaseExchangeTests.policy) {
            loop.spawn { [exchange] in
                let verdict = await exchange.value.ask(subject, under: policy)
                verdicts.add(verdict)
            }
        }

        func answerAll() async {
            await becomesTrue {
                redis.answerFirst()
                return redis.underWay == 0
            }
        }
    }

    /// What requests were told.
    private final class Verdicts: Sendable {
        private let all = Mutex<[RateVerdict?]>([])

        func add(_ verdict: RateVerdict?) { all.withLock { $0.append(verdict) } }
        var allowed: Int { all.withLock { $0.count { $0?.isAllowed == true } } }
        var undecided: Int { all.withLock { $0.count { $0 == nil } } }
    }

    private func onLoop(_ body: @escaping @Sendable (EventLoop) async throws -> Void) async throws {
        let loop = TestLoops.group.loops[0]
        try await Task(executorPreference: loop) { try await body(loop) }.value
    }

    @Test("sends a few scripts at a time, however many callers are due, and in the end all of them")
    func burst() async throws {
        try await onLoop { loop in
            let bench = Bench(PolicyLeases(Self.policy), loop: loop)
            let verdicts = Verdicts()
            for number in 0..<4_000 { bench.ask(.address("c\(number)"), verdicts) }
            await becomesTrue { bench.redis.underWay == LeaseExchange.scriptsMax }
            try await loop.sleep(for: .milliseconds(50))
            #expect(bench.redis.underWay == LeaseExchange.scriptsMax)
            await becomesTrue {
                bench.redis.answerFirst()
                return verdicts.allowed == 4_000
            }
            #expect(bench.redis.mostAtOnce == LeaseExchange.scriptsMax && verdicts.undecided == 0)
            // The longest wait first.
            let keys = bench.redis.scripts.flatMap { $0.map(\.key) }
            #expect(keys == (0..<4_000).map { RateScript.key(.address("c\($0)"), Self.policy) })
            await bench.answerAll()
            bench.exchange.value.stop()
        }
    }

    @Test("lets requests that wait go before renewals, and requests beyond a bound go on without Redis")
    func order() async throws {
        try await onLoop { loop in
            let bench = Bench(PolicyLeases(Self.policy), loop: loop)
            let verdicts = Verdicts()
            // Steady callers, so that they lease.
            for round in 1...2 {
                for number in 0..<600 { bench.ask(.address("s\(number)"), verdicts) }
                await becomesTrue {
                    bench.redis.answerFirst()
                    return bench.redis.underWay == 0 && verdicts.allowed == 600 * round
                }
                try await loop.sleep(for: .milliseconds(5))
            }
            // All leases are used up but for a few requests, so all are due.
            for number in 0..<600 {
                for _ in 0..<1_000 {
                    guard bench.exchange.value.take(.address("s\(number)"), under: Self.policy) != nil else { break }
                }
            }
            let before = bench.redis.scripts.count
            for number in 0..<LeaseExchange.waitingMax + 100 { bench.ask(.address("n\(number)"), verdicts) }
            await becomesTrue { bench.redis.underWay == LeaseExchange.scriptsMax && verdicts.undecided == 100 }
            #expect(verdicts.undecided == 100)
            for script in bench.redis.scripts[before...] {
                #expect(script.allSatisfy { $0.need == 1 } && script.count == LeaseExchange.messagesMax)
            }
            await becomesTrue {
                bench.redis.answerFirst()
                return bench.redis.underWay == 0
            }
            bench.exchange.value.stop()
        }
    }

    @Test("lets the longest wait go first under whatever limit: a flood under one holds up no request under another")
    func fair() async throws {
        try await onLoop { loop in
            let write = RatePolicy(.write, [.init(limit: 1_000_000, seconds: 3_600)])
            let bench = Bench(PolicyLeases(Self.policy), PolicyLeases(write), loop: loop)
            let verdicts = Verdicts()
            for number in 0..<1_000 { bench.ask(.address("before\(number)"), verdicts) }
            await becomesTrue { bench.redis.underWay == LeaseExchange.scriptsMax }
            try await loop.sleep(for: .milliseconds(5))
            bench.ask("ada", verdicts, under: write)
            try await loop.sleep(for: .milliseconds(5))
            for number in 0..<1_000 { bench.ask(.address("after\(number)"), verdicts) }
            await becomesTrue {
                bench.redis.answerFirst()
                return verdicts.allowed == 2_001
            }
            let keys = bench.redis.scripts.flatMap { $0.map(\.key) }
            let earlier = keys.prefix { $0 != RateScript.key("ada", write) }
            // Of those who came later, only some fill a script up.
            #expect(earlier.count { $0.contains("after") } < LeaseExchange.messagesMax)
            await bench.answerAll()
            bench.exchange.value.stop()
        }
    }

    @Test("lets no request wait while Redis cannot be told, and loses no lease over it")
    func notReady() async throws {
        try await onLoop { loop in
            let bench = Bench(PolicyLeases(Self.policy), loop: loop)
            let verdicts = Verdicts()
            bench.redis.isReady = false
            for number in 0..<100 { bench.ask(.address("c\(number)"), verdicts) }
            await becomesTrue { verdicts.undecided == 100 }
            #expect(verdicts.undecided == 100 && bench.redis.messages == 0)
            bench.exchange.value.stop()
        }
    }

    @Test("lets a request wait no longer than its patience for its turn")
    func patience() async throws {
        try await onLoop { loop in
            let bench = Bench(PolicyLeases(Self.policy), loop: loop, patience: .seconds(2))
            let verdicts = Verdicts()
            for number in 0..<600 { bench.ask(.address("c\(number)"), verdicts) }
            await becomesTrue { bench.redis.underWay == LeaseExchange.scriptsMax }
            try await loop.sleep(for: .milliseconds(2_100))
            await bench.answerAll()
            await becomesTrue { verdicts.allowed + verdicts.undecided == 600 }
            #expect(verdicts.allowed == LeaseExchange.scriptsMax * LeaseExchange.messagesMax)
            #expect(verdicts.undecided == 600 - LeaseExchange.scriptsMax * LeaseExchange.messagesMax)
            bench.exchange.value.stop()
        }
    }

    @Test("of one caller is said for all loops: what one leases the other uses, and both wait for one answer")
    func sharedByLoops() async throws {
        let leases = PolicyLeases(Self.policy)
        let other = TestLoops.group.loops[1]
        try await onLoop { loop in
            let bench = Bench(leases, loop: loop)
            let verdicts = Verdicts()
            bench.ask("ada", verdicts)
            await becomesTrue { bench.redis.underWay == 1 }
            // The request on the other loop joins the message under way.
            let joined = Task(executorPreference: other) {
                let bench = Bench(leases, loop: other)
                let verdict = await bench.exchange.value.ask("ada", under: Self.policy)
                let sent = bench.redis.messages
                bench.exchange.value.stop()
                return (verdict?.isAllowed, sent)
            }
            try await loop.sleep(for: .milliseconds(50))
            await becomesTrue {
                bench.redis.answerFirst()
                return bench.redis.underWay == 0
            }
            for _ in 0..<3 {
                try await loop.sleep(for: .milliseconds(20))
                await bench.answerAll()
            }
            let (isAllowed, sentByOther) = await joined.value
            #expect(isAllowed == true && sentByOther == 0)
            bench.ask("ada", verdicts)
            await becomesTrue {
                bench.redis.answerFirst(); return verdicts.allowed == 2
            }
            // What was leased here is used there.
            let taken = await Task(executorPreference: other) {
                let bench = Bench(leases, loop: other)
                let verdict = bench.exchange.value.take("ada", under: Self.policy)
                bench.exchange.value.stop()
                return verdict
            }.value
            #expect(taken?.isAllowed == true)
            bench.exchange.value.stop()
        }
    }
}
