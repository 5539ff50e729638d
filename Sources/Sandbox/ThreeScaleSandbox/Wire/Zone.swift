import Bytes

/// A time zone, with its summer time by today's rules.
struct Zone: Sendable {
    enum Summer: Sendable {
        case never
        /// From the last Sunday of March to that of October, at 01:00 UTC.
        case european
        /// From the second Sunday of March to the first of November, at 02:00 local time.
        case american
    }

    /// As answers name it.
    let name: String
    /// Seconds east of UTC in winter.
    let standard: Int
    var summer = Summer.never

    /// A zone by the name that Rails has for it, or by its own.
    static func named(_ name: String) -> Zone? { known.first { $0.railsName == name || $0.zone.name == name }?.zone }

    private static let known: [(railsName: String, zone: Zone)] = [
        ("UTC", Zone(name: "Etc/UTC", standard: 0)),
        ("London", Zone(name: "Europe/London", standard: 0, summer: .european)),
        ("Madrid", Zone(name: "Europe/Madrid", standard: 3_600, summer: .european)),
        ("Berlin", Zone(name: "Europe/Berlin", standard: 3_600, summer: .european)),
        ("Paris", Zone(name: "Europe/Paris", standard: 3_600, summer: .european)),
        ("Kolkata", Zone(name: "Asia/Kolkata", standard: 19_800)),
        ("Tokyo", Zone(name: "Asia/Tokyo", standard: 32_400)),
        ("Eastern Time (US & Canada)", Zone(name: "America/New_York", standard: -18_000, summer: .american)),
        ("Pacific Time (US & Canada)", Zone(name: "America/Los_Angeles", standard: -28_800, summer: .american)),
    ]

    /// Seconds east of UTC at a time: seconds since 1970-01-01T00:00:00Z.
    func offset(at seconds: Int) -> Int {
        let year = CivilTime(seconds + standard).year
        let summerTime: Range<Int>
        switch summer {
        case .never: return standard
        case .european:
            let start = Self.sunday(onOrAfter: Self.days(year, 3, 25)) * 86_400 + 3_600
            let end = Self.sunday(onOrAfter: Self.days(year, 10, 25)) * 86_400 + 3_600
            summerTime = start..<end
        case .american:
            let start = Self.sunday(onOrAfter: Self.days(year, 3, 8)) * 86_400 + 7_200 - standard
            let end = Self.sunday(onOrAfter: Self.days(year, 11, 1)) * 86_400 + 3_600 - standard
            summerTime = start..<end
        }
        return summerTime.contains(seconds) ? standard + 3_600 : standard
    }

    /// The same at a local time; of an hour that comes twice, at the first.
    func offset(atLocal seconds: Int) -> Int {
        let inSummer = standard + 3_600
        return offset(at: seconds - inSummer) == inSummer ? inSummer : standard
    }

    /// Days since 1970-01-01.
    private static func days(_ year: Int, _ month: Int, _ day: Int) -> Int {
        CivilTime.seconds(year: year, month: month, day: day) / 86_400
    }

    /// 1970-01-01 was a Thursday.
    private static func sunday(onOrAfter day: Int) -> Int { day + (10 - day % 7) % 7 }
}
