import Configuration
import EventLoop
import HTTPClient
import HelperCore
import HelperHTTP
import Keycloak
import Telemetry

/// The portal, where it is on.
extension HelperServer {
    /// Nil where it is off.
    func portalSessions(_ policy: AccessPolicy) -> PortalSessions? {
        settings.portal.map { portal in
            PortalSessions(
                site: PortalSite(url: portal.url), secrets: portal.secrets.map { Array($0.reveal().utf8) },
                policy: policy,
                lifetimes: PortalSessions.Lifetimes(
                    session: Int(portal.session.components.seconds), whole: Int(portal.sessionMax.components.seconds)),
                now: { wallClockSeconds() })
        }
    }

    /// - Parameters:
    ///   - source: authenticates us as the client that people sign in by.
    ///   - use: what the API's routes call.
    func portalTable(
        _ sessions: PortalSessions, _ verifier: KeycloakTokenVerifier, _ source: HTTPKeySource,
        _ use: PortalRoutes.UseCases, _ shared: any SharedState, _ outcomes: SignInOutcomes
    ) -> PortalTable {
        let provider = KeycloakSignIn(realmURL: settings.identity.places.realmURL, verifier: verifier, source: source)
        let signIn = SignInRoutes(
            provider: provider, sessions: sessions, pages: sessions.pages, outcomes: outcomes,
            announce: { await shared.announce(.sessions($0)) }, logger: logger.labelled("portal"))
        let pages = PortalRoutes(
            use, rules: settings.keyRules, signIn: signIn, sessions: sessions,
            serverURL: settings.identity.publicURL ?? sessions.site.origin,
            downloadURL: settings.identity.cliDownloadURL)
        return PortalTable(signIn: signIn, pages: pages, assets: PortalAssets())
    }
}
