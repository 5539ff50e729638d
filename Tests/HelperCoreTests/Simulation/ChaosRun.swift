import HelperCore
import Synchronization
import Telemetry

/// One seeded run: replicas, people, services, calls, weather and deaths are all chosen from the seed; then everything is
/// left to settle, one undisturbed call is made for each person and service, and what must hold is checked.
final class ChaosRun: Sendable {
    private struct Answer: Sendable {
        let key: String?
        let application: Int
        let isNew: Bool
    }

    private struct Pair: Hashable, Sendable {
        let caller: Int
        let service: Int
    }

    private final class Replica: Sendable {
        let view: SimulatedReplicaView
        let provision: ProvisionKey
        let list: ListServices

        init(_ server: SimulatedThreeScale, _ time: SimulatedTime, _ catalogs: CatalogStore) {
            let view = SimulatedReplicaView(server)
            let spawn: Spawn = { time.spawn($0) }
            let logger = Logger(
                label: "chaos", handler: JSONLogHandler(sink: InMemoryLogSink(), level: .critical) { 0 })
            var limits = OwnedKeys.Limits()
            limits.callersMax = 2
            let keys = OwnedKeys(manager: view, limits: limits, spawn: spawn)
            let find = FindService(catalogs: catalogs, manager: view, policy: AccessPolicy())
            self.view = view
            provision = ProvisionKey(
                find: find, manager: view, keys: keys, defaultPlan: nil, spawn: spawn, logger: logger,
                audit: AuditTrail(logger: logger, factory: PrometheusRegistry()))
            list = ListServices(catalogs: catalogs, keys: keys, policy: AccessPolicy())
        }
    }

    private final class Fleet: Sendable {
        private let replicas: Mutex<[Replica]>

        init(_ replicas: [Replica]) { self.replicas = Mutex(replicas) }

        subscript(index: Int) -> Replica { replicas.withLock { $0[index] } }

        func replace(_ index: Int, by next: Replica) {
            replicas.withLock { replicas in
                replicas[index].view.die()
                replicas[index] = next
            }
        }
    }

    private struct Record: Sendable {
        var answers: [Pair: [Answer]] = [:]
        var problems: [String] = []
        var refused = 0
        var answered = 0
        var deaths = 0
    }

    private let time: SimulatedTime
    private let server: SimulatedThreeScale
    private let record = Mutex(Record())
    private let callers: [Caller]
    private let services: [Service]

    init(seed: UInt64) {
        time = SimulatedTime(seed: seed)
        server = SimulatedThreeScale(time: time)
        (callers, services) = time.choose { choices in
            let callers = (0...choices.below(3)).map { index in
                // The third has inherited the first one's name.
                Caller(
                    issuer: "https://sso.example.com", subject: "\(index)",
                    username: index == 2 ? "user0" : "user\(index)",
                    email: choices.chance(50) ? "user@example.com" : nil)
            }
            let services = (1...(1 + choices.below(2))).map { id in
                let plans = (0...choices.below(2)).map { offset in
                    Plan(
                        id: id * 10 + offset, name: "Plan", systemName: "plan", isPublished: true,
                        isDefault: offset == 0 && choices.chance(30), isCustom: false, needsApproval: choices.chance(20)
                    )
                }
                return Service(
                    id: id, name: "Service", systemName: "service_\(id)", description: nil,
                    authentication: choices.chance(50) ? .apiKey : .appIDAndKey, proxyEndpoint: nil,
                    placement: CredentialsPlacement(location: "headers", parameter: "user_key", idParameter: nil),
                    plans: plans)
            }
            return (callers, services)
        }
        let weather = time.choose { choices in
            var weather = SimulatedThreeScale.Weather()
            weather.latency = 1 + choices.below(20)
            weather.race = choices.chance(70) ? 1 + choices.below(30) : 0
            weather.writeFaults = [0, 10, 20, 40][choices.below(4)]
            weather.readFaults = [0, 0, 5, 20][choices.below(4)]
            weather.lateWrites = [0, 0, 10, 30][choices.below(4)]
            if choices.chance(20) {
                let start = choices.below(150)
                weather.outage = start..<(start + choices.below(100))
            }
            return weather
        }
        server.state.withLock { [services] state in
            state.services = services
            state.weather = weather
        }
    }

    /// What went wrong, and how much was done.
    func run() -> (problems: [String], answered: Int, refused: Int, deaths: Int) {
        time.spawn { [self] in await play() }
        time.run()
        server.state.withLock { $0.weather = SimulatedThreeScale.Weather() }
        time.spawn { [self] in await settle() }
        time.run()
        return record.withLock { ($0.problems, $0.answered, $0.refused, $0.deaths) }
    }

    private func play() async {
        let catalogs = CatalogStore(manager: SimulatedReplicaView(server), logger: Self.silent)
        await catalogs.refresh()
        let count = time.choose { 1 + $0.below(3) }
        let fleet = Fleet((0..<count).map { _ in Replica(server, time, catalogs) })
        let calls = time.choose { 2 + $0.below(10) }
        await withTaskGroup(of: Void.self) { tasks in
            for _ in 0..<time.choose({ $0.below(3) }) {
                tasks.addTask { [self] in
                    await time.sleep(time.choose { $0.below(200) })
                    let victim = time.choose { $0.below(count) }
                    fleet.replace(victim, by: Replica(server, time, catalogs))
                    record.withLock { $0.deaths += 1 }
                }
            }
            for _ in 0..<calls {
                tasks.addTask { [self] in
                    let (delay, replica, caller, service, wantsList, plan) = time.choose {
                        [callers, services] choices in
                        (
                            choices.below(200), choices.below(count), choices.below(callers.count),
                            choices.below(services.count), choices.chance(25), choices.below(3)
                        )
                    }
                    await time.sleep(delay)
                    let chosen = fleet[replica]
                    if wantsList {
                        await list(chosen, caller)
                    } else {
                        let plans = services[service].plans
                        await initialise(chosen, caller, services[service], plan < plans.count ? plans[plan].id : nil)
                    }
                }
            }
        }
    }

    private func initialise(_ replica: Replica, _ index: Int, _ service: Service, _ plan: Int?) async {
        let caller = callers[index]
        do {
            let result = try await replica.provision(.init(serviceID: service.id, planID: plan), for: caller)
            // Nobody hears a dead replica's answer.
            guard !replica.view.isDead else { return }
            check(result.key, caller, account: result.accountID)
            record.withLock { record in
                record.answered += 1
                record.answers[Pair(caller: index, service: service.id), default: []].append(
                    Answer(key: result.key.key, application: result.key.applicationID, isNew: result.isNew))
            }
            await list(replica, index, mustShow: result.staleAge == nil ? (service.id, result.key.key) : nil)
        } catch {
            refuse(error)
        }
    }

    /// - Parameter mustShow: a service and its key, which this replica has just answered.
    private func list(_ replica: Replica, _ index: Int, mustShow: (service: Int, key: String?)? = nil) async {
        do {
            let result = try await replica.list(for: callers[index])
            guard !replica.view.isDead else { return }
            for item in result.items {
                if let key = item.key { check(key, callers[index], account: result.accountID ?? 0) }
                if let mustShow, mustShow.service == item.service.id, item.key?.key != mustShow.key {
                    problem("a list does not show the key that was answered before it")
                }
            }
        } catch {
            refuse(error)
        }
    }

    private func check(_ key: IssuedKey, _ caller: Caller, account: Int) {
        let application = server.state.withLock { state in
            state.applications.first { $0.application.id == key.applicationID }?.application
        }
        guard let application else { return }
        if let owner = application.owner, owner != caller.ownerMark { problem("a key of another owner was shown") }
        if application.accountID != server.winner(caller.username) { problem("a key of a surplus account was shown") }
    }

    private func refuse(_ error: any Error) {
        let codes: Set<HelperError.Code> = [
            .upstreamUnavailable, .upstreamTimeout, .upstreamError, .accountCreationFailed,
            .applicationCreationFailed, .identityConflict,
        ]
        guard let error = error as? HelperError, codes.contains(error.code) else {
            problem("an unexpected error: \(error)")
            return
        }
        if error.cause == nil { problem("a refusal without a cause: \(error.code)") }
        if error.code == .identityConflict, callers.count < 3 { problem("a conflict without anybody to conflict with") }
        record.withLock { $0.refused += 1 }
    }

    // MARK: At rest

    private func settle() async {
        let catalogs = CatalogStore(manager: SimulatedReplicaView(server), logger: Self.silent)
        await catalogs.refresh()
        let replica = Replica(server, time, catalogs)
        for (index, caller) in callers.enumerated() {
            for service in services { await settle(replica, index, caller, service) }
        }
    }

    private func settle(_ replica: Replica, _ index: Int, _ caller: Caller, _ service: Service) async {
        let before = record.withLock { $0.answers[Pair(caller: index, service: service.id)] ?? [] }
        do {
            let last = try await replica.provision(.init(serviceID: service.id), for: caller)
            let keys = Set(before.map(\.key) + [last.key.key])
            // An unmarked application of a signup may be somebody else's by now: the name was inherited.
            if keys.count > 1, !isShared(caller) { problem("answers differ: \(before) then \(last.key.applicationID)") }
            let owned = server.live(account: last.accountID, service: service.id)
            if owned.filter({ $0.owner == caller.ownerMark }).count > 1 || (owned.count > 1 && !isShared(caller)) {
                problem("\(owned.count) applications at rest")
            }
            if before.filter(\.isNew).count + (last.isNew ? 1 : 0) > 1, !isShared(caller) {
                problem("more than one call was told that it is new")
            }
        } catch {
            let isConflict = (error as? HelperError)?.code == .identityConflict
            if !isConflict || !isShared(caller) { problem("an undisturbed call failed: \(error)") }
            if !before.isEmpty, !isShared(caller) { problem("a key was lost") }
        }
    }

    private func isShared(_ caller: Caller) -> Bool { callers.filter { $0.username == caller.username }.count > 1 }

    private func problem(_ text: String) { record.withLock { $0.problems.append(text) } }

    private static let silent = Logger(
        label: "chaos", handler: JSONLogHandler(sink: InMemoryLogSink(), level: .critical) { 0 })
}
