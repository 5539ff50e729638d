import Synchronization

/// Counts the lines of each kind and cause in the running second. A kind is a logger, a level, a message and, where the line
/// has one, the error's `code`: fixed strings all, so that there are few kinds. The cause is the text of the first cause key, so
/// that a frequent cause does not suppress the lines of a rare one.
package final class LogPacer: Sendable {
    /// Lines of one cause in one second.
    package struct Limits: Sendable {
        /// At info and above.
        package var lines = 20
        /// Below info: asked for by an operator who looks for something.
        package var detailLines = 1_000
        /// Kinds that are counted apart. Should a message hold a changing text against the rules, the kinds beyond share one count
        /// for each logger.
        package var kinds = 512
        /// Causes of one kind that are counted apart. Those beyond share one count, since their text may be a stranger's.
        package var causes = 8

        package init() {}
    }

    private struct Kind: Hashable, Sendable {
        let label: String
        let level: Logger.Level
        let message: String
        let code: String?
    }

    private enum Cause: Hashable, Sendable {
        case none
        /// The beginning of the text.
        case text(key: String, String)
        /// Beyond those that are counted apart.
        case other

        private static let bytesMax = 256

        init(_ event: LogEvent, keys: [String]) {
            for key in keys {
                guard case .string(let text)? = event.metadata?[key] else { continue }
                self = .text(key: key, String(decoding: text.utf8.prefix(Self.bytesMax), as: UTF8.self))
                return
            }
            self = .none
        }
    }

    private struct Count: Sendable {
        var second: UInt64
        var lines = 0
        var suppressed = 0
    }

    private static let otherMessage = "other lines"
    private static let otherCauses = "other causes"

    private let limits: Limits
    private let causeKeys: [String]
    private let counts = Mutex<[Kind: [Cause: Count]]>([:])
    private let now: @Sendable () -> UInt64

    /// - Parameters:
    ///   - causeKeys: metadata keys whose texts tell causes apart; the first that a line has counts.
    ///   - now: nanoseconds from any start, never going back.
    package init(
        limits: Limits = Limits(), causeKeys: [String] = [LogKey.error], now: @escaping @Sendable () -> UInt64
    ) {
        self.limits = limits
        self.causeKeys = causeKeys
        self.now = now
    }

    /// Whether the event's line is to be written; counts it either way.
    func admits(_ event: LogEvent) -> Bool {
        var code: String?
        if case .string(let text)? = event.metadata?[LogKey.code] { code = text }
        let kind = Kind(label: event.label, level: event.level, message: event.message, code: code)
        let cause = Cause(event, keys: causeKeys)
        let most = event.level >= .info ? limits.lines : limits.detailLines
        let second = now() / 1_000_000_000
        return counts.withLock { counts in
            let isCounted = counts.count < limits.kinds || counts[kind] != nil
            let kind =
                isCounted
                ? kind : Kind(label: event.label, level: event.level, message: Self.otherMessage, code: nil)
            var causes = counts[kind] ?? [:]
            let isTold = causes.count < limits.causes || causes[cause] != nil
            let key = isTold && isCounted ? cause : .other
            var count = causes[key] ?? Count(second: second)
            if count.second != second {
                count.second = second
                count.lines = 0
            }
            count.lines += 1
            let isAdmitted = count.lines <= most
            if !isAdmitted { count.suppressed += 1 }
            causes[key] = count
            counts[kind] = causes
            return isAdmitted
        }
    }

    /// What was left out, as events of their kinds.
    /// - Parameter isLast: includes the running second.
    func takeSums(isLast: Bool) -> [LogEvent] {
        let second = now() / 1_000_000_000
        return counts.withLock { counts in
            var sums: [LogEvent] = []
            for (kind, causes) in counts {
                // What was quiet for a while makes room.
                let running = isLast ? [:] : causes.filter { $0.value.second == second }
                counts[kind] = running.isEmpty ? nil : running
                for (cause, count) in causes where running[cause] == nil && count.suppressed > 0 {
                    sums.append(Self.sum(kind, cause, count.suppressed))
                }
            }
            return sums
        }
    }

    private static func sum(_ kind: Kind, _ cause: Cause, _ suppressed: Int) -> LogEvent {
        var metadata: Logger.Metadata = [LogKey.suppressed: .integer(suppressed)]
        if let code = kind.code { metadata[LogKey.code] = .string(code) }
        switch cause {
        case .none: break
        case .text(let key, let text): metadata[key] = .string(text)
        case .other: metadata[LogKey.error] = .string(otherCauses)
        }
        return LogEvent(level: kind.level, label: kind.label, message: kind.message, metadata: metadata)
    }
}
