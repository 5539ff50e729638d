import HTTP
import HTTPServer
import HelperCore
package import Telemetry

/// Finds out who is calling: exactly one bearer token in the `Authorization` field (RFC 6750 §2.1), checked by the
/// verifier, admitted by the policy.
struct Authentication: Sendable {
    let verifier: any TokenVerifier
    let policy: AccessPolicy
    let clientID: String
    let outcomes: AuthOutcomes
    let logger: Logger

    /// What can be said of the caller now.
    enum Result: Sendable {
        case caller(Caller)
        /// Signing keys must be fetched first.
        case needsKeys(token: [UInt8])
    }

    func authenticate(_ request: Request, in context: ServiceContext) throws(HelperError) -> Result {
        let token = try bearerToken(request)
        switch verifier.verify(token) {
        case .keysNeeded: return .needsKeys(token: token)
        case let verdict: return .caller(try admit(verdict, request, context))
        }
    }

    func authenticateAfterRefresh(
        _ token: [UInt8], _ request: Request, in context: ServiceContext
    ) async throws(HelperError) -> Caller {
        try admit(await verifier.verifyAfterRefresh(token), request, context)
    }

    // MARK: Inside

    private func bearerToken(_ request: Request) throws(HelperError) -> [UInt8] {
        guard let range = request.head.range(of: .authorization) else {
            outcomes.note("missing", "none")
            throw HelperError(.missingAuth, "Send an access token: Authorization: Bearer <token>")
        }
        let value = request.head.bytes[range]
        guard request.head.count(of: .authorization) == 1, !value.contains(0x2C) else {
            outcomes.note("refused", "two_credentials")
            throw HelperError(
                .invalidRequest, "Send exactly one credential.",
                details: [.init(field: "Authorization", issue: "is there more than once")])
        }
        let scheme = value.prefix { $0 != 0x20 }
        let token = value.dropFirst(scheme.count).drop { $0 == 0x20 }
        guard scheme.elementsEqual(Self.scheme, by: { $0 | 0x20 == $1 }), !token.isEmpty else {
            outcomes.note("missing", "scheme")
            throw HelperError(.missingAuth, "Send an access token: Authorization: Bearer <token>")
        }
        return Array(token)
    }

    private func admit(
        _ verdict: TokenVerdict, _ request: Request, _ context: ServiceContext
    ) throws(HelperError) -> Caller {
        switch verdict {
        case .accepted(let caller):
            guard policy.admits(caller, clientID: clientID) else {
                outcomes.note("refused", "role")
                throw HelperError(.forbidden, "You may not use this service: a role is missing.")
            }
            outcomes.note("accepted", "none")
            return caller
        case .refused(let refusal):
            outcomes.note("refused", refusal.check)
            logRefusal(refusal, request, context)
            throw HelperError(
                .invalidToken, refusal.isExpired ? "The access token expired" : "The access token is invalid")
        case .keysNeeded, .keysUnavailable:
            outcomes.note("unavailable", "keys")
            throw HelperError(
                .upstreamUnavailable, "Access tokens cannot be checked at the moment. Try again later.",
                retryAfter: .seconds(5), cause: "no usable signing keys")
        }
    }

    private func logRefusal(_ refusal: TokenRefusal, _ request: Request, _ context: ServiceContext) {
        var metadata = context.metadata
        metadata[LogKey.ip] = .string(request.remoteAddress)
        metadata["check"] = .string(refusal.check)
        if let hint = refusal.hint { metadata["hint"] = .string(hint) }
        logger.log(level: refusal.hint == nil ? .info : .warning, "a token was refused", metadata: metadata)
    }

    private static let scheme = Array("bearer".utf8)
}

/// Counts what became of access tokens, by handles that are made at start.
package final class AuthOutcomes: Sendable {
    private let accepted: Counter
    private let others: [String: Counter]
    private let unlisted: Counter

    /// - Parameter checks: the names of the checks that a token may fail.
    package init(checks: [String], factory: any MetricsFactory) {
        func counter(_ outcome: String, _ reason: String) -> Counter {
            Counter(
                label: "mlaas_auth_total", dimensions: [("outcome", outcome), ("reason", reason)], factory: factory)
        }
        accepted = counter("accepted", "none")
        unlisted = counter("refused", "other")
        var others = [
            "missing none": counter("missing", "none"), "missing scheme": counter("missing", "scheme"),
            "unavailable keys": counter("unavailable", "keys"),
        ]
        for reason in checks + ["two_credentials", "role"] { others["refused \(reason)"] = counter("refused", reason) }
        self.others = others
    }

    func note(_ outcome: String, _ reason: String) {
        if outcome == "accepted" {
            accepted.increment()
        } else {
            (others["\(outcome) \(reason)"] ?? unlisted).increment()
        }
    }
}
