import Bytes
import Configuration
import Crypto
import EventLoop
import HelperCore
import HelperHTTP
import Telemetry

/// Each variable is declared where it is read, with the text that the configuration reference shows for it. A variable is
/// read whatever the others say, so that the reference is complete.
extension Settings {
    init(_ reader: inout ConfigReader) {
        reader.section("Keycloak")
        identity = IdentitySettings(&reader)

        reader.section("3scale")
        threeScaleURL =
            reader.url(
                forKey: "THREESCALE_ADMIN_API_URL", example: "https://tenant-admin.example.com",
                help: "The tenant's admin portal, with or without `/admin/api/`.") ?? ""
        threeScaleToken =
            reader.secret(
                forKey: "THREESCALE_ADMIN_API_KEY", required: true,
                help: """
                    An access token of 3scale with scope Account Management API, read and write. \
                    A file is read again on SIGHUP.
                    """) ?? Secret("")
        pageSize = reader.int(
            forKey: "API_PAGE_SIZE", default: 500, range: 1...500, help: "How many entries one page of a list holds.")
        timeout = reader.duration(
            forKey: "API_TIMEOUT", default: .seconds(30), range: .milliseconds(100) ... .seconds(600),
            help: "How long one request may take, everything behind it and all retries included.")
        retries = reader.int(
            forKey: "API_RETRY_COUNT", default: 3, range: 0...10,
            help: "How often a failed read is tried again. A write is never repeated: its outcome is looked up.")
        concurrency = reader.int(
            forKey: "THREESCALE_MAX_CONCURRENCY", default: 32, range: 1...1_024,
            help: "How many calls to 3scale may be under way at once in one replica.")
        catalogRefresh = reader.duration(
            forKey: "CATALOG_REFRESH_SECONDS", default: .seconds(60), range: .milliseconds(100) ... .seconds(86_400),
            help: "How often the catalogue of services and plans is read anew.")
        applicationsCache = reader.duration(
            forKey: "APPLICATIONS_CACHE_SECONDS", default: .seconds(30), range: .zero ... .seconds(3_600),
            help: "How long a caller's applications are remembered. 0 asks 3scale every time.")
        accountCache = reader.duration(
            forKey: "ACCOUNT_CACHE_SECONDS", default: .seconds(300), range: .zero ... .seconds(86_400),
            help: "How long lists use a caller's account id before they look it up again. Writes always look it up.")

        breaker = Self.breaker(&reader)

        reader.section("Who may what")
        defaultPlan = reader.string(
            forKey: "MLAAS_DEFAULT_PLAN", example: "basic",
            help: "System name of the plan to prefer where a service has no default plan.")
        requiredRole = reader.string(
            forKey: "MLAAS_REQUIRED_ROLE", example: "ml-users", help: "A realm or client role that every caller needs.")
        serviceRoles = Self.serviceRoles(&reader)
        defaultAccess = reader.choice(
            forKey: "MLAAS_DEFAULT_ACCESS", default: .allow,
            help: "`deny` hides every service that `MLAAS_SERVICE_ROLES` does not name.")
        adoptsUnmarked = reader.bool(
            forKey: "MLAAS_ADOPT_UNMARKED", default: true,
            help: """
                Applications without an owner mark, made in the portal, belong to the owner of the account's user name, and \
                `init` marks them before it answers one. `false` neither shows nor answers them.
                """)

        keyRules = Self.keyRules(&reader)

        reader.section("Server")
        environment = reader.choice(
            forKey: "MLAAS_ENV", aliases: ["FLASK_ENV"], default: .production,
            help: """
                `development` means text logs at level debug, and allows plain http. `FLASK_APP` is ignored, and a \
                `FLASK_ENV` other than `development` is taken for `production`.
                """,
            // The original's deployments set what Flask allows, which is any text.
            lenient: { name, text in
                name == "FLASK_ENV" ? (.production, "\(ConfigReader.shown(text)) is taken for production") : nil
            })
        let isDevelopment = environment == .development
        let host =
            reader.string(
                forKey: "SERVER_HOST", default: "0.0.0.0", expected: "an address", help: "The address to listen on.")
            ?? ""
        self.host = Self.address(host, key: "SERVER_HOST", &reader)
        port = reader.int(
            forKey: "SERVER_PORT", default: 5000, range: 0...65_535, help: "The port to listen on; 0 takes a free one.")
        tls = TLSFiles(&reader)
        loops = reader.int(
            forKey: "SERVER_LOOPS", default: min(availableCores(), 256), defaultText: "one per available core",
            range: 1...256, help: "Event loops, a thread each. A limit of the container on processors counts.")
        drain = reader.duration(
            forKey: "SHUTDOWN_DRAIN_SECONDS", default: .seconds(5), range: .zero ... .seconds(600),
            help: """
                After SIGTERM, how long requests are still accepted while readiness says 503, so that routers notice. \
                Requests under way then get up to 30 s.
                """)

        serverLimits = Self.serverLimits(&reader)
        memory = Self.memory(&reader)
        corsOrigins = Self.corsOrigins(&reader)
        docsDirectory = reader.string(
            forKey: "MLAAS_DOCS_DIR", expected: "a path", example: "/usr/share/mlaas-helper/docs",
            help:
                "The folder with Swagger UI for `/docs`. Unset, or without its files, `/docs` is a plain list of the routes."
        )

        if let docsDirectory, !FilesOnDisk.isDirectory(docsDirectory) {
            reader.report("MLAAS_DOCS_DIR", "'\(docsDirectory)' is no folder that can be read")
        }

        portal = PortalSettings(&reader, clientSecret: identity.clientSecret)

        reader.section("Limits and shared state")
        rateLimits = Self.rateLimits(&reader)
        trustedProxies = Self.trustedProxies(&reader)
        redis = Self.redis(&reader)

        reader.section("Logs")
        logLevel = reader.choice(
            forKey: "LOG_LEVEL", default: isDevelopment ? .debug : .info,
            help: """
                The least severe level that is written, in either case of letters. Python's `WARN`, `FATAL` and `NOTSET` \
                are understood.
                """,
            lenient: { _, text in
                switch text.lowercased() {
                case "warn": (.warning, nil)
                case "fatal": (.critical, nil)
                case "notset": (.trace, nil)
                default: nil
                }
            })
        logFormat = reader.choice(
            forKey: "LOG_FORMAT", default: isDevelopment ? .text : .json,
            help: """
                `json` is one object a line, `text` is for people. A format of Python's logging, as the original's \
                deployments set it, is taken for `json`.
                """,
            lenient: { _, text in
                let isPython = text.contains("%(") || text.contains("{asctime") || text.contains("{message")
                return isPython ? (.json, "is a format of Python's logging and is taken for json") : nil
            })

        reader.section("Telemetry")
        telemetry = TelemetrySettings(&reader)
        if port != 0, telemetry.metricsPort == port, Self.overlap(host, telemetry.metricsHost) {
            reader.report("METRICS_PORT", "must differ from SERVER_PORT; unset, metrics are served on that port")
        }

        reader.section("Network")
        extraRootsFile = reader.string(
            forKey: "CA_BUNDLE", aliases: ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"], expected: "a path",
            help: "A PEM file of roots to trust besides the system's. Read again on SIGHUP.")
        if let extraRootsFile {
            do throws(CryptoError) {
                _ = try TrustedRoots.load(extra: extraRootsFile)
            } catch {
                reader.report("CA_BUNDLE", error.description)
            }
        }
        httpsProxy = reader.proxy(
            forKey: "HTTPS_PROXY", aliases: ["https_proxy", "ALL_PROXY", "all_proxy"],
            help: "The proxy for https requests.")
        httpProxy = reader.proxy(
            forKey: "HTTP_PROXY", aliases: ["http_proxy", "ALL_PROXY", "all_proxy"],
            help: "The proxy for plain http requests.")
        noProxy = reader.string(
            forKey: "NO_PROXY", aliases: ["no_proxy"], expected: "a list of hosts and domains",
            example: ".svc,localhost",
            help: """
                What is asked directly in spite of a proxy: hosts with their subdomains (`.svc`, `*.svc`, `svc`), addresses, \
                blocks (`10.0.0.0/8`, `10.*`), `*`, each with a port behind it or without.
                """)
        let allowsPlainHTTP = reader.bool(
            forKey: "ALLOW_INSECURE_HTTP", default: false,
            help: """
                Allow plain http to Keycloak and 3scale in production, which sends secrets in the clear. \
                To loopback it is always allowed.
                """)
        if !isDevelopment, !allowsPlainHTTP { refusePlainHTTP(&reader) }
    }

    /// An address to listen on, without the brackets that URLs put around those of IPv6.
    static func address(_ text: String, key: String, _ reader: inout ConfigReader) -> String {
        let bare = text.hasPrefix("[") && text.hasSuffix("]") ? String(text.dropFirst().dropLast()) : text
        if !HostText.isHost(bare), !HostText.isIPv6(bare) {
            reader.report(
                key,
                "expected an address such as 0.0.0.0, :: or 127.0.0.1, or a host name, found \(ConfigReader.shown(text))"
            )
        }
        return bare
    }

    /// Whether a port cannot be listened on for both.
    private static func overlap(_ host: String, _ other: String) -> Bool {
        let everywhere = ["0.0.0.0", "::"]
        return host == other || everywhere.contains(host) || everywhere.contains(other)
    }

    private static func breaker(_ reader: inout ConfigReader) -> BreakerState.Settings {
        var breaker = BreakerState.Settings()
        breaker.failures = reader.int(
            forKey: "BREAKER_FAILURES", default: breaker.failures, range: 1...1_000,
            help: """
                The failures in a row that open the circuit breaker of 3scale or Keycloak: calls are then refused without \
                being sent.
                """)
        breaker.probeInterval = reader.duration(
            forKey: "BREAKER_PROBE_SECONDS", default: breaker.probeInterval,
            range: .milliseconds(100) ... .seconds(600),
            help: """
                The time between the probes that an open circuit breaker sends. The first that is answered closes it.
                """)
        return breaker
    }

    private func refusePlainHTTP(_ reader: inout ConfigReader) {
        let urls =
            identity.calledURLs + [
                ("THREESCALE_ADMIN_API_URL", threeScaleURL),
                ("OTEL_EXPORTER_OTLP_ENDPOINT", telemetry.otlpHeaders == nil ? "" : telemetry.otlpEndpoint ?? ""),
            ]
        for (key, text) in urls {
            guard let url = WebURL(text), !url.isSecure, !url.isLoopback else { continue }
            reader.report(
                key, "must be https in production (or set ALLOW_INSECURE_HTTP=true, which sends secrets in the clear)")
        }
    }

    /// `granite_chat=ml-users|ml-admins;vision=ml-admins`.
    private static func serviceRoles(_ reader: inout ConfigReader) -> [String: Set<String>] {
        let text = reader.string(
            forKey: "MLAAS_SERVICE_ROLES", expected: "`service=role|role;service=role`",
            example: "granite_chat=ml-users|ml-admins",
            help: "Services, by system name, that only callers with one of the roles see.")
        guard let text else { return [:] }
        var roles: [String: Set<String>] = [:]
        for rule in text.split(separator: ";") {
            let parts = rule.split(separator: "=", maxSplits: 1).map { trim($0) }
            let names = parts.count == 2 ? parts[1].split(separator: "|").map { trim($0) }.filter { !$0.isEmpty } : []
            guard let service = parts.first, !service.isEmpty, !names.isEmpty else {
                reader.report(
                    "MLAAS_SERVICE_ROLES", "expected service=role|role;service=role, found \(ConfigReader.shown(rule))")
                continue
            }
            roles[service, default: []].formUnion(names)
        }
        if roles.isEmpty, text.split(separator: ";").isEmpty {
            reader.report("MLAAS_SERVICE_ROLES", "names no service; leave it unset to hide none")
        }
        return roles
    }

    /// Without blanks at both ends; those inside a role's name are part of it.
    private static func trim(_ text: Substring) -> String {
        let start = text.drop { $0 == " " }
        return String(start.prefix(start.count - start.reversed().prefix { $0 == " " }.count))
    }

    private static func corsOrigins(_ reader: inout ConfigReader) -> [String] {
        let origins = reader.list(
            forKey: "CORS_ALLOWED_ORIGINS", example: "https://portal.example.com",
            help: "Origins whose pages may call the API from a browser. Unset, none may.")
        for origin in origins where !CORSPolicy.isOrigin(origin) {
            reader.report(
                "CORS_ALLOWED_ORIGINS",
                "expected origins such as https://portal.example.com or http://localhost:3000 (lower case, no path, no "
                    + "default port; '*' is not accepted: list them), found \(ConfigReader.shown(origin))")
        }
        return origins
    }
}
