/// A person or service account of the realm.
package struct RealmUser: Sendable {
    package let id: String
    package var username: String
    package let firstName: String?
    package let lastName: String?
    package let email: String?
    package let emailVerified: Bool
    /// Nil for a service account, which cannot log in.
    package let password: String?
    package var enabled: Bool
    package let realmRoles: [String]
    package let clientRoles: [String: [String]]
    /// Full paths.
    package let groups: [String]
    /// The client whose service account this is.
    package let serviceAccountOf: String?
}

/// An application that asks for tokens.
package struct RealmClient: Sendable {
    package let id: String
    /// Nil for a public client.
    package let secret: String?
    package var allowsCode = false
    package var allowsPassword = false
    package var allowsServiceAccount = false
    package var allowsDevice = false
    package var requiresPKCE = false
    package var redirectURIs: [String] = []
    package var webOrigins: [String] = []
    package var hasAudienceMapper = true
    package var hasGroupsMapper = false
    package var hasServiceAccountScope = false
    package var usesLightweightTokens = false
    package var usesES256 = false
    package var requiresDPoP = false
    package var usesAccessTokenType = false

    init(_ id: String, secret: String?, _ change: (inout RealmClient) -> Void = { _ in }) {
        self.id = id
        self.secret = secret
        change(&self)
    }

    /// `http://127.0.0.1/*` allows any path there, on any port (RFC 8252 §7.3); with a port, only that port.
    func allows(redirect: String) -> Bool {
        let candidates = [redirect] + Self.loopback.compactMap { Self.withoutPort(redirect, of: $0) }
        return candidates.contains { candidate in
            redirectURIs.contains { pattern in
                pattern.hasSuffix("*") ? candidate.hasPrefix(pattern.dropLast()) : pattern == candidate
            }
        }
    }

    private static let loopback = ["http://127.0.0.1", "http://localhost"]

    /// Nil for a URL of another host, or without a port.
    private static func withoutPort(_ url: String, of host: String) -> String? {
        guard url.hasPrefix(host + ":") else { return nil }
        let rest = url.dropFirst(host.count + 1)
        let port = rest.prefix { $0.isASCII && $0.isNumber }
        guard !port.isEmpty else { return nil }
        return host + rest.dropFirst(port.count)
    }
}

/// The example realm, like the one that ships for tests against a real Keycloak.
enum RealmSeed {
    static let realm = "mlaas"
    static let accessTokenLifetime = 300
    static let refreshTokenLifetime = 1_800
    static let deviceCodeLifetime = 600
    static let devicePollInterval = 1

    private static let redirects = [
        "http://127.0.0.1/*", "http://localhost/*", "http://127.0.0.1:5000/*", "http://localhost:5000/*",
    ]
    private static let origins = [
        "http://127.0.0.1:5000", "http://127.0.0.1", "http://localhost:5000", "http://localhost",
    ]
    static let defaultRoles = ["offline_access", "default-roles-mlaas", "uma_authorization"]

    static let clients: [RealmClient] = [
        RealmClient("mlaas-client", secret: "mlaas-client-secret") {
            $0.allowsCode = true
            $0.allowsPassword = true
            $0.allowsServiceAccount = true
            $0.allowsDevice = true
            $0.redirectURIs = redirects
            $0.webOrigins = origins
            $0.hasGroupsMapper = true
            $0.hasServiceAccountScope = true
        },
        RealmClient("mlaas-portal", secret: "mlaas-portal-secret") {
            $0.allowsCode = true
            $0.requiresPKCE = true
            $0.redirectURIs = redirects
            $0.webOrigins = origins
            $0.hasGroupsMapper = true
        },
        RealmClient("mlaas-cli", secret: nil) {
            $0.allowsCode = true
            $0.allowsDevice = true
            $0.requiresPKCE = true
            $0.redirectURIs = ["http://127.0.0.1/*", "http://localhost/*"]
            $0.webOrigins = ["http://127.0.0.1", "http://localhost"]
            $0.hasGroupsMapper = true
        },
        RealmClient("batch-loader", secret: "batch-loader-secret") { $0.allowsServiceAccount = true },
        RealmClient("mlaas-offboarding", secret: "mlaas-offboarding-secret") {
            $0.allowsServiceAccount = true
            $0.hasAudienceMapper = false
        },
        RealmClient("other-app", secret: "other-app-secret") {
            $0.allowsPassword = true
            $0.hasAudienceMapper = false
        },
        RealmClient("lightweight-app", secret: "lightweight-app-secret") {
            $0.allowsPassword = true
            $0.usesLightweightTokens = true
        },
        RealmClient("es256-app", secret: "es256-app-secret") {
            $0.allowsPassword = true
            $0.usesES256 = true
        },
        RealmClient("dpop-app", secret: "dpop-app-secret") {
            $0.allowsPassword = true
            $0.requiresDPoP = true
        },
        RealmClient("rfc9068-app", secret: "rfc9068-app-secret") {
            $0.allowsPassword = true
            $0.usesAccessTokenType = true
        },
    ]

    static let users: [RealmUser] = [
        person("ada", "Ada", "Lovelace", roles: ["ml-users"], groups: ["/ml-team"]),
        person("bob", "Bob", "Babbage", roles: ["ml-users", "ml-admins"], groups: ["/ml-team", "/operators"]),
        person("carol", "Carol", "Shaw"),
        person("dan", "Dan", "Disabled", roles: ["ml-users"], enabled: false),
        person("erin.o-neil", "Erin", "O'Neil", roles: ["ml-users"]),
        person("zoë", "Zoë", "Müller", roles: ["ml-users"]),
        serviceAccount("batch-loader", roles: ["ml-users"]),
        serviceAccount(
            "mlaas-offboarding",
            clientRoles: ["realm-management": ["view-realm", "view-users", "query-groups", "query-users"]]),
        serviceAccount("mlaas-client"),
    ]

    static func person(
        _ name: String, _ first: String, _ last: String, roles: [String] = [], groups: [String] = [],
        enabled: Bool = true
    ) -> RealmUser {
        RealmUser(
            id: Identifiers.uuid(), username: name, firstName: first, lastName: last, email: "\(name)@example.com",
            emailVerified: true, password: "\(name)-password", enabled: enabled, realmRoles: roles, clientRoles: [:],
            groups: groups, serviceAccountOf: nil)
    }

    private static func serviceAccount(
        _ client: String, roles: [String] = [], clientRoles: [String: [String]] = [:]
    ) -> RealmUser {
        RealmUser(
            id: Identifiers.uuid(), username: "service-account-\(client)", firstName: nil, lastName: nil, email: nil,
            emailVerified: false, password: nil, enabled: true, realmRoles: roles, clientRoles: clientRoles, groups: [],
            serviceAccountOf: client)
    }
}
