import Configuration
import EventLoop
import HTTPClient
import HelperCore
import HelperHTTP
import Keycloak
import Telemetry
import WireContract

/// The parts that say who is let in.
extension HelperServer {
    /// Calls Keycloak, with our client's credentials where it asks for them.
    func keycloakSource(
        _ client: HTTPClient, _ clientSecret: RotatingSecret?, _ telemetry: HelperTelemetry,
        _ breakers: KeycloakBreakers
    ) -> HTTPKeySource {
        var credentials: (@Sendable () -> BasicCredentials)?
        if let clientSecret {
            credentials = { [clientID = settings.identity.clientID] in
                BasicCredentials(user: clientID, password: clientSecret.current.reveal())
            }
        }
        return HTTPKeySource(
            client: client, credentials: credentials,
            metrics: telemetry.upstream(), tracer: telemetry.tracer,
            breakers: breakers)
    }

    func tokenVerifier(
        _ client: HTTPClient, _ clientSecret: RotatingSecret?, _ telemetry: HelperTelemetry,
        _ breakers: KeycloakBreakers, _ spawn: @escaping Spawn,
        sleep: @escaping @Sendable (Duration) async -> Void
    ) -> KeycloakTokenVerifier {
        let identity = settings.identity
        var policy = identity.policy
        policy.roles = accessPolicy.roles
        let source = keycloakSource(client, clientSecret, telemetry, breakers)
        return KeycloakTokenVerifier(
            policy: policy, places: identity.places, settings: identity.keys,
            parts: KeycloakTokenVerifier.Parts(
                source: source,
                introspection: identity.introspectionLifetime.map { lifetime in
                    // Fetches of signing keys must find a connection, too.
                    .init(source: source, lifetime: lifetime, callsMax: max(1, settings.concurrency * 3 / 4))
                },
                spawn: spawn, sleep: sleep,
                logger: logger.labelled("keycloak"), metrics: telemetry.registry,
                now: { Double(wallClockNanoseconds()) / 1e9 }))
    }

    var accessPolicy: AccessPolicy {
        AccessPolicy(
            requiredRole: settings.requiredRole.map { ExactName($0) },
            serviceRoles: settings.serviceRoles.mapValues { Set($0.map { ExactName($0) }) },
            defaultAccess: settings.defaultAccess)
    }

    var protectedResource: ProtectedResource {
        ProtectedResource(
            realm: settings.identity.realm, issuers: settings.identity.policy.issuers,
            publicURL: settings.identity.publicURL)
    }

    /// The first issuer is the one that people's browsers reach.
    var clientDocument: ClientDocument {
        ClientDocument(
            issuer: settings.identity.policy.issuers.first ?? "", clientID: settings.identity.cliClientID,
            scopes: settings.identity.cliScopes, portalURL: settings.portal?.url)
    }

    /// Warns of names in `MLAAS_SERVICE_ROLES` that no service has: once when they are found, and again when they change.
    /// - Parameter sleep: waits, and returns false when it is time to stop.
    func watchServiceNames(_ catalogs: CatalogStore, sleep: @Sendable (Duration) async -> Bool) async {
        let policy = accessPolicy
        guard !policy.serviceRoles.isEmpty else { return }
        var told: [String] = []
        repeat {
            guard let unknown = catalogs.catalog.map(policy.unknownServices), unknown != told else { continue }
            told = unknown
            if unknown.isEmpty { continue }
            logger.warning(
                "unknown service in MLAAS_SERVICE_ROLES",
                metadata: [
                    "services": .string(String(unknown.joined(separator: ", ").prefix(512))),
                    "hint": "use the system_name that GET /api/services answers",
                ])
        } while await sleep(.seconds(1))
    }
}
