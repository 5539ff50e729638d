import Synchronization

/// Counts the lines of each kind in the running second. A kind is a logger, a level, a message and, where the line has one,
/// the error's `code`: fixed strings all, so that there are few kinds.
package final class LogPacer: Sendable {
    /// Lines of one kind in one second.
    package struct Limits: Sendable {
        /// At info and above.
        package var lines = 20
        /// Below info: asked for by an operator who looks for something.
        package var detailLines = 1_000
        /// Kinds that are told apart. Should a message hold a changing text against the rules, the kinds beyond share one count
        /// for each logger.
        package var kinds = 512

        package init() {}
    }

    private struct Kind: Hashable, Sendable {
        let label: String
        let level: Logger.Level
        let message: String
        let code: String?
    }

    private struct Count: Sendable {
        var second: UInt64
        var lines = 0
        var suppressed = 0
    }

    private static let otherMessage = "other lines"

    private let limits: Limits
    private let counts = Mutex<[Kind: Count]>([:])
    private let now: @Sendable () -> UInt64

    /// - Parameter now: nanoseconds from any start, never going back.
    package init(limits: Limits = Limits(), now: @escaping @Sendable () -> UInt64) {
        self.limits = limits
        self.now = now
    }

    /// Whether the event's line is to be written; counts it either way.
    func admits(_ event: LogEvent) -> Bool {
        var code: String?
        if case .string(let text)? = event.metadata?[LogKey.code] { code = text }
        let kind = Kind(label: event.label, level: event.level, message: event.message, code: code)
        let most = event.level >= .info ? limits.lines : limits.detailLines
        let second = now() / 1_000_000_000
        return counts.withLock { counts in
            var kind = kind
            if counts.count >= limits.kinds, counts[kind] == nil {
                kind = Kind(label: event.label, level: event.level, message: Self.otherMessage, code: nil)
            }
            var count = counts[kind] ?? Count(second: second)
            if count.second != second {
                count.second = second
                count.lines = 0
            }
            count.lines += 1
            let isAdmitted = count.lines <= most
            if !isAdmitted { count.suppressed += 1 }
            counts[kind] = count
            return isAdmitted
        }
    }

    /// What was left out, as events of their kinds.
    /// - Parameter isLast: includes the running second.
    func takeSums(isLast: Bool) -> [LogEvent] {
        let second = now() / 1_000_000_000
        return counts.withLock { counts in
            var sums: [LogEvent] = []
            for (kind, count) in counts where isLast || count.second != second {
                // What was quiet for a while makes room.
                counts[kind] = nil
                guard count.suppressed > 0 else { continue }
                var metadata: Logger.Metadata = [LogKey.suppressed: .integer(count.suppressed)]
                if let code = kind.code { metadata[LogKey.code] = .string(code) }
                sums.append(LogEvent(level: kind.level, label: kind.label, message: kind.message, metadata: metadata))
            }
            return sums
        }
    }
}
