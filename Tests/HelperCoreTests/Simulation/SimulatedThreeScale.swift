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
        /// A row gets its id when it commits, not when it is inserted.
        var givesIDsAtCommit = false
        var latency = 1
        /// `accounts/find` answers any of the accounts that have the name.
        var findVaries = false
        /// Ticks in which 3scale does not answer.
        var outage: Range<Int> = 0..<0
    }

    struct Stored: Sendable {
        var application: Application
        let name: String
        var keys: [String]
        let createdAt: Int
        var updatedAt: Int
    }

    struct StoredAccount: Sendable {
        let id: Int
        var organization: String
        var users: [String]
        let createdAt: Int
    }

    /// What a write is given before it commits.
    struct Row: Sendable {
        let id: Int
        let createdAt: Int
    }

    struct State: Sendable {
        var weather = Weather()
        var services: [Service] = []
        var accounts: [StoredAccount] = []
        var applications: [Stored] = []
        var nextID = 100
        var calls = 0
        /// Every application that was ever deleted.
        var deleted: Set<Int> = []
        /// Called after every change.
        var watch: Watch?
    }

    /// What the applications were and are, and for whom the call was made that changed them.
    typealias Watch = @Sendable (_ before: [Stored], _ after: [Stored], _ actor: CallOwner) -> Void

    /// The moment at which simulated time begins, in seconds since 1970.
    static let began = 1_800_000_000

    let time: SimulatedTime
    let state = Mutex(State())

    init(time: SimulatedTime) { self.time = time }

    /// What it holds, for the report of a run that failed.
    var summary: String {
        state.withLock { state in
            state.accounts.map { "account \($0.id) of \($0.users)" }.joined(separator: ", ") + "; "
                + state.applications.map {
                    "application \($0.application.id) on \($0.application.accountID) of service "
                        + "\($0.application.serviceID): \($0.application.description ?? "")"
                }.joined(separator: ", ")
        }
    }

    func accounts(of username: String) -> [Int] {
        state.withLock { state in state.accounts.filter { $0.users.contains(username) }.map(\.id) }
    }

    func applications(of owner: OwnerMark, service: Int) -> [Application] {
        state.withLock { state in
            state.applications.map(\.application).filter { $0.owner == owner && $0.serviceID == service }
        }
    }

    /// The difference of whole seconds, as a client computes it from what 3scale answers.
    func age(_ then: Int) -> Int { time.now / 1_000 - then / 1_000 }

    /// Seconds since 1970, as 3scale answers them.
    func seconds(_ then: Int) -> Int { Self.began + Int((Double(then) / 1_000).rounded(.down)) }

    /// Changes what it holds, at once.
    func change<Value: Sendable>(
        by actor: CallOwner = .background, _ body: @Sendable (inout State) -> Value
    ) -> Value {
        let (value, before, after, watch) = state.withLock { state in
            let before = state.applications
            return (body(&state), before, state.applications, state.watch)
        }
        watch?(before, after, actor)
        return value
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

    private func newRow() -> Row {
        state.withLock { state in
            state.nextID += 20
            return Row(id: state.nextID, createdAt: time.now)
        }
    }

    /// Checks, gives an id, waits, inserts; the answer goes the way that fate decides.
    func write<Value: Sendable>(
        check: @escaping @Sendable (inout State) -> APIManagerError?,
        insert: @escaping @Sendable (inout State, Row) -> Value
    ) async throws(APIManagerError) -> Value {
        let actor = CallOwner.current
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
                let row = newRow()
                time.after(gap) { [self] in
                    change(by: actor) { state in if check(&state) != .notFound { _ = insert(&state, row) } }
                }
            }
            throw .timeout(cause: "slow", outcomeUnknown: true)
        case .good, .after, .malformed, .timeout: break
        }
        if let refusal = state.withLock({ check(&$0) }) { throw refusal }
        let early = state.withLock { $0.weather.givesIDsAtCommit } ? nil : newRow()
        if gap > 0 { await time.sleep(gap) }
        // What went meanwhile cannot be written to.
        if gap > 0, let refusal = state.withLock({ check(&$0) }), refusal == .notFound { throw refusal }
        let row = early ?? newRow()
        let value = change(by: actor) { insert(&$0, row) }
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
    let server: SimulatedThreeScale
    private let dead = Atomic<Bool>(false)

    init(_ server: SimulatedThreeScale) { self.server = server }

    func die() { dead.store(true, ordering: .relaxed) }
    var isDead: Bool { dead.load(ordering: .relaxed) }
    var isAvailable: Bool { true }
    var isInDoubt: Bool { false }
    func probe() async {}

    func alive() throws(APIManagerError) {
        if isDead { throw .unavailable(retryAfter: nil, cause: "this replica is dead", outcomeUnknown: false) }
    }

    func catalog() async throws(APIManagerError) -> Catalog {
        Catalog(services: server.state.withLock { $0.services })
    }

    func limits(ofPlans plans: [Int], service: Int) async throws(APIManagerError) -> [Int: [PlanLimit]] { [:] }

    func account(username: String) async throws(APIManagerError) -> Account? {
        try alive()
        return try await server.read { [server] state in
            let found = state.accounts.filter { $0.users.contains(username) }
            guard !found.isEmpty else { return nil }
            let index = state.weather.findVaries ? server.time.choose { $0.below(found.count) } : 0
            return Account(id: found[index].id, state: "approved", age: server.age(found[index].createdAt))
        }
    }

    func accountAndUser(username: String) async throws(APIManagerError) -> Account? {
        guard let account = try await account(username: username) else { return nil }
        // As it was found a moment ago: the answer shows what stands there when it is made.
        let user = server.state.withLock { state in
            state.accounts.first { $0.id == account.id }?.users.firstIndex(of: username)
        }
        return Account(
            id: account.id, state: account.state, age: account.age, user: user.map { .exact(id: $0) } ?? .missing)
    }

    func signUp(_ draft: SignupDraft) async throws(APIManagerError) -> Account {
        try alive()
        let id = try await server.write { state in
            state.accounts.contains { $0.users.contains(draft.username) } ? Self.taken("username") : nil
        } insert: { state, row in
            state.accounts.append(
                .init(
                    id: row.id, organization: draft.organization, users: [draft.username], createdAt: row.createdAt))
            var id = row.id
            for service in state.services {
                guard let plan = service.plans.first(where: \.isDefault) else { continue }
                id += 1
                Self.insert(
                    &state, .init(id: id, createdAt: row.createdAt), row.id, service, plan.id, "API signup", "id-\(id)",
                    nil)
            }
            return row.id
        }
        return Account(id: id, state: "approved", age: 0)
    }

    func hasUser(account: Int, username: String) async throws(APIManagerError) -> Bool {
        try alive()
        return try await server.read { state in
            state.accounts.contains { $0.id == account && $0.users.contains(username) }
        }
    }

    func confirm(account: Int, username: String) async throws(APIManagerError) {
        try alive()
        _ = try await server.write { state in
            guard let stored = state.accounts.first(where: { $0.id == account }) else { return .notFound }
            guard stored.users.contains(username) else { return .noSuchUser }
            return state.accounts.contains { $0.id != account && $0.users.contains(username) }
                ? Self.taken("username") : nil
        } insert: { _, _ in
        }
    }

    func confirm(account: Int, user: Int, username: String) async throws(APIManagerError) {
        try alive()
        let isThere = server.state.withLock { state in
            state.accounts.first { $0.id == account }?.users.indices.contains(user) ?? false
        }
        guard isThere else { return try await confirm(account: account, username: username) }
        _ = try await server.write { state in
            guard state.accounts.contains(where: { $0.id == account }) else { return .notFound }
            return state.accounts.contains { $0.id != account && $0.users.contains(username) }
                ? Self.taken("username") : nil
        } insert: { state, _ in
            // The name is written, whatever it has become meanwhile.
            guard let index = state.accounts.firstIndex(where: { $0.id == account }) else { return }
            state.accounts[index].users[user] = username
        }
    }

    func describe(
        application: Int, account: Int, description: String
    ) async throws(APIManagerError) -> Application {
        try alive()
        let written = try await server.write { state in
            guard let stored = state.applications.first(where: { $0.application.id == application }) else {
                return .notFound
            }
            return state.applications.contains { $0.application.id != application && $0.name == stored.name }
                ? Self.taken("application_id") : nil
        } insert: { [server] state, _ -> Application? in
            guard let index = state.applications.firstIndex(where: { $0.application.id == application }) else {
                return nil
            }
            let old = state.applications[index].application
            state.applications[index].application = Application(
                id: old.id, serviceID: old.serviceID, accountID: old.accountID, plan: old.plan, state: old.state,
                description: description, credentials: old.credentials)
            state.applications[index].updatedAt = server.time.now
            return Self.shown(state.applications[index], server)
        }
        guard let written else { throw .notFound }
        return written
    }

    func repair(account: Int) async throws(APIManagerError) {}

    func deleteAccount(_ id: Int) async throws(APIManagerError) {
        try alive()
        _ = try await server.write { _ in
            nil
        } insert: { state, _ in
            state.accounts.removeAll { $0.id == id }
            for stored in state.applications where stored.application.accountID == id {
                state.deleted.insert(stored.application.id)
            }
            state.applications.removeAll { $0.application.accountID == id }
        }
    }

    func applications(account: Int) async throws(APIManagerError) -> [Application] {
        try alive()
        let applications = try await server.read { [server] state -> [Application]? in
            guard state.accounts.contains(where: { $0.id == account }) else { return nil }
            return state.applications.filter { $0.application.accountID == account }.map { Self.shown($0, server) }
        }
        guard let applications else { throw .notFound }
        return applications.sorted { $0.id < $1.id }
    }

    func applications(
        markedFor owner: OwnerMark, service: Int
    ) async throws(APIManagerError) -> [Application] {
        try alive()
        return try await server.read { [server] state in
            state.applications.filter { $0.application.owner == owner && $0.application.serviceID == service }
                .map { Self.shown($0, server) }
        }
    }

    func rename(
        account: Int, to username: String, organization: String, owner: OwnerMark
    ) async throws(APIManagerError) -> RenamedAccount {
        try alive()
        do throws(APIManagerError) {
            try await server.write { state in
                guard let stored = state.accounts.first(where: { $0.id == account }) else { return .notFound }
                if stored.users.contains(username) { return nil }
                guard stored.users == [stored.organization] else {
                    return .otherUsers
                }
                return state.accounts.contains { $0.id != account && $0.users.contains(username) }
                    ? Self.taken("username") : nil
            } insert: { state, _ in
                guard let index = state.accounts.firstIndex(where: { $0.id == account }) else { return }
                if state.accounts[index].users.contains(username) { return }
                state.accounts[index].users = [username]
                state.accounts[index].organization = organization
            }
        } catch {
            guard error.isTaken("username") else { throw error }
        }
        return RenamedAccount(Account(id: account, state: "approved"), isWritten: true)
    }

    func createApplication(_ draft: ApplicationDraft) async throws(APIManagerError) -> Application {
        try alive()
        return try await server.write { state in
            guard state.accounts.contains(where: { $0.id == draft.account }) else { return .notFound }
            return state.applications.contains { $0.name == draft.applicationID } ? Self.taken("application_id") : nil
        } insert: { state, row in
            let service = state.services.first { $0.plans.contains { $0.id == draft.plan } }!
            return Self.insert(
                &state, row, draft.account, service, draft.plan, draft.description, draft.applicationID,
                draft.applicationKey)
        }
    }

    func deleteApplication(_ id: Int, account: Int) async throws(APIManagerError) {
        try alive()
        _ = try await server.write { _ in
            nil
        } insert: { state, _ in
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
        } insert: { state, _ in
            if let index = state.applications.firstIndex(where: { $0.application.id == application }) {
                state.applications[index].keys.append(key)
            }
        }
    }

    static func taken(_ field: String) -> APIManagerError {
        .rejected(status: 422, details: [.init(field: field, issue: "has already been taken")])
    }

    @discardableResult
    private static func insert(
        _ state: inout SimulatedThreeScale.State, _ row: SimulatedThreeScale.Row, _ account: Int, _ service: Service,
        _ plan: Int,
        _ description: String, _ name: String, _ key: String?
    ) -> Application {
        let id = row.id
        let isKeyed = service.authentication == .appIDAndKey
        let needsApproval = service.plans.first { $0.id == plan }?.needsApproval == true
        let application = Application(
            id: id, serviceID: service.id, accountID: account, plan: PlanReference(id: plan, name: "Plan"),
            state: needsApproval ? .pending : .live, description: description,
            credentials: isKeyed ? .appID(name) : .userKey("key-\(id)"))
        state.applications.append(
            .init(
                application: application, name: name, keys: isKeyed ? [key ?? "made-\(id)"] : [],
                createdAt: row.createdAt, updatedAt: row.createdAt))
        return application
    }

    /// With the ages that an answer of this moment tells.
    static func shown(
        _ stored: SimulatedThreeScale.Stored, _ server: SimulatedThreeScale
    ) -> Application {
        let application = stored.application
        return Application(
            id: application.id, serviceID: application.serviceID, accountID: application.accountID,
            plan: application.plan, state: application.state, description: application.description,
            credentials: application.credentials, age: server.age(stored.createdAt),
            unchangedFor: server.age(stored.updatedAt), createdAt: server.seconds(stored.createdAt),
            updatedAt: server.seconds(stored.updatedAt), shownAt: server.seconds(server.time.now))
    }
}
