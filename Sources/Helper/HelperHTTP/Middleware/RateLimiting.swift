import Bytes
import HTTP
import HTTPServer
package import HelperCore
package import Telemetry

/// Counts requests and refuses those beyond the limits. Signed-in callers are counted by who they are, all others by
/// address; the response says how much is left (draft-ietf-httpapi-ratelimit-headers).
package struct RateLimiting: Middleware {
    private let state: any SharedState
    private let read: RateRule?
    private let write: RateRule?
    /// For secrets that are asked for again.
    private let reveal: RateRule?
    /// For calls of a model's gateway.
    private let test: RateRule?
    /// For what Keycloak tells of ended logins.
    private let logout: RateRule?
    /// For access tokens that were refused.
    private let authFailure: RateRule?

    package init(limits: RateLimits, state: any SharedState, factory: any MetricsFactory) {
        self.state = state
        read = limits.read.map { RateRule($0, factory: factory) }
        write = limits.write.map { RateRule($0, factory: factory) }
        reveal = limits.reveal.map { RateRule($0, factory: factory) }
        test = limits.test.map { RateRule($0, factory: factory) }
        logout = limits.logout.map { RateRule($0, factory: factory) }
        authFailure = limits.authFailure.map { RateRule($0, factory: factory) }
    }

    /// The rule of a limit; nil where requests are not counted.
    func rule(for limit: Route.Limit) -> RateRule? {
        switch limit {
        case .read: read
        case .write: write
        case .reveal: reveal
        case .test: test
        case .logout: logout
        case .none: nil
        }
    }

    func prepare(_ exchange: inout Exchange) throws -> Wait? {
        guard let rule = rule(for: exchange) else { return nil }
        let subject = Self.subject(of: exchange)
        switch state.count(subject, under: rule.policy) {
        case .now(let verdict): try admit(&exchange, subject, rule, verdict)
        case .later(let wait): return { exchange in try admit(&exchange, subject, rule, await wait()) }
        }
        return nil
    }

    func complete(_ response: inout Response, _ exchange: Exchange) {
        if let count = exchange.count { count.rule.annotate(&response, count.verdict) }
    }

    private func admit(
        _ exchange: inout Exchange, _ subject: RateSubject, _ rule: RateRule, _ verdict: RateVerdict
    ) throws(RateLimitError) {
        exchange.count = Exchange.Count(rule: rule, verdict: verdict)
        guard !verdict.isAllowed else { return }
        let quiet = Duration.seconds(rule.policy.windows[verdict.window].seconds)
        throw RateLimitError(error: rule.refusal(verdict), isFirst: rule.firstRefusals.note(subject, quiet: quiet))
    }

    /// What counts a request. A refused token counts as such, so that good tokens of the same address keep working; so
    /// does a token with a key id that no cached key has while the issuer is down, since anyone can invent such ids. A
    /// request without a token counts as any request of its address. Missing signing keys and an introspection without
    /// an answer are not the caller's fault and count for nothing.
    private func rule(for exchange: Exchange) -> RateRule? {
        guard case .refused(let error) = exchange.identity else { return exchange.endpoint.rule }
        if error.countsAsRefusedToken { return authFailure }
        return error.error.code == .upstreamUnavailable ? nil : exchange.endpoint.rule
    }

    private static func subject(of exchange: Exchange) -> RateSubject {
        if case .caller(let caller) = exchange.identity { return .owner(caller.ownerMark) }
        return address(of: exchange)
    }

    /// Whom a request counts for while its caller is unknown.
    static func address(of exchange: Exchange) -> RateSubject {
        let address = exchange.request.remoteAddress
        return .address(IPAddress(address)?.countedSubject ?? address)
    }
}

/// A limit refused the request.
struct RateLimitError: Error {
    let error: HelperError
    /// Whether it is the subject's first refusal after a quiet time, which the log shows at info.
    let isFirst: Bool
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
