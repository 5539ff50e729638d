import HTTP
import HTTPServer
import HelperCore
import HelperServer
import JSON
import Telemetry
import Testing
import WireContract

@testable import HelperHTTP

/// The whole routing table and pipeline over in-memory ports, without a socket.
struct TestAPI {
    let manager = InMemoryAPIManager()
    let gateway = ScriptedGateway()
    let state: InMemoryCounts
    let lifecycle = Lifecycle()
    let lines = InMemoryLogSink()
    let registry = PrometheusRegistry()
    let api: HelperAPI

    /// - Parameters:
    ///   - loaded: whether the catalogue has been loaded.
    ///   - readsMax: requests a minute under the `read` and the `auth_failure` policy.
    ///   - remoteCounts: every count of a limit has to be waited for.
    init(
        loaded: Bool = true, readsMax: Int = 300, remoteCounts: Bool = false, requiredRole: String? = nil,
        hidden: String? = nil, showsOnce: Bool = false,
        verifier: any TokenVerifier = NamedTokens()
    ) async {
        let spawn: Spawn = { work in Task { await work() } }
        let logger = Logger(label: "test", handler: JSONLogHandler(sink: lines, level: .info, now: { 0 }))
        state = InMemoryCounts(isRemote: remoteCounts)
        let policy = AccessPolicy(
            requiredRole: requiredRole.map { ExactName($0) },
            serviceRoles: hidden.map { [$0: [ExactName("unassigned")]] } ?? [:])
        let catalogs = CatalogStore(manager: manager, logger: logger)
        if loaded { await catalogs.refresh() }
        let keys = OwnedKeys(manager: manager, spawn: spawn)
        let find = FindService(catalogs: catalogs, manager: manager, policy: policy)
        let resource = ProtectedResource(
            realm: "mlaas", issuers: [NamedTokens.ada.issuer], publicURL: "https://api.example.com")
        let seal = PauseSeal { [1] }
        var rules = KeyRules()
        rules.showsOnce = showsOnce
        let findKeys = FindKeys(
            catalogs: catalogs, keys: keys, policy: policy, rules: rules, seal: seal, now: { 1_000 })
        let provision = ProvisionKey(
            find: find, manager: manager, keys: keys, defaultPlan: nil, spawn: spawn,
            sleep: { try? await Task.sleep(for: $0) }, logger: logger,
            audit: AuditTrail(logger: logger, factory: registry))
        let metrics = [UInt8]("up 1\n".utf8)
        let routes = Routes(
            health: HealthRoutes(
                readiness: CheckReadiness(verifier: verifier, catalogs: catalogs), lifecycle: lifecycle,
                logger: logger),
            services: ServiceRoutes(
                listServices: ListServices(catalogs: catalogs, keys: keys, policy: policy), findService: find,
                provisionKey: provision, showsOnce: showsOnce),
            keys: KeyRoutes(
                find: findKeys,
                change: ChangeKeys(
                    find: findKeys, manager: manager, keys: keys, audit: AuditTrail(logger: logger, factory: registry),
                    rules: rules, seal: seal, spawn: spawn, now: { 1_000 }),
                make: MakeKeys(
                    find: findKeys, provision: provision, keys: keys,
                    audit: AuditTrail(logger: logger, factory: registry), rules: rules, now: { 1_000 }),
                test: TestKey(
                    find: findKeys, keys: keys, gateway: gateway, audit: AuditTrail(logger: logger, factory: registry),
                    gatewayDelay: 60, factory: registry, sleep: { _ in }),
                usage: ReadUsage(
                    find: findKeys, reader: manager, factory: registry, spawn: spawn, now: { 1_000 }),
                now: { 1_795_947_630 }),
            documentation: DocumentationRoutes(documentation: Documentation()),
            resource: ResourceRoutes(resource: resource),
            client: ClientRoutes(
                document: ClientDocument(
                    issuer: NamedTokens.ada.issuer, clientID: "mlaas-cli", scopes: ["openid"], portalURL: nil)),
            metrics: MetricsRoute { metrics })
        let limits = RateLimits(
            read: RatePolicy(.read, [.init(limit: readsMax, seconds: 60)]),
            write: RatePolicy(.write, [.init(limit: readsMax, seconds: 60)]),
            authFailure: RatePolicy(.authFailure, [.init(limit: readsMax, seconds: 60)]),
            reveal: RatePolicy(.reveal, [.init(limit: 2, seconds: 60)]),
            test: RatePolicy(.test, [.init(limit: 2, seconds: 60)]))
        api = HelperAPI(
            routes: routes.table,
            HelperAPI.Dependencies(
                clientAddresses: ClientAddresses(trusted: []), tracer: Tracer(recorder: nil, now: { 0 }),
                metrics: RequestMetrics(factory: registry), cors: CORSPolicy(origins: ["https://app.example.com"]),
                verifier: verifier, policy: policy, authOutcomes: AuthOutcomes(factory: registry),
                rateLimiting: RateLimiting(limits: limits, state: state, factory: registry), resource: resource,
                deadline: .seconds(30), logger: logger))
    }

    /// An answer, and whether it was there at once.
    struct Answered {
        let response: Response
        let isImmediate: Bool

        var status: Int { response.status.code }
        var json: JSONValue { (try? JSONValue(parsing: response.body)) ?? .null }
        var code: String? { json["error"]?["code"]?.string }
        var text: String { String(decoding: response.body, as: UTF8.self) }
        func field(_ name: String) -> String? { response.fields[name] }
    }

    func request(_ method: String, _ path: String, _ lines: [String] = [], body: String = "") throws -> Request {
        var machine = RequestMachine(limits: MessageLimits())
        let length = body.isEmpty ? "" : "Content-Length: \(body.utf8.count)\r\n"
        let fields = lines.map { $0 + "\r\n" }.joined()
        machine.receive { $0 += Array("\(method) \(path) HTTP/1.1\r\nHost: a\r\n\(fields)\(length)\r\n\(body)".utf8) }
        guard case .request(let head, let body) = try machine.next() else { throw Malformed() }
        return Request(head: head, body: body, id: "request-1", remoteAddress: "192.0.2.1")
    }

    struct Malformed: Error {}

    func call(
        _ method: String, _ path: String, token: String? = nil, _ lines: [String] = [], body: String = ""
    ) async throws -> Answered {
        let credentials = token.map { ["Authorization: Bearer \($0)"] } ?? []
        let answer = api.respond(to: try request(method, path, credentials + lines, body: body))
        if case .now(let response) = answer { return Answered(response: response, isImmediate: true) }
        return Answered(response: await answer.response(), isImmediate: false)
    }

    func get(_ path: String, token: String? = nil, _ lines: [String] = []) async throws -> Answered {
        try await call("GET", path, token: token, lines)
    }

    /// `POST /api/services/init` with a JSON body.
    func initialise(_ body: String, token: String? = "ada") async throws -> Answered {
        try await call(
            "POST", "/api/services/init", token: token, ["Content-Type: application/json"], body: body)
    }
}
