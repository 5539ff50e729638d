package import SandboxSupport

/// All rows of the imitated tenant, and the rules that keep them as 3scale would. A value: the sandbox guards it.
package struct Tenant: Sendable {
    package var knobs = Knobs()
    package internal(set) var services: [Int: ServiceRecord] = [:]
    package internal(set) var plans = Table(of: PlanRecord.self)
    package internal(set) var metrics: [Int: MetricRecord] = [:]
    package internal(set) var limits: [Int: LimitRecord] = [:]
    package internal(set) var accounts: [Int: AccountRecord] = [:]
    package internal(set) var users = Table(of: UserRecord.self)
    package internal(set) var subscriptions = Table(of: SubscriptionRecord.self)
    package internal(set) var applications = Table(of: ApplicationRecord.self)
    package internal(set) var tokens: [String: AccessTokenRecord] = [:]
    /// The tenant-wide legacy credential.
    package var providerKey = "sandbox-provider-key"
    /// The only host that is served; nil serves any.
    package var adminHost: String?
    /// What services answer as their support address.
    package var supportEmail = "ops@example.com"
    /// What stands between the name of a service and the domain in its public addresses.
    package var publicDomain = ".api.example.com"
    package var stagingDomain = ".staging.example.com"
    var webhook: [String: String] = [:]
    private var nextID: Int
    /// Chooses delays and what `accounts/find` answers.
    package var random = SplitMix(seed: 1)
    /// What was used, for the analytics calls.
    var traffic = Traffic()
    /// What the gateway's backend remembers.
    var gateway = GatewayBackend()
    /// Deletions under way.
    var jobs: [DeletionJob] = []
    /// Milliseconds at which users and applications were made, for the uniqueness race.
    private var bornAt: [Int: Int] = [:]

    /// - Parameter firstID: ids of the hosted service are above 2^31.
    package init(firstID: Int = 1) { nextID = firstID }

    mutating func makeID() -> Int {
        defer { nextID += 1 }
        return nextID
    }

    /// Hands the tenant over and leaves an empty one.
    mutating func take() -> Tenant {
        let taken = self
        self = Tenant()
        return taken
    }

    package mutating func add(_ token: AccessTokenRecord) { tokens[token.value] = token }

    // MARK: Reading

    /// Ascending by id.
    package func applications(of account: Int) -> [ApplicationRecord] {
        applications.rows("account:\(account)")
    }

    package func account(username: String) -> AccountRecord? {
        users.first("name:\(username)").flatMap { accounts[$0.accountID] }
    }

    func plans(_ kind: PlanRecord.Kind, service: Int? = nil) -> [PlanRecord] {
        if let service { return plans.rows("\(kind.rawValue):\(service)") }
        return plans.values.filter { $0.kind == kind }.sorted { $0.id < $1.id }
    }

    func users(of account: Int) -> [UserRecord] {
        users.rows("account:\(account)")
    }

    /// Marks a row as made now, for the race.
    mutating func born(_ id: Int, at milliseconds: Int) { bornAt[id] = milliseconds }

    /// Whether a uniqueness check sees that row.
    func isVisible(_ id: Int, at milliseconds: Int) -> Bool {
        guard knobs.uniquenessRaceMilliseconds > 0, let born = bornAt[id] else { return true }
        return milliseconds - born >= knobs.uniquenessRaceMilliseconds
    }
}

/// Why a change was refused: `errors` by attribute, or one text, or one of the shapes 3scale has for it.
enum Refusal: Error {
    case notFound
    /// 422 with messages by attribute, in order; 3scale has a null among them here and there.
    case invalid([(attribute: String, messages: [String?])])
    /// 422 with one text.
    case text(String)
    /// 403 with one text.
    case denied(String)
    /// 403 with a status and no reason.
    case notPermitted
    /// 403 of a DELETE.
    case forbidden([(attribute: String, messages: [String?])])
    /// 400: nothing stands in the body for a resource of that name.
    case missing(String)
    /// 400 with one text.
    case badValue(String)
    /// 409 without a body: the database refused a second row.
    case conflict
    /// 500 of the framework.
    case failed
}
