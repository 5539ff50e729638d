import SandboxSupport

/// What applications have used: counts by application, metric and minute.
struct Traffic: Sendable {
    /// A metric, or a status of the answers that the model gave.
    enum Subject: Hashable, Sendable {
        case metric(Int)
        case responseCode(String)
    }

    private struct Series: Hashable, Sendable {
        let application: Int
        let subject: Subject
    }

    /// When an application was first used: at all, and on the last day with any use.
    struct Days: Sendable {
        var first: Int?
        var firstOfLastDay: Int?
    }

    private var counts: [Series: [Int: Int]] = [:]
    /// The first second with any use by application and day.
    private var firstUses: [Int: [Int: Int]] = [:]

    /// - Parameter seconds: since 1970-01-01T00:00:00Z.
    mutating func add(_ count: Int, _ subject: Subject, application: Int, at seconds: Int) {
        counts[Series(application: application, subject: subject), default: [:]][seconds / 60, default: 0] += count
    }

    /// Marks an application as used at that second.
    mutating func use(application: Int, at seconds: Int) {
        let day = seconds / 86_400
        let known = firstUses[application]?[day]
        if known.map({ $0 > seconds }) ?? true { firstUses[application, default: [:]][day] = seconds }
    }

    /// Returns when an application was used, as far as up to that second.
    func days(of application: Int, until seconds: Int) -> Days {
        let firsts = (firstUses[application] ?? [:]).values.filter { $0 <= seconds }
        return Days(first: firsts.min(), firstOfLastDay: firsts.max())
    }

    /// The calls of some applications in a range of seconds.
    func total(_ subject: Subject, applications: [Int], in range: Range<Int>) -> Int {
        var total = 0
        for application in applications {
            guard let minutes = counts[Series(application: application, subject: subject)] else { continue }
            for (minute, count) in minutes where range.contains(minute * 60) { total += count }
        }
        return total
    }
}

extension Tenant {
    /// Counts usage of an application: the metric, the metric it is a method of, and the status.
    /// - Returns: false where the application or its service's metric does not exist.
    package mutating func use(
        application id: Int, metric name: String, count: Int, responseCode: String? = nil, at seconds: Int
    ) -> Bool {
        guard let service = applications[id]?.serviceID,
            let metric = metrics.values.first(where: { $0.serviceID == service && $0.systemName == name })
        else { return false }
        if count > 0 { traffic.use(application: id, at: seconds) }
        traffic.add(count, .metric(metric.id), application: id, at: seconds)
        if let parent = metric.parentID { traffic.add(count, .metric(parent), application: id, at: seconds) }
        if let code = responseCode {
            traffic.add(count, .responseCode(code), application: id, at: seconds)
            traffic.add(count, .responseCode("\(code.prefix(1))XX"), application: id, at: seconds)
        }
        return true
    }

    /// Seeds usage of every live application: for each hour of the last days a count that the seed chooses.
    package mutating func seedTraffic(days: Int, now: Int) {
        for application in applications.values.filter({ $0.state == "live" }).sorted(by: { $0.id < $1.id }) {
            for hour in 0..<days * 24 {
                let count = random.upTo(20)
                guard count > 0 else { continue }
                _ = use(
                    application: application.id, metric: "hits", count: count, responseCode: "200",
                    at: now - hour * 3_600)
            }
        }
    }
}
