import SandboxSupport

/// What a gateway asks its backend about one call.
struct GatewayQuestion: Sendable {
    let service: Int
    /// A user key, or an application id.
    let credential: String
    let isUserKey: Bool
    var appKey: String?
    /// False where a token names the application, so that no app key is asked for.
    var asksForKey = true
    /// What the call would count, by the metric's system name.
    var usage: [(name: String, count: Int)] = []
    /// Of the model's answer, where it is known.
    var responseCode: String?
    /// The listener process that answers.
    let process: Int
}

/// What the backend answers a gateway.
enum GatewayDecision: Sendable {
    case userKeyInvalid
    case applicationNotFound(id: String)
    case known(GatewayApplication, refusal: GatewayRefusal?, [LimitState])

    /// A usage limit of the application's plan, and where its use stands.
    struct LimitState: Sendable {
        let limit: GatewayApplication.Limit
        let range: Range<Int>
        let current: Int
        let isExceeded: Bool
    }

    var isAllowed: Bool {
        if case .known(_, nil, _) = self { return true }
        return false
    }
}

/// Why a known application is refused.
enum GatewayRefusal: Sendable {
    case notActive
    case keyMissing
    case keyInvalid(String)
    case limitsExceeded

    var reason: String {
        switch self {
        case .notActive: "application is not active"
        case .keyMissing: "application key is missing"
        case .keyInvalid(let key): "application key \"\(key)\" is invalid"
        case .limitsExceeded: "usage limits are exceeded"
        }
    }
}

extension Tenant {
    /// Decides about a call, and counts its usage where it is allowed.
    mutating func decide(_ question: GatewayQuestion, now: Int, milliseconds: Int) -> GatewayDecision {
        let application: GatewayApplication
        switch authorized(
            by: question.credential, isUserKey: question.isUserKey, service: question.service,
            process: question.process, now: now, milliseconds: milliseconds)
        {
        case .found(let found): application = found
        case .userKeyInvalid: return .userKeyInvalid
        case .notFound(let id): return .applicationNotFound(id: id)
        }
        guard application.isLive else { return .known(application, refusal: .notActive, []) }
        if !question.isUserKey, question.asksForKey {
            let key = question.appKey
            let isTaken = takes(
                appKey: key, of: application, service: question.service, process: question.process, now: now)
            guard isTaken else {
                return .known(application, refusal: key.map { .keyInvalid($0) } ?? .keyMissing, [])
            }
        }
        let states = limitStates(application, question.service, adding: question.usage, now: now)
        guard !states.contains(where: \.isExceeded) else {
            return .known(application, refusal: .limitsExceeded, states)
        }
        count(question.usage, application: application.id, responseCode: question.responseCode, at: now)
        return .known(application, refusal: nil, states)
    }

    /// The listener process that was asked for, or one that the seed chooses.
    mutating func gatewayProcess(_ wanted: String?) -> Int {
        let count = max(1, knobs.gatewayProcesses)
        if let wanted = wanted.flatMap(Int.init), (0..<count).contains(wanted) { return wanted }
        return random.upTo(count - 1)
    }

    mutating func count(
        _ usage: [(name: String, count: Int)], application: Int, responseCode: String?, at now: Int
    ) {
        for (name, count) in usage {
            _ = use(application: application, metric: name, count: count, responseCode: responseCode, at: now)
        }
    }

    private func limitStates(
        _ application: GatewayApplication, _ service: Int, adding usage: [(name: String, count: Int)], now: Int
    ) -> [GatewayDecision.LimitState] {
        let asked = usage.compactMap { entry in
            metrics.values.first { $0.serviceID == service && $0.systemName == entry.name }.map { ($0, entry.count) }
        }
        return application.limits.map { limit in
            let range = UsagePeriod.current(limit.period, now: now)
            let current = traffic.total(.metric(limit.metric), applications: [application.id], in: range)
            // Use of a method counts for its metric as well.
            let more = asked.filter { $0.0.id == limit.metric || $0.0.parentID == limit.metric }.reduce(0) { $0 + $1.1 }
            return GatewayDecision.LimitState(
                limit: limit, range: range, current: current, isExceeded: current + more > limit.value)
        }
    }
}
