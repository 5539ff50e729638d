/// Lines for people: time, level, logger, message, then `key=value`.
package struct TextLogHandler: LogHandler {
    package var logLevel: Logger.Level
    package var metadata: Logger.Metadata = [:]
    package var metadataProvider: Logger.MetadataProvider?
    private let sink: any LogSink
    private let usesColour: Bool
    private let redaction: Redaction
    private let now: @Sendable () -> Int

    /// - Parameters:
    ///   - usesColour: only for a terminal.
    ///   - secretKeys: metadata keys, in lower case, whose values are secrets of the program.
    ///   - now: nanoseconds since 1970-01-01T00:00:00Z.
    package init(
        sink: any LogSink, level: Logger.Level, usesColour: Bool, secretKeys: Set<String> = [],
        now: @escaping @Sendable () -> Int
    ) {
        self.sink = sink
        redaction = Redaction(secretKeys)
        logLevel = level
        self.usesColour = usesColour
        self.now = now
    }

    package func log(event: LogEvent) {
        var line: [UInt8] = []
        Timestamp.append(now(), to: &line)
        let level = event.level.rawValue.uppercased()
        let padded = level + String(repeating: " ", count: max(0, 8 - level.count))
        line.append(contentsOf: " \(colour(event.level))\(padded)\(usesColour ? "\u{1B}[0m" : "") ".utf8)
        line.append(contentsOf: "\(event.label): \(Self.visible(event.message))".utf8)
        for (key, value) in allMetadata(of: event) {
            let text = redaction.covers(key) ? Redaction.replacement : Self.text(value)
            line.append(contentsOf: " \(key)=\(Self.visible(text))".utf8)
        }
        line.append(0x0A)
        sink.write(line)
    }

    private func colour(_ level: Logger.Level) -> String {
        guard usesColour else { return "" }
        return switch level {
        case .trace, .debug: "\u{1B}[2m"
        case .info, .notice: "\u{1B}[32m"
        case .warning: "\u{1B}[33m"
        case .error, .critical: "\u{1B}[31m"
        }
    }

    private static func text(_ value: MetadataValue) -> String {
        switch value {
        case .string(let text): text
        case .integer(let number): String(number)
        case .double(let number): "\(number)"
        case .array(let values): "[" + values.map(text).joined(separator: ", ") + "]"
        }
    }

    /// Controls would move a terminal's cursor or forge a line.
    private static func visible(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                text.unicodeScalars.map { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) ? "\u{FFFD}" : $0 }))
    }
}
