import Bytes

/// The one date format that is sent (RFC 9110 §5.6.7, IMF-fixdate).
package enum HTTPDate {
    private static let weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// `Sun, 06 Nov 1994 08:49:37 GMT` for seconds since 1970-01-01T00:00:00Z, at least 0.
    package static func format(_ seconds: Int) -> String {
        let civil = CivilTime(seconds)
        return "\(weekdays[civil.weekday]), \(CivilTime.digits(civil.day)) \(months[civil.month - 1]) "
            + "\(civil.year) \(civil.time) GMT"
    }

    /// Seconds since 1970-01-01T00:00:00Z of an IMF-fixdate; nil for anything else. The weekday is not looked at.
    package static func seconds(_ text: String) -> Int? {
        let parts = text.split(separator: " ")
        guard parts.count == 6, parts[5] == "GMT", let day = ForeignNumber(parts[1])?.within(1...31),
            let month = months.firstIndex(where: { parts[2] == $0 }),
            let year = ForeignNumber(parts[3])?.within(1970...9999)
        else { return nil }
        let time = parts[4].split(separator: ":", omittingEmptySubsequences: false).compactMap {
            ForeignNumber($0)?.within(0...60)
        }
        guard time.count == 3, time[0] <= 23, time[1] <= 59 else { return nil }
        return CivilTime.seconds(
            year: year, month: month + 1, day: day, hour: time[0], minute: time[1], second: time[2])
    }

    /// `2026-03-02T09:15:03Z` (RFC 3339 §5.6) for seconds since 1970-01-01T00:00:00Z, at least 0.
    package static func timestamp(_ seconds: Int) -> String {
        let civil = CivilTime(seconds)
        return "\(civil.date)T\(civil.time)Z"
    }

    /// Seconds since 1970-01-01T00:00:00Z of a timestamp as in `2026-03-02T09:15:03Z` or `2026-03-02T14:45:03+05:30` (RFC 3339
    /// §5.6, whole seconds); nil for anything else. 3scale writes its times in the zone of its tenant.
    package static func timestampSeconds(_ text: String) -> Int? {
        let bytes = Array(text.utf8)
        guard bytes.count == 20 || bytes.count == 25, bytes[4] == 0x2D, bytes[7] == 0x2D, bytes[10] == 0x54,
            bytes[13] == 0x3A, bytes[16] == 0x3A
        else { return nil }
        func number(_ range: Range<Int>) -> Int? {
            bytes[range].reduce(0) { sum, digit in
                sum.flatMap { (0x30...0x39).contains(digit) ? $0 * 10 + Int(digit - 0x30) : nil }
            }
        }
        guard let year = number(0..<4), let month = number(5..<7), let day = number(8..<10),
            let hour = number(11..<13), let minute = number(14..<16), let second = number(17..<19),
            year >= 1970, (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60, second <= 60
        else { return nil }
        let local = CivilTime.seconds(
            year: year, month: month, day: day, hour: hour, minute: minute, second: second)
        if bytes.count == 20 { return bytes[19] == 0x5A ? local : nil }
        guard bytes[19] == 0x2B || bytes[19] == 0x2D, bytes[22] == 0x3A, let hours = number(20..<22), hours < 24,
            let minutes = number(23..<25), minutes < 60
        else { return nil }
        let offset = hours * 3_600 + minutes * 60
        return bytes[19] == 0x2B ? local - offset : local + offset
    }
}
