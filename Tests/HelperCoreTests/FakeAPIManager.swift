import HelperCore
import Synchronization

/// An API manager in memory that is as soft about uniqueness as 3scale, and fails on demand.
final class FakeAPIManager: APIManager {
    enum Trouble: Sendable {
        case beforeCommit, afterCommit, denied, rejected

        /// Why nothing was made; nil where something was.
        var refusal: APIManagerError? {
            switch self {
            case .beforeCommit: .unavailable(retryAfter: nil, cause: "502", outcomeUnknown: true)
            case .denied: .accessDenied(cause: "ro")
            case .rejected: .rejected(status: 422, details: [.init(field: "name", issue: "is bad")])
            case .afterCommit: nil
            }
        }
    }

    enum Loss: Sendable { case before, after }

    struct State: Sendable {
        var services: [Service] = []
        var accounts: [String: Account] = [:]
        /// Answered for every name that has none of its own.
        var everybodysAccount: Account?
        var applications: [Application] = []
        var usedIDs: Set<String> = []
        var nextID = 100
        var creates = 0
        var signups = 0
        /// Each is used once, by the next create or signup.
        var createTroubles: [Trouble] = []
        var signupTroubles: [Trouble] = []
        /// Applications that signup makes by itself, by service.
        var signupApplications: [Int] = []
        /// The credential of what is created is not there yet.
        var makesCredentialsLate = false
        /// Two creates at once both pass the check.
        var isRacing = false
        var isDown = false
        /// Seconds since 1970; nil for a manager that tells no times.
        var clock: Int?
        /// What its next suspension does first, to the application that is suspended.
        var beforeSuspension: (@Sendable (Application) -> Application)?
        /// Whether each of the next descriptions fails.
        var descriptionFailures: [Bool] = []
        /// What another call does to the application once its next description was written.
        var afterDescription: (@Sendable (Application) -> Application)?
        /// What another call does to the application once its next suspension was carried out.
        var afterSuspension: (@Sendable (Application) -> Application)?
        /// The next suspensions whose answers are lost, before or after they were carried out.
        var suspensionFailures: [Loss] = []
        /// The next deletions whose answers are lost, before or after they were carried out.
        var deletionFailures: [Loss] = []
        /// It is down from the next answer on that is lost.
        var isDownAfterLoss = false
        /// Accounts whose listing fails.
        var brokenAccounts: Set<Int> = []
        /// Applications whose suspension is refused.
        var unsuspendable: Set<Int> = []
        var suspended: [Int] = []
        /// How long it asks to wait while it is down.
        var retryAfter: Duration?
        var deleted: [Int] = []
        /// The longest time that any deletion was given.
        var longestDeletion = Duration.zero
    }

    let state = Mutex(State())

    var isAvailable: Bool { state.withLock { !$0.isDown } }
    var isInDoubt: Bool { false }

    func probe() async {}

    private func check() throws(APIManagerError) {
        let (isDown, retryAfter) = state.withLock { ($0.isDown, $0.retryAfter) }
        if isDown { throw .unavailable(retryAfter: retryAfter, cause: "down", outcomeUnknown: false) }
    }

    func catalog() async throws(APIManagerError) -> Catalog {
        try check()
        return Catalog(services: state.withLock { $0.services })
    }

    func limits(ofPlans plans: [Int], service: Int) async throws(APIManagerError) -> [Int: [PlanLimit]] { [:] }

    func account(username: String) async throws(APIManagerError) -> Account? {
        try check()
        await Task.yield()
        return state.withLock { $0.accounts[username] ?? $0.everybodysAccount }
    }

    func signUp(_ draft: SignupDraft) async throws(APIManagerError) -> Account {
        try check()
        await Task.yield()
        let result: Result<Account, APIManagerError> = state.withLock { state in
            state.signups += 1
            let trouble = state.signupTroubles.isEmpty ? nil : state.signupTroubles.removeFirst()
            if let refusal = trouble?.refusal { return .failure(refusal) }
            if state.accounts[draft.username] != nil {
                return .failure(
                    .rejected(status: 422, details: [.init(field: "username", issue: "has already been taken")]))
            }
            state.nextID += 1
            let account = Account(id: state.nextID, state: "approved")
            state.accounts[draft.username] = account
            for service in state.signupApplications {
                state.nextID += 1
                state.applications.append(Self.application(state.nextID, service, account.id, nil))
            }
            if trouble == .afterCommit { return .failure(.timeout(cause: "slow", outcomeUnknown: true)) }
            return .success(account)
        }
        return try result.get()
    }

    func confirm(account: Int, username: String) async throws(APIManagerError) {}

    func describe(
        application: Int, account: Int, description: String
    ) async throws(APIManagerError) -> Application {
        try check()
        await Task.yield()
        let result: Result<Application, APIManagerError> = state.withLock { state in
            if !state.descriptionFailures.isEmpty, state.descriptionFailures.removeFirst() {
                return .failure(.rejected(status: 422, details: [.init(field: "description", issue: "is too long")]))
            }
            guard let index = state.applications.firstIndex(where: { $0.id == application }) else {
                return .failure(.notFound)
            }
            let old = state.applications[index]
            // Twins of one id, which owner, service, name and generation make.
            if let owner = old.owner,
                state.applications.contains(where: {
                    $0.id != old.id && $0.owner == owner && $0.serviceID == old.serviceID
                        && $0.mark?.name == old.mark?.name && $0.generation == old.generation
                })
            {
                return .failure(
                    .rejected(status: 422, details: [.init(field: "application_id", issue: "has already been taken")]))
            }
            let written = old.described(description).changed(old.state, at: state.clock)
            state.applications[index] = state.afterDescription.take()?(written) ?? written
            return .success(written.shown(at: state.clock))
        }
        return try result.get()
    }

    func repair(account: Int) async throws(APIManagerError) {}

    func deleteAccount(_ id: Int) async throws(APIManagerError) {
        state.withLock { state in state.accounts = state.accounts.filter { $0.value.id != id } }
    }

    func applications(account: Int) async throws(APIManagerError) -> [Application] {
        try check()
        await Task.yield()
        if state.withLock({ $0.brokenAccounts.contains(account) }) {
            throw .unavailable(retryAfter: nil, cause: "500", outcomeUnknown: false)
        }
        return state.withLock { state in
            state.applications.filter { $0.accountID == account }.map { $0.shown(at: state.clock) }
        }
    }

    func applications(
        markedFor owner: OwnerMark, service: Int
    ) async throws(APIManagerError) -> [Application] {
        state.withLock { state in
            state.applications.filter { $0.owner == owner && $0.serviceID == service }.map {
                $0.shown(at: state.clock)
            }
        }
    }

    func rename(
        account: Int, to username: String, organization: String, owner: OwnerMark
    ) async throws(APIManagerError) -> RenamedAccount {
        let renamed = state.withLock { state -> RenamedAccount? in
            guard let old = state.accounts.first(where: { $0.value.id == account }) else { return nil }
            guard state.accounts[username] == nil else { return RenamedAccount(old.value, isWritten: false) }
            state.accounts[old.key] = nil
            state.accounts[username] = old.value
            return RenamedAccount(old.value, isWritten: true)
        }
        guard let renamed else { throw .notFound }
        return renamed
    }

    func createApplication(_ draft: ApplicationDraft) async throws(APIManagerError) -> Application {
        try check()
        let isTaken = state.withLock { !$0.isRacing && $0.usedIDs.contains(draft.applicationID) }
        await Task.yield()
        let result: Result<Application, APIManagerError> = state.withLock { state in
            state.creates += 1
            let trouble = state.createTroubles.isEmpty ? nil : state.createTroubles.removeFirst()
            if let refusal = trouble?.refusal { return .failure(refusal) }
            if isTaken {
                return .failure(
                    .rejected(status: 422, details: [.init(field: "application_id", issue: "has already been taken")]))
            }
            state.usedIDs.insert(draft.applicationID)
            state.nextID += 1
            let service = state.services.first { $0.plans.contains { $0.id == draft.plan } }?.id ?? 0
            let made = Self.application(
                state.nextID, service, draft.account, draft.description,
                credentials: state.makesCredentialsLate ? Application.Credentials.none : nil)
            state.applications.append(made)
            if trouble == .afterCommit { state.isDown = state.isDownAfterLoss }
            return trouble == .afterCommit
                ? .failure(.malformed(cause: "cut", outcomeUnknown: true)) : .success(made)
        }
        return try result.get()
    }

    static func application(
        _ id: Int, _ service: Int, _ account: Int, _ description: String?, _ state: Application.State = .live,
        credentials: Application.Credentials? = nil
    ) -> Application {
        Application(
            id: id, serviceID: service, accountID: account, plan: PlanReference(id: 1, name: "Basic"), state: state,
            description: description, credentials: credentials ?? .userKey("key-\(id)"))
    }

    func deleteApplication(_ id: Int, account: Int) async throws(APIManagerError) {
        let time = Deadline.remaining(atMost: .seconds(3_600))
        let loss = lose(\.deletionFailures)
        if loss == .before { throw .timeout(cause: "slow", outcomeUnknown: true) }
        state.withLock { state in
            state.longestDeletion = max(state.longestDeletion, time)
            if let gone = state.applications.first(where: { $0.id == id }), let owner = gone.owner,
                !state.applications.contains(where: {
                    $0.id != id && $0.owner == owner && $0.serviceID == gone.serviceID
                })
            {
                state.usedIDs.remove(owner.applicationID(service: gone.serviceID))
            }
            state.applications.removeAll { $0.id == id }
            state.deleted.append(id)
        }
        if loss == .after { throw .timeout(cause: "slow", outcomeUnknown: true) }
    }

    /// What becomes of the next answer.
    private func lose(_ losses: WritableKeyPath<State, [Loss]>) -> Loss? {
        state.withLock { state in
            guard !state[keyPath: losses].isEmpty else { return nil }
            state.isDown = state.isDownAfterLoss
            return state[keyPath: losses].removeFirst()
        }
    }

    func keys(application: Int, account: Int) async throws(APIManagerError) -> [String] { ["app-key"] }

    func addKey(_ key: String, application: Int, account: Int) async throws(APIManagerError) {}
}

extension FakeAPIManager: KeyScan {
    func scan(page: Int, size: Int) async throws(APIManagerError) -> ScannedPage {
        try check()
        return state.withLock { state in
            let all = state.applications.sorted { $0.id < $1.id }
            let shown = all.dropFirst((page - 1) * size).prefix(size).map { $0.shown(at: state.clock) }
            return ScannedPage(
                applications: shown, pages: max(1, (all.count + size - 1) / size), answeredAt: state.clock ?? 0)
        }
    }

    func suspend(application: Int, account: Int) async throws(APIManagerError) -> Application {
        if state.withLock({ $0.unsuspendable.contains(application) }) {
            throw .rejected(status: 422, details: [.init(field: "name", issue: "is bad")])
        }
        let loss = lose(\.suspensionFailures)
        if loss == .before { throw .timeout(cause: "slow", outcomeUnknown: true) }
        let hook = state.withLock { $0.beforeSuspension.take() }
        let result = move(application, from: .live, to: .suspended, first: hook)
        if case .success = result { state.withLock { $0.suspended.append(application) } }
        if loss == .after { throw .timeout(cause: "slow", outcomeUnknown: true) }
        return try result.get()
    }

    func resume(application: Int, account: Int) async throws(APIManagerError) -> Application {
        try move(application, from: .suspended, to: .live).get()
    }

    func change(plan: Int, application: Int, account: Int) async throws(APIManagerError) {
        let isThere = state.withLock { state in
            guard let index = state.applications.firstIndex(where: { $0.id == application }) else { return false }
            let old = state.applications[index]
            state.applications[index] = Application(
                id: old.id, serviceID: old.serviceID, accountID: old.accountID,
                plan: PlanReference(id: plan, name: "Basic"), state: old.state, description: old.description,
                credentials: old.credentials, createdAt: old.createdAt, updatedAt: state.clock ?? old.updatedAt)
            return true
        }
        guard isThere else { throw .notFound }
    }

    private func move(
        _ id: Int, from: Application.State, to: Application.State, first: ((Application) -> Application)? = nil
    ) -> Result<Application, APIManagerError> {
        state.withLock { state in
            guard let index = state.applications.firstIndex(where: { $0.id == id }) else {
                return .failure(.notFound)
            }
            let old = first?(state.applications[index]) ?? state.applications[index]
            guard old.state == from else {
                return .failure(.rejected(status: 422, details: [.init(field: "state", issue: "cannot transition")]))
            }
            state.applications[index] = old.changed(to, at: state.clock)
            let answer = state.applications[index].shown(at: state.clock)
            if to == .suspended, let other = state.afterSuspension.take() {
                state.applications[index] = other(state.applications[index])
            }
            return .success(answer)
        }
    }
}

extension Application {
    func changed(_ state: State, at time: Int?) -> Application {
        Application(
            id: id, serviceID: serviceID, accountID: accountID, plan: plan, state: state, description: description,
            credentials: credentials, createdAt: createdAt, updatedAt: time ?? updatedAt)
    }

    func described(_ description: String?) -> Application {
        Application(
            id: id, serviceID: serviceID, accountID: accountID, plan: plan, state: state, description: description,
            credentials: credentials, createdAt: createdAt, updatedAt: updatedAt)
    }

    /// As a listing at a time shows it.
    func shown(at time: Int?) -> Application {
        guard let time else { return self }
        return Application(
            id: id, serviceID: serviceID, accountID: accountID, plan: plan, state: state, description: description,
            credentials: credentials, age: createdAt.map { max(0, time - $0) },
            unchangedFor: updatedAt.map { max(0, time - $0) }, createdAt: createdAt, updatedAt: updatedAt, shownAt: time
        )
    }
}

extension OwnerMark {
    /// What earlier versions ended a description in.
    var suffix: String { "[mlaas owner=\(description)]" }
}

func plan(
    _ id: Int, _ name: String = "Basic", published: Bool = true, isDefault: Bool = false, custom: Bool = false,
    approval: Bool = false
) -> Plan {
    Plan(
        id: id, name: name, systemName: name.lowercased(), isPublished: published, isDefault: isDefault,
        isCustom: custom,
        needsApproval: approval)
}

func service(_ id: Int, _ plans: [Plan]) -> Service {
    Service(
        id: id, name: "Chat", systemName: "chat_\(id)", description: nil, authentication: .apiKey, proxyEndpoint: nil,
        placement: CredentialsPlacement(location: .headers, parameter: "user_key", idParameter: nil), plans: plans)
}
