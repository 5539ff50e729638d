import HelperCore
import Synchronization

/// 3scale as softly unique as it is: writes check, then insert, and whatever goes wrong between here and there goes wrong.
final class SimulatedThreeScale: Sendable {
    struct Weather: Sendable {
        /// Percent of writes whose answer is a 500 or lost after the commit, and as many again before it.
        var writeFaults = 0
        var readFaults = 0
        /// Percent of writes that time out here and are carried out there later.
        var lateWrites = 0
        /// Ticks between a write's check and its insert.
        var race = 0
        var latency = 1
        /// Ticks in which nobody answers.
        var outage: Range<Int> = 0..<0
    }

    struct Stored: Sendable {
        var application: Application
        let name: String
        var keys: [String]
    }

    struct State: Sendable {
        var weather = Weather()
        var services: [Service] = []
        /// In the order of their ids; the first of a name is found.
        var accounts: [(id: Int, username: String)] = []
        var applications: [Stored] = []
        var nextID = 100
        var calls = 0
        /// Every application that was ever deleted.
        var deleted: Set<Int> = []
    }

    let time: SimulatedTime
    let state = Mutex(State())

    init(time: SimulatedTime) { self.time = time }

    func winner(_ username: String) -> Int? {
        state.withLock { $0.accounts.filter { $0.username == username }.map(\.id).min() }
    }

    func live(account: Int, service: Int) -> [Application] {
        state.withLock { state in
            state.applications.map(\.application).filter { $0.accountID == account && $0.serviceID == service }
        }
    }

    // MARK: One call

    enum Fate: Sendable { case good, before, after, late, malformed, timeout }

    func fate(isWrite: Bool) -> Fate {
        let weather = state.withLock { $0.weather }
        if weather.outage.contains(time.now) { return .before }
        return time.choose { choices in
            guard isWrite else {
                guard choices.chance(weather.readFaults) else { return .good }
                return [.before, .malformed, .timeout][choices.below(3)]
            }
            if choices.chance(weather.lateWrites) { return .late }
            if choices.chance(weather.writeFaults) { return choices.chance(50) ? .after : .malformed }
            return choices.chance(weather.writeFaults) ? .before : .good
        }
    }

    func travel() async {
        state.withLock { $0.calls += 1 }
        let latency = state.withLock { $0.weather.latency }
        await time.sleep(latency <= 1 ? latency : time.choose { 1 + $0.below(latency) })
    }

    /// Checks, waits, inserts; the answer goes the way that fate decides.
    func write<Value: Sendable>(
        check: @escaping @Sendable (inout State) -> APIManagerError?,
        insert: @escaping @Sendable (inout State) -> Value
    ) async throws(APIManagerError) -> Value {
        let fate = fate(isWrite: true)
        await travel()
        let race = state.withLock { $0.weather.race }
        let gap = race == 0 ? 0 : time.choose { $0.below(race) }
        switch fate {
        case .before: throw .unavailable(retryAfter: nil, cause: "502", outcomeUnknown: true)
        case .late:
            let delay = time.choose { 5 + $0.below(60) }
            time.after(delay) { [self] in
                guard state.withLock({ check(&$0) }) == nil else { return }
                time.after(gap) { [self] in
                    state.withLock { state in if check(&state) != .notFound { _ = insert(&state) } }
                }
            }
            throw .timeout(cause: "slow", outcomeUnknown: true)
        case .good, .after, .malformed, .timeout: break
        }
        if let refusal = state.withLock({ check(&$0) }) { throw refusal }
        if gap > 0 { await time.sleep(gap) }
        // What went meanwhile cannot be written to.
        if gap > 0, let refusal = state.withLock({ check(&$0) }), refusal == .notFound { throw refusal }
        let value = state.withLock { insert(&$0) }
        switch fate {
        case .after: throw .unavailable(retryAfter: nil, cause: "500", outcomeUnknown: true)
        case .malformed: throw .malformed(cause: "cut", outcomeUnknown: true)
        default: return value
        }
    }

    func read<Value: Sendable>(
        _ body: @Sendable (inout State) -> Value
    ) async throws(APIManagerError) -> Value {
        let fate = fate(isWrite: false)
        await travel()
        switch fate {
        case .before: throw .unavailable(retryAfter: nil, cause: "503", outcomeUnknown: false)
        case .malformed: throw .malformed(cause: "html", outcomeUnknown: false)
        case .timeout: throw .timeout(cause: "slow", outcomeUnknown: false)
        default: return state.withLock { body(&$0) }
        }
    }
}

/// What one replica sees of it. A replica that has died sends nothing any more; what it has sent goes on.
final class SimulatedReplicaView: APIManager {
    private let server: SimulatedThreeScale
    private let dead = Atomic<Bool>(false)

    init(_ server: SimulatedThreeScale) { self.server = server }

    func die() { dead.store(true, ordering: .relaxed) }
    var isDead: Bool { dead.load(ordering: .relaxed) }
    var isAvailable: Bool { true }
    func probe() async {}

    private func alive() throws(APIManagerError) {
        if isDead { throw .unavailable(retryAfter: nil, cause: "this replica is dead", outcomeUnknown: false) }
    }

    func catalog() async throws(APIManagerError) -> Catalog {
        Catalog(services: server.state.withLock { $0.services })
    }

    func limits(ofPlans plans: [Int], service: Int) async throws(APIManagerError) -> [Int: [PlanLimit]] { [:] }

    func account(username: String) async throws(APIManagerError) -> Account? {
        try alive()
        return try await server.read { state in
            state.accounts.filter { $0.username == username }.map(\.id).min().map { Account(id: $0, state: "approved") }
        }
    }

    func signUp(_ draft: SignupDraft) async throws(APIManagerError) -> Account {
        try alive()
        let id = try await server.write { state in
            state.accounts.contains { $0.username == draft.username } ? Self.taken("username") : nil
        } insert: { state in
            state.nextID += 1
            let account = state.nextID
            state.accounts.append((account, draft.username))
            for service in state.services {
                guard let plan = service.plans.first(where: \.isDefault) else { continue }
                Self.insert(&state, account, service, plan.id, "API signup", "id-\(state.nextID)", nil)
            }
            return account
        }
        return Account(id: id, state: "approved")
    }

    func repair(account: Int) async throws(APIManagerError) {}

    func deleteAccount(_ id: Int) async throws(APIManagerError) {
        try alive()
        _ = try await server.write { _ in
            nil
        } insert: { state in
            state.accounts.removeAll { $0.id == id }
            for stored in state.applications where stored.application.accountID == id {
                state.deleted.insert(stored.application.id)
            }
            state.applications.removeAll { $0.application.accountID == id }
        }
    }

    func applications(account: Int) async throws(APIManagerError) -> [Application] {
        try alive()
        let applications = try await server.read { state -> [Application]? in
            guard state.accounts.contains(where: { $0.id == account }) else { return nil }
            return state.applications.map(\.application).filter { $0.accountID == account }
        }
        guard let applications else { throw .notFound }
        return applications
    }

    func createApplication(_ draft: ApplicationDraft) async throws(APIManagerError) -> Application {
        try alive()
        return try await server.write { state in
            guard state.accounts.contains(where: { $0.id == draft.account }) else { return .notFound }
            return state.applications.contains { $0.name == draft.applicationID } ? Self.taken("application_id") : nil
        } insert: { state in
            let service = state.services.first { $0.plans.contains { $0.id == draft.plan } }!
            return Self.insert(
                &state, draft.account, service, draft.plan, draft.description, draft.applicationID, draft.applicationKey
            )
        }
    }

    func deleteApplication(_ id: Int, account: Int) async throws(APIManagerError) {
        try alive()
        _ = try await server.write { _ in
            nil
        } insert: { state in
            state.deleted.insert(id)
            state.applications.removeAll { $0.application.id == id }
        }
    }

    func keys(application: Int, account: Int) async throws(APIManagerError) -> [String] {
        try alive()
        let keys = try await server.read { $0.applications.first { $0.application.id == application }?.keys }
        guard let keys else { throw .notFound }
        return keys
    }

    func addKey(_ key: String, application: Int, account: Int) async throws(APIManagerError) {
        try alive()
        _ = try await server.write { _ in
            nil
        } insert: { state in
            if let index = state.applications.firstIndex(where: { $0.application.id == application }) {
                state.applications[index].keys.append(key)
            }
        }
    }

    private static func taken(_ field: String) -> APIManagerError {
        .rejected(status: 422, details: [.init(field: field, issue: "has already been taken")])
    }

    @discardableResult
    private static func insert(
        _ state: inout SimulatedThreeScale.State, _ account: Int, _ service: Service, _ plan: Int,
        _ description: String, _ name: String, _ key: String?
    ) -> Application {
        state.nextID += 1
        let id = state.nextID
        let isKeyed = service.authentication == .appIDAndKey
        let needsApproval = service.plans.first { $0.id == plan }?.needsApproval == true
        let application = Application(
            id: id, serviceID: service.id, accountID: account, plan: PlanReference(id: plan, name: "Plan"),
            state: needsApproval ? .pending : .live, description: description,
            credentials: isKeyed ? .appID(name) : .userKey("key-\(id)"))
        state.applications.append(
            .init(application: application, name: name, keys: isKeyed ? [key ?? "made-\(id)"] : []))
        return application
    }
}
