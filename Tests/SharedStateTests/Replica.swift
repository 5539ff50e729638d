import EventLoop
import HelperCore
import LoopTesting
import Redis
import SharedState
import Synchronization
import Telemetry
import TestSupport
import Testing

/// What conforms to the port.
enum Conformer: String, CaseIterable, CustomTestStringConvertible {
    case inMemory = "in memory"
    case redis = "in Redis"

    var testDescription: String { rawValue }

    static let hasRedis = RealProgram.isInstalled("redis-server")
    /// Where there is no Redis a test of its own says so.
    static var available: [Self] { hasRedis ? allCases : [.inMemory] }
}

/// What one replica has of the state, and what it was told by others.
struct Replica: Sendable {
    let state: any SharedState
    let loop: EventLoop
    let news: News

    /// Requests are counted on a loop, where a connection is at hand.
    func count(_ subject: String, _ policy: RatePolicy) async -> RateVerdict {
        await Task(executorPreference: loop) { await state.count(.address(subject), under: policy).value() }.value
    }
}

final class News: Sendable {
    private let stored = Mutex<[CallerChange]>([])

    func add(_ change: CallerChange) { stored.withLock { $0.append(change) } }
    var all: [CallerChange] { stored.withLock { $0 } }
}

/// A Redis of its own, and how to reach it.
func startRedis(password: String? = nil, database: Int = 0) throws -> (RealProgram, RedisConfiguration) {
    let port = RealProgram.freePort()
    let program = try RealProgram(
        "redis-server", ["{file}"],
        configuration: """
            port \(port)
            bind 127.0.0.1
            dir {folder}
            save ""
            appendonly no
            \(password.map { "requirepass \($0)" } ?? "")
            """, port: port)
    var configuration = RedisConfiguration(host: "127.0.0.1", port: port, password: password, database: database)
    // Decisions are tested, not their speed: on a busy machine a reply may take a while.
    configuration.timing.reply = .seconds(20)
    configuration.timing.greeting = .seconds(20)
    return (program, configuration)
}

/// Two replicas that share: in memory one state that both use, since there is only one process then; else a Redis and a
/// client each.
func withReplicas(
    _ conformer: Conformer, _ policies: [RatePolicy] = [], _ body: (Replica, Replica) async throws -> Void
) async throws {
    let group = TestLoops.group
    guard conformer == .redis else {
        let state = InMemorySharedState(policies: policies, now: { EventLoop.nanoseconds() })
        try await body(
            Replica(state: state, loop: group.loops[0], news: News()),
            Replica(state: state, loop: group.loops[1], news: News()))
        return
    }
    let (program, configuration) = try startRedis(password: "pass-word", database: 3)
    var clients: [RedisSharedState] = []
    var replicas: [Replica] = []
    for loop in group.loops {
        let log = InMemoryLogSink()
        let health = RedisHealth(
            links: group.loops.count + 1, factory: PrometheusRegistry(),
            logger: Logger(label: "redis", handler: JSONLogHandler(sink: log, level: .info, now: { 0 })),
            now: { EventLoop.nanoseconds() })
        let news = News()
        let state = await RedisSharedState.start(
            configuration, group: group, tls: nil, policies: policies, health: health, observer: { news.add($0) })
        clients.append(state)
        replicas.append(Replica(state: state, loop: loop, news: news))
        await becomesTrue { health.isUp }
        #expect(health.isUp, "\(log.lines)")
    }
    let result: Result<Void, any Error>
    do { result = .success(try await body(replicas[0], replicas[1])) } catch { result = .failure(error) }
    for client in clients { await client.shutdown() }
    withExtendedLifetime(program) {}
    try result.get()
}

/// Waits for it, at most half a minute.
func becomesTrue(_ condition: () async -> Bool) async {
    let end = ContinuousClock.now + .seconds(120)
    while ContinuousClock.now < end {
        if await condition() { return }
        try? await Task.sleep(for: .milliseconds(5))
    }
}
