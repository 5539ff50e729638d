import HelperCore
package import Telemetry

/// What became of the credentials of one request.
enum AuthOutcome: Hashable, Sendable {
    case accepted
    case missing
    case inQuery
    case twoCredentials
    case refused(TokenRefusalReason)
    case roleMissing
    case issuerUnavailable

    static let all: [AuthOutcome] =
        [.accepted, .missing, .inQuery, .twoCredentials, .roleMissing, .issuerUnavailable]
        + TokenRefusalReason.allCases.map { .refused($0) }

    /// The labels of its metric.
    var labels: (outcome: String, reason: String) {
        switch self {
        case .accepted: ("accepted", "none")
        case .missing: ("missing", "none")
        case .inQuery: ("missing", "query")
        case .twoCredentials: ("refused", "two_credentials")
        case .refused(let reason): ("refused", reason.rawValue)
        case .roleMissing: ("refused", "role")
        case .issuerUnavailable: ("unavailable", "issuer")
        }
    }
}

/// Counts the outcomes of authentication, by handles that are made at start.
package final class AuthOutcomes: Sendable {
    /// Looked up by no key: nearly every request ends here.
    private let accepted: Counter
    private let others: [AuthOutcome: Counter]

    package init(factory: any MetricsFactory) {
        func counter(_ outcome: AuthOutcome) -> Counter {
            let labels = outcome.labels
            return Counter(
                label: "mlaas_auth_total", dimensions: [("outcome", labels.outcome), ("reason", labels.reason)],
                factory: factory)
        }
        accepted = counter(.accepted)
        others = Dictionary(
            uniqueKeysWithValues: AuthOutcome.all.filter { $0 != .accepted }.map { ($0, counter($0)) })
    }

    func count(_ outcome: AuthOutcome) {
        if case .accepted = outcome { accepted.increment() } else { others[outcome]?.increment() }
    }
}
