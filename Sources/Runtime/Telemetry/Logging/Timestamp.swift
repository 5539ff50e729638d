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
        let (year, month, day) = civil(seconds / 86_400)
        let second = seconds % 86_400
        return Array(
            "\(pad(year, 4))-\(pad(month))-\(pad(day))T\(pad(second / 3_600)):\(pad(second / 60 % 60)):\(pad(second % 60))"
                .utf8)
    }

    /// The Gregorian date of a day count since 1970-01-01, counted in years that start in March.
    private static func civil(_ days: Int) -> (Int, Int, Int) {
        let shifted = days + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * marchMonth + 2) / 5 + 1)
    }

    private static func pad(_ number: Int, _ width: Int = 2) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, width - text.count)) + text
    }
}
