import SandboxSupport

/// Rows that a create has made and that its transaction has not committed yet.
///
/// 3scale gives ids when a row is inserted and shows the row when the transaction commits, so that a row with a lower id
/// can come to light after one with a higher id.
struct Uncommitted: Sendable {
    var account: AccountRecord?
    var users: [UserRecord] = []
    var applications: [ApplicationRecord] = []
    var subscriptions: [SubscriptionRecord] = []
    /// Activating a user validates the name once more just before the commit.
    var validatesAgain = false
    /// How long the transaction stays open.
    var milliseconds = 0
}

extension Tenant {
    /// Takes an application back out of the table until its commit; nil where it commits at once.
    mutating func withhold(application id: Int) -> Uncommitted? {
        let delay = random.upTo(knobs.commitMilliseconds)
        guard delay > 0, let application = applications[id] else { return nil }
        applications[id] = nil
        return Uncommitted(applications: [application], milliseconds: delay)
    }

    /// Takes everything that a signup made back out of the tables until its commit; nil where it commits at once.
    mutating func withhold(account id: Int, hasPassword: Bool) -> Uncommitted? {
        let made = applications(of: id)
        var delay = random.upTo(knobs.commitMilliseconds) + made.count * knobs.signupMillisecondsPerApplication
        if hasPassword, knobs.passwordClosesRace { delay = max(1, delay) }
        guard delay > 0, let account = accounts[id] else { return nil }
        let rows = Uncommitted(
            account: account, users: users(of: id), applications: made,
            subscriptions: subscriptions.rows("account:\(id)"), validatesAgain: hasPassword, milliseconds: delay)
        deleteAccount(id)
        return rows
    }

    /// Makes the rows visible.
    /// - Throws: when another call has committed the username or e-mail of a user that is activated.
    mutating func commit(_ rows: Uncommitted) throws(Refusal) {
        if rows.validatesAgain {
            var errors: Errors = []
            for user in rows.users where !hasPasswordRace(at: user) {
                if users.first("name:\(user.username)") != nil {
                    errors.append(("username", ["has already been taken"]))
                }
                if let email = user.email, users.first("email:\(email)") != nil {
                    errors.append(("email", ["has already been taken"]))
                }
            }
            // Here the user is saved by itself: the account's `users` is no part of the refusal.
            guard errors.isEmpty else { throw .invalid(errors) }
        }
        if let account = rows.account { accounts[account.id] = account }
        for user in rows.users { users[user.id] = user }
        for subscription in rows.subscriptions { subscriptions[subscription.id] = subscription }
        for application in rows.applications where accounts[application.accountID] != nil {
            applications[application.id] = application
        }
    }

    /// A race that was asked for is not closed by a password, so that two accounts of one name can be made at will.
    private func hasPasswordRace(at user: UserRecord) -> Bool {
        knobs.uniquenessRaceMilliseconds > 0 && !knobs.passwordClosesRace
    }

    // MARK: Validation of what is committed

    /// The errors of saving an application as it stands: two of one `application_id` or `user_key` refuse every write.
    func twinErrors(_ application: ApplicationRecord) -> Errors {
        let twins = { (text: String, isPerService: Bool) in
            self.applications.rows(text).contains {
                $0.id != application.id && (!isPerService || $0.serviceID == application.serviceID)
            }
        }
        var errors: Errors = []
        if twins("key:\(application.userKey)", knobs.duplicateUserKey) {
            errors.append(("user_key", ["has already been taken"]))
        }
        if twins("id:\(application.applicationID)", knobs.duplicateApplicationID) {
            errors.append(("application_id", ["has already been taken"]))
        }
        return errors
    }

    /// The errors of saving a user as it stands.
    func twinErrors(_ user: UserRecord) -> Errors {
        var errors: Errors = []
        if users.rows("name:\(user.username)").contains(where: { $0.id != user.id }) {
            errors.append(("username", ["has already been taken"]))
        }
        if let email = user.email, users.rows("email:\(email)").contains(where: { $0.id != user.id }) {
            errors.append(("email", ["has already been taken"]))
        }
        return errors
    }

    // MARK: Work in the background

    /// Does what is due of the background jobs.
    mutating func runJobs(at milliseconds: Int) {
        guard !jobs.isEmpty else { return }
        for job in jobs where job.dueMilliseconds <= milliseconds {
            deleteService(job.service.id, at: milliseconds)
        }
        // Only now: a service's token is looked up among the jobs.
        jobs.removeAll { $0.dueMilliseconds <= milliseconds }
    }

    /// Hides a service now and deletes what belongs to it by a job.
    mutating func scheduleDeletion(of service: ServiceRecord, at milliseconds: Int) {
        guard knobs.deletionMilliseconds > 0 else { return deleteService(service.id, at: milliseconds) }
        services[service.id] = nil
        jobs.append(DeletionJob(service: service, dueMilliseconds: milliseconds + knobs.deletionMilliseconds))
    }

    /// A service, also one whose deletion is under way: its applications are listed until then.
    func anyService(_ id: Int) -> ServiceRecord? {
        services[id] ?? jobs.first { $0.service.id == id }?.service
    }

    // MARK: Looking up

    /// The account that `accounts/find` answers for a username.
    mutating func find(username: String) -> AccountRecord? {
        let exact = users.rows("name:\(username)")
        let matching =
            knobs.findIgnoresCase && exact.isEmpty
            ? users.values.filter { $0.username.lowercased() == username.lowercased() }.sorted { $0.id < $1.id }
            : exact
        return accountOfOne(of: matching)
    }

    /// The account that `accounts/find` answers for an address.
    mutating func find(email: String) -> AccountRecord? { accountOfOne(of: users.rows("email:\(email)")) }

    /// 3scale asks its database for no order, so that either of two may be found.
    private mutating func accountOfOne(of matching: [UserRecord]) -> AccountRecord? {
        guard let first = matching.first else { return nil }
        let chosen = knobs.findVaries ? matching[random.upTo(matching.count - 1)] : first
        return accounts[chosen.accountID]
    }
}

/// The deletion of a service's applications, plans and metrics, once it is due.
struct DeletionJob: Sendable {
    let service: ServiceRecord
    let dueMilliseconds: Int
}
