import Synchronization
import Telemetry
import Testing

@Suite("Lines of one kind in one second")
struct LogPacerTests {
    private final class Clock: Sendable {
        private let time = Mutex<UInt64>(5_000_000_000)
        func advance(seconds: UInt64) { time.withLock { $0 += seconds * 1_000_000_000 } }
        var now: UInt64 { time.withLock { $0 } }
    }

    private let sink = InMemoryLogSink()
    private let clock = Clock()

    private func handler(_ change: (inout LogPacer.Limits) -> Void = { _ in }) -> PacedLogHandler {
        var limits = LogPacer.Limits()
        limits.lines = 3
        limits.detailLines = 5
        change(&limits)
        return PacedLogHandler(
            JSONLogHandler(sink: sink, level: .debug, now: { 0 }),
            pacer: LogPacer(limits: limits) { [clock] in clock.now })
    }

    private func count(_ text: String) -> Int { sink.lines.count { $0.contains(text) } }

    @Test("are bounded, and what is left out is summed up when the second is over")
    func bounded() {
        let handler = handler()
        let logger = Logger(label: "api", handler: handler)
        for number in 0..<100 { logger.info("a token was refused", metadata: ["request_id": .integer(number)]) }
        handler.summarise()
        #expect(sink.lines.count == 3)
        clock.advance(seconds: 1)
        handler.summarise()
        handler.summarise()
        #expect(sink.lines.count == 4)
        #expect(
            sink.lines.last?.hasSuffix(
                #""level":"info","logger":"api","message":"a token was refused","suppressed":97}"#) == true)
        for _ in 0..<4 { logger.info("a token was refused") }
        #expect(sink.lines.count == 7)
    }

    @Test("do not take the room of other kinds: another logger, level, message or code")
    func kinds() {
        let logger = Logger(label: "api", handler: handler())
        for _ in 0..<50 { logger.error("a request failed", metadata: ["code": "UPSTREAM_UNAVAILABLE"]) }
        logger.error("a request failed", metadata: ["code": "INTERNAL_ERROR"])
        logger.info("a request failed")
        logger.info("listening")
        logger.labelled("other").error("a request failed", metadata: ["code": "UPSTREAM_UNAVAILABLE"])
        #expect(sink.lines.count == 7 && count("INTERNAL_ERROR") == 1)
    }

    @Test("are summed up at the end of the process though the second is not over")
    func last() {
        let handler = handler()
        let logger = Logger(label: "api", handler: handler)
        for _ in 0..<10 { logger.info("listening") }
        handler.summariseAll()
        #expect(count(#""suppressed":7"#) == 1)
    }

    @Test("may be more below info, and a bounded number all the same")
    func detail() {
        let logger = Logger(label: "api", handler: handler())
        for _ in 0..<10 { logger.debug("request") }
        #expect(sink.lines.count == 5)
    }

    @Test("of too many kinds share one count, so that memory is bounded")
    func manyKinds() {
        let logger = Logger(label: "api", handler: handler { $0.kinds = 10 })
        for number in 0..<1_000 { logger.info("message \(number)") }
        #expect(sink.lines.count <= 13)
    }

    @Test("of one cause do not take the room of another cause under the same message and code")
    func causes() {
        let handler = handler()
        let logger = Logger(label: "api", handler: handler)
        for _ in 0..<50 {
            logger.error("a request failed", metadata: ["code": "UPSTREAM_UNAVAILABLE", "error": "connect refused"])
        }
        logger.error("a request failed", metadata: ["code": "UPSTREAM_UNAVAILABLE", "error": "breaker open"])
        #expect(count("connect refused") == 3 && count("breaker open") == 1)
        clock.advance(seconds: 1)
        handler.summarise()
        #expect(count(#""code":"UPSTREAM_UNAVAILABLE","error":"connect refused","suppressed":47"#) == 1)
    }

    @Test("of more causes than are counted apart share one count, since the text may be a stranger's")
    func manyCauses() {
        let handler = handler { $0.causes = 4 }
        let logger = Logger(label: "api", handler: handler)
        for number in 0..<1_000 {
            logger.info("a token was refused", metadata: ["error": .string("key \(number) is unknown")])
        }
        #expect(sink.lines.count == 4 + 3)
        handler.summariseAll()
        #expect(count(#""error":"other causes","suppressed":993"#) == 1)
    }
}
