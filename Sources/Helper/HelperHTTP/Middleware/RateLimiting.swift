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

    func count(_ subject: String, _ rule: RateRule) -> Eventually<RateVerdict> {
        state.count(subject, under: rule.policy)
    }

    /// What a request is counted under that nobody has signed.
    static func subject(_ request: Request) -> String {
        IPAddress(request.remoteAddress)?.rateSubject ?? request.remoteAddress
    }
}

/// A policy with everything about its answers that can be made beforehand.
package final class RateRule: Sendable {
    let policy: RatePolicy
    private let refusals: Counter
    /// The `RateLimit-Policy` field: every limit with its quota and window in seconds.
    private let policyField: String
    /// What the `RateLimit` field begins with, by window.
    private let beginnings: [String]

    init(_ policy: RatePolicy, factory: any MetricsFactory) {
        self.policy = policy
        refusals = Counter(
            label: "mlaas_rate_limited_total", dimensions: [("policy", policy.name.rawValue)], factory: factory)
        // A name must tell the limits of one policy apart.
        let names = policy.windows.map { window in
            policy.windows.count == 1 ? policy.name.rawValue : "\(policy.name.rawValue)-\(window.seconds)s"
        }
        policyField = zip(names, policy.windows).map { "\"\($0)\";q=\($1.limit);w=\($1.seconds)" }.joined(
            separator: ", ")
        beginnings = names.map { "\"\($0)\";r=" }
    }

    /// Says in an answer how much the binding limit has left, and when it has more.
    func annotate(_ response: inout Response, _ verdict: RateVerdict) {
        response.fields.append("ratelimit-policy", policyField)
        // One allocation: on the path of every answer. Two numbers of at most 20 digits and `;t=` come behind it.
        let beginning = beginnings[verdict.window]
        var field = ""
        field.reserveCapacity(beginning.utf8.count + 43)
        field += beginning
        field += String(verdict.remaining)
        field += ";t="
        field += String(verdict.resetSeconds)
        response.fields.append("ratelimit", field)
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
