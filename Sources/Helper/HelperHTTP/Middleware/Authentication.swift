import HTTP
import HTTPServer
import HelperCore
import Telemetry

/// Finds out who is calling: one bearer token, checked by the verifier, admitted by the policy. A refusal is kept in the
/// exchange, since it counts under a limit before it becomes the answer.
struct Authentication: Middleware {
    let verifier: any TokenVerifier
    let policy: AccessPolicy
    let outcomes: AuthOutcomes
    /// Nil where the portal is off.
    let sessions: PortalSessions?

    func prepare(_ exchange: inout Exchange) -> Wait? {
        guard exchange.endpoint.requiresCaller else {
            if exchange.endpoint.isPage, let sessions { readSession(sessions, &exchange) }
            return nil
        }
        do throws(AuthenticationError) {
            let token = try bearerToken(exchange.request)
            switch verifier.verify(token) {
            case .undecided:
                let token = Array(token)
                return { exchange in
                    let client = RateLimiting.address(of: exchange).description
                    let verdict = await verifier.verifyByAsking(token[...], from: client)
                    do throws(AuthenticationError) {
                        try admit(verdict, &exchange)
                    } catch {
                        exchange.identity = .refused(error)
                    }
                }
            case .refused where BearerToken.holdsSecond(token): throw severalCredentials()
            case let verdict: try admit(verdict, &exchange)
            }
        } catch {
            exchange.identity = .refused(error)
        }
        return nil
    }

    // MARK: Inside

    /// A page without a session is no failure: its handler shows how to sign in.
    private func readSession(_ sessions: PortalSessions, _ exchange: inout Exchange) {
        exchange.session = sessions.read(exchange.request)
        guard case .active(let session) = exchange.session else { return }
        exchange.trace.user = session.caller.username
        exchange.identity = .caller(session.caller)
    }

    private func bearerToken(_ request: Request) throws(AuthenticationError) -> ArraySlice<UInt8> {
        switch BearerToken.find(in: request) {
        case .token(let token): return token
        case .none:
            outcomes.count(.missing)
            throw AuthenticationError(
                .noCredential, HelperError(.missingAuth, "Send an access token: Authorization: Bearer <token>"))
        case .inQuery:
            outcomes.count(.inQuery)
            throw AuthenticationError(
                .noCredential,
                HelperError(.missingAuth, "Send the access token in the Authorization field, never in the URL."))
        case .several: throw severalCredentials()
        }
    }

    private func severalCredentials() -> AuthenticationError {
        outcomes.count(.twoCredentials)
        return AuthenticationError(
            .invalidRequest("Send exactly one credential."),
            HelperError(
                .invalidRequest, "Send exactly one credential.",
                details: [.init(field: "Authorization", issue: "is not the only credential")]))
    }

    private func admit(_ verdict: TokenVerdict, _ exchange: inout Exchange) throws(AuthenticationError) {
        switch verdict {
        case .accepted(let caller):
            exchange.trace.user = caller.username
            guard policy.admits(caller) else {
                outcomes.count(.roleMissing)
                throw AuthenticationError(
                    .insufficientScope,
                    HelperError(.forbidden, "You may not use this service: a role is missing."))
            }
            outcomes.count(.accepted)
            exchange.identity = .caller(caller)
        case .refused(let refusal):
            outcomes.count(.refused(refusal.check))
            if let problem = refusal.userNameProblem {
                throw AuthenticationError(nil, HelperError(problem), refusal)
            }
            let message = refusal.isExpired ? "The access token expired" : "The access token is invalid"
            throw AuthenticationError(.invalidToken(message), HelperError(.invalidToken, message), refusal)
        case .undecided, .unavailable, .unknownKeyUnavailable:
            outcomes.count(.issuerUnavailable)
            throw AuthenticationError(
                nil,
                HelperError(
                    .upstreamUnavailable, "Access tokens cannot be checked at the moment. Try again later.",
                    retryAfter: .seconds(5), cause: "no usable signing keys, or no answer to an introspection"),
                countsAsRefusedToken: verdict.namesUnknownKey)
        }
    }
}

/// Why a request has no caller, and the challenge for it; no challenge where the fault is not the caller's.
struct AuthenticationError: Error {
    let challenge: Challenge?
    let error: HelperError
    /// Why the token was refused, for the log.
    let refusal: TokenRefusal?
    /// Counts under `auth_failure`.
    let countsAsRefusedToken: Bool

    init(
        _ challenge: Challenge?, _ error: HelperError, _ refusal: TokenRefusal? = nil,
        countsAsRefusedToken: Bool = false
    ) {
        self.challenge = challenge
        self.error = error
        self.refusal = refusal
        self.countsAsRefusedToken = countsAsRefusedToken || error.code == .invalidToken
    }
}

extension TokenVerdict {
    fileprivate var namesUnknownKey: Bool {
        if case .unknownKeyUnavailable = self { true } else { false }
    }
}

extension HelperError {
    init(_ problem: UserNameProblem) {
        let issue =
            switch problem {
            case .notText: "is not a text"
            case .empty: "is empty"
            case .tooLong(let charactersMax): "is longer than \(charactersMax) characters"
            case .controlCharacters: "has control characters"
            }
        self.init(
            .userInfoError, "Your user name cannot be used: it \(issue).",
            details: [.init(field: "preferred_username", issue: issue)])
    }
}
