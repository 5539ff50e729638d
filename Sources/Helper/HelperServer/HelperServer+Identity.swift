import Configuration
import EventLoop
import HTTPClient
import HelperCore
import HelperHTTP
import Keycloak
import Telemetry

/// The parts that say who is let in.
extension HelperServer {
    func tokenVerifier(
        _ client: HTTPClient, _ clientSecret: RotatingSecret?, _ telemetry: HelperTelemetry, _ breakers: KeycloakBreakers,
        _ spawn: @escaping Spawn
    ) -> KeycloakTokenVerifier {
        let identity = settings.identity
        var policy = identity.policy
        policy.roles = accessPolicy.roles
        var credentials: (@Sendable () -> BasicCredentials)?
        if let clientSecret {
            credentials = { BasicCredentials(user: identity.clientID, password: clientSecret.current.reveal()) }
        }
        let source = HTTPKeySource(
            client: client, credentials: credentials,
            metrics: telemetry.upstream("keycloak", HTTPKeySource.operations), tracer: telemetry.tracer,
            breakers: breakers)
        return KeycloakTokenVerifier(
            policy: policy, places: identity.places, settings: identity.keys,
            parts: KeycloakTokenVerifier.Parts(
                source: source, introspection: identity.introspectionLifetime.map { (source, $0) }, spawn: spawn,
                logger: logger.labelled("keycloak"), metrics: telemetry.registry,
                now: { Double(wallClockNanoseconds()) / 1e9 }))
    }

    var accessPolicy: AccessPolicy {
        AccessPolicy(
            requiredRole: settings.requiredRole.map { ExactName($0) },
            serviceRoles: settings.serviceRoles.mapValues { Set($0.map { ExactName($0) }) })
    }

    var protectedResource: ProtectedResource {
        ProtectedResource(
            realm: settings.identity.realm, issuers: settings.identity.policy.issuers,
            publicURL: settings.identity.publicURL)
    }
}
