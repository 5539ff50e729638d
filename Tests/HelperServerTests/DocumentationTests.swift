import Configuration
import EventLoop
import HTTP
import HTTPClient
import HelperHTTP
import Telemetry
import Testing

@testable import HelperServer

@Suite("The OpenAPI document")
struct DocumentationTests {
    private static let values = [
        "KEYCLOAK_URL": "https://sso.example.com", "KEYCLOAK_REALM": "mlaas", "KEYCLOAK_CLIENT_ID": "mlaas-client",
        "THREESCALE_ADMIN_API_URL": "https://t.example.com", "THREESCALE_ADMIN_API_KEY": "s3cret",
    ]

    /// What the composition root builds of good settings.
    private func routeNames() async throws -> [String] {
        guard case .settings(let settings, _, _) = Settings.read([InMemoryProvider(Self.values)]) else {
            throw ConfigProblem("", "the settings are not good")
        }
        let group = EventLoopGroup(count: 1)
        defer { group.shutdown() }
        let client = HTTPClient(configuration: HTTPClientConfiguration(userAgent: "test"), group: group)
        let logger = Logger(label: "test", handler: JSONLogHandler(sink: InMemoryLogSink(), level: .error, now: { 0 }))
        let registry = PrometheusRegistry()
        let server = HelperServer(settings: settings, log: LogOutput(logger)) {
            .problems([], entries: [], warnings: [])
        }
        let credentials = try Credentials(settings, registry: registry, logger: logger)
        return try await server.compose(group, client, registry, credentials).api.routeNames
    }

    @Test("lists the routes that the router has, and no other")
    func routes() async throws {
        let documented = APIDocument.operations.map { "\($0.method.rawValue) \($0.template)" }
        #expect(!documented.isEmpty)
        let names = try await routeNames()
        #expect(Set(names) == Set(documented))
    }
}
