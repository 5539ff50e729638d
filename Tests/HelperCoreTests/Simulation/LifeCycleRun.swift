import HelperCore
import Synchronization
import Telemetry

/// One seeded run of the life of API keys: people make, rotate, pause, resume, change and revoke keys through one to three replicas, the
/// operator approves and suspends, replicas die, answers get lost, time passes. `KeyLedger` says what must hold.
final class LifeCycleRun: Sendable {
    struct Outcome: Sendable {
        var problems: [String] = []
        var answered = 0
        var refused = 0
        var deaths = 0
        var stopped = 0
        var retired = 0
    }

    private enum Act: CaseIterable, Sendable {
        case initialise, create, rotate, rotateAgain, pause, resume, revoke, change, edit, list, approve, suspend,
            unsuspend
    }

    /// What a run is made of.
    private struct Plan: Sendable {
        let services: [Service]
        let rules: KeyRules
        let weather: SimulatedThreeScale.Weather
        let replicas: Int
        let people: Int
        /// The time in which people act, in ticks.
        let span: Int
        let acts: Int
        let deaths: Int
        /// Replicas tell each other of their writes.
        let isShared: Bool
    }

    private final class Replica: Sendable {
        let view: SimulatedReplicaView
        let sweep: SimulatedSweep
        let find: FindKeys
        let make: MakeKeys
        let change: ChangeKeys
        let provision: ProvisionKey

        init(
            _ server: SimulatedThreeScale, _ time: SimulatedTime, _ catalogs: CatalogStore, _ rules: KeyRules,
            _ ledger: KeyLedger, without: SweepRule?
        ) {
            let view = SimulatedReplicaView(server)
            let spawn: Spawn = { time.spawn($0) }
            let now: @Sendable () -> Int = { server.seconds(time.now) }
            let seal = PauseSeal { [7] }
            let logger = LifeCycleRun.silent
            let keys = OwnedKeys(manager: view, spawn: spawn)
            let audit = AuditTrail(logger: logger, factory: PrometheusRegistry())
            self.view = view
            sweep = SimulatedSweep(view, time, rules: rules, seal: seal, ledger: ledger, without: without)
            find = FindKeys(
                catalogs: catalogs, keys: keys, policy: AccessPolicy(), rules: rules, seal: seal, now: now)
            provision = ProvisionKey(
                find: FindService(catalogs: catalogs, manager: view, policy: AccessPolicy()), manager: view,
                keys: keys, defaultPlan: nil, spawn: spawn,
                sleep: { await time.sleep(max(1, Int($0 / .milliseconds(1)))) }, milliseconds: { time.now },
                logger: logger, audit: audit)
            make = MakeKeys(find: find, provision: provision, keys: keys, audit: audit, rules: rules, now: now)
            change = ChangeKeys(
                find: find, manager: view, keys: keys, audit: audit, rules: rules, seal: seal, spawn: spawn,
                sleep: { await time.sleep(max(1, Int($0 / .milliseconds(1)))) }, now: now)
        }
    }

    private struct Record: Sendable {
        var outcome = Outcome()
        var replicas: [Replica] = []
        /// By person: applications that were answered.
        var known: [[Int]]
    }

    private let time: SimulatedTime
    let server: SimulatedThreeScale
    private let ledger: KeyLedger
    private let plan: Plan
    private let callers: [Caller]
    private let record: Mutex<Record>

    private let without: SweepRule?

    init(seed: UInt64, without: SweepRule? = nil) {
        self.without = without
        let time = SimulatedTime(seed: seed)
        let plan = time.choose { Self.choose(&$0, isLong: without != nil) }
        self.time = time
        self.plan = plan
        server = SimulatedThreeScale(time: time)
        ledger = KeyLedger(rules: plan.rules, time: time)
        callers = (0..<plan.people).map {
            Caller(issuer: "https://sso.example.com", subject: "\($0)", username: "user\($0)", email: nil)
        }
        record = Mutex(Record(known: Array(repeating: [], count: plan.people)))
        server.state.withLock { [callers, ledger] state in
            state.services = plan.services
            state.weather = plan.weather
            for (index, caller) in callers.enumerated() {
                state.accounts.append(
                    .init(
                        id: index + 1, organization: caller.username, users: [caller.accountName], createdAt: -60_000))
            }
            state.watch = { before, after, actor in ledger.watch(before, after, actor) }
        }
    }

    /// - Parameter isLong: people act for two days, and old generations work on for three: what is rare otherwise happens.
    private static func choose(_ choices: inout Choices, isLong: Bool) -> Plan {
        let services = (1...(1 + choices.below(2))).map { id in
            Service(
                id: id, name: "Service", systemName: "service_\(id)", description: nil,
                authentication: choices.chance(70) ? .apiKey : .appIDAndKey, proxyEndpoint: nil,
                placement: CredentialsPlacement(location: .headers, parameter: "user_key", idParameter: nil),
                plans: [
                    .init(
                        id: id * 10, name: "Plan", systemName: "plan", isPublished: true, isDefault: false,
                        isCustom: false, needsApproval: choices.chance(30))
                ])
        }
        let span = [3_000, 60_000, 1_800_000, 2 * 86_400_000][isLong ? 3 : choices.below(4)]
        var rules = KeyRules()
        rules.graceMax = [60, 3_600, 3 * 86_400][isLong ? 2 : choices.below(3)]
        rules.grace = rules.graceMax / [1, 4, 60][choices.below(3)]
        var weather = SimulatedThreeScale.Weather()
        weather.latency = 1 + choices.below(20)
        weather.race = choices.chance(70) ? 1 + choices.below(30) : 0
        weather.writeFaults = [0, 0, 10, 30][choices.below(4)]
        weather.readFaults = [0, 0, 5, 20][choices.below(4)]
        weather.lateWrites = [0, 0, 10, 30][choices.below(4)]
        return Plan(
            services: services, rules: rules, weather: weather, replicas: 1 + choices.below(3),
            people: 1 + choices.below(2), span: span, acts: 6 + choices.below(18), deaths: choices.below(3),
            isShared: choices.chance(50))
    }

    func run() -> Outcome {
        time.spawn { [self] in await play() }
        time.run()
        let stops = ledger.stops
        return record.withLock { record in
            record.outcome.problems = ledger.problems
            record.outcome.stopped = stops.all
            record.outcome.retired = stops.retired
            return record.outcome
        }
    }

    // MARK: The run

    private func play() async {
        let catalogs = CatalogStore(manager: SimulatedReplicaView(server), logger: Self.silent)
        await catalogs.refresh()
        for _ in 0..<plan.replicas { record.withLock { $0.replicas.append(start(catalogs)) } }
        await withTaskGroup(of: Void.self) { tasks in
            for _ in 0..<plan.deaths {
                tasks.addTask { [self] in
                    await time.sleep(time.choose { [plan] in $0.below(plan.span) })
                    await kill(time.choose { [plan] in $0.below(plan.replicas) }, catalogs)
                }
            }
            for _ in 0..<plan.acts {
                tasks.addTask { [self] in
                    await time.sleep(time.choose { [plan] in $0.below(plan.span) })
                    await act()
                }
            }
        }
        server.state.withLock { $0.weather = SimulatedThreeScale.Weather() }
        await settle()
        for replica in record.withLock({ $0.replicas }) { replica.sweep.stop() }
    }

    private func start(_ catalogs: CatalogStore) -> Replica {
        let replica = Replica(server, time, catalogs, plan.rules, ledger, without: without)
        replica.sweep.scan()
        return replica
    }

    private func kill(_ index: Int, _ catalogs: CatalogStore) async {
        record.withLock { $0.replicas[index].view.die() }
        let pause = time.choose { 1_000 + $0.below(10_000) }
        ledger.disturb(for: pause)
        await time.sleep(pause)
        let next = start(catalogs)
        record.withLock { record in
            // Another death may have been faster.
            record.replicas[index].view.die()
            record.replicas[index] = next
            record.outcome.deaths += 1
        }
    }

    /// After everything under way is over, and each end has come, undisturbed calls answer what works.
    private func settle() async {
        await time.sleep(5_000)
        ledger.check()
        await time.sleep(7_200_000 + plan.rules.graceMax * 1_000)
        ledger.checkRest()
        for (person, caller) in callers.enumerated() {
            for id in ledger.working(of: caller.ownerMark) { await ask(for: id, person) }
        }
        await time.sleep(2 * 86_400_000)
        ledger.checkRest()
        ledger.checkEnded()
    }

    private func ask(for id: Int, _ person: Int) async {
        guard let (name, service) = ledger.name(of: id) else { return }
        do {
            let wish = MakeKeys.Wish(serviceID: service, planID: nil, name: name, expiresIn: nil, note: nil)
            let made = try await record.withLock({ $0.replicas[0] }).make.create(wish, for: callers[person])
            let answered = made.item.key.application.id
            if answered != id || made.isNew { ledger.problem("asked for \(name), \(answered) was answered for \(id)") }
        } catch {
            ledger.problem("asked for \(name), nothing was answered: \(error)")
        }
    }

    // MARK: Acts

    private func act() async {
        let act = time.choose { Act.allCases[$0.below(Act.allCases.count)] }
        let index = time.choose { [plan] in $0.below(plan.replicas) }
        let person = time.choose { [plan] in $0.below(plan.people) }
        let replica = record.withLock { $0.replicas[index] }
        let caller = callers[person]
        let known = record.withLock { $0.known[person] }
        let id = known.isEmpty ? nil : known[time.choose { $0.below(known.count) }]
        do {

            switch (act, id) {
            case (.approve, _): operate(from: .pending, to: .live)
            case (.suspend, _): operate(from: .live, to: .suspended)
            case (.unsuspend, _): operate(from: .suspended, to: .live)
            case (.edit, _): edit(person)
            case (.list, _):
                let page = try await replica.find.list(.init(limit: 100), for: caller)
                guard !replica.view.isDead else { return }
                for item in page.items { learn(item.key, person) }
            case (.create, _): try await create(replica, person)
            case (_, nil), (.initialise, _):
                let service = time.choose { [plan] in $0.below(plan.services.count) }
                let request = ProvisionKey.Request(serviceID: plan.services[service].id)
                let result = try await replica.provision(request, for: caller)
                if !replica.view.isDead { learn(result.key.applicationID, person) }
            case (.rotate, let id?), (.rotateAgain, let id?):
                let grace = time.choose { [plan] in [nil, 0, 5, plan.rules.graceMax][$0.below(4)] }
                let made = try await replica.make.rotate(id, graceSeconds: grace, for: caller)
                guard !replica.view.isDead else { return }
                learn(made.item.key, person)
                ledger.rotated(id, to: made.item.key.application.id)
            case (.pause, let id?):
                try await stop(id, andOlder: false) {
                    _ = try await replica.change.pause(id, for: caller)
                }
            case (.revoke, let id?):
                try await stop(id, andOlder: true) { _ = try await replica.change.revoke(id, for: caller) }
            case (.resume, let id?):
                let item = try await replica.change.resume(id, for: caller)
                if !replica.view.isDead { learn(item.key, person) }
            case (.change, let id?):
                let expiry = lifetime().map { ChangeKeys.Changes.Expiry.after($0) } ?? .never
                let item = try await replica.change.change(id, .init(expiry: expiry), for: caller)
                if !replica.view.isDead { learn(item.key, person) }
            }
            record.withLock { $0.outcome.answered += 1 }
        } catch {
            record.withLock { $0.outcome.refused += 1 }
        }
        tell(replica, person)
    }

    private func create(_ replica: Replica, _ person: Int) async throws {
        let (service, name) = time.choose { [plan] choices in
            (plan.services[choices.below(plan.services.count)].id, ["ci", "laptop"][choices.below(2)])
        }
        let wish = MakeKeys.Wish(
            serviceID: service, planID: nil, name: KeyName(name) ?? .standard, expiresIn: lifetime(), note: nil)
        let made = try await replica.make.create(wish, for: callers[person])
        if !replica.view.isDead { learn(made.item.key, person) }
    }

    private func lifetime() -> Int? {
        time.choose { [plan] choices in
            choices.chance(50) ? nil : 1 + choices.below(max(10, 2 * plan.span / 1_000))
        }
    }

    private func stop(_ id: Int, andOlder: Bool, _ work: () async throws -> Void) async throws {
        let ids = ledger.begin(stopping: id, andOlder: andOlder)
        do {
            try await work()
            ledger.end(stopping: ids, isKnown: true)
        } catch {
            ledger.end(stopping: ids, isKnown: false)
            throw error
        }
    }

    private func learn(_ key: NamedKeys.Key, _ person: Int) {
        ledger.answer(key.application.id, key.state)
        learn(key.application.id, person)
    }

    private func learn(_ id: Int, _ person: Int) {
        record.withLock { record in if !record.known[person].contains(id) { record.known[person].append(id) } }
    }

    /// Replicas look at an account that one of them wrote to, also where they do not know what became of it.
    private func tell(_ replica: Replica, _ person: Int) {
        time.after(2_000) { [self] in
            for other in record.withLock({ $0.replicas }) where plan.isShared || other === replica {
                other.sweep.note(account: person + 1)
            }
        }
        // Without news of others they read everything once an hour.
        if replica.view.isDead { ledger.disturb() }
    }

    /// The operator changes the state of one application.
    private func operate(from old: Application.State, to new: Application.State) {
        let candidates = server.state.withLock { state in
            state.applications.map(\.application).filter { $0.state == old && $0.mark?.isConfirmed == true }.map(\.id)
        }
        guard !candidates.isEmpty else { return }
        let id = candidates[time.choose { $0.below(candidates.count) }]
        if old != .pending { ledger.suspendedByOperator(id, new == .suspended) }
        // Replicas hear of it by their hourly scan.
        ledger.disturb(for: 3_600_000)
        server.change { [server] state in _ = server.move(&state, id, from: old, to: new) }
    }

    /// A person moves the end of a key in 3scale's developer portal: of one that works, or that the operator suspended.
    private func edit(_ person: Int) {
        let known = record.withLock { $0.known[person] }
        let candidates = known.filter { ledger.isEditable($0) }
        guard !candidates.isEmpty else { return }
        let id = candidates[time.choose { $0.below(candidates.count) }]
        let end = time.choose { [plan] in $0.chance(50) ? -1 : $0.below(max(10, 2 * plan.span / 1_000)) }
        ledger.disturb(for: 3_600_000)
        server.change { [server, time, ledger] state in
            guard let index = state.applications.firstIndex(where: { $0.application.id == id }) else { return }
            let stored = state.applications[index].application
            guard let mark = stored.mark, stored.state != .pending else { return }
            // Until the helper has written down when a key was approved, its last change tells.
            let plans = state.services.flatMap(\.plans)
            if mark.liveSince == nil, plans.contains(where: { $0.id == stored.plan.id && $0.needsApproval }) {
                ledger.approvalMoved(id)
            }
            state.applications[index].application = stored.described(
                mark.expiring(at: server.seconds(time.now) + end).description)
            state.applications[index].updatedAt = time.now
        }
    }

    fileprivate static let silent = Logger(
        label: "life cycle", handler: JSONLogHandler(sink: InMemoryLogSink(), level: .critical) { 0 })
}
