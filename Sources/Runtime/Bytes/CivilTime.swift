import Glibc

/// A date of the Gregorian calendar and a time of day in UTC, by the C library's calendar.
package struct CivilTime: Sendable, Equatable {
    package let year: Int
    /// 1...12.
    package let month: Int
    /// 1...31.
    package let day: Int
    package let hour: Int
    package let minute: Int
    package let second: Int
    /// 0 is Sunday.
    package let weekday: Int

    /// - Parameter seconds: since 1970-01-01T00:00:00Z.
    package init(_ seconds: Int) {
        var seconds = seconds
        var parts = unsafe tm()
        unsafe gmtime_r(&seconds, &parts)
        year = unsafe Int(parts.tm_year) + 1_900
        month = unsafe Int(parts.tm_mon) + 1
        day = unsafe Int(parts.tm_mday)
        hour = unsafe Int(parts.tm_hour)
        minute = unsafe Int(parts.tm_min)
        second = unsafe Int(parts.tm_sec)
        weekday = unsafe Int(parts.tm_wday)
    }

    /// The seconds from 1970-01-01T00:00:00Z to a time. A 31st day of a shorter month is in the next one, and so is a 60th
    /// second in the next minute.
    package static func seconds(
        year: Int, month: Int, day: Int, hour: Int = 0, minute: Int = 0, second: Int = 0
    ) -> Int {
        var parts = unsafe tm()
        unsafe parts.tm_year = Int32(clamping: year &- 1_900)
        unsafe parts.tm_mon = Int32(clamping: month &- 1)
        unsafe parts.tm_mday = Int32(clamping: day)
        unsafe parts.tm_hour = Int32(clamping: hour)
        unsafe parts.tm_min = Int32(clamping: minute)
        unsafe parts.tm_sec = Int32(clamping: second)
        return unsafe timegm(&parts)
    }

    /// `2026-03-02`.
    package var date: String { "\(Self.digits(year, 4))-\(Self.digits(month))-\(Self.digits(day))" }

    /// `09:15:00`.
    package var time: String { "\(Self.digits(hour)):\(Self.digits(minute)):\(Self.digits(second))" }

    /// A number with zeros before it.
    package static func digits(_ number: Int, _ width: Int = 2) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, width - text.count)) + text
    }
}
