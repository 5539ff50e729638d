import Bytes

/// A time of which usage is asked, in whole hours, days or months of UTC. Times are seconds since 1970.
package struct UsagePeriod: Sendable, Hashable {
    package enum Granularity: String, Sendable, CaseIterable {
        case hour, day, month

        /// Days of the longest time that 3scale answers.
        package var daysMax: Int {
            switch self {
            case .hour: 90
            case .day: 365
            case .month: 3_652
            }
        }

        /// Steps that end with the one that `until` is in, where the call names no begin.
        var standardSteps: Int {
            switch self {
            case .hour: 24
            case .day: 30
            case .month: 12
            }
        }
    }

    /// Why a time cannot be asked for, in words for the caller.
    package struct Problem: Error, Sendable, Equatable {
        package let field: String
        package let issue: String

        package init(field: String, issue: String) {
            self.field = field
            self.issue = issue
        }
    }

    /// Times that are taken: from 2000 to 9999.
    package static let times = 946_684_800...253_402_300_799

    package let granularity: Granularity
    /// The begins of the steps, ascending; at least one.
    package let starts: [Int]
    /// The end of the last step.
    package let end: Int

    package var since: Int { starts[0] }

    /// Widens a time outwards to whole steps.
    /// - Parameters:
    ///   - since: nil begins a usual time before `until`.
    ///   - until: the first second that does not count any more; nil ends now.
    package init(_ granularity: Granularity, since: Int?, until: Int?, now: Int) throws(Problem) {
        let last = (until ?? now + 1) - 1
        if let since, since > last { throw Problem(field: "since", issue: "must be before until") }
        var start = Self.floor(since ?? last, granularity)
        if since == nil { for _ in 1..<granularity.standardSteps { start = Self.floor(start - 1, granularity) } }
        let end = Self.next(Self.floor(last, granularity), granularity)
        guard end - start <= granularity.daysMax * 86_400 else {
            throw Problem(
                field: "since",
                issue: "must be at most \(granularity.daysMax) days before until by \(granularity.rawValue)")
        }
        var starts: [Int] = []
        while start < end {
            starts.append(start)
            start = Self.next(start, granularity)
        }
        self.granularity = granularity
        self.starts = starts
        self.end = end
    }

    private static func floor(_ time: Int, _ granularity: Granularity) -> Int {
        switch granularity {
        case .hour: return time - time % 3_600
        case .day: return time - time % 86_400
        case .month:
            let date = CivilTime(time)
            return CivilTime.seconds(year: date.year, month: date.month, day: 1)
        }
    }

    /// - Parameter start: the begin of a step.
    private static func next(_ start: Int, _ granularity: Granularity) -> Int {
        switch granularity {
        case .hour: return start + 3_600
        case .day: return start + 86_400
        case .month:
            let date = CivilTime(start)
            return CivilTime.seconds(
                year: date.month == 12 ? date.year + 1 : date.year, month: date.month % 12 + 1, day: 1)
        }
    }
}

/// How an API key was used in a period: every metric of its service, and what its plan allows of each.
package struct KeyUsage: Sendable {
    /// A metric of a service, or a method of one.
    package struct Metric: Sendable, Equatable {
        package let systemName: String
        package let name: String
        package let unit: String?
        /// The system name of the metric that it is a method of.
        package let parent: String?

        package init(systemName: String, name: String, unit: String?, parent: String?) {
            self.systemName = systemName
            self.name = name
            self.unit = unit
            self.parent = parent
        }
    }

    package struct Count: Sendable {
        package let metric: Metric
        /// One for each step of the period.
        package let values: [Int]
        package let limits: [PlanLimit]

        package var total: Int {
            values.reduce(0) { sum, value in
                let (total, overflow) = sum.addingReportingOverflow(value)
                return overflow ? .max : total
            }
        }
    }

    package let period: UsagePeriod
    package let counts: [Count]
    /// When 3scale was asked, in seconds since 1970.
    package let asOf: Int
}
