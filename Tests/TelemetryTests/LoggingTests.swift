import Foundation
import Telemetry
import Testing

@Suite("Log lines")
struct LoggingTests {
    private func line(_ log: (Logger) -> Void) throws -> [String: Any] {
        let sink = InMemoryLogSink()
        let handler = JSONLogHandler(
            sink: sink, level: .info, secretKeys: ["tenant_key"], now: { 1_772_442_900_123_000_000 })
        log(Logger(label: "test", handler: handler))
        let text = try #require(sink.lines.first)
        #expect(sink.lines.count == 1)
        return try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }

    @Test("are one JSON object with time, level, logger and message")
    func shape() throws {
        let object = try line {
            $0.warning("hello", metadata: ["status": 200, "duration_ms": .double(1.5), "user": "ada"])
        }
        #expect(object["timestamp"] as? String == "2026-03-02T09:15:00.123Z")
        #expect(object["level"] as? String == "warning" && object["logger"] as? String == "test")
        #expect(object["message"] as? String == "hello" && object["status"] as? Int == 200)
        #expect(object["duration_ms"] as? Double == 1.5 && object["user"] as? String == "ada")
    }

    @Test("stay one line whatever is in them", arguments: ["a\nb", "\u{1B}[2J", "\"}\u{0}", "\u{2028}é😀"])
    func oneLine(_ text: String) throws {
        let object = try line { $0.info(text, metadata: ["error": .string(text)]) }
        #expect(object["message"] as? String == text && object["error"] as? String == text)
    }

    @Test(
        "never show what a secret's key holds",
        arguments: ["token", "password", "api_key", "Authorization", "query", "Tenant_Key"])
    func redaction(_ key: String) throws {
        let object = try line { $0.info("x", metadata: [key: "s3cret"]) }
        #expect(object[key] as? String == "<redacted>")
    }

    @Test("cost nothing below the level")
    func levels() {
        let sink = InMemoryLogSink()
        var logger = Logger(label: "test", handler: JSONLogHandler(sink: sink, level: .notice, now: { 0 }))
        var evaluated = 0
        func text() -> String {
            evaluated += 1
            return "x"
        }
        logger.info(text())
        #expect(evaluated == 0 && sink.lines.isEmpty)
        logger.logLevel = .debug
        logger.debug(text())
        #expect(evaluated == 1 && sink.lines.count == 1)
    }

    @Test("for people hold no control characters")
    func text() {
        let sink = InMemoryLogSink()
        let handler = TextLogHandler(sink: sink, level: .info, usesColour: false, now: { 0 })
        Logger(label: "test", handler: handler).error(
            "bad\u{1B}[0m", metadata: ["error": "a\nb", "password": "s3cret"])
        let line = sink.lines[0]
        #expect(line.hasPrefix("1970-01-01T00:00:00.000Z ERROR"))
        #expect(!line.contains("\u{1B}") && !line.contains("\n") && !line.contains("s3cret"))
    }
}
