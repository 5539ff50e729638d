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
        guard case .problems(let problems, _) = Settings.read([InMemoryProvider(values)]) else { return [] }
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
            ("http://u:s3cret@proxy:3128", "http://<redacted>@proxy:3128"), ("proxy:3128", "proxy:3128"),
            ("u:s3cret@x@proxy", "<redacted>@proxy"),
        ])
    func proxy(_ value: String, _ shown: String) throws {
        let values = Self.good.merging(["HTTPS_PROXY": value]) { $1 }
        guard case .settings(let settings, let entries, _) = Settings.read([InMemoryProvider(values)]) else {
            Issue.record("refused")
            return
        }
        #expect(settings.httpsProxy == value)
        #expect(entries.first { $0.key == "HTTPS_PROXY" }?.effective == shown)
    }

    @Test("nothing set means every required name is told at once")
    func nothing() {
        guard case .problems(let problems, _) = Settings.read([InMemoryProvider([:])]) else {
            Issue.record("no problems")
            return
        }
        #expect(problems.map(\.key).sorted() == Self.good.keys.sorted())
    }

    @Test(
        "bad values are told by name",
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

    @Test("an environment of the original deployment works unchanged")
    func original() throws {
        let settings = try settings([
            "FLASK_ENV": "production", "FLASK_APP": "server.py", "LOG_LEVEL": "INFO", "SERVER_HOST": "0.0.0.0",
            "SERVER_PORT": "5000", "API_TIMEOUT": "30", "API_RETRY_COUNT": "3", "KEYCLOAK_CLIENT_SECRET": "x",
        ])
        #expect(settings.environment == .production && settings.logLevel == .info)
        #expect(try self.settings(["FLASK_ENV": "development"]).logFormat == .text)
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

    @Test("the command line knows its commands")
    func grammar() throws {
        #expect(try HelperMain.grammar.parse(["config", "print", "--env-file", "x"]).command == "config print")
        #expect(HelperMain.grammar.help.contains("config check"))
    }
}
