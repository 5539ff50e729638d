import HelperCore
import Synchronization
import Telemetry

/// One seeded run: replicas, people, services, calls, weather and deaths are all chosen from the seed; then everything is
/// left to settle, one undisturbed call is made for each person and service, and what must hold is checked.
final class ChaosRun: Sendable {
    /// What a run is made of.
    struct Setting: Sendable {
        var replicas = 1...3
        /// Every person has an account, calls and replicas do not fail, names are neither changed nor shared: only creates overlap.
        var isCalm = false
        /// Ids are given when rows commit, as a plain store does.
        var givesIDsAtCommit = false
        /// The lowest id wins, instead of the shipped rule.
        var lowestIDWins = false

        /// Replicas that share nothing, and ids that are given before the commit.
        static let lateCommits = Setting(replicas: 2...8, isCalm: true)
    }

    /// What a call was answered.
    struct Given: Sendable {
        let key: String?
        let application: Int
        var isNew: Bool
        let isStale: Bool
    }

    private struct Answer: Sendable {
        let key: String?
        let application: Int
        let isNew: Bool
        /// How often the person's name or membership had changed.
        let changes: Int
    }

    /// What happens to a person beside the calls.
    private enum Change: CaseIterable, Sendable {
        /// Another user name; same issuer and subject.
        case renamed
        /// The operator took the user out of the account, and another person has joined it.
        case removed
    }

    private struct Pair: Hashable, Sendable {
        let caller: Int
        let service: Int
    }

    private final class Replica: Sendable {
        let view: SimulatedReplicaView
        private let provisionKey: ProvisionKey
        private let lowestIDWins: LowestIDWins?
        let list: ListServices

        init(
            _ server: SimulatedThreeScale, _ time: SimulatedTime, _ catalogs: CatalogStore, _ setting: Setting
        ) {
            let view = SimulatedReplicaView(server)
            let spawn: Spawn = { time.spawn($0) }
            let logger = Logger(
                label: "chaos", handler: JSONLogHandler(sink: InMemoryLogSink(), level: .critical) { 0 })
            var limits = OwnedKeys.Limits()
            limits.callersMax = 2
            let keys = OwnedKeys(manager: view, limits: limits, spawn: spawn)
            let find = FindService(catalogs: catalogs, manager: view, policy: AccessPolicy())
            self.view = view
            lowestIDWins = setting.lowestIDWins ? LowestIDWins(manager: view, time: time) : nil
            provisionKey = ProvisionKey(
                find: find, manager: view, keys: keys, defaultPlan: nil, spawn: spawn,
                sleep: { await time.sleep(max(1, Int($0 / .milliseconds(1)))) }, milliseconds: { time.now },
                logger: logger,
                audit: AuditTrail(logger: logger, factory: PrometheusRegistry()))
            list = ListServices(catalogs: catalogs, keys: keys, policy: AccessPolicy())
        }

        func provision(_ service: Service, plan: Int? = nil, for caller: Caller) async throws -> Given {
            if let lowestIDWins { return try await lowestIDWins.provision(service, for: caller) }
            let result = try await provisionKey(.init(serviceID: service.id, planID: plan), for: caller)
            return Given(
                key: result.key.key, application: result.key.applicationID, isNew: result.isNew,
                isStale: result.staleAge != nil)
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
        /// By caller: how often the name or membership has changed.
        var changes: [Int: Int] = [:]
    }

    private let time: SimulatedTime
    private let server: SimulatedThreeScale
    private let record = Mutex(Record())
    private let callers: Mutex<[Caller]>
    private let services: [Service]
    private let setting: Setting

    init(seed: UInt64, _ setting: Setting = Setting()) {
        self.setting = setting
        time = SimulatedTime(seed: seed)
        server = SimulatedThreeScale(time: time)
        let (callers, services) = time.choose { choices in
            // The third has the first one's name: inherited, or the same person after the issuer changed.
            let issuerChanges = choices.chance(30)
            let callers = (0...choices.below(setting.isCalm ? 2 : 3)).map { index in
                Caller(
                    issuer: index == 2 && issuerChanges ? "https://new.example.com" : "https://sso.example.com",
                    subject: index == 2 && issuerChanges ? "0" : "\(index)",
                    username: index == 2 ? "user0" : "user\(index)",
                    email: choices.chance(50) ? "user@example.com" : nil)
            }
            let services = (1...(1 + choices.below(2))).map { id in
                let plans = (0...choices.below(2)).map { offset in
                    Plan(
                        id: id * 10 + offset, name: "Plan", systemName: "plan", isPublished: true,
                        isDefault: offset == 0 && choices.chance(setting.isCalm ? 0 : 30), isCustom: false,
                        needsApproval: choices.chance(20)
                    )
                }
                return Service(
                    id: id, name: "Service", systemName: "service_\(id)", description: nil,
                    authentication: choices.chance(50) ? .apiKey : .appIDAndKey, proxyEndpoint: nil,
                    placement: CredentialsPlacement(location: .headers, parameter: "user_key", idParameter: nil),
                    plans: plans)
            }
            return (callers, services)
        }
        self.callers = Mutex(callers)
        self.services = services
        let weather = time.choose { choices in
            var weather = SimulatedThreeScale.Weather()
            weather.latency = 1 + choices.below(20)
            weather.givesIDsAtCommit = setting.givesIDsAtCommit
            if setting.isCalm {
                weather.race = 1 + choices.below(30)
                return weather
            }
            weather.race = choices.chance(70) ? 1 + choices.below(30) : 0
            weather.writeFaults = [0, 10, 20, 40][choices.below(4)]
            weather.readFaults = [0, 0, 5, 20][choices.below(4)]
            weather.lateWrites = [0, 0, 10, 30][choices.below(4)]
            weather.findVaries = choices.chance(50)
            if choices.chance(20) {
                let start = choices.below(150)
                weather.outage = start..<(start + choices.below(100))
            }
            return weather
        }
        server.state.withLock { [services] state in
            state.services = services
            state.weather = weather
            guard setting.isCalm else { return }
            for (index, caller) in callers.enumerated() {
                state.accounts.append(
                    .init(
                        id: index + 1, organization: caller.username, users: [caller.accountName], createdAt: -60_000))
            }
        }
    }

    /// What went wrong, and how much was done.
    func run() -> (problems: [String], answered: Int, refused: Int, deaths: Int) {
        time.spawn { [self] in await play() }
        time.run()
        server.state.withLock { state in
            let findVaries = state.weather.findVaries
            state.weather = SimulatedThreeScale.Weather()
            state.weather.findVaries = findVaries
        }
        time.spawn { [self] in
            // Everything under way is over, and what calls left behind is no longer theirs.
            await time.sleep(5_000)
            await settle()
        }
        time.run()
        return record.withLock { ($0.problems, $0.answered, $0.refused, $0.deaths) }
    }

    private func play() async {
        let catalogs = CatalogStore(manager: SimulatedReplicaView(server), logger: Self.silent)
        await catalogs.refresh()
        let replicas = setting.replicas
        let count = time.choose { replicas.lowerBound + $0.below(replicas.count) }
        let fleet = Fleet((0..<count).map { _ in Replica(server, time, catalogs, setting) })
        let calls = time.choose { 2 + $0.below(10) } + (setting.isCalm ? count : 0)
        await withTaskGroup(of: Void.self) { tasks in
            for _ in 0..<(setting.isCalm ? 0 : time.choose { $0.below(3) }) {
                tasks.addTask { [self] in
                    await time.sleep(time.choose { $0.below(200) })
                    let victim = time.choose { $0.below(count) }
                    fleet.replace(victim, by: Replica(server, time, catalogs, setting))
                    record.withLock { $0.deaths += 1 }
                }
            }
            let people = callers.withLock { $0.count }
            if !setting.isCalm, time.choose({ $0.chance(25) }) {
                tasks.addTask { [self] in
                    let (delay, index, which) = time.choose {
                        ($0.below(600), $0.below(people), $0.below(Change.allCases.count))
                    }
                    await time.sleep(delay)
                    change(index, Change.allCases[which])
                }
            }
            let spans = setting.isCalm ? [20, 100, 1_000] : [200, 1_000, 6_000]
            let span = time.choose { spans[$0.below(spans.count)] }
            for _ in 0..<calls {
                tasks.addTask { [self] in
                    let (delay, replica, caller, service, wantsList, plan) = time.choose {
                        [services, setting] choices in
                        (
                            choices.below(span), choices.below(count), choices.below(people),
                            choices.below(services.count), choices.chance(setting.isCalm ? 0 : 25), choices.below(3)
                        )
                    }
                    await time.sleep(delay)
                    let chosen = fleet[replica]
                    if wantsList {
                        await list(chosen, caller, self.caller(caller))
                    } else {
                        let plans = services[service].plans
                        await initialise(chosen, caller, services[service], plan < plans.count ? plans[plan].id : nil)
                    }
                }
            }
        }
    }

    private func change(_ index: Int, _ change: Change) {
        let caller = caller(index)
        // A change of one person says nothing of another of the same name.
        guard !isShared(caller) else { return }
        switch change {
        case .renamed:
            callers.withLock {
                $0[index] = Caller(
                    issuer: caller.issuer, subject: caller.subject, username: "renamed\(index)", email: caller.email)
            }
        case .removed:
            server.state.withLock { state in
                for account in state.accounts.indices where state.accounts[account].users.contains(caller.accountName) {
                    state.accounts[account].users = ["colleague\(account)"]
                }
            }
        }
        record.withLock { $0.changes[index, default: 0] += 1 }
    }

    private func caller(_ index: Int) -> Caller { callers.withLock { $0[index] } }

    private func changes(_ index: Int) -> Int { record.withLock { $0.changes[index] ?? 0 } }

    private func initialise(_ replica: Replica, _ index: Int, _ service: Service, _ plan: Int?) async {
        let caller = caller(index)
        let changes = changes(index)
        do {
            let result = try await replica.provision(service, plan: plan, for: caller)
            // A dead replica's answer reaches no client.
            guard !replica.view.isDead else { return }
            check(result.application, caller, mustBeMarked: !result.isStale)
            record.withLock { record in
                record.answered += 1
                record.answers[Pair(caller: index, service: service.id), default: []].append(
                    Answer(
                        key: result.key, application: result.application, isNew: result.isNew, changes: changes))
            }
            // Lists show confirmed keys alone.
            guard !setting.lowestIDWins else { return }
            // Of two accounts of one name, a list may find the other one.
            let isCertain = !result.isStale && server.accounts(of: caller.accountName).count == 1
            await list(replica, index, caller, mustShow: isCertain ? (service.id, result.key) : nil)
        } catch {
            refuse(error)
        }
    }

    /// - Parameter mustShow: a service and its key, which this replica has just answered.
    private func list(
        _ replica: Replica, _ index: Int, _ caller: Caller, mustShow: (service: Int, key: String?)? = nil
    ) async {
        let changes = changes(index)
        do {
            let result = try await replica.list(for: caller)
            guard !replica.view.isDead else { return }
            for item in result.items {
                // What signup made belongs to every owner of the name until one of them is answered it, which marks it.
                if let key = item.key, !isShared(caller) { check(key.applicationID, caller, mustBeMarked: false) }
                if let mustShow, self.changes(index) == changes, server.accounts(of: caller.accountName).count == 1,
                    mustShow.service == item.service.id, item.key?.key != mustShow.key
                {
                    problem(
                        "a list shows \(item.key?.key ?? "nothing") after \(mustShow.key ?? "nothing") was answered on "
                            + "\(result.accountID ?? 0), stale \(String(describing: result.staleAge)); \(server.summary)"
                    )
                }
            }
        } catch {
            refuse(error)
        }
    }

    private func check(_ id: Int, _ caller: Caller, mustBeMarked: Bool) {
        let application = server.state.withLock { state in
            state.applications.first { $0.application.id == id }?.application
        }
        guard let application else { return }
        if let owner = application.owner, owner != caller.ownerMark { problem("a key of another owner was shown") }
        if mustBeMarked, application.owner == nil { problem("a key without a mark was answered") }
    }

    private func refuse(_ error: any Error) {
        let expected: Set<Refusal> = [.unavailable, .timeout, .upstream, .signup, .creation, .identityConflict]
        let refusal = Refusal(error)
        guard expected.contains(refusal) else {
            problem("an unexpected error: \(error)")
            return
        }
        if refusal == .identityConflict, callers.withLock({ $0.count }) < 3 {
            problem("a conflict without a second person")
        }
        record.withLock { $0.refused += 1 }
    }

    // MARK: At rest

    private func settle() async {
        let catalogs = CatalogStore(manager: SimulatedReplicaView(server), logger: Self.silent)
        await catalogs.refresh()
        let replica = Replica(server, time, catalogs, setting)
        for (index, caller) in callers.withLock({ $0 }).enumerated() {
            for service in services { await settle(replica, index, caller, service) }
        }
        let deleted = server.state.withLock { $0.deleted }
        for (pair, answers) in record.withLock({ $0.answers }) {
            for answer in answers where deleted.contains(answer.application) {
                problem("an answered key was deleted: \(pair), application \(answer.application)")
            }
        }
    }

    private func settle(_ replica: Replica, _ index: Int, _ caller: Caller, _ service: Service) async {
        let all = record.withLock { $0.answers[Pair(caller: index, service: service.id)] ?? [] }
        let changes = changes(index)
        // A call that was under way at a change may have decided before it.
        let before = changes == 0 ? all : []
        do {
            let last = try await replica.provision(service, for: caller)
            check(last.application, caller, mustBeMarked: true)
            let keys = Set(before.map(\.key) + [last.key])
            if keys.count > 1 { problem("answers differ: \(before) then \(last.application)") }
            let owned = server.applications(of: caller.ownerMark, service: service.id)
            // Of a person who left an account, unconfirmed ones stay behind on it.
            if changes == 0 ? owned.count > 1 : owned.filter({ !$0.isProvisional }).count > 1 + changes {
                problem("\(owned.count) applications at rest; \(server.summary)")
            }
            if before.filter(\.isNew).count + (last.isNew ? 1 : 0) > 1 {
                problem("more than one call was told that it is new")
            }
            let again = try await replica.provision(service, for: caller)
            if again.key != last.key { problem("the same call gives another key; \(server.summary)") }
        } catch {
            let isConflict = Refusal(error) == .identityConflict
            if !isConflict || !isShared(caller) { problem("an undisturbed call failed: \(error)") }
            // Two accounts of one name that two owners use: a look-up may answer the other one's.
            let isTwin = isConflict && server.accounts(of: caller.accountName).count > 1
            if !before.isEmpty, !isTwin { problem("a key was lost: \(before), \(error); \(server.summary)") }
        }
    }

    private func isShared(_ caller: Caller) -> Bool {
        callers.withLock { $0.filter { $0.username == caller.username }.count > 1 }
    }

    private func problem(_ text: String) { record.withLock { $0.problems.append(text) } }

    private static let silent = Logger(
        label: "chaos", handler: JSONLogHandler(sink: InMemoryLogSink(), level: .critical) { 0 })
}
