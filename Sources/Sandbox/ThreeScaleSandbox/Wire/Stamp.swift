import Bytes

/// ISO 8601 with whole seconds in the tenant's time zone.
enum Stamp {
    /// - Parameter offset: seconds east of UTC.
    static func format(_ seconds: Int, offset: Int) -> String {
        let local = CivilTime(seconds + offset)
        let time = "\(local.date)T\(local.time)"
        if offset == 0 { return time + "Z" }
        let minutes = abs(offset) / 60
        return time + (offset < 0 ? "-" : "+") + "\(CivilTime.digits(minutes / 60)):\(CivilTime.digits(minutes % 60))"
    }

    /// `2026-03-02 09:15:00 UTC`.
    static func spaced(_ seconds: Int) -> String {
        let civil = CivilTime(seconds)
        return "\(civil.date) \(civil.time) UTC"
    }
}
