/// A named source of log lines, spelled as swift-log's so that the package can take its place with an import line. It
/// lacks the parts that we do not call: there is no global bootstrap, the composition root passes handlers in.
package struct Logger: Sendable {
    /// Severity, from the finest to the gravest.
    package enum Level: String, Sendable, CaseIterable, Comparable {
        case trace, debug, info, notice, warning, error, critical

        package static func < (left: Level, right: Level) -> Bool { left.order < right.order }

        private var order: Int {
            switch self {
            case .trace: 0
            case .debug: 1
            case .info: 2
            case .notice: 3
            case .warning: 4
            case .error: 5
            case .critical: 6
            }
        }
    }

    package typealias Metadata = [String: MetadataValue]

    /// Where the lines come from, for example `audit`.
    package let label: String
    private var handler: any LogHandler
    /// The handler's, at hand.
    private var threshold: Level

    package init(label: String, handler: any LogHandler) {
        self.label = label
        self.handler = handler
        threshold = handler.logLevel
    }

    /// Lines below it cost a comparison.
    package var logLevel: Level {
        get { threshold }
        set {
            handler.logLevel = newValue
            threshold = newValue
        }
    }

    /// Goes with every line of this logger.
    package subscript(metadataKey key: String) -> MetadataValue? {
        get { handler.metadata[key] }
        set { handler.metadata[key] = newValue }
    }

    /// The same handler under another label.
    package func labelled(_ label: String) -> Logger { Logger(label: label, handler: handler) }

    package func log(
        level: Level, _ message: @autoclosure () -> String, metadata: @autoclosure () -> Metadata? = nil
    ) {
        guard level >= threshold else { return }
        handler.log(event: LogEvent(level: level, label: label, message: message(), metadata: metadata()))
    }

    package func trace(_ message: @autoclosure () -> String, metadata: @autoclosure () -> Metadata? = nil) {
        log(level: .trace, message(), metadata: metadata())
    }

    package func debug(_ message: @autoclosure () -> String, metadata: @autoclosure () -> Metadata? = nil) {
        log(level: .debug, message(), metadata: metadata())
    }

    package func info(_ message: @autoclosure () -> String, metadata: @autoclosure () -> Metadata? = nil) {
        log(level: .info, message(), metadata: metadata())
    }

    package func notice(_ message: @autoclosure () -> String, metadata: @autoclosure () -> Metadata? = nil) {
        log(level: .notice, message(), metadata: metadata())
    }

    package func warning(_ message: @autoclosure () -> String, metadata: @autoclosure () -> Metadata? = nil) {
        log(level: .warning, message(), metadata: metadata())
    }

    package func error(_ message: @autoclosure () -> String, metadata: @autoclosure () -> Metadata? = nil) {
        log(level: .error, message(), metadata: metadata())
    }

    package func critical(_ message: @autoclosure () -> String, metadata: @autoclosure () -> Metadata? = nil) {
        log(level: .critical, message(), metadata: metadata())
    }
}

/// What a metadata key stands for. Numbers stay numbers in JSON.
package enum MetadataValue: Sendable, Equatable, ExpressibleByStringLiteral, ExpressibleByStringInterpolation,
    ExpressibleByIntegerLiteral
{
    case string(String)
    case integer(Int)
    /// Finite; anything else is written as text.
    case double(Double)
    case array([MetadataValue])

    package init(stringLiteral value: String) { self = .string(value) }
    package init(integerLiteral value: Int) { self = .integer(value) }
}

extension Logger {
    /// Adds to every line what the running task knows, for example which request it works for.
    package struct MetadataProvider: Sendable {
        private let provide: @Sendable () -> Metadata

        package init(_ provide: @escaping @Sendable () -> Metadata) { self.provide = provide }

        package func get() -> Metadata { provide() }
    }
}

/// One line before it is written.
package struct LogEvent: Sendable {
    package let level: Logger.Level
    package let label: String
    package let message: String
    package let metadata: Logger.Metadata?
}

/// Turns events into lines. Conformers must not block and must not log secrets.
package protocol LogHandler: Sendable {
    var logLevel: Logger.Level { get set }
    /// Goes with every event; the provider's value of the same key wins, and an event's own over both.
    var metadata: Logger.Metadata { get set }
    var metadataProvider: Logger.MetadataProvider? { get set }
    func log(event: LogEvent)
}

extension LogHandler {
    /// What stands in an event's line, by key and in the order of keys.
    func allMetadata(of event: LogEvent) -> [(key: String, value: MetadataValue)] {
        var all = metadata
        if let metadataProvider { all.merge(metadataProvider.get()) { $1 } }
        if let own = event.metadata { all.merge(own) { $1 } }
        return all.sorted { $0.key < $1.key }
    }
}

/// Where finished lines go. `write` must not block; it may be called from any thread.
package protocol LogSink: Sendable {
    /// - Parameter line: UTF-8, ends in a line feed.
    func write(_ line: [UInt8])
}
