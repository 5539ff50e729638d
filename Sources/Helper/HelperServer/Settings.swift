package import Configuration
import Crypto
import EventLoop
package import Keycloak
package import Telemetry

/// Everything that is configured, checked as a whole: either all of it is good or every problem is told.
package struct Settings: Sendable {
    package enum Environment: String, CaseIterable, Sendable { case production, development }
    package enum LogFormat: String, CaseIterable, Sendable { case json, text }

    package let environment: Environment
    package let logLevel: Logger.Level
    package let logFormat: LogFormat
    package let host: String
    package let port: Int
    package let loops: Int
    package let keycloakURL: String
    package let realm: String
    package let clientID: String
    package let tokenPolicy: TokenPolicy
    package let keySettings: KeycloakTokenVerifier.KeySettings
    package let keySetURL: String?
    package let threeScaleURL: String
    package let threeScaleToken: Secret
    package let pageSize: Int
    package let timeout: Duration
    package let retries: Int
    package let concurrency: Int
    package let catalogRefresh: Duration
    package let applicationsCache: Duration
    package let defaultPlan: String?
    package let requiredRole: String?
    package let serviceRoles: [String: Set<String>]
    package let drain: Duration
    package let extraRootsFile: String?
    package let httpsProxy: String?
    package let httpProxy: String?
    package let noProxy: String?

    /// `{server}/realms/{realm}`.
    package var realmURL: String { "\(keycloakURL)/realms/\(realm)" }

    /// Prefixes by which a variable that nobody reads is taken for a slip of the pen.
    private static let prefixes = [
        "KEYCLOAK_", "THREESCALE_", "MLAAS_", "SERVER_", "API_", "CATALOG_", "APPLICATIONS_", "SHUTDOWN_", "LOG_",
    ]
    /// What other parts of a deployment set.
    private static let ignored: Set<String> = ["FLASK_APP", "FLASK_DEBUG", "MLAAS_VERSION"]

    /// Problems that end the start, or the settings with what should be said about them.
    package enum Outcome: Sendable {
        case problems([ConfigProblem], entries: [ConfigEntry])
        case settings(Settings, entries: [ConfigEntry], warnings: [String])
    }

    /// Reads every variable. Configuration keys are documented in `config.env.example`.
    package static func read(_ providers: [any ConfigProvider]) -> Outcome {
        var reader = ConfigReader(providers: providers)
        let settings = Settings(&reader)
        if !reader.problems.isEmpty { return .problems(reader.problems, entries: reader.entries) }
        let warnings = reader.unknownKeys(prefixes: prefixes, ignoring: ignored).map {
            "\($0) is set but not known; is it a slip of the pen?"
        }
        return .settings(settings, entries: reader.entries, warnings: warnings)
    }

    private init(_ reader: inout ConfigReader) {
        environment = reader.choice(forKey: "MLAAS_ENV", aliases: ["FLASK_ENV"], default: .production)
        let isDevelopment = environment == .development
        logLevel = reader.choice(forKey: "LOG_LEVEL", default: isDevelopment ? .debug : .info)
        logFormat = reader.choice(forKey: "LOG_FORMAT", default: isDevelopment ? .text : .json)
        host = reader.string(forKey: "SERVER_HOST", default: "0.0.0.0") ?? ""
        port = reader.int(forKey: "SERVER_PORT", default: 5000, range: 0...65_535)
        loops = reader.int(forKey: "SERVER_LOOPS", default: min(availableCores(), 256), range: 1...256)
        drain = reader.duration(forKey: "SHUTDOWN_DRAIN_SECONDS", default: .seconds(5), range: .zero ... .seconds(600))

        keycloakURL = reader.url(forKey: "KEYCLOAK_URL", example: "https://sso.example.com") ?? ""
        realm = reader.requiredString(forKey: "KEYCLOAK_REALM", example: "mlaas")
        clientID = reader.requiredString(forKey: "KEYCLOAK_CLIENT_ID", example: "mlaas-client")
        _ = reader.secret(forKey: "KEYCLOAK_CLIENT_SECRET", required: false)
        keySetURL = reader.url(
            forKey: "KEYCLOAK_JWKS_URL", example: "https://sso.example.com/realms/mlaas/protocol/openid-connect/certs",
            required: false)
        tokenPolicy = Self.tokenPolicy(&reader, realmURL: "\(keycloakURL)/realms/\(realm)", clientID: clientID)
        keySettings = Self.keySettings(&reader)

        threeScaleURL =
            reader.url(forKey: "THREESCALE_ADMIN_API_URL", example: "https://tenant-admin.example.com") ?? ""
        threeScaleToken = reader.secret(forKey: "THREESCALE_ADMIN_API_KEY", required: true) ?? Secret("")
        pageSize = reader.int(forKey: "API_PAGE_SIZE", default: 500, range: 1...500)
        timeout = reader.duration(
            forKey: "API_TIMEOUT", default: .seconds(30), range: .milliseconds(100) ... .seconds(600))
        retries = reader.int(forKey: "API_RETRY_COUNT", default: 3, range: 0...10)
        concurrency = reader.int(forKey: "THREESCALE_MAX_CONCURRENCY", default: 32, range: 1...1_024)
        catalogRefresh = reader.duration(
            forKey: "CATALOG_REFRESH_SECONDS", default: .seconds(60), range: .milliseconds(100) ... .seconds(86_400))
        applicationsCache = reader.duration(
            forKey: "APPLICATIONS_CACHE_SECONDS", default: .seconds(30), range: .zero ... .seconds(3_600))
        defaultPlan = reader.string(forKey: "MLAAS_DEFAULT_PLAN")
        requiredRole = reader.string(forKey: "MLAAS_REQUIRED_ROLE")
        serviceRoles = Self.serviceRoles(&reader)

        extraRootsFile = reader.string(forKey: "CA_BUNDLE", aliases: ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"])
        httpsProxy = reader.string(forKey: "HTTPS_PROXY", aliases: ["https_proxy"])
        httpProxy = reader.string(forKey: "HTTP_PROXY", aliases: ["http_proxy"])
        noProxy = reader.string(forKey: "NO_PROXY", aliases: ["no_proxy"])

        let allowsPlainHTTP = reader.bool(forKey: "ALLOW_INSECURE_HTTP", default: false)
        if !isDevelopment, !allowsPlainHTTP {
            for (key, url) in [
                ("KEYCLOAK_URL", keycloakURL), ("KEYCLOAK_JWKS_URL", keySetURL ?? ""),
                ("THREESCALE_ADMIN_API_URL", threeScaleURL),
            ] where url.hasPrefix("http://") && !Self.isLoopback(url) {
                reader.report(
                    key,
                    "must be https in production (or set ALLOW_INSECURE_HTTP=true, which sends secrets in the clear)")
            }
        }
    }

    private static func tokenPolicy(
        _ reader: inout ConfigReader, realmURL: String, clientID: String
    ) -> TokenPolicy {
        let issuers = reader.list(forKey: "KEYCLOAK_ISSUERS", default: [realmURL])
        let audiences = reader.list(forKey: "KEYCLOAK_AUDIENCE", default: [clientID])
        let allowsParty = reader.bool(forKey: "KEYCLOAK_ALLOW_AZP", default: false)
        var algorithms: Set<SignatureAlgorithm> = []
        for name in reader.list(forKey: "KEYCLOAK_ALGORITHMS", default: ["RS256"]) {
            if let algorithm = SignatureAlgorithm(rawValue: name) {
                algorithms.insert(algorithm)
            } else {
                let names = SignatureAlgorithm.allCases.map(\.rawValue).joined(separator: ", ")
                reader.report("KEYCLOAK_ALGORITHMS", "'\(name.prefix(20))' is none of \(names)")
            }
        }
        let skew = reader.duration(
            forKey: "KEYCLOAK_CLOCK_SKEW_SECONDS", default: .seconds(30), range: .zero ... .seconds(300))
        return TokenPolicy(
            issuers: issuers, audiences: Set(audiences), clientID: clientID, allowsAuthorizedParty: allowsParty,
            algorithms: algorithms, clockSkew: skew)
    }

    private static func keySettings(_ reader: inout ConfigReader) -> KeycloakTokenVerifier.KeySettings {
        var settings = KeycloakTokenVerifier.KeySettings()
        settings.refreshAfter = reader.duration(
            forKey: "KEYCLOAK_KEYS_REFRESH", default: settings.refreshAfter, range: .seconds(1) ... .seconds(86_400))
        settings.cooldown = reader.duration(
            forKey: "KEYCLOAK_KEYS_COOLDOWN", default: settings.cooldown, range: .milliseconds(10) ... .seconds(3_600))
        settings.maxStale = reader.duration(
            forKey: "KEYCLOAK_KEYS_MAX_STALE", default: settings.maxStale, range: .seconds(1) ... .seconds(30 * 86_400))
        return settings
    }

    /// `granite_chat=ml-users|ml-admins;vision=ml-admins`.
    private static func serviceRoles(_ reader: inout ConfigReader) -> [String: Set<String>] {
        guard let text = reader.string(forKey: "MLAAS_SERVICE_ROLES") else { return [:] }
        var roles: [String: Set<String>] = [:]
        for rule in text.split(separator: ";") {
            let parts = rule.split(separator: "=", maxSplits: 1).map { $0.filter { $0 != " " } }
            let names = parts.count == 2 ? parts[1].split(separator: "|").map(String.init) : []
            guard let service = parts.first, !service.isEmpty, !names.isEmpty else {
                reader.report(
                    "MLAAS_SERVICE_ROLES", "expected service=role|role;service=role, found '\(rule.prefix(60))'")
                continue
            }
            roles[service, default: []].formUnion(names)
        }
        return roles
    }

    private static func isLoopback(_ url: String) -> Bool {
        let host = url.dropFirst("http://".count).prefix { $0 != "/" }
        return ["localhost", "127.0.0.1", "[::1]"].contains { host == $0 || host.hasPrefix($0 + ":") }
    }
}
