import HTTP
import HTTPServer
package import HelperCore
package import Telemetry

/// Counts requests and refuses those beyond the limits. Signed-in callers are counted by who they are, everybody else by
/// address; the answer says how much is left (draft-ietf-httpapi-ratelimit-headers).
package struct RateLimiting: Sendable {
    private let state: any SharedState
    private let read: RateRule?
    private let write: RateRule?
    /// For access tokens that were refused.
    let authFailure: RateRule?

    /// Routes that must answer whatever happens.
    private static let exempt: Set<String> = ["/api/health", "/api/health/ready", "/metrics"]

    package init(limits: RateLimits, state: any SharedState, factory: any MetricsFactory) {
        self.state = state
        read = limits.read.map { RateRule($0, factory: factory) }
        write = limits.write.map { RateRule($0, factory: factory) }
        authFailure = limits.authFailure.map { RateRule($0, factory: factory) }
    }

    /// What a route is counted under; nil where it is not.
    func rule(for method: HTTPMethod, _ template: String) -> RateRule? {
        guard !Self.exempt.contains(template) else { return nil }
        return method == .get ? read : write
    }

    func count(_ subject: RateSubject, _ rule: RateRule) -> Eventually<RateVerdict> {
        state.count(subject, under: rule.policy)
    }

    /// What a request is counted under that nobody has signed.
    static func subject(_ request: Request) -> RateSubject {
        .address(IPAddress(request.remoteAddress)?.rateSubject ?? request.remoteAddress)
    }
}

/// A policy with everything about its answers that can be made beforehand.
package final class RateRule: Sendable {
    let policy: RatePolicy
    let firstRefusals = FirstRefusals()
    private let refusals: Counter
    /// `RateLimit-Policy`, which tells every limit with its quota and its window in seconds; then `RateLimit`, by the window
    /// that binds.
    private let fields: [NumberedFields]

    init(_ policy: RatePolicy, factory: any MetricsFactory) {
        self.policy = policy
        refusals = Counter(
            label: "mlaas_rate_limited_total", dimensions: [("policy", policy.name.rawValue)], factory: factory)
        // A name must tell the limits of one policy apart.
        let names = policy.windows.map { window in
            policy.windows.count == 1 ? policy.name.rawValue : "\(policy.name.rawValue)-\(window.seconds)s"
        }
        let policies = zip(names, policy.windows).map { "\"\($0)\";q=\($1.limit);w=\($1.seconds)" }
        let policyField = HTTPFields([("ratelimit-policy", policies.joined(separator: ", "))])
        fields = names.map { NumberedFields(after: policyField, name: "ratelimit", pieces: ("\"\($0)\";r=", ";t=")) }
    }

    /// Says in an answer how much the binding limit has left, and when it has more.
    func annotate(_ response: inout Response, _ verdict: RateVerdict) {
        response.numberedFields = NumberedFields.Filled(
            fields[verdict.window], verdict.remaining, verdict.resetSeconds)
    }

    /// The error for a request beyond the limit, which it counts.
    func refusal(_ verdict: RateVerdict) -> HelperError {
        refusals.increment()
        let what = policy.name == .authFailure ? "access tokens were refused" : "requests were made"
        return HelperError(
            .rateLimited, "Too many \(what). Try again in \(verdict.resetSeconds) s.",
            retryAfter: .seconds(verdict.resetSeconds))
    }
}
