import EventLoop
import HTTPClient
import HTTPServer
import HelperCore
import Synchronization
import Telemetry
import Testing
import ThreeScale
import ThreeScaleSandbox

/// What every conformer of `APIManager` owes to the use-cases: the fake of their tests, the one that the simulation plays, and
/// the adapter in front of the sandbox's 3scale.
@Suite("An API manager, whichever conforms")
struct APIManagerContractTests {
    enum Conformer: CaseIterable {
        case fake, simulated, adapter

        /// - Parameter work: gets the manager and a service with a plan.
        func run(_ work: @escaping @Sendable (any APIManager, Service) async throws -> Void) async throws {
            let known = service(1, [plan(10)])
            switch self {
            case .fake:
                let fake = FakeAPIManager()
                fake.state.withLock { $0.services = [known] }
                try await work(fake, known)
            case .simulated:
                let time = SimulatedTime(seed: 1)
                let server = SimulatedThreeScale(time: time)
                server.state.withLock { $0.services = [known] }
                time.spawn { await Self.record { try await work(SimulatedReplicaView(server), known) } }
                time.run()
            case .adapter: try await Self.onSandbox(work)
            }
        }

        private static func onSandbox(
            _ work: @escaping @Sendable (any APIManager, Service) async throws -> Void
        ) async throws {
            let logger = Logger(label: "t", handler: JSONLogHandler(sink: InMemoryLogSink(), level: .critical) { 0 })
            let group = EventLoopGroup(count: 1)
            let server = HTTPServer(
                configuration: HTTPServerConfiguration(host: "127.0.0.1", port: 0), group: group,
                responder: ThreeScaleSandbox(ThreeScaleSeed.standard(now: 1_772_442_900)), logger: logger)
            let url = "http://\(try await server.start())"
            let client = HTTPClient(configuration: HTTPClientConfiguration(userAgent: "test"), group: group)
            let manager = ThreeScaleAPIManager(
                configuration: ThreeScaleConfiguration(url: url) { "sandbox-admin-token" }, client: client,
                metrics: UpstreamMetrics(factory: PrometheusRegistry()),
                tracer: Tracer(recorder: nil, ratio: 0, threads: 1, now: { 0 }), breaker: CircuitBreaker(.init()),
                sleep: { try? await Task.sleep(for: $0) })
            await record {
                let services = try await manager.catalog().services
                try await work(manager, try #require(services.first { $0.systemName == "granite_chat" }))
            }
            await client.shutdown()
            await server.shutdown(deadline: .milliseconds(200))
            group.shutdown()
        }

        private static func record(_ work: () async throws -> Void) async {
            do { try await work() } catch { Issue.record(error) }
        }
    }

    private static let ada = OwnerMark(issuer: "https://sso.example.com", subject: "ada-lovelace")

    private static func signUp(_ manager: any APIManager, _ name: String = "ada-lovelace") async throws -> Account {
        try await manager.signUp(
            SignupDraft(organization: name, username: name, email: "\(name)@example.com", password: "a-long-password"))
    }

    private static func create(
        _ manager: any APIManager, _ service: Service, _ account: Account
    ) async throws -> Application {
        let plan = try #require(service.plans.first { $0.isPublished && !$0.needsApproval })
        return try await manager.createApplication(
            ApplicationDraft(
                account: account.id, plan: plan.id, name: "mlaas:ada-lovelace",
                description: ApplicationMark(owner: ada, attempt: "a1b2").description,
                applicationID: ada.applicationID(service: service.id)))
    }

    @Test("finds no account for a name that none has", arguments: Conformer.allCases)
    func unknownName(_ conformer: Conformer) async throws {
        try await conformer.run { manager, _ in
            let found = try await manager.account(username: "ada-lovelace")
            #expect(found == nil)
        }
    }

    @Test("finds an account by the name that signed up", arguments: Conformer.allCases)
    func signup(_ conformer: Conformer) async throws {
        try await conformer.run { manager, _ in
            let account = try await Self.signUp(manager)
            let found = try await manager.account(username: "ada-lovelace")
            #expect(found?.id == account.id)
        }
    }

    @Test("refuses a second signup of one name as taken", arguments: Conformer.allCases)
    func nameTaken(_ conformer: Conformer) async throws {
        try await conformer.run { manager, _ in
            _ = try await Self.signUp(manager)
            let error = await #expect(throws: APIManagerError.self) { try await Self.signUp(manager) }
            #expect(error?.isTaken("username") == true)
        }
    }

    @Test("confirms a user under the name it has", arguments: Conformer.allCases)
    func confirmation(_ conformer: Conformer) async throws {
        try await conformer.run { manager, _ in
            let account = try await Self.signUp(manager)
            await #expect(throws: Never.self) {
                try await manager.confirm(account: account.id, username: "ada-lovelace")
            }
        }
    }

    @Test("finds the user of exactly the name with the account, and confirms it", arguments: Conformer.allCases)
    func userOfTheName(_ conformer: Conformer) async throws {
        try await conformer.run { manager, _ in
            let account = try await Self.signUp(manager)
            let found = try #require(try await manager.accountAndUser(username: "ada-lovelace"))
            #expect(found.id == account.id && found.user != .missing)
            let unknown = try await manager.accountAndUser(username: "ada-lovelac")
            #expect(unknown == nil)
            guard case .exact(let user) = found.user else { return }
            await #expect(throws: Never.self) {
                try await manager.confirm(account: account.id, user: user, username: "ada-lovelace")
            }
            // Another user's id says nothing of the name.
            await #expect(throws: Never.self) {
                try await manager.confirm(account: account.id, user: user + 1_000, username: "ada-lovelace")
            }
        }
    }

    @Test("lists a created application with its service, account and mark", arguments: Conformer.allCases)
    func creation(_ conformer: Conformer) async throws {
        try await conformer.run { manager, service in
            let account = try await Self.signUp(manager)
            let made = try await Self.create(manager, service, account)
            let listed = try await manager.applications(account: account.id).first { $0.id == made.id }
            #expect(listed?.serviceID == service.id)
            #expect(listed?.accountID == account.id)
            #expect(listed?.owner == Self.ada)
        }
    }

    @Test("refuses a second application of one id as a twin", arguments: Conformer.allCases)
    func idTaken(_ conformer: Conformer) async throws {
        try await conformer.run { manager, service in
            let account = try await Self.signUp(manager)
            _ = try await Self.create(manager, service, account)
            let error = await #expect(throws: APIManagerError.self) {
                try await Self.create(manager, service, account)
            }
            #expect(error?.isTwin == true)
        }
    }

    @Test("finds an application by its owner's mark", arguments: Conformer.allCases)
    func search(_ conformer: Conformer) async throws {
        try await conformer.run { manager, service in
            let made = try await Self.create(manager, service, try await Self.signUp(manager))
            let found = try await manager.applications(markedFor: Self.ada, service: service.id)
            #expect(found.map(\.id) == [made.id])
        }
    }

    @Test("finds no application of another owner", arguments: Conformer.allCases)
    func otherOwner(_ conformer: Conformer) async throws {
        try await conformer.run { manager, service in
            _ = try await Self.create(manager, service, try await Self.signUp(manager))
            let other = OwnerMark(issuer: "https://sso.example.com", subject: "bob")
            let found = try await manager.applications(markedFor: other, service: service.id)
            #expect(found.isEmpty)
        }
    }

    @Test("answers and lists a description that was written", arguments: Conformer.allCases)
    func description(_ conformer: Conformer) async throws {
        try await conformer.run { manager, service in
            let made = try await Self.create(manager, service, try await Self.signUp(manager))
            let written = try await manager.describe(
                application: made.id, account: made.accountID, description: "For CI")
            #expect(written.description == "For CI")
            let listed = try await manager.applications(account: made.accountID).first { $0.id == made.id }
            #expect(listed?.description == "For CI")
        }
    }

    @Test("says that an application to describe is not there", arguments: Conformer.allCases)
    func missing(_ conformer: Conformer) async throws {
        try await conformer.run { manager, _ in
            let account = try await Self.signUp(manager)
            await #expect(throws: APIManagerError.notFound) {
                try await manager.describe(application: 999_999, account: account.id, description: "For CI")
            }
        }
    }

    @Test("deletes an application, and once more without an error", arguments: Conformer.allCases)
    func deletion(_ conformer: Conformer) async throws {
        try await conformer.run { manager, service in
            let made = try await Self.create(manager, service, try await Self.signUp(manager))
            for _ in 0..<2 { try await manager.deleteApplication(made.id, account: made.accountID) }
            let left = try await manager.applications(account: made.accountID)
            #expect(left.allSatisfy { $0.id != made.id })
        }
    }

    @Test("takes the id of a deleted application again", arguments: Conformer.allCases)
    func idFree(_ conformer: Conformer) async throws {
        try await conformer.run { manager, service in
            let account = try await Self.signUp(manager)
            let made = try await Self.create(manager, service, account)
            try await manager.deleteApplication(made.id, account: account.id)
            let next = try await Self.create(manager, service, account)
            #expect(next.id != made.id)
        }
    }

    @Test("deletes an account, and once more without an error", arguments: Conformer.allCases)
    func accountDeletion(_ conformer: Conformer) async throws {
        try await conformer.run { manager, _ in
            let account = try await Self.signUp(manager)
            for _ in 0..<2 { try await manager.deleteAccount(account.id) }
            let found = try await manager.account(username: "ada-lovelace")
            #expect(found == nil)
        }
    }
}
