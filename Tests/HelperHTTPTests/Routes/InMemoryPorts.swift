import HelperCore
import Synchronization

/// 3scale in memory: keeps what is created and fails on demand.
final class InMemoryAPIManager: KeyManager, UsageReader {
    struct State: Sendable {
        var usageCalls = 0
        /// The token lacks the scope.
        var refusesUsage = false
        var services: [Service] = [.chat, .oidc, .planless]
        var accounts: [String: Account] = [:]
        var applications: [Application] = []
        var limits: [Int: [PlanLimit]] = [1: [PlanLimit(metric: "hits", period: "minute", value: 60)]]
        /// Thrown by every call.
        var failure: APIManagerError?
        var nextID = 100
    }

    private let state = Mutex(State())

    /// Calls for usage that were answered.
    var usageCalls: Int { state.withLock { $0.usageCalls } }

    /// From now on the token lacks the scope for usage.
    func refuseUsage() { state.withLock { $0.refusesUsage = true } }

    /// Every call fails like this from now on.
    func fail(_ failure: APIManagerError) { state.withLock { $0.failure = failure } }

    var isAvailable: Bool { true }
    var isInDoubt: Bool { false }
    func probe() async {}

    private func run<Value: Sendable>(
        _ work: @Sendable (inout State) throws(APIManagerError) -> Value
    ) throws(APIManagerError) -> Value {
        let result: Result<Value, APIManagerError> = state.withLock { state in
            if let failure = state.failure { return .failure(failure) }
            do throws(APIManagerError) { return .success(try work(&state)) } catch { return .failure(error) }
        }
        return try result.get()
    }

    func catalog() async throws(APIManagerError) -> Catalog {
        try run { state throws(APIManagerError) in Catalog(services: state.services) }
    }

    func limits(ofPlans plans: [Int], service: Int) async throws(APIManagerError) -> [Int: [PlanLimit]] {
        try run { state throws(APIManagerError) in state.limits.filter { plans.contains($0.key) } }
    }

    func metrics(service: Int) async throws(APIManagerError) -> [KeyUsage.Metric] {
        try run { _ throws(APIManagerError) in
            [
                KeyUsage.Metric(systemName: "hits", name: "Hits", unit: "hit", parent: nil),
                KeyUsage.Metric(systemName: "chat", name: "Chat", unit: nil, parent: "hits"),
            ]
        }
    }

    /// Counts up from 1, ten times as much of `hits`.
    func usage(
        application: Int, metric: String, in period: UsagePeriod
    ) async throws(APIManagerError) -> [Int] {
        try run { state throws(APIManagerError) in
            if state.refusesUsage { throw .accessDenied(cause: "no scope") }
            state.usageCalls += 1
            return period.starts.indices.map { ($0 + 1) * (metric == "hits" ? 10 : 1) }
        }
    }

    func account(username: String) async throws(APIManagerError) -> Account? {
        try run { state throws(APIManagerError) in state.accounts[username] }
    }

    func signUp(_ draft: SignupDraft) async throws(APIManagerError) -> Account {
        try run { state throws(APIManagerError) in
            state.nextID += 1
            let account = Account(id: state.nextID, state: "approved")
            state.accounts[draft.username] = account
            return account
        }
    }

    func confirm(account: Int, username: String) async throws(APIManagerError) {}
    func repair(account: Int) async throws(APIManagerError) {}

    func deleteAccount(_ id: Int) async throws(APIManagerError) {
        try run { state throws(APIManagerError) in state.accounts = state.accounts.filter { $0.value.id != id } }
    }

    func applications(account: Int) async throws(APIManagerError) -> [Application] {
        try run { state throws(APIManagerError) in state.applications.filter { $0.accountID == account } }
    }

    func createApplication(_ draft: ApplicationDraft) async throws(APIManagerError) -> Application {
        try run { state throws(APIManagerError) in
            state.nextID += 1
            let service = state.services.first { $0.plans.contains { $0.id == draft.plan } }?.id ?? 0
            let made = Application(
                id: state.nextID, serviceID: service, accountID: draft.account,
                plan: PlanReference(id: draft.plan, name: "Basic"), state: .live, description: draft.description,
                credentials: .userKey("key-\(state.nextID)"), createdAt: 1_000, updatedAt: 1_000)
            state.applications.append(made)
            return made
        }
    }

    func describe(
        application: Int, account: Int, description: String
    ) async throws(APIManagerError) -> Application {
        try run { state throws(APIManagerError) in
            guard let index = state.applications.firstIndex(where: { $0.id == application }) else { throw .notFound }
            let old = state.applications[index]
            state.applications[index] = Application(
                id: old.id, serviceID: old.serviceID, accountID: old.accountID, plan: old.plan, state: old.state,
                description: description, credentials: old.credentials, createdAt: old.createdAt,
                updatedAt: old.updatedAt)
            return state.applications[index]
        }
    }

    func suspend(application: Int, account: Int) async throws(APIManagerError) -> Application {
        try move(application, from: .live, to: .suspended)
    }

    func resume(application: Int, account: Int) async throws(APIManagerError) -> Application {
        try move(application, from: .suspended, to: .live)
    }

    func change(plan: Int, application: Int, account: Int) async throws(APIManagerError) {}

    private func move(
        _ application: Int, from: Application.State, to: Application.State
    ) throws(APIManagerError) -> Application {
        try run { state throws(APIManagerError) in
            guard let index = state.applications.firstIndex(where: { $0.id == application }) else { throw .notFound }
            let old = state.applications[index]
            guard old.state == from else {
                throw .rejected(status: 422, details: [.init(field: "state", issue: "cannot transition")])
            }
            state.applications[index] = Application(
                id: old.id, serviceID: old.serviceID, accountID: old.accountID, plan: old.plan, state: to,
                description: old.description, credentials: old.credentials, createdAt: old.createdAt,
                updatedAt: old.updatedAt)
            return state.applications[index]
        }
    }

    func applications(markedFor owner: OwnerMark, service: Int) async throws(APIManagerError) -> [Application] {
        try run { state throws(APIManagerError) in
            state.applications.filter { $0.owner == owner && $0.serviceID == service }
        }
    }

    func rename(
        account: Int, to username: String, organization: String, owner: OwnerMark
    ) async throws(APIManagerError) -> RenamedAccount {
        throw .otherUsers
    }

    func deleteApplication(_ id: Int, account: Int) async throws(APIManagerError) {
        try run { state throws(APIManagerError) in state.applications.removeAll { $0.id == id } }
    }

    func keys(application: Int, account: Int) async throws(APIManagerError) -> [String] { [] }
    func addKey(_ key: String, application: Int, account: Int) async throws(APIManagerError) {}
}

extension Service {
    static let chat = make(7, "chat", [plan(1), plan(2, isPublished: false)])
    static let oidc = make(8, "vision", [plan(20)])
    static let planless = make(9, "empty", [])

    private static func make(_ id: Int, _ systemName: String, _ plans: [Plan]) -> Service {
        Service(
            id: id, name: systemName, systemName: systemName, description: nil, authentication: .apiKey,
            proxyEndpoint: "https://\(systemName).example.com",
            placement: CredentialsPlacement(location: .headers, parameter: "user_key", idParameter: nil),
            plans: plans)
    }

    private static func plan(_ id: Int, isPublished: Bool = true) -> Plan {
        Plan(
            id: id, name: "Basic", systemName: "basic_\(id)", isPublished: isPublished, isDefault: false,
            isCustom: false, needsApproval: false)
    }
}

/// Knows a few tokens by name: `ada`, `stranger` (without the role), `expired`, `forged`, `nameless`, `unavailable`,
/// `unknown-key`, and `slow-ada`, for which the issuer must be asked.
struct NamedTokens: TokenVerifier {
    static let ada = Caller(
        issuer: "https://sso.example.com/realms/mlaas", subject: "1", username: "ada", email: "ada@example.com",
        roles: [ExactName("user")])

    var keysAge: Duration? = .zero
    var lastLoadFailed = false

    func verify(_ token: ArraySlice<UInt8>) -> TokenVerdict {
        switch String(decoding: token, as: UTF8.self) {
        case "ada": .accepted(Self.ada)
        case "stranger":
            .accepted(Caller(issuer: Self.ada.issuer, subject: "2", username: "bob", email: nil))
        case "expired": .refused(TokenRefusal(check: .expired, isExpired: true))
        case "nameless": .refused(TokenRefusal(check: .username, userNameProblem: .empty))
        case "unavailable": .unavailable
        case "unknown-key": .unknownKeyUnavailable
        case "slow-ada": .undecided
        default: .refused(TokenRefusal(check: .signature))
        }
    }

    func verifyByAsking(_ token: ArraySlice<UInt8>, from client: String) async -> TokenVerdict {
        await Task.yield()
        return .accepted(Self.ada)
    }
}

/// Counts in memory, each subject up to the first limit of a policy. `isRemote` makes every count wait, as with Redis.
final class InMemoryCounts: SharedState {
    private let counts = Mutex<[RateSubject: [String: Int]]>([:])
    private let isRemote: Bool

    init(isRemote: Bool = false) { self.isRemote = isRemote }

    /// What `subject` has used of a policy.
    func used(_ subject: RateSubject, _ name: RatePolicy.Name) -> Int {
        counts.withLock { $0[subject]?[name.rawValue] ?? 0 }
    }

    func count(_ subject: RateSubject, under policy: RatePolicy) -> Eventually<RateVerdict> {
        let verdict = counts.withLock { counts in
            let limit = policy.windows[0].limit
            let used = counts[subject]?[policy.name.rawValue] ?? 0
            guard used < limit else {
                return RateVerdict(isAllowed: false, window: 0, remaining: 0, resetSeconds: 9)
            }
            counts[subject, default: [:]][policy.name.rawValue] = used + 1
            return RateVerdict(isAllowed: true, window: 0, remaining: limit - used - 1, resetSeconds: 9)
        }
        guard isRemote else { return .now(verdict) }
        return .later {
            await Task.yield()
            return verdict
        }
    }

    func acquire(lock name: String, lifetime: Duration) async -> LockOutcome {
        .acquired(HeldLock(name: name, token: ""))
    }

    func release(_ lock: HeldLock) async {}
    func announce(_ change: CallerChange) async {}
}
