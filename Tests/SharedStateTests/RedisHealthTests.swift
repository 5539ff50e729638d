import Redis
import SharedState
import Synchronization
import Telemetry
import Testing

@Suite("What the log says of Redis")
struct RedisHealthTests {
    @Test("is the address and the cause when it first fails, each new cause once, and when it is well again")
    func lines() {
        let sink = InMemoryLogSink()
        let time = Mutex<UInt64>(0)
        let health = RedisHealth(
            links: 1, address: "redis.example.com:6379", factory: PrometheusRegistry(),
            logger: Logger(label: "redis", handler: JSONLogHandler(sink: sink, level: .info, now: { 0 })),
            now: { time.withLock { $0 } })
        for _ in 0..<50 {
            health.note(.disconnected("closed by the peer"))
            health.note(.timeout)
        }
        health.note(.link("commands-0", .up))
        time.withLock { $0 += 6_000_000_000 }
        health.evaluate()
        health.note(.timeout)
        let lines = sink.lines
        #expect(lines.count == 4)
        #expect(lines.allSatisfy { $0.contains("redis is well again") || $0.contains("redis.example.com:6379") })
        #expect(lines[0].contains("redis is in trouble") && lines[0].contains("closed by the peer"))
        #expect(lines[1].contains("redis fails for another reason") && lines[1].contains("no reply in time"))
        #expect(lines[0].contains("REDIS_URL") && lines[1].contains("REDIS_TIMEOUT"))
        #expect(lines[2].contains("redis is well again") && lines[3].contains("redis is in trouble"))
    }
}
