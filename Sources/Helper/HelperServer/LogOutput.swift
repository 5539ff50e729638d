import EventLoop
import HelperCore
package import Telemetry

/// Where the process's lines go: ordinary ones paced and droppable, audit lines in a queue of their own.
package struct LogOutput: Sendable {
    package let logger: Logger
    /// Labelled `audit`; its lines are reserved.
    let audit: Logger
    let auditQueue: (any AuditQueue)?
    /// How many ordinary lines were dropped so far.
    let droppedLines: @Sendable () -> Int
    /// How many audit lines wait to be written.
    let waitingAuditLines: @Sendable () -> Int
    private let paced: PacedLogHandler?

    /// Every line to one logger, which never makes a caller wait: for programs that serve no requests.
    package init(_ logger: Logger) {
        self.logger = logger
        audit = logger.labelled("audit")
        auditQueue = nil
        droppedLines = { 0 }
        waitingAuditLines = { 0 }
        paced = nil
    }

    /// Puts lines into the form that the operator chose.
    static func handler(_ format: Settings.LogFormat, _ level: Logger.Level, sink: any LogSink) -> any LogHandler {
        let now: @Sendable () -> Int = { wallClockNanoseconds() }
        var handler: any LogHandler =
            switch format {
            case .json: JSONLogHandler(sink: sink, level: level, secretKeys: LogKey.secrets, now: now)
            case .text:
                TextLogHandler(
                    sink: sink, level: level, usesColour: StandardStreams.outputIsTerminal,
                    secretKeys: LogKey.secrets, now: now)
            }
        handler.metadataProvider = .serviceContext
        return handler
    }

    /// - Parameter handler: makes the handler that writes lines into a sink.
    init(writer: LineWriter, handler: (any LogSink) -> any LogHandler) {
        let paced = PacedLogHandler(
            handler(WriterSink(writer: writer)), pacer: LogPacer(causeKeys: LogKey.causes) { EventLoop.nanoseconds() })
        self.paced = paced
        logger = Logger(label: "mlaas", handler: paced)
        var audit = Logger(label: "audit", handler: handler(AuditSink(writer: writer)))
        // LOG_LEVEL is no way to turn the trail off.
        audit.logLevel = min(audit.logLevel, .info)
        self.audit = audit
        auditQueue = AuditSink(writer: writer)
        droppedLines = { writer.droppedLines }
        waitingAuditLines = { writer.reservedLinesLeft }
    }

    /// Sums up every second what was left out, until `sleep` says that it is over.
    /// - Parameter summarise: writes other summaries that are due.
    func run(sleep: @Sendable (Duration) async -> Bool, summarise: @Sendable () -> Void) async {
        while await sleep(.seconds(1)) {
            paced?.summarise()
            summarise()
        }
    }

    /// Sums up what was left out so far.
    func finish() { paced?.summariseAll() }
}

/// Log lines to the writer's thread.
private struct WriterSink: LogSink {
    let writer: LineWriter

    func write(_ line: [UInt8]) { writer.write(line) }
}

/// Audit lines to the writer's thread, none dropped.
private struct AuditSink: LogSink, AuditQueue {
    let writer: LineWriter

    func write(_ line: [UInt8]) { writer.writeReserved(line) }
    var hasRoom: Bool { writer.hasReservedRoom }

    func reserve(for owner: OwnerMark) throws(AuditTrail.NoRoom) {
        switch writer.reserve(for: owner.description) {
        case .made: break
        case .linesWait: throw .linesWait
        case .actsHoldAll: throw .actsHoldAll
        }
    }

    func release(for owner: OwnerMark) { writer.release(for: owner.description) }
}
