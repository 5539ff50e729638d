import Bytes
import HelperCore
import Testing

@Suite("Times of usage")
struct UsagePeriodTests {
    /// 2026-11-29T10:20:30Z.
    private static let now = 1_795_947_630

    @Test("Without times the last steps are asked for, the one under way included")
    func standard() throws {
        let day = 86_400
        let hours = try UsagePeriod(.hour, since: nil, until: nil, now: Self.now)
        #expect(hours.starts.count == 24 && hours.end == Self.now / 3_600 * 3_600 + 3_600)
        let days = try UsagePeriod(.day, since: nil, until: nil, now: Self.now)
        #expect(days.starts.count == 30 && days.end == (Self.now / day + 1) * day && days.since == days.end - 30 * day)
        let months = try UsagePeriod(.month, since: nil, until: nil, now: Self.now)
        #expect(months.starts.count == 12 && months.since == CivilTime.seconds(year: 2025, month: 12, day: 1))
        #expect(months.end == CivilTime.seconds(year: 2026, month: 12, day: 1))
        #expect(months.starts[2] == CivilTime.seconds(year: 2026, month: 2, day: 1))
    }

    @Test("A time is widened outwards, and its end does not count")
    func widening() throws {
        let hour = 3_600
        let whole = try UsagePeriod(.hour, since: 1_000 * hour * 300, until: 1_000 * hour * 300 + 2 * hour, now: 0)
        #expect(whole.starts.count == 2)
        let wide = try UsagePeriod(.hour, since: 300_000 * hour + 1, until: 300_000 * hour + hour + 1, now: 0)
        #expect(wide.starts == [300_000 * hour, 300_001 * hour] && wide.end == 300_002 * hour)
        // Two times within one step are one question, and so one entry of a cache.
        #expect(try UsagePeriod(.hour, since: 300_000 * hour, until: 300_001 * hour + 5, now: 0) == wide)
    }

    @Test("What 3scale refuses is refused by name")
    func caps() throws {
        let day = 86_400
        let start = 12_000 * day
        for (granularity, days) in [(UsagePeriod.Granularity.hour, 90), (.day, 365)] {
            #expect(throws: Never.self) {
                try UsagePeriod(granularity, since: start, until: start + days * day, now: 0)
            }
            #expect(throws: UsagePeriod.Problem.self) {
                try UsagePeriod(granularity, since: start, until: start + days * day + 1, now: 0)
            }
        }
        let january = CivilTime.seconds(year: 2010, month: 1, day: 1)
        #expect(try UsagePeriod(.month, since: january, until: january + 3_652 * day, now: 0).starts.count == 120)
        #expect(throws: UsagePeriod.Problem.self) {
            try UsagePeriod(.month, since: january, until: january + 3_653 * day, now: 0)
        }
        #expect(throws: UsagePeriod.Problem(field: "since", issue: "must be before until")) {
            try UsagePeriod(.day, since: start, until: start, now: 0)
        }
        #expect(throws: UsagePeriod.Problem.self) {
            try UsagePeriod(.day, since: Self.now + 1, until: nil, now: Self.now)
        }
    }

    @Test("Times at the ends of what is taken do not trap", arguments: UsagePeriod.Granularity.allCases)
    func ends(_ granularity: UsagePeriod.Granularity) throws {
        let times = UsagePeriod.times
        #expect(throws: UsagePeriod.Problem.self) {
            try UsagePeriod(granularity, since: times.lowerBound, until: times.upperBound, now: 0)
        }
        _ = try UsagePeriod(granularity, since: nil, until: times.upperBound, now: 0)
        _ = try UsagePeriod(granularity, since: nil, until: times.lowerBound, now: 0)
    }
}
