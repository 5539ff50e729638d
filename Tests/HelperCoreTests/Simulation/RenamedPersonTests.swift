import HelperCore
import Synchronization
import Telemetry
import Testing

@Suite("A renamed person in simulated time", .serialized)
struct RenamedPersonTests {
    private struct Given: Sendable {
        var applications: [Int: Int] = [:]
        var failures: [String] = []
    }

    private final class Answers: Sendable {
        let given = Mutex(Given())
    }

    /// The first service's key is on the account of the former name. The call for it may delete the account that it signed up for.
    /// - Parameter signupCreates: signup makes an application on the second service.
    @Test("keeps what a call for another service answered at the same time", arguments: [1, 20], [false, true])
    func twoServices(latency: Int, signupCreates: Bool) async {
        var deleted: [UInt64] = []
        var moved = 0
        for seed: UInt64 in 1...150 {
            await Task.yield()
            let time = SimulatedTime(seed: seed)
            let server = SimulatedThreeScale(time: time)
            let caller = Caller(issuer: "i", subject: "s", username: "married", email: nil)
            let services = [Self.service(1, isDefault: false), Self.service(2, isDefault: signupCreates)]
            server.state.withLock { state in
                state.services = services
                state.weather.latency = latency
                state.accounts = [.init(id: 50, organization: "maiden", users: ["maiden"], createdAt: -60_000)]
                let kept = Application(
                    id: 60, serviceID: 1, accountID: 50, plan: PlanReference(id: 10, name: "P"), state: .live,
                    description: ApplicationMark(owner: caller.ownerMark, attempt: "a").confirmed.description,
                    credentials: .userKey("kept"))
                state.applications = [
                    .init(
                        application: kept, name: caller.ownerMark.applicationID(service: 1), keys: [],
                        createdAt: -50_000, updatedAt: -50_000)
                ]
            }
            let answers = Answers()
            time.spawn {
                let view = SimulatedReplicaView(server)
                let logger = Logger(
                    label: "t", handler: JSONLogHandler(sink: InMemoryLogSink(), level: .critical) { 0 })
                let catalogs = CatalogStore(manager: view, logger: logger)
                await catalogs.refresh()
                let spawn: Spawn = { time.spawn($0) }
                let provision = ProvisionKey(
                    find: FindService(catalogs: catalogs, manager: view, policy: AccessPolicy()), manager: view,
                    keys: OwnedKeys(manager: view, spawn: spawn), defaultPlan: nil, spawn: spawn,
                    sleep: { await time.sleep(max(1, Int($0 / .milliseconds(1)))) }, milliseconds: { time.now },
                    logger: logger, audit: AuditTrail(logger: logger, factory: PrometheusRegistry()))
                await withTaskGroup(of: Void.self) { tasks in
                    for service in services {
                        tasks.addTask {
                            if service.id == 2 { await time.sleep(time.choose { $0.below(8 * latency) }) }
                            do {
                                let result = try await provision(.init(serviceID: service.id), for: caller)
                                answers.given.withLock { $0.applications[service.id] = result.key.applicationID }
                            } catch {
                                answers.given.withLock { $0.failures.append("\(error)") }
                            }
                        }
                    }
                }
            }
            time.run()
            let given = answers.given.withLock { $0 }
            #expect(given.failures.isEmpty, "seed \(seed)")
            #expect(given.applications[1] == 60, "seed \(seed)")
            let isDeleted = server.state.withLock { state in
                given.applications.values.contains { state.deleted.contains($0) }
            }
            if isDeleted { deleted.append(seed) }
            if server.accounts(of: "married") == [50] { moved += 1 }
        }
        #expect(deleted.isEmpty, "an answered key was deleted with its account")
        #expect(moved > 0 || signupCreates)
    }

    private static func service(_ id: Int, isDefault: Bool) -> Service {
        Service(
            id: id, name: "S", systemName: "s\(id)", description: nil, authentication: .apiKey, proxyEndpoint: nil,
            placement: CredentialsPlacement(location: .query, parameter: "k", idParameter: nil),
            plans: [
                Plan(
                    id: id * 10, name: "P", systemName: "p", isPublished: true, isDefault: isDefault, isCustom: false,
                    needsApproval: false)
            ])
    }
}
