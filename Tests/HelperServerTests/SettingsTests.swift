import Arguments
import Configuration
import HelperCore
import HelperServer
import Keycloak
import Telemetry
import Testing

@Suite("The settings")
struct SettingsTests {
    private static let good = [
        "KEYCLOAK_URL": "https://sso.example.com/auth/", "KEYCLOAK_REALM": "mlaas",
        "KEYCLOAK_CLIENT_ID": "mlaas-client",
        "THREESCALE_ADMIN_API_URL": "https://t.example.com/admin/api/", "THREESCALE_ADMIN_API_KEY": "s3cret",
    ]

    private func problems(_ change: [String: String]) -> [String] {
        let values = Self.good.merging(change) { $1 }
        guard case .problems(let problems, _, _) = Settings.read([InMemoryProvider(values)]) else { return [] }
        return problems.map(\.key)
    }

    private func settings(_ change: [String: String] = [:]) throws -> Settings {
        let outcome = Settings.read([InMemoryProvider(Self.good.merging(change) { $1 })])
        guard case .settings(let settings, _, _) = outcome else { throw ConfigProblem("", "\(outcome)") }
        return settings
    }

    @Test("have the documented defaults")
    func defaults() throws {
        let settings = try settings()
        #expect(settings.identity.places.realmURL == "https://sso.example.com/auth/realms/mlaas")
        #expect(
            settings.identity.policy.issuers == [settings.identity.places.realmURL]
                && settings.identity.policy.audiences == ["mlaas-client"])
        #expect(settings.port == 5000 && settings.host == "0.0.0.0" && settings.loops >= 1)
        #expect(settings.timeout == .seconds(30) && settings.retries == 3 && settings.pageSize == 500)
        #expect(settings.logLevel == .info && settings.logFormat == .json && settings.applicationsCache == .seconds(30))
    }

    @Test(
        "a proxy's password is not shown",
        arguments: [
            ("http://u:s3cret@proxy:3128", "http://u:s3cret@proxy:3128", "http://<redacted>@proxy:3128"),
            ("proxy:3128", "http://proxy:3128", "http://proxy:3128"),
            ("https://proxy/", "https://proxy:443", "https://proxy:443"),
            ("u:s3cret@x@proxy:1", "http://u:s3cret%40x@proxy:1", "http://<redacted>@proxy:1"),
            (
                "HTTP://u:s3cret#/?:x@[::1]:3128", "http://u:s3cret%23%2F%3F%3Ax@[::1]:3128",
                "http://<redacted>@[::1]:3128"
            ), ("socks5h://u%40corp:s3cret@p:1", "socks5h://u%40corp:s3cret@p:1", "socks5h://<redacted>@p:1"),
        ])
    func proxy(_ value: String, _ used: String, _ shown: String) throws {
        let values = Self.good.merging(["HTTPS_PROXY": value]) { $1 }
        guard case .settings(let settings, let entries, _) = Settings.read([InMemoryProvider(values)]) else {
            Issue.record("refused")
            return
        }
        #expect(settings.httpsProxy == used)
        #expect(entries.first { $0.key == "HTTPS_PROXY" }?.effective == shown)
    }

    @Test("ALL_PROXY is for both schemes, and gives way to a scheme's own")
    func allProxy() throws {
        let all = try settings(["ALL_PROXY": "http://all:1"])
        #expect(all.httpsProxy == "http://all:1" && all.httpProxy == "http://all:1")
        let own = try settings(["ALL_PROXY": "http://all:1", "HTTPS_PROXY": "http://own:2"])
        #expect(own.httpsProxy == "http://own:2" && own.httpProxy == "http://all:1")
    }

    @Test("nothing set means a problem for every required name at once")
    func nothing() {
        guard case .problems(let problems, _, _) = Settings.read([InMemoryProvider([:])]) else {
            Issue.record("no problems")
            return
        }
        #expect(problems.map(\.key).sorted() == Self.good.keys.sorted())
    }

    @Test(
        "bad values are problems by name",
        arguments: [
            ("SERVER_PORT", "70000"), ("SERVER_LOOPS", "0"), ("LOG_LEVEL", "loud"), ("LOG_FORMAT", "xml"),
            ("API_PAGE_SIZE", "501"), ("API_TIMEOUT", "0"), ("KEYCLOAK_URL", "sso.example.com"),
            ("KEYCLOAK_URL", "https://u:p@sso.example.com"), ("KEYCLOAK_ALGORITHMS", "RS256,none"),
            ("KEYCLOAK_ALGORITHMS", "HS256"), ("MLAAS_SERVICE_ROLES", "chat"), ("MLAAS_ENV", "test"),
            ("HTTPS_PROXY", "ftp://proxy"), ("HTTP_PROXY", "http://user:pass@"),
            ("KEYCLOAK_URL", "http://sso.example.com"), ("THREESCALE_ADMIN_API_URL", "http://t.example.com"),
            ("THREESCALE_ADMIN_API_KEY_FILE", "/nonexistent"),
        ])
    func bad(_ key: String, _ value: String) {
        let found = problems([key: value])
        #expect(found == [key] || (key.hasSuffix("_FILE") && found == ["THREESCALE_ADMIN_API_KEY"]))
    }

    @Test("settings of the portal are problems only where the portal is on")
    func unusedPortalSettings() {
        let unused = ["SESSION_SECRET": "short", "PORTAL_SESSION": "2h", "PORTAL_SESSION_MAX": "1h"]
        #expect(problems(unused) == [])
        let used = unused.merging([
            "PORTAL_URL": "https://mlaas.example.com", "KEYCLOAK_CLIENT_SECRET": "s3cret",
        ]) { $1 }
        #expect(Set(problems(used)) == ["SESSION_SECRET", "PORTAL_SESSION"])
    }

    @Test(
        "plain http is for loopback, development, and those who insist",
        arguments: [
            ["KEYCLOAK_URL": "http://127.0.0.1:8180"], ["KEYCLOAK_URL": "http://localhost"],
            ["KEYCLOAK_URL": "http://[::1]:1"],
            ["KEYCLOAK_URL": "http://a", "MLAAS_ENV": "development"],
            ["KEYCLOAK_URL": "http://a", "ALLOW_INSECURE_HTTP": "true"],
        ])
    func plainHTTP(_ change: [String: String]) {
        #expect(problems(change) == [])
    }

    @Test("an issuer keeps the identity it is given, and issuers that share one key set share the first one's")
    func identityIssuers() throws {
        let (a, b, old) = ("https://a.example.com/realms/x", "https://b.example.com/realms/x", "https://old/realms/x")
        let apart = try settings(["KEYCLOAK_ISSUERS": "\(a)=\(old), \(b)"]).identity.policy
        #expect(apart.issuers == [a, b])
        #expect(apart.identityIssuer(of: a) == old && apart.identityIssuer(of: b) == b)
        let keys = ["KEYCLOAK_JWKS_URL": "https://a.example.com/certs"]
        let shared = try settings(keys.merging(["KEYCLOAK_ISSUERS": "\(a),\(b)"]) { $1 }).identity.policy
        #expect(shared.identityIssuer(of: a) == a && shared.identityIssuer(of: b) == a)
        let moved = try settings(keys.merging(["KEYCLOAK_ISSUERS": "\(a)=\(old),\(b)"]) { $1 }).identity.policy
        #expect(moved.identityIssuer(of: a) == old && moved.identityIssuer(of: b) == old)
    }

    @Test("a blank inside a role's name is part of it, and services may be hidden by default")
    func access() throws {
        let settings = try settings([
            "MLAAS_SERVICE_ROLES": " granite_chat = ML Users | ml-admins ", "MLAAS_DEFAULT_ACCESS": "deny",
        ])
        #expect(settings.serviceRoles == ["granite_chat": ["ML Users", "ml-admins"]])
        #expect(settings.defaultAccess == .deny)
    }

    @Test("an environment of the original deployment works unchanged")
    func original() throws {
        let settings = try settings([
            "FLASK_ENV": "production", "FLASK_APP": "server.py", "LOG_LEVEL": "INFO", "SERVER_HOST": "0.0.0.0",
            "SERVER_PORT": "5000", "API_TIMEOUT": "30", "API_RETRY_COUNT": "3", "KEYCLOAK_CLIENT_SECRET": "x",
        ])
        #expect(settings.environment == .production && settings.logLevel == .info)
        #expect(try self.settings(["FLASK_ENV": "development"]).logFormat == .text)
    }

    @Test("what the original's chart and operators set is understood, and told once where it means something else")
    func originalChart() throws {
        let outcome = Settings.read([
            InMemoryProvider(
                Self.good.merging([
                    "FLASK_ENV": "testing", "LOG_LEVEL": "WARN", "PYTHONUNBUFFERED": "1",
                    "LOG_FORMAT": "%(asctime)s - %(levelname)s: %(message)s",
                ]) { $1 })
        ])
        guard case .settings(let settings, _, let warnings) = outcome else { throw ConfigProblem("", "\(outcome)") }
        #expect(settings.environment == .production && settings.logLevel == .warning && settings.logFormat == .json)
        #expect(
            warnings == [
                "FLASK_ENV: 'testing' is taken for production",
                "LOG_FORMAT: is a format of Python's logging and is taken for json",
            ])
        #expect(problems(["MLAAS_ENV": "testing"]) == ["MLAAS_ENV"] && problems(["LOG_LEVEL": "loud"]) == ["LOG_LEVEL"])
    }

    @Test(
        "text is trimmed of blanks, line ends and byte order marks",
        arguments: ["KEYCLOAK_CLIENT_ID", "KEYCLOAK_REALM", "MLAAS_REQUIRED_ROLE", "SERVER_HOST", "KEYCLOAK_URL"],
        ["\n", "\r\n", " ", "\u{FEFF}", "\t\r", "\u{A0}"])
    func trimmed(_ key: String, _ blank: String) throws {
        let value = ["SERVER_HOST": "127.0.0.1", "KEYCLOAK_URL": "https://sso.example.com"][key] ?? "ml-users"
        let settings = try settings([key: blank + value + blank])
        let read = [
            "KEYCLOAK_CLIENT_ID": settings.identity.clientID, "KEYCLOAK_REALM": settings.identity.realm,
            "MLAAS_REQUIRED_ROLE": settings.requiredRole ?? "", "SERVER_HOST": settings.host,
            "KEYCLOAK_URL": settings.identity.keycloakURL,
        ]
        #expect(read[key] == value)
    }

    @Test(
        "what would break later is refused by the name that was set",
        arguments: [
            ("THREESCALE_ADMIN_API_KEY", "  "), ("THREESCALE_ADMIN_API_KEY", "'s3cret'"),
            ("KEYCLOAK_REALM", "\"mlaas\""),
            ("KEYCLOAK_URL", "https://sso.example.com/realms/mlaas"), ("KEYCLOAK_REALM", "My%20Realm"),
            ("KEYCLOAK_REALM", "a/b"), ("HTTPS_PROXY", "foo"), ("ALL_PROXY", "foo"), ("https_proxy", "http://a b:1"),
            ("METRICS_PORT", "5000"), ("MLAAS_DOCS_DIR", "/nonexistent"), ("SERVER_HOST", "a b"),
            ("SERVER_HOST", "x:1"),
            ("KEYCLOAK_AUDIENCE", ","), ("CORS_ALLOWED_ORIGINS", " , "), ("TRUSTED_PROXIES", ","),
            ("MLAAS_SERVICE_ROLES", ";"), ("KEYCLOAK_CLIENT_ID", "a\nb"), ("LOG_LEVEL", "info\r\nA=b"),
            ("KEYCLOAK_ISSUERS", "HTTP://sso.example.com/realms/x"), ("SSL_CERT_FILE", "/nonexistent.pem"),
            ("KEYCLOAK_URL", "https://sso.example.com:99999"), ("HTTPS_PROXY", "http://:3128"),
        ])
    func brokenLater(_ key: String, _ value: String) {
        #expect(Set(problems([key: value])) == [key])
    }

    @Test(
        "no refused value shows a secret, in a problem or in what is printed",
        arguments: [
            ("KEYCLOAK_JWKS_URL", "https://a:s3cret@sso.example.com/certs"), ("KEYCLOAK_JWKS_URL", "https://a:s3cret"),
            ("KEYCLOAK_URL", "https://sso.example.com?token=s3cret"),
            ("KEYCLOAK_URL", "https://a:s3#cret?/@sso.example.com"),
            ("KEYCLOAK_ISSUERS", "https://a:s3cret@sso.example.com/realms/x,https://b?s3cret"),
            ("KEYCLOAK_INTROSPECTION_URL", "https://a@b:s3cret@sso.example.com/x"),
            ("MLAAS_PUBLIC_URL", "//u:s3cret@x"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318/?api_key=s3cret"),
            ("THREESCALE_ADMIN_API_URL", "https://t.example.com/?access_token=s3cret"),
            ("HTTPS_PROXY", "ftp://u:s3cret@proxy:1"), ("HTTPS_PROXY", "http://u:s3cret@proxy:x"),
            ("HTTP_PROXY", "u:s3cret"),
            ("REDIS_URL", "redis://u:s3cret@h:1/x?y"), ("LOG_LEVEL", "info\r\nKEYCLOAK_CLIENT_SECRET=s3cret"),
            ("LOG_LEVEL", "info KEYCLOAK_CLIENT_SECRET=s3cret"), ("CORS_ALLOWED_ORIGINS", "https://u:s3cret@x"),
            ("THREESCALE_ADMIN_API_KEY_FILE", "s3cret"), ("MLAAS_SERVICE_ROLES", "a=b;password:s3cret@x"),
            ("TRUSTED_PROXIES", "http://u:s3cret@x"), ("KEYCLOAK_REALM", "https://u:s3cret@x/realms/y"),
        ])
    func noSecrets(_ key: String, _ value: String) {
        var values = Self.good.merging(["THREESCALE_ADMIN_API_KEY": "other", key: value]) { $1 }
        if key.hasSuffix("_FILE") { values["THREESCALE_ADMIN_API_KEY"] = nil }
        guard case .problems(let problems, let entries, _) = Settings.read([InMemoryProvider(values)]) else {
            Issue.record("accepted")
            return
        }
        #expect(problems.contains { $0.key == key })
        #expect(!"\(problems)".contains("s3") && !"\(entries)".contains("s3"), "\(problems) \(entries)")
    }

    @Test("a realm's name is encoded, capitals in a URL and brackets around an address do not matter")
    func normalised() throws {
        let settings = try settings([
            "KEYCLOAK_REALM": "My Realm", "KEYCLOAK_URL": "HTTPS://SSO.example.com/Auth/", "SERVER_HOST": "[::]",
        ])
        #expect(settings.identity.places.realmURL == "https://sso.example.com/Auth/realms/My%20Realm")
        #expect(settings.host == "::" && settings.identity.realm == "My Realm")
        #expect(problems(["KEYCLOAK_URL": "HTTP://sso.example.com"]) == ["KEYCLOAK_URL"])
    }

    @Test("warnings about unknown names stand beside problems, and a policy of rates tells all its faults")
    func everythingAtOnce() throws {
        let values = Self.good.merging([
            "RATE_LIMITS": "read=x;write=30/minute,5/fortnight;other=1/minute", "KEYCLOAK_REALMS": "x",
        ]) { $1 }
        guard case .problems(let problems, _, let warnings) = Settings.read([InMemoryProvider(values)]) else {
            Issue.record("accepted")
            return
        }
        #expect(warnings == ["KEYCLOAK_REALMS is set but not known; is it a slip of the pen?"])
        let text = try #require(problems.first { $0.key == "RATE_LIMITS" }?.message)
        #expect(text.contains("'x'") && text.contains("'5/fortnight'") && text.contains("'other=1/minute'"))
    }

    @Test("roles of services are read")
    func roles() throws {
        let settings = try settings(["MLAAS_SERVICE_ROLES": "a=x|y; b=z"])
        #expect(settings.serviceRoles == ["a": ["x", "y"], "b": ["z"]])
    }

    @Test("secrets appear in no printed value")
    func secrets() {
        guard case .settings(let settings, let entries, _) = Settings.read([InMemoryProvider(Self.good)]) else {
            return
        }
        var text = "\(entries)"
        dump(settings, to: &text)
        #expect(!text.contains("s3cret") && entries.contains { $0.effective == "<redacted>" })
    }

    @Test("every variable has a title, a help text, and one declaration")
    func reference() {
        let declarations = Settings.declarations
        #expect(declarations.allSatisfy { !$0.section.isEmpty && $0.help.hasSuffix(".") })
        #expect(Set(declarations.map(\.key)).count == declarations.count && declarations.count > 25)
        #expect(Set(declarations.filter(\.isRequired).map(\.key)) == Set(Self.good.keys))
    }
}
