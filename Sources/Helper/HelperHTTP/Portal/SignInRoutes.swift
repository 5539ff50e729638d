import HTTP
package import HTTPServer
package import HelperCore
import JSON
package import Telemetry

/// Signing in to the portal and out of it: `/login`, `/callback`, `/logout` and `/backchannel-logout`.
package struct SignInRoutes: Sendable {
    private let provider: any SignInProvider
    private let sessions: PortalSessions
    private let pages: PageAnswers
    private let outcomes: SignInOutcomes
    private let announce: @Sendable (OwnerMark) async -> Void
    private let logger: Logger

    /// - Parameter announce: tells the other replicas which sessions have ended.
    package init(
        provider: any SignInProvider, sessions: PortalSessions, pages: PageAnswers, outcomes: SignInOutcomes,
        announce: @escaping @Sendable (OwnerMark) async -> Void, logger: Logger
    ) {
        self.provider = provider
        self.sessions = sessions
        self.pages = pages
        self.outcomes = outcomes
        self.announce = announce
        self.logger = logger
    }

    private var site: PortalSite { sessions.site }

    // MARK: Signing in

    /// `GET /login`.
    package func login(_ context: PageContext) async throws -> Response {
        let query = try FormValues.query(context.request)
        let path = query["return"].flatMap { ReturnPath($0) } ?? .home
        // For a person whom Keycloak's session would sign in under another name than the wanted one.
        if query["as"] == "other" { return try await begin(context.request, returningTo: path, prompt: .login) }
        if case .active = context.session { return PageAnswers.redirect(to: path.description) }
        return try await begin(context.request, returningTo: path)
    }

    /// Sends a browser whose session must be renewed to Keycloak, which shows a page only where its own session has ended.
    func renew(_ request: Request, returningTo path: ReturnPath) async throws -> Response {
        try await begin(request, returningTo: path, prompt: SignInPrompt.none)
    }

    /// Sends a browser to Keycloak.
    /// - Parameter removing: values of `Set-Cookie` that remove cookies.
    func begin(
        _ request: Request, returningTo path: ReturnPath, prompt: SignInPrompt? = nil, removing: [String] = []
    ) async throws -> Response {
        let flow = SignInFlow(
            secrets: SignInFlow.makeSecrets(), returnPath: path, isSilent: prompt == SignInPrompt.none)
        let url: String
        do throws(SignInError) {
            url = try await provider.authorizationURL(
                for: flow.secrets, returningTo: site.callbackURL, prompt: prompt)
        } catch {
            throw Self.helperError(error)
        }
        // The cookie of this sign-in comes last: where all names are taken, it has that of a removed one.
        return PageAnswers.redirect(to: url, cookies: removing + [sessions.cookie(for: flow, request)])
    }

    /// `GET /callback`.
    package func callback(_ context: PageContext) async throws -> Response {
        let query = try FormValues.query(context.request)
        // Only the browser that began this sign-in has its cookie: an answer that a stranger made it open is none of ours.
        guard let state = query["state"], let (flow, cookie) = sessions.flow(state: state, context.request) else {
            return failed(context, "the answer belongs to no sign-in of this browser")
        }
        let spent = site.removeCookie(cookie)
        if let error = query["error"] { return try await refused(error, flow, spent, context) }
        guard let code = query["code"] else {
            return failed(context, "the answer has neither a code nor an error", flow, cookies: [spent])
        }
        let signedIn: SignedIn
        do throws(SignInError) {
            signedIn = try await provider.redeem(
                code: code, issuer: query["iss"], for: flow.secrets, returningTo: site.callbackURL,
                client: context.client)
        } catch {
            if case .refused(let cause) = error { return failed(context, cause, flow, cookies: [spent]) }
            outcomes.count(SignInOutcome(error))
            throw Self.helperError(error)
        }
        return try finish(signedIn, flow, spent, context)
    }

    private func finish(
        _ signedIn: SignedIn, _ flow: SignInFlow, _ spent: String, _ context: PageContext
    ) throws -> Response {
        guard sessions.policy.admits(signedIn.caller) else {
            outcomes.count(.refused)
            throw HelperError(
                .forbidden, "You may not use this service: a role is missing.", cause: "sign-in without the role")
        }
        let before = previous(context)
        let isSame = before.map { $0.caller.ownerMark == signedIn.caller.ownerMark } ?? true
        let renewed = flow.isSilent && isSame ? before : nil
        guard let cookie = sessions.cookie(for: sessions.begin(signedIn, renewing: renewed)) else {
            outcomes.count(.refused)
            throw HelperError(
                .userInfoError, "Your names and roles are too long for a session.",
                cause: "the session does not fit in a cookie")
        }
        outcomes.count(renewed == nil ? .signedIn : .renewed)
        // The page that another person wanted to see is not this one's.
        let path = isSame ? flow.returnPath : .home
        return PageAnswers.redirect(to: path.description, cookies: [spent, cookie])
    }

    private func previous(_ context: PageContext) -> PortalSession? {
        switch context.session {
        case .active(let session), .expired(let session): session
        case .none, .ended: nil
        }
    }

    /// Keycloak said no (OpenID Connect Core 1.0 §3.1.2.6).
    private func refused(
        _ error: String, _ flow: SignInFlow, _ spent: String, _ context: PageContext
    ) async throws -> Response {
        let needsPage = [
            "login_required", "interaction_required", "consent_required", "account_selection_required",
        ]
        if flow.isSilent, needsPage.contains(error) {
            outcomes.count(.pageNeeded)
            return try await begin(
                context.request, returningTo: flow.returnPath,
                removing: [spent, site.removeCookie(site.sessionCookie)])
        }
        if error == "access_denied" {
            outcomes.count(.cancelled)
            let view = SignedOutView(reason: .signInCancelled, returnTo: flow.returnPath.description)
            return answer(view, context, .ok, cookies: [spent])
        }
        return failed(
            context, "Keycloak answered \(String(error.unicodeScalars.filter { $0.isASCII }.prefix(60)))", flow,
            cookies: [spent])
    }

    /// - Parameter cause: for the log alone.
    private func failed(
        _ context: PageContext, _ cause: String, _ flow: SignInFlow? = nil, cookies: [String] = []
    ) -> Response {
        outcomes.count(.failed)
        logger.info(
            "sign-in failed",
            metadata: [
                LogKey.requestID: .string(context.request.id.description), LogKey.ip: .string(context.client),
                LogKey.error: .string(cause),
            ])
        let view = SignedOutView(reason: .signInFailed, returnTo: flow?.returnPath.description ?? "/")
        return answer(view, context, .badRequest, cookies: cookies)
    }

    private func answer(
        _ view: SignedOutView, _ context: PageContext, _ status: HTTPStatus, cookies: [String]
    ) -> Response {
        var response = pages.page(view, context, status: status)
        for cookie in cookies { response.fields.append("set-cookie", cookie) }
        return response
    }

    // MARK: Signing out

    /// `POST /logout`: here first, whatever Keycloak says then.
    package func logout(_ context: PageContext) async throws -> Response {
        let gone = [site.removeCookie(site.sessionCookie)]
        let session: PortalSession
        switch context.session {
        case .active(let active): session = active
        case .expired(let expired): session = expired
        // A form of another site comes without the cookie, which is SameSite=Lax. Its answer must not remove it.
        case .none: return PageAnswers.redirect(to: "/")
        case .ended: return PageAnswers.redirect(to: "/", cookies: gone)
        }
        try PortalForm.check(context.request, session, site)
        await announce(sessions.end(session))
        do throws(SignInError) {
            return PageAnswers.redirect(
                to: try await provider.endSessionURL(returningTo: site.origin + "/"), cookies: gone)
        } catch {
            logger.warning(
                "sign-out at Keycloak failed", metadata: [LogKey.error: .string(Self.helperError(error).cause ?? "")])
            return PageAnswers.redirect(to: "/", cookies: gone)
        }
    }

    /// `POST /backchannel-logout`: Keycloak says that a login has ended. Its token is the proof; no cookie plays a part.
    package func backchannelLogout(_ context: PageContext) async throws -> Response {
        do throws(SignInError) {
            guard let form = try? FormValues.body(context.request), let token = form["logout_token"] else {
                throw .refused("there is no logout_token")
            }
            let ended = try await provider.endedLogin(by: Array(token.utf8)[...], client: context.client)
            guard let mark = sessions.end(ended) else { throw .refused("the logout token was used before") }
            await announce(mark)
            return Response()
        } catch {
            let failure = Self.helperError(error)
            logger.info(
                "logout token refused",
                metadata: [
                    LogKey.requestID: .string(context.request.id.description), LogKey.ip: .string(context.client),
                    LogKey.error: .string(failure.cause ?? failure.publicMessage),
                ])
            if case .unavailable = error { throw failure }
            var writer = JSONWriter()
            writer.beginObject()
            writer.name("error")
            writer.string("invalid_request")
            writer.endObject()
            return .json(writer.bytes, status: .badRequest)
        }
    }

    // MARK: Failures

    private static func helperError(_ error: SignInError) -> HelperError {
        var known = known(error)
        known.isKeycloaks = true
        return known
    }

    private static func known(_ error: SignInError) -> HelperError {
        switch error {
        case .unavailable(let cause):
            HelperError(
                .upstreamUnavailable, "Keycloak cannot be reached at the moment. Try again later.",
                retryAfter: .seconds(5), cause: cause)
        case .misconfigured(let cause):
            HelperError(.upstreamAccessDenied, "Keycloak refuses the helper. Tell the operator.", cause: cause)
        case .refused(let cause):
            HelperError(.invalidRequest, "The sign-in could not be finished. Sign in again.", cause: cause)
        case .token(let refusal): token(refusal)
        }
    }

    private static func token(_ refusal: TokenRefusal) -> HelperError {
        if let problem = refusal.userNameProblem { return HelperError(problem) }
        let cause = "token refused: \(refusal.check.rawValue)" + (refusal.hint.map { "; \($0)" } ?? "")
        return HelperError(
            .upstreamError, "Keycloak's tokens are not accepted here. Tell the operator.", cause: cause)
    }
}
