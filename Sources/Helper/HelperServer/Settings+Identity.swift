package import Configuration
import Crypto
import HTTP
import HelperCore
package import Keycloak

/// Whose tokens are accepted, and how the issuers are asked.
package struct IdentitySettings: Sendable {
    package let keycloakURL: String
    package let realm: String
    package let clientID: String
    package let clientSecret: Secret?
    package let policy: TokenPolicy
    package let keys: KeySettings
    package let places: IssuerPlaces
    /// How long an introspection's answer is believed; nil asks no issuer.
    package let introspectionLifetime: Duration?
    /// The URL by which clients reach us.
    package let publicURL: String?
    /// The public client that people sign in with from a terminal.
    package let cliClientID: String?
    package let cliScopes: [String]
    package let cliDownloadURL: String?

    private static let exampleRealm = "https://sso.example.com/realms/mlaas/protocol/openid-connect"

    init(_ reader: inout ConfigReader) {
        keycloakURL =
            reader.url(
                forKey: "KEYCLOAK_URL", example: "https://sso.example.com",
                help: "Where Keycloak is. A path such as `/auth` is kept, a trailing slash is dropped.") ?? ""
        realm = reader.requiredString(
            forKey: "KEYCLOAK_REALM", example: "mlaas", help: "The realm that issues the tokens.")
        clientID = reader.requiredString(
            forKey: "KEYCLOAK_CLIENT_ID", example: "mlaas-client", help: "The client that tokens are issued for.")
        clientSecret = reader.secret(
            forKey: "KEYCLOAK_CLIENT_SECRET", required: false,
            help:
                "The client's secret. Needed for introspection; `mlaas-helper doctor` looks at a token of the client with it."
        )
        let realmURL = "\(keycloakURL)/realms/\(Self.realmSegment(realm, keycloakURL, &reader))"
        var policy = Self.policy(&reader, realmURL: realmURL, clientID: clientID)
        let keySetURL = reader.url(
            forKey: "KEYCLOAK_JWKS_URL", example: "\(Self.exampleRealm)/certs", required: false,
            help: """
                Where the signing keys of all issuers are fetched. Unset, the realm's discovery document says it, or \
                each issuer's own where there are several. For host names that differ inside and outside, and for issuers \
                that are no realm of Keycloak's.
                """)
        if keySetURL != nil { policy.shareIdentity() }
        self.policy = policy
        keys = Self.keys(&reader)
        let introspects = reader.bool(
            forKey: "KEYCLOAK_INTROSPECTION", default: false,
            help: """
                Ask Keycloak about each token, so that ended sessions and disabled users are refused before their tokens \
                end. Needs `KEYCLOAK_CLIENT_SECRET`. While Keycloak cannot be asked, callers get 503.
                """)
        let lifetime = reader.duration(
            forKey: "KEYCLOAK_INTROSPECTION_CACHE_SECONDS", default: .seconds(30),
            range: .milliseconds(100) ... .seconds(3_600), help: "How long such an answer is believed.")
        introspectionLifetime = introspects ? lifetime : nil
        places = IssuerPlaces(
            realmURL: realmURL, keySetURL: keySetURL,
            introspectionURL: reader.url(
                forKey: "KEYCLOAK_INTROSPECTION_URL", example: "\(Self.exampleRealm)/token/introspect", required: false,
                help: "Where Keycloak is asked. Unset, the issuer's discovery document says it."))
        publicURL = reader.url(
            forKey: "MLAAS_PUBLIC_URL", example: "https://mlaas.example.com", required: false,
            help: """
                The URL by which clients reach this server, for challenges and `/.well-known/oauth-protected-resource`. \
                Unset, it is https and the host that each request names (http for loopback).
                """)
        cliClientID = reader.string(
            forKey: "CLI_CLIENT_ID", example: "mlaas-cli",
            help: """
                The public client with which people sign in from a terminal: `GET /api/client` tells `mlaas login`. Its \
                tokens need an audience of `KEYCLOAK_AUDIENCE`.
                """)
        cliScopes = reader.list(
            forKey: "CLI_SCOPES", default: ["openid"], help: "The scopes that `mlaas login` asks for.")
        cliDownloadURL = reader.url(
            forKey: "CLI_DOWNLOAD_URL", example: "https://artifacts.example.com/mlaas", required: false,
            help: "Where people find the packages of the command line `mlaas`: the portal's page about it links to it.")
        if let client = cliClientID, let parties = policy.authorizedParties, !parties.contains(ExactName(client)) {
            reader.report(
                "CLI_CLIENT_ID", "is not in KEYCLOAK_AUTHORIZED_PARTIES, so that every token of it would be refused")
        }
        if introspects, clientSecret == nil {
            reader.report(
                "KEYCLOAK_INTROSPECTION", "needs KEYCLOAK_CLIENT_SECRET: Keycloak answers confidential clients only")
        }
    }

    /// The URLs that are called, by the variable that set them.
    var calledURLs: [(key: String, url: String)] {
        var urls = [("KEYCLOAK_URL", keycloakURL)]
        if let url = places.keySetURL { urls.append(("KEYCLOAK_JWKS_URL", url)) }
        if let url = places.introspectionURL { urls.append(("KEYCLOAK_INTROSPECTION_URL", url)) }
        // Several issuers are each asked for their keys; one alone is only a name.
        if policy.issuers.count > 1, places.keySetURL == nil {
            urls += policy.issuers.map { ("KEYCLOAK_ISSUERS", $0) }
        }
        return urls
    }

    /// A realm's name as its URL holds it. Keycloak allows blanks and letters of every script in it.
    private static func realmSegment(_ realm: String, _ keycloakURL: String, _ reader: inout ConfigReader) -> String {
        if keycloakURL.hasSuffix("/realms") || keycloakURL.contains("/realms/") {
            reader.report(
                "KEYCLOAK_URL", "holds /realms: give what stands before it, and the name of the realm in KEYCLOAK_REALM"
            )
        }
        if realm.contains(where: { ":/?#[]@!$&'()*+,;=%\\".contains($0) }) {
            reader.report(
                "KEYCLOAK_REALM",
                "holds a character that Keycloak allows in no realm's name; is it the name, not encoded?")
            return ""
        }
        return PercentEncoding.encode(realm)
    }

    private static func isIssuer(_ text: String) -> Bool {
        let hasScheme = text.hasPrefix("https://") || text.hasPrefix("http://")
        return hasScheme && ConfigReader.url(text) != nil
    }

    /// `issuer` or `issuer=identity`. The identity is a URL too, so that an issuer may hold an equals sign.
    private static func issuerEntry(_ text: String) -> (issuer: String, identity: String?) {
        for scheme in ["=https://", "=http://"] {
            if let range = text.firstRange(of: scheme) {
                return (String(text[..<range.lowerBound]), String(text[text.index(after: range.lowerBound)...]))
            }
        }
        return (text, nil)
    }

    private static func policy(_ reader: inout ConfigReader, realmURL: String, clientID: String) -> TokenPolicy {
        let entries = reader.list(
            forKey: "KEYCLOAK_ISSUERS", default: [realmURL],
            defaultText: "`{KEYCLOAK_URL}/realms/{KEYCLOAK_REALM}` alone",
            help: """
                Accepted issuers, byte for byte as tokens name them. `issuer=identity` keeps the name that keys were \
                marked with before the realm moved.
                """
        ).map(Self.issuerEntry)
        let issuers = entries.map(\.issuer)
        if Set(issuers.map { ExactName($0) }).count != issuers.count {
            reader.report("KEYCLOAK_ISSUERS", "names an issuer twice")
        }
        let named = issuers + entries.compactMap(\.identity)
        for issuer in named where issuer != realmURL && !Self.isIssuer(issuer) {
            reader.report(
                "KEYCLOAK_ISSUERS",
                "expected http or https URLs without user, password and query, found \(ConfigReader.shown(issuer))")
        }
        let audiences = reader.list(
            forKey: "KEYCLOAK_AUDIENCE", default: [clientID], defaultText: "the client id",
            help: "One of these must be in a token's `aud`.")
        let allowsParty = reader.bool(
            forKey: "KEYCLOAK_ALLOW_AZP", default: false,
            help: "Also accept tokens issued to the client, whatever their audience.")
        let parties = reader.list(
            forKey: "KEYCLOAK_AUTHORIZED_PARTIES", defaultText: "every client's",
            help: "Accept only tokens that were issued to one of these clients (`azp`).")
        let algorithms = algorithms(&reader)
        let skew = reader.duration(
            forKey: "KEYCLOAK_CLOCK_SKEW_SECONDS", default: .seconds(30), range: .zero ... .seconds(60),
            help: "How far clocks may differ when a token's times are checked.")
        let lifetime = reader.duration(
            forKey: "KEYCLOAK_MAX_TOKEN_LIFETIME", default: .zero, range: .zero ... .seconds(30 * 86_400),
            help: "The longest time from a token's `iat` to its `exp`. 0 sets no limit.")
        return TokenPolicy(
            issuers: issuers,
            identityIssuers: Dictionary(
                entries.compactMap { entry in entry.identity.map { (ExactName(entry.issuer), $0) } },
                uniquingKeysWith: { first, _ in first }), audiences: Set(audiences.map { ExactName($0) }),
            clientID: clientID,
            allowsAuthorizedParty: allowsParty,
            authorizedParties: parties.isEmpty ? nil : Set(parties.map { ExactName($0) }), algorithms: algorithms,
            clockSkew: skew, maxLifetime: lifetime == .zero ? nil : lifetime)
    }

    private static func algorithms(_ reader: inout ConfigReader) -> Set<SignatureAlgorithm> {
        var algorithms: Set<SignatureAlgorithm> = []
        let names = SignatureAlgorithm.allCases.map(\.rawValue).joined(separator: ", ")
        for name in reader.list(
            forKey: "KEYCLOAK_ALGORITHMS", default: ["RS256"], help: "Accepted signature algorithms, of \(names).")
        {
            if let algorithm = SignatureAlgorithm(rawValue: name) {
                algorithms.insert(algorithm)
            } else {
                reader.report("KEYCLOAK_ALGORITHMS", "\(ConfigReader.shown(name)) is none of \(names)")
            }
        }
        return algorithms
    }

    private static func keys(_ reader: inout ConfigReader) -> KeySettings {
        var settings = KeySettings()
        settings.refreshAfter = reader.duration(
            forKey: "KEYCLOAK_KEYS_REFRESH", default: settings.refreshAfter, range: .seconds(1) ... .seconds(86_400),
            help: "How often signing keys are read anew.")
        settings.cooldown = reader.duration(
            forKey: "KEYCLOAK_KEYS_COOLDOWN", default: settings.cooldown, range: .milliseconds(10) ... .seconds(3_600),
            help: "The least time between two fetches that tokens with unknown keys may cause.")
        settings.maxStale = reader.duration(
            forKey: "KEYCLOAK_KEYS_MAX_STALE", default: settings.maxStale, range: .seconds(1) ... .seconds(30 * 86_400),
            help: "How long keys are used while Keycloak cannot be reached; older ones are not, and callers get 503.")
        return settings
    }
}
