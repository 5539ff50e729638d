import HelperCore
import Synchronization
import Telemetry
import Testing

@Suite("Round trips to 3scale in a row")
struct RoundTripTests {
    enum Case: String, CaseIterable, Sendable {
        case newPersonsList, newPersonsKey, newPersonsAppKey, newPersonsSignupKey, knownPersonsList, knownPersonsKey
        case again

        /// At most; each call takes one tick.
        var most: Int {
            switch self {
            case .newPersonsList: 1
            case .knownPersonsList: 2
            // Find, sign up, confirm the user, list, mark.
            case .newPersonsSignupKey: 5
            // Find, sign up, confirm the user, create, confirm.
            case .newPersonsKey, .newPersonsAppKey: 5
            // Find, list, compare the user's name, create, confirm.
            case .knownPersonsKey: 5
            // Find and list: the account is looked up again.
            case .again: 2
            }
        }
    }

    @Test("are few", arguments: Case.allCases)
    func count(_ which: Case) {
        let time = SimulatedTime(seed: 1)
        let server = SimulatedThreeScale(time: time)
        let caller = Caller(issuer: "i", subject: "s", username: "ada", email: nil)
        let plan = Plan(
            id: 10, name: "P", systemName: "p", isPublished: true, isDefault: which == .newPersonsSignupKey,
            isCustom: false, needsApproval: false)
        let service = Service(
            id: 1, name: "S", systemName: "s", description: nil,
            authentication: which == .newPersonsAppKey ? .appIDAndKey : .apiKey, proxyEndpoint: nil,
            placement: CredentialsPlacement(location: .headers, parameter: "k", idParameter: nil), plans: [plan])
        server.state.withLock { state in
            state.services = [service]
            if [.knownPersonsList, .knownPersonsKey].contains(which) {
                state.accounts.append(.init(id: 50, organization: "ada", users: ["ada"], createdAt: -10_000))
            }
        }
        let took = Ticks()
        time.spawn {
            let view = SimulatedReplicaView(server)
            let spawn: Spawn = { time.spawn($0) }
            let logger = Logger(label: "t", handler: JSONLogHandler(sink: InMemoryLogSink(), level: .critical) { 0 })
            let catalogs = CatalogStore(manager: view, logger: logger)
            await catalogs.refresh()
            let keys = OwnedKeys(manager: view, spawn: spawn)
            let find = FindService(catalogs: catalogs, manager: view, policy: AccessPolicy())
            let provision = ProvisionKey(
                find: find, manager: view, keys: keys, defaultPlan: nil, spawn: spawn,
                sleep: { await time.sleep(max(1, Int($0 / .milliseconds(1)))) }, milliseconds: { time.now },
                logger: logger,
                audit: AuditTrail(logger: logger, factory: PrometheusRegistry()))
            let list = ListServices(catalogs: catalogs, keys: keys, policy: AccessPolicy())
            if which == .again { _ = try? await provision(.init(serviceID: 1), for: caller) }
            let began = time.now
            switch which {
            case .newPersonsList, .knownPersonsList: _ = try? await list(for: caller)
            default: _ = try? await provision(.init(serviceID: 1), for: caller)
            }
            took.value.withLock { $0 = time.now - began }
        }
        time.run()
        let ticks = took.value.withLock { $0 }
        #expect((1...which.most).contains(ticks), "\(which.rawValue): \(ticks)")
    }
}

private final class Ticks: Sendable {
    let value = Mutex(-1)
}
