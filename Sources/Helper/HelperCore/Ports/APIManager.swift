/// What provisioning needs of the system that manages the APIs.
///
/// Every conformer owes: reads are safe to repeat and may be retried inside; a write is sent at most once, and when its
/// outcome is not known the error says so (`outcomeUnknown`), so that the caller lists instead of repeating. Nothing of
/// an error holds a secret.
package protocol APIManager: Sendable {
    /// False while it is known to be away, so that calls are refused without being made. Cheap to ask.
    var isAvailable: Bool { get }

    /// True while calls of so few callers fail that it is not known whether it is away. Cheap to ask.
    var isInDoubt: Bool { get }

    /// Asks once, cheaply, whether it is there; `isAvailable` tells the answer.
    func probe() async

    /// Every service with its proxy and plans.
    func catalog() async throws(APIManagerError) -> Catalog

    /// The limits of the plans of one service, by plan.
    func limits(ofPlans plans: [Int], service: Int) async throws(APIManagerError) -> [Int: [PlanLimit]]

    /// Whether a service still has a plan: asked before an account is made for it.
    func hasPlan(_ plan: Int, service: Int) async throws(APIManagerError) -> Bool

    /// The account that the manager finds for a user name; nil when there is none. Some tenants find names that are merely alike.
    func account(username: String) async throws(APIManagerError) -> Account?

    /// The same, with the account's user of exactly that name where the manager shows users. Its answer may be larger.
    func accountAndUser(username: String) async throws(APIManagerError) -> Account?

    /// Whether an account has a user of exactly that name. True where the manager does not show users.
    func hasUser(account: Int, username: String) async throws(APIManagerError) -> Bool

    /// Makes an account with one user. The manager may create applications on the way.
    func signUp(_ draft: SignupDraft) async throws(APIManagerError) -> Account

    /// Writes to the account's user of that name under the same name: refused as taken where another account has it.
    /// - Throws: `APIManagerError.noSuchUser` when the account has no user of exactly that name.
    func confirm(account: Int, username: String) async throws(APIManagerError)

    /// The same where it is known which of the account's users has the name.
    func confirm(account: Int, user: Int, username: String) async throws(APIManagerError)

    /// Moves an account that signup left unfinished on to `approved`, as far as the token may.
    func repair(account: Int) async throws(APIManagerError)

    /// Deletes an account with all that is on it. Success also when it is gone already.
    func deleteAccount(_ id: Int) async throws(APIManagerError)

    /// Every application of an account, ascending by id.
    func applications(account: Int) async throws(APIManagerError) -> [Application]

    /// The applications on a service that carry an owner's mark, from every account.
    func applications(markedFor owner: OwnerMark, service: Int) async throws(APIManagerError) -> [Application]

    /// Renames the user of an account that the owner signed up for, when no other user has joined it, and its organisation, by
    /// which the owner is known when the name changes again. Writes nothing where a user of the account has the name. Both keep
    /// the former name where another account has the new one.
    /// - Throws: `APIManagerError.otherUsers` when the user cannot be told to be the owner.
    func rename(
        account: Int, to username: String, organization: String, owner: OwnerMark
    ) async throws(APIManagerError) -> RenamedAccount

    func createApplication(_ draft: ApplicationDraft) async throws(APIManagerError) -> Application

    /// Writes the description and nothing else.
    func describe(
        application: Int, account: Int, description: String
    ) async throws(APIManagerError) -> Application

    /// Success also when it is gone already.
    func deleteApplication(_ id: Int, account: Int) async throws(APIManagerError)

    /// The keys of an application whose method has a list of them, oldest first.
    func keys(application: Int, account: Int) async throws(APIManagerError) -> [String]

    /// Adds a key.
    func addKey(_ key: String, application: Int, account: Int) async throws(APIManagerError)
}

extension APIManager {
    package func hasPlan(_ plan: Int, service: Int) async throws(APIManagerError) -> Bool { true }

    package func hasUser(account: Int, username: String) async throws(APIManagerError) -> Bool { true }

    package func accountAndUser(username: String) async throws(APIManagerError) -> Account? {
        try await account(username: username)
    }

    package func confirm(account: Int, user: Int, username: String) async throws(APIManagerError) {
        try await confirm(account: account, username: username)
    }
}

/// A new account and its user.
package struct SignupDraft: Sendable {
    package let organization: String
    package let username: String
    package let email: String?
    package let password: String

    package init(organization: String, username: String, email: String?, password: String) {
        self.organization = organization
        self.username = username
        self.email = email
        self.password = password
    }
}

/// A new application.
package struct ApplicationDraft: Sendable {
    package let account: Int
    package let plan: Int
    /// At most 255 characters.
    package let name: String
    package let description: String
    /// Refused the second time: what makes creation exactly-once.
    package let applicationID: String
    /// The key, where the service's method has one; nil lets the manager make it.
    package let userKey: String?
    /// The first key, where the service's method has a list of them; nil lets the manager make what it makes.
    package let applicationKey: String?

    package init(
        account: Int, plan: Int, name: String, description: String, applicationID: String, userKey: String? = nil,
        applicationKey: String? = nil
    ) {
        self.account = account
        self.plan = plan
        self.name = name
        self.description = description
        self.applicationID = applicationID
        self.userKey = userKey
        self.applicationKey = applicationKey
    }
}

/// Why the manager did not do it.
package enum APIManagerError: Error, Sendable, Hashable {
    /// Unreachable, 5xx, 429, or no room to wait.
    case unavailable(retryAfter: Duration?, cause: String, outcomeUnknown: Bool)
    /// The deadline passed.
    case timeout(cause: String, outcomeUnknown: Bool)
    /// Our own token is not accepted.
    case accessDenied(cause: String)
    /// A validation refused it; nothing was changed. `words` are 3scale's own, for the log, where it gives no details.
    case rejected(status: Int, details: [FieldIssue], words: String? = nil)
    /// The thing itself is not there.
    case notFound
    /// Not what the interface promises.
    case malformed(cause: String, outcomeUnknown: Bool)

    /// How long it asks us to wait; nil when it says nothing of that.
    package var retryAfter: Duration? {
        if case .unavailable(let pause, _, _) = self { pause } else { nil }
    }

    /// Whether a write may have happened all the same.
    package var outcomeUnknown: Bool {
        switch self {
        case .unavailable(_, _, let unknown), .timeout(_, let unknown), .malformed(_, let unknown): unknown
        case .accessDenied, .rejected, .notFound: false
        }
    }

    /// Whether it was refused because something like it is there: a validation's, or a unique index's, whose answer is empty.
    package func isConflict(on field: String) -> Bool {
        if case .rejected(status: 409, _, _) = self { return true }
        return isTaken(field)
    }

    /// A signup was refused since another account has the user name.
    static var nameTaken: APIManagerError {
        .rejected(status: 422, details: [.init(field: "username", issue: "has already been taken")])
    }

    /// An account has no user of the name that it was found by.
    package static var noSuchUser: APIManagerError { .rejected(status: 404, details: []) }

    /// An account to be renamed has users that may be other people.
    package static var otherUsers: APIManagerError { .rejected(status: 409, details: []) }

    /// Whether some field was refused as not unique.
    package func isTaken(_ field: String) -> Bool {
        guard case .rejected(_, let details, _) = self else { return false }
        return details.contains { $0.field == field && $0.issue == "has already been taken" }
    }

    /// Whether some field was refused, for whatever reason.
    func refuses(_ field: String) -> Bool {
        guard case .rejected(_, let details, _) = self else { return false }
        return details.contains { $0.field == field }
    }

    /// Whether a write was refused because another application has the same id or key.
    package var isTwin: Bool { isTaken("application_id") || isTaken("user_key") }

    /// Whether waiting may help, so that a stale answer is better than none.
    package var isTransient: Bool {
        switch self {
        case .unavailable, .timeout, .malformed: true
        case .accessDenied, .rejected, .notFound: false
        }
    }

    /// What happened, for the log.
    package var cause: String {
        switch self {
        case .unavailable(_, let cause, _), .timeout(let cause, _), .accessDenied(let cause), .malformed(let cause, _):
            cause
        case .rejected(let status, let details, let words):
            (["refused with \(status)"] + details.map { "\($0.field) \($0.issue)" } + (words.map { [$0] } ?? []))
                .joined(separator: "; ")
        case .notFound: "not found"
        }
    }
}
