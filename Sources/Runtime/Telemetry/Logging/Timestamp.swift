import Bytes
import Synchronization

/// ISO 8601 in UTC with milliseconds: `2026-03-02T09:15:00.123Z`.
enum Timestamp {
    private struct Second: Sendable {
        var number = -1
        var text: [UInt8] = []
    }

    /// The text of the last second that was asked for: lines come in bursts.
    private static let last = Mutex(Second())

    /// - Parameter nanoseconds: since 1970-01-01T00:00:00Z, at least 0.
    static func append(_ nanoseconds: Int, to line: inout [UInt8]) {
        let number = nanoseconds / 1_000_000_000
        let text = last.withLock { second in
            if second.number != number { second = Second(number: number, text: format(number)) }
            return second.text
        }
        line.append(contentsOf: text)
        let milliseconds = nanoseconds / 1_000_000 % 1_000
        line.append(0x2E)
        line.append(UInt8(0x30 + milliseconds / 100))
        line.append(UInt8(0x30 + milliseconds / 10 % 10))
        line.append(UInt8(0x30 + milliseconds % 10))
        line.append(0x5A)
    }

    private static func format(_ seconds: Int) -> [UInt8] {
        let civil = CivilTime(seconds)
        return Array("\(civil.date)T\(civil.time)".utf8)
    }
}
