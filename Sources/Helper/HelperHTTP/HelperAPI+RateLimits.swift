import HTTPServer
import HelperCore

/// Requests are counted when it is known who sends them and before anything is done for them.
extension HelperAPI {
    /// What is to be done for a request once it has been counted.
    enum Work: Sendable {
        case open(@Sendable (EdgeContext) throws -> Reply)
        case authenticated(@Sendable (CallerContext) throws -> Reply, Caller)
        /// There is nobody to work for.
        case refuse(AuthenticationError)

        func callAsFunction(_ edge: EdgeContext) throws -> Reply {
            switch self {
            case .open(let handle): try handle(edge)
            case .authenticated(let handle, let caller): try handle(CallerContext(edge: edge, caller: caller))
            case .refuse(let error): throw error
            }
        }
    }

    /// Does the work if the limit has room, and says in the answer how much is left.
    func counted(
        _ subject: @autoclosure () -> RateSubject, _ rule: RateRule?, _ edge: EdgeContext, _ endpoint: Endpoint,
        _ work: Work
    ) -> Reply {
        guard let rule else { return attempt(edge, endpoint, work) }
        let subject = subject()
        switch rateLimiting.count(subject, rule) {
        case .now(let verdict): return proceed(verdict, subject, rule, edge, endpoint, work)
        case .later(let wait):
            return .later { try await proceed(await wait(), subject, rule, edge, endpoint, work).response() }
        }
    }

    private func proceed(
        _ verdict: RateVerdict, _ subject: RateSubject, _ rule: RateRule, _ edge: EdgeContext, _ endpoint: Endpoint,
        _ work: Work
    ) -> Reply {
        guard verdict.isAllowed else {
            let isFirst = rule.firstRefusals.note(subject, quiet: .seconds(rule.policy.windows[verdict.window].seconds))
            var response = answer(to: rule.refusal(verdict), edge, endpoint, isFirst: isFirst)
            rule.annotate(&response, verdict)
            return .now(response)
        }
        switch attempt(edge, endpoint, work) {
        case .now(var response):
            rule.annotate(&response, verdict)
            return .now(response)
        case .later(let work):
            return .later {
                var response = try await work()
                rule.annotate(&response, verdict)
                return response
            }
        }
    }

    /// The answer to a request that has come to no caller. A refused token counts as such, so that good tokens of the
    /// same address keep working; so does one with a key id that no cached key has while the issuer is down, since
    /// anybody can make such ids up. A request without a token counts as any request of its address. That there are no keys
    /// at all, or no answer to an introspection, is not the caller's fault and counts for nothing.
    func refused(_ error: AuthenticationError, _ edge: EdgeContext, _ endpoint: Endpoint) -> Reply {
        let rule =
            if error.countsAsRefusedToken {
                rateLimiting.authFailure
            } else if error.error.code == .upstreamUnavailable {
                nil as RateRule?
            } else {
                endpoint.rule
            }
        return counted(RateLimiting.subject(edge.request), rule, edge, endpoint, .refuse(error))
    }
}
