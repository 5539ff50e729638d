/// One JSON object a line: `timestamp`, `level`, `logger`, `message`, then the metadata by key.
package struct JSONLogHandler: LogHandler {
    /// Longer text is cut, so that no peer can fill a disk with one line.
    private static let textBytesMax = 8 * 1024

    package var logLevel: Logger.Level
    package var metadata: Logger.Metadata = [:]
    package var metadataProvider: Logger.MetadataProvider?
    private let sink: any LogSink
    private let redaction: Redaction
    private let now: @Sendable () -> Int

    /// - Parameters:
    ///   - secretKeys: metadata keys, in lower case, whose values are secrets of the program.
    ///   - now: nanoseconds since 1970-01-01T00:00:00Z.
    package init(
        sink: any LogSink, level: Logger.Level, secretKeys: Set<String> = [], now: @escaping @Sendable () -> Int
    ) {
        self.sink = sink
        redaction = Redaction(secretKeys)
        logLevel = level
        self.now = now
    }

    package func log(event: LogEvent) {
        var line: [UInt8] = []
        line.reserveCapacity(256)
        line.append(contentsOf: #"{"timestamp":""#.utf8)
        Timestamp.append(now(), to: &line)
        line.append(contentsOf: #"","level":""#.utf8)
        line.append(contentsOf: event.level.rawValue.utf8)
        line.append(contentsOf: #"","logger":"#.utf8)
        Self.append(text: event.label, to: &line)
        line.append(contentsOf: #","message":"#.utf8)
        Self.append(text: event.message, to: &line)
        for (key, value) in allMetadata(of: event) {
            line.append(0x2C)
            Self.append(text: key, to: &line)
            line.append(0x3A)
            Self.append(redaction.covers(key) ? .string(Redaction.replacement) : value, to: &line)
        }
        line.append(contentsOf: "}\n".utf8)
        sink.write(line)
    }

    private static func append(_ value: MetadataValue, to line: inout [UInt8]) {
        switch value {
        case .string(let text): append(text: text, to: &line)
        case .integer(let number): line.append(contentsOf: String(number).utf8)
        case .double(let number) where number.isFinite: line.append(contentsOf: "\(number)".utf8)
        case .double(let number): append(text: "\(number)", to: &line)
        case .array(let values):
            line.append(0x5B)
            for (index, value) in values.enumerated() {
                if index > 0 { line.append(0x2C) }
                append(value, to: &line)
            }
            line.append(0x5D)
        }
    }

    /// A JSON string (RFC 8259 §7) with every control character escaped, so that a line stays one line.
    private static func append(text: String, to line: inout [UInt8]) {
        line.append(0x22)
        var written = 0
        for scalar in text.unicodeScalars {
            guard written < textBytesMax else {
                line.append(contentsOf: "…".utf8)
                break
            }
            switch scalar.value {
            case 0x22: line.append(contentsOf: #"\""#.utf8)
            case 0x5C: line.append(contentsOf: #"\\"#.utf8)
            case 0x0A: line.append(contentsOf: #"\n"#.utf8)
            case 0x0D: line.append(contentsOf: #"\r"#.utf8)
            case 0x09: line.append(contentsOf: #"\t"#.utf8)
            case 0..<0x20, 0x7F...0x9F, 0x2028, 0x2029:
                let hex = String(scalar.value, radix: 16)
                line.append(contentsOf: #"\u"#.utf8)
                line.append(contentsOf: String(repeating: "0", count: 4 - hex.count).utf8)
                line.append(contentsOf: hex.utf8)
            default: line.append(contentsOf: UTF8.encode(scalar)!)
            }
            written += 1
        }
        line.append(0x22)
    }
}
