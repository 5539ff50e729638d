import Bytes

/// A range of local time in whole steps, as the analytics calls understand it.
struct UsagePeriod {
    /// `year`, `month`, `week` or `day`; nil where a range was given.
    let name: String?
    let granularity: Granularity
    let zone: Zone
    /// Starts of the steps, and the end of the last: seconds since 1970-01-01T00:00:00Z.
    let bounds: [Int]

    enum Granularity: Equatable {
        case month, day, sixHours, hour

        init?(_ text: String) {
            switch text {
            case "month": self = .month
            case "day": self = .day
            case "hour": self = .hour
            case "21600": self = .sixHours
            default: return nil
            }
        }

        var name: String {
            switch self {
            case .month: "month"
            case .day: "day"
            case .sixHours: "21600"
            case .hour: "hour"
            }
        }

        /// The longest range: seconds, and its name in the refusal.
        var longest: (seconds: Int, name: String) {
            switch self {
            case .month: (3_653 * 86_400, "10 years")
            case .day: (366 * 86_400, "1 year")
            case .sixHours: (184 * 86_400, "6 months")
            case .hour: (90 * 86_400, "90 days")
            }
        }
    }

    static let granularities: [String: Granularity] = ["day": .hour, "week": .sixHours, "month": .day, "year": .month]

    /// Widens a range outwards to whole steps.
    /// - Parameters:
    ///   - since: local seconds.
    ///   - until: local seconds; the step that holds this second is the last.
    init(name: String?, granularity: Granularity, zone: Zone, since: Int, until: Int) {
        self.name = name
        self.granularity = granularity
        self.zone = zone
        var bounds = [Self.start(of: granularity, since)]
        while bounds[bounds.count - 1] <= until {
            bounds.append(Self.next(granularity, after: bounds[bounds.count - 1]))
        }
        self.bounds = bounds.map { $0 - zone.offset(atLocal: $0) }
    }

    var steps: [Range<Int>] { zip(bounds, bounds.dropFirst()).map { $0..<$1 } }
    var since: Int { bounds[0] }
    /// The last second.
    var until: Int { bounds[bounds.count - 1] - 1 }

    /// The same number of steps before this period.
    var previous: Range<Int> { since - (until + 1 - since)..<since }

    /// The period of a usage limit that is under way: seconds, from its start to the start of the next.
    static func current(_ period: String, now: Int) -> Range<Int> {
        switch period {
        case "minute": return now - now % 60..<now - now % 60 + 60
        case "week":
            // 1970-01-01 was a Thursday; weeks begin on Mondays.
            let start = now - now % 86_400 - (now / 86_400 + 3) % 7 * 86_400
            return start..<start + 7 * 86_400
        case "year":
            let year = CivilTime(now).year
            return seconds(year, 1, 1)..<seconds(year + 1, 1, 1)
        case "eternity": return 0..<Int.max
        default:
            let granularity: Granularity = period == "month" ? .month : period == "day" ? .day : .hour
            let start = start(of: granularity, now)
            return start..<next(granularity, after: start)
        }
    }

    private static func start(of granularity: Granularity, _ local: Int) -> Int {
        switch granularity {
        case .hour: local - local % 3_600
        case .sixHours: local - local % 21_600
        case .day: local - local % 86_400
        case .month: local - local % 86_400 - (CivilTime(local).day - 1) * 86_400
        }
    }

    private static func next(_ granularity: Granularity, after start: Int) -> Int {
        switch granularity {
        case .hour: start + 3_600
        case .sixHours: start + 21_600
        case .day: start + 86_400
        // Noon of the 32nd day is in the next month.
        case .month: Self.start(of: .month, start + 31 * 86_400 + 43_200)
        }
    }

    /// The same time of day, some days, months or years away.
    static func moved(_ local: Int, by period: String, _ direction: Int) -> Int {
        switch period {
        case "day": return local + direction * 86_400
        case "week": return local + direction * 7 * 86_400
        default: break
        }
        let civil = CivilTime(local)
        let months = civil.year * 12 + civil.month - 1 + direction * (period == "year" ? 12 : 1)
        let first = seconds(months / 12, months % 12 + 1, 1)
        let last = CivilTime(next(.month, after: first) - 1).day
        return first + (min(civil.day, last) - 1) * 86_400 + local % 86_400
    }

    /// `YYYY-MM-DD`, and perhaps ` HH:MM:SS`, as local seconds.
    static func parse(_ text: String) -> Int? {
        let numbers = text.split { " -:T".contains($0) }.map { Int($0) }
        guard [3, 5, 6].contains(numbers.count), let year = numbers[0], let month = numbers[1], let day = numbers[2],
            (1970...9999).contains(year), (1...12).contains(month), (1...31).contains(day)
        else { return nil }
        let time = numbers.dropFirst(3).map { $0 ?? -1 }
        guard !time.contains(where: { !(0...59).contains($0) }) else { return nil }
        let parts = time + Array(repeating: 0, count: 3 - time.count)
        return seconds(year, month, day) + parts[0] * 3_600 + parts[1] * 60 + parts[2]
    }

    private static func seconds(_ year: Int, _ month: Int, _ day: Int) -> Int {
        CivilTime.seconds(year: year, month: month, day: day)
    }
}
