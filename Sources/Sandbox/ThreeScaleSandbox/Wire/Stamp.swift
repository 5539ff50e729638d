import HTTP

/// ISO 8601 with whole seconds in the tenant's time zone.
enum Stamp {
    /// - Parameter offset: seconds east of UTC.
    static func format(_ seconds: Int, offset: Int) -> String {
        let local = seconds + offset
        let (year, month, day) = HTTPDate.civil(local / 86_400)
        let second = local % 86_400
        let time =
            "\(year)-\(pad(month))-\(pad(day))T\(pad(second / 3_600)):\(pad(second / 60 % 60)):\(pad(second % 60))"
        if offset == 0 { return time + "Z" }
        let minutes = abs(offset) / 60
        return time + (offset < 0 ? "-" : "+") + "\(pad(minutes / 60)):\(pad(minutes % 60))"
    }

    /// `2026-03-02 09:15:00 UTC`.
    static func spaced(_ seconds: Int) -> String {
        let text = format(seconds, offset: 0)
        return "\(text.prefix(10)) \(text.dropFirst(11).dropLast()) UTC"
    }

    private static func pad(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
}
