import Crypto
import HTTPServer
package import HelperCore
import Synchronization

/// Makes, reads and ends the sessions of the portal. All state of a session is in its cookie, so that any replica serves any
/// click; only the few that ended early are remembered.
package final class PortalSessions: Sendable {
    /// How long sessions are good for, in seconds.
    package struct Lifetimes: Sendable {
        /// Until a session is renewed.
        package let session: Int
        /// From the sign-in on, whatever is renewed.
        package let whole: Int

        package init(session: Int, whole: Int) {
            self.session = session
            self.whole = whole
        }
    }

    package let site: PortalSite
    package let ended: EndedSessions
    let policy: AccessPolicy
    private let lifetimes: Lifetimes
    private struct Seal: Sendable {
        let secrets: [[UInt8]]
        let cookie: SealedCookie

        init(_ secrets: [[UInt8]]) {
            self.secrets = secrets
            cookie = SealedCookie(secrets: secrets)
        }
    }

    private let seal: Mutex<Seal>
    private let now: @Sendable () -> Int

    /// - Parameters:
    ///   - secrets: the first seals cookies, all open them.
    ///   - now: seconds since 1970.
    package init(
        site: PortalSite, secrets: [[UInt8]], policy: AccessPolicy, lifetimes: Lifetimes,
        now: @escaping @Sendable () -> Int
    ) {
        self.site = site
        self.policy = policy
        self.lifetimes = lifetimes
        self.now = now
        // Logout tokens are remembered there too, and are good for some minutes.
        ended = EndedSessions(lifetime: max(lifetimes.session, 600))
        seal = Mutex(Seal(secrets))
    }

    /// Uses other secrets from now on. Cookies of those that are not among them are good no more.
    /// - Returns: whether they are others.
    @discardableResult
    package func replaceSecrets(with secrets: [[UInt8]]) -> Bool {
        seal.withLock { seal in
            guard seal.secrets != secrets else { return false }
            seal = Seal(secrets)
            return true
        }
    }

    /// Makes the pages that sessions see.
    package var pages: PageAnswers { PageAnswers(site: site, now: now) { self.read($0) } }

    /// When a session can be renewed no more.
    func end(of session: PortalSession) -> Int { session.signedInAt + lifetimes.whole }

    // MARK: Sessions

    func read(_ request: Request) -> SessionReading {
        let now = now()
        guard let text = RequestCookies(request)[site.sessionCookie],
            let bytes = sealed.open(text.utf8, name: site.sessionCookie, now: now), let session = PortalSession(bytes)
        else { return .none }
        if ended.hasEnded(session) { return .ended }
        // Without the role that is needed now, Keycloak may know of it.
        return now < session.expiresAt && policy.admits(session.caller) ? .active(session) : .expired(session)
    }

    /// A session for a person who has just signed in, or whom Keycloak's session has vouched for again.
    /// - Parameter renewed: the session that this one follows, of the same person, or nil.
    func begin(_ signedIn: SignedIn, renewing renewed: PortalSession?) -> PortalSession {
        let now = now()
        let begin = renewed?.signedInAt ?? now
        return PortalSession(
            caller: signedIn.caller, id: renewed?.id ?? Base64URL.encode(SecureRandom.bytes(24)), login: signedIn.login,
            issuedAt: now, expiresAt: min(now + lifetimes.session, begin + lifetimes.whole), signedInAt: begin)
    }

    /// The value of `Set-Cookie` for a session; nil when its owner's names are too long for a cookie.
    func cookie(for session: PortalSession) -> String? {
        let text = sealed.seal(
            session.encoded(), name: site.sessionCookie, expires: end(of: session))
        guard text.utf8.count <= SealedCookie.textBytesMax else { return nil }
        return site.setCookie(site.sessionCookie, text)
    }

    // MARK: Sign-ins under way

    /// The value of `Set-Cookie` for a sign-in that begins.
    func cookie(for flow: SignInFlow, _ request: Request) -> String {
        let cookies = RequestCookies(request)
        // Tabs that renew their sessions at once must not take each other's.
        let name = site.flowCookies.first { cookies[$0] == nil } ?? site.flowCookies[0]
        let text = sealed.seal(flow.encoded(), name: name, expires: now() + SignInFlow.lifetime)
        return site.setCookie(name, text, seconds: SignInFlow.lifetime)
    }

    /// The sign-in that an answer belongs to, and the name of its cookie.
    func flow(state: String, _ request: Request) -> (flow: SignInFlow, cookie: String)? {
        let cookies = RequestCookies(request)
        for name in site.flowCookies {
            guard let text = cookies[name], let bytes = sealed.open(text.utf8, name: name, now: now()),
                let flow = SignInFlow(bytes),
                constantTimeEqual(Array(flow.secrets.state.utf8), Array(state.utf8))
            else { continue }
            return (flow, name)
        }
        return nil
    }

    // MARK: Ends

    /// Ends one session, and with it every copy of its cookie.
    /// - Returns: what the other replicas must know.
    func end(_ session: PortalSession) -> OwnerMark {
        let mark = PortalSession.mark(session: session.id)
        ended.end(mark, now: now())
        return mark
    }

    /// Ends what Keycloak says has ended.
    /// - Returns: what the other replicas must know; nil when the token was used before.
    func end(_ login: EndedLogin) -> OwnerMark? {
        let token = OwnerMark(issuer: "logout token of \(login.issuer)", subject: login.id)
        guard !ended.hasEnded(token, madeAt: 0) else { return nil }
        ended.end(token, now: now())
        let mark =
            login.login.map { PortalSession.mark(login: $0, issuer: login.issuer) }
            ?? OwnerMark(issuer: login.issuer, subject: login.subject ?? "")
        ended.end(mark, now: now())
        return mark
    }

    /// Another replica has ended something.
    package func noteEnded(_ mark: OwnerMark) { ended.end(mark, now: now()) }

    private var sealed: SealedCookie { seal.withLock { $0.cookie } }
}
