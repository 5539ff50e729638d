package import Bytes
package import Configuration
package import HTTPServer
package import HelperCore
package import Redis
package import Telemetry

/// Everything that is configured, checked as a whole: either all of it is good or every problem is listed.
package struct Settings: Sendable {
    package enum Environment: String, CaseIterable, Sendable { case production, development }
    package enum LogFormat: String, CaseIterable, Sendable { case json, text }

    package let environment: Environment
    package let logLevel: Logger.Level
    package let logFormat: LogFormat
    package let host: String
    package let port: Int
    package let loops: Int
    package let identity: IdentitySettings
    package let threeScaleURL: String
    package let threeScaleToken: Secret
    package let pageSize: Int
    package let timeout: Duration
    package let retries: Int
    package let concurrency: Int
    package let catalogRefresh: Duration
    package let breaker: BreakerState.Settings
    package let applicationsCache: Duration
    package let accountCache: Duration
    package let adoptsUnmarked: Bool
    package let defaultPlan: String?
    package let keyRules: KeyRules
    package let requiredRole: String?
    package let serviceRoles: [String: Set<String>]
    /// What becomes of the services that `serviceRoles` does not name.
    package let defaultAccess: AccessPolicy.DefaultAccess
    package let drain: Duration
    package let serverLimits: ServerLimits
    /// What may be held for clients, in bytes.
    package let memory: Int
    package let corsOrigins: [String]
    package let docsDirectory: String?
    package let tls: TLSFiles?
    /// Nil where the portal is off.
    package let portal: PortalSettings?
    package let rateLimits: RateLimits
    package let trustedProxies: [AddressRange]
    /// Where state that replicas share is kept; nil keeps it in this process.
    package let redis: RedisConfiguration?
    package let extraRootsFile: String?
    package let httpsProxy: String?
    package let httpProxy: String?
    package let noProxy: String?
    package let telemetry: TelemetrySettings

    /// Prefixes by which an unknown variable is taken for a slip of the pen.
    private static let prefixes = [
        "KEYCLOAK_", "THREESCALE_", "MLAAS_", "SERVER_", "API_", "CATALOG_", "APPLICATIONS_", "BREAKER_", "SHUTDOWN_",
        "LOG_", "METRICS_", "CORS_", "TLS_", "RATE_", "REDIS_", "TRUSTED_", "KEY_", "KEYS_", "GATEWAY_", "CLI_",
        "PORTAL_", "SESSION_",
    ]
    /// What other parts of a deployment set.
    private static let ignored: Set<String> = ["FLASK_APP", "FLASK_DEBUG", "MLAAS_VERSION"]

    /// Problems that end the start, or the settings with what should be said about them.
    package enum Outcome: Sendable {
        case problems([ConfigProblem], entries: [ConfigEntry], warnings: [String])
        case settings(Settings, entries: [ConfigEntry], warnings: [String])

        package var warnings: [String] {
            switch self {
            case .problems(_, _, let warnings), .settings(_, _, let warnings): warnings
            }
        }
    }

    /// Reads every variable. `docs/configuration.md` and `config.env.example` are made from what is declared there.
    package static func read(_ providers: [any ConfigProvider]) -> Outcome {
        var reader = ConfigReader(providers: providers)
        let settings = Settings(&reader)
        let warnings =
            reader.warnings.map(\.description)
            + reader.unknownKeys(prefixes: prefixes, ignoring: ignored).map {
                "\($0) is set but not known; is it a slip of the pen?"
            }
        if !reader.problems.isEmpty {
            return .problems(reader.problems, entries: reader.entries, warnings: warnings)
        }
        return .settings(settings, entries: reader.entries, warnings: warnings)
    }

    /// Every variable that is read, in the order of the reference.
    package static var declarations: [ConfigDeclaration] {
        var reader = ConfigReader(providers: [])
        _ = Settings(&reader)
        return reader.declarations
    }
}
