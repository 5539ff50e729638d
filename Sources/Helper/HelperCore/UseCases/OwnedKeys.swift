package import Telemetry

/// Finds the keys a caller owns, through two caches: the account of a name, which hardly ever changes, and the keys of
/// an owner, for a short time.
package final class OwnedKeys: Sendable {
    /// A caller's keys at one time.
    package struct Snapshot: Sendable {
        package let accountID: Int?
        package let keys: [Int: IssuedKey]
        /// How old it is, when it is served because nothing newer could be had.
        package let staleAge: Duration?
    }

    private struct Owned: Sendable {
        let accountID: Int
        let keys: [Int: IssuedKey]
    }

    private let manager: any APIManager
    private let accountMetrics: CacheMetrics?
    private let keyMetrics: CacheMetrics?
    private let lifetime: Duration
    private let accounts: BoundedCache<String, Account>
    private let owned: BoundedCache<OwnerMark, Owned>
    private let flights: SingleFlight<OwnerMark, Snapshot>

    /// - Parameters:
    ///   - lifetime: how long keys are believed; 0 looks every time.
    ///   - capacity: callers remembered.
    ///   - factory: makes the metrics of both caches; nil counts nothing.
    package init(
        manager: any APIManager, lifetime: Duration, capacity: Int, spawn: @escaping Spawn,
        factory: (any MetricsFactory)? = nil
    ) {
        self.manager = manager
        self.lifetime = lifetime
        accountMetrics = factory.map { CacheMetrics(cache: "accounts", factory: $0) }
        keyMetrics = factory.map { CacheMetrics(cache: "keys", factory: $0) }
        accounts = BoundedCache(capacity: capacity, evictions: accountMetrics?.evictions)
        owned = BoundedCache(capacity: capacity, evictions: keyMetrics?.evictions)
        flights = SingleFlight(spawn: spawn)
    }

    /// What is known without asking anybody.
    package func cached(for caller: Caller, now: ContinuousClock.Instant = .now) -> Snapshot? {
        if UserName.problem(caller.username) != nil { return Snapshot(accountID: nil, keys: [:], staleAge: nil) }
        guard let entry = owned.entry(caller.ownerMark), entry.madeAt.duration(to: now) < lifetime else { return nil }
        keyMetrics?.hits.increment()
        return Snapshot(accountID: entry.value.accountID, keys: entry.value.keys, staleAge: nil)
    }

    /// How many entries each cache holds, and when the one that was used longest ago was made.
    package var occupancy: [(cache: String, entries: Int, oldestMadeAt: ContinuousClock.Instant?)] {
        [("accounts", accounts.count, accounts.oldestMadeAt), ("keys", owned.count, owned.oldestMadeAt)]
    }

    /// The caller's keys, asked for when need be. While the manager is away the last known ones are answered.
    package func snapshot(for caller: Caller, catalog: Catalog) async throws -> Snapshot {
        if let cached = cached(for: caller) { return cached }
        keyMetrics?.misses.increment()
        do {
            return try await flights.run(caller.ownerMark) { [self] in
                guard let account = try await account(of: caller.username) else {
                    return Snapshot(accountID: nil, keys: [:], staleAge: nil)
                }
                return try await load(caller, account: account.id, catalog: catalog)
            }.value
        } catch let error as APIManagerError {
            if error.isTransient, let entry = owned.entry(caller.ownerMark) {
                return Snapshot(
                    accountID: entry.value.accountID, keys: entry.value.keys,
                    staleAge: entry.madeAt.duration(to: .now))
            }
            throw error.helperError()
        }
    }

    /// The account of that name; a miss is not remembered, since signup may follow in any replica.
    func account(of username: String) async throws(APIManagerError) -> Account? {
        if let entry = accounts.entry(username) {
            accountMetrics?.hits.increment()
            return entry.value
        }
        accountMetrics?.misses.increment()
        guard let account = try await manager.account(username: username) else { return nil }
        accounts.insert(account, for: username, at: .now)
        return account
    }

    func remember(_ account: Account, of username: String) { accounts.insert(account, for: username, at: .now) }

    /// Forgets what our own write has changed.
    package func invalidate(_ caller: Caller) {
        owned.remove(caller.ownerMark)
    }

    /// Forgets an account that turned out to be gone.
    func forgetAccount(of caller: Caller) {
        accounts.remove(caller.username)
        owned.remove(caller.ownerMark)
    }

    private func load(_ caller: Caller, account: Int, catalog: Catalog) async throws -> Snapshot {
        let started = ContinuousClock.now
        let applications: [Application]
        do throws(APIManagerError) {
            applications = try await manager.applications(account: account)
        } catch {
            guard error == .notFound else { throw error }
            // The account was deleted behind our back.
            forgetAccount(of: caller)
            return Snapshot(accountID: nil, keys: [:], staleAge: nil)
        }
        let choice = ApplicationChoice(applications, owner: caller.ownerMark)
        let mine = catalog.services.compactMap { service in choice.application(on: service.id) }
        var keys: [Int: IssuedKey] = [:]
        for application in mine {
            keys[application.serviceID] = try await issuedKey(of: application)
        }
        owned.insert(Owned(accountID: account, keys: keys), for: caller.ownerMark, at: started)
        return Snapshot(accountID: account, keys: keys, staleAge: nil)
    }

    /// What an application's credentials come to for its owner.
    func issuedKey(of application: Application) async throws(APIManagerError) -> IssuedKey {
        let key: String?
        let publicID: String?
        switch application.credentials {
        case .userKey(let userKey): (key, publicID) = (userKey, nil)
        case .client(let id, let secret): (key, publicID) = (secret, id)
        case .none: (key, publicID) = (nil, nil)
        case .appID(let id):
            publicID = id
            key = try await manager.keys(application: application.id, account: application.accountID).first
        }
        return IssuedKey(
            serviceID: application.serviceID, applicationID: application.id, state: application.state,
            plan: application.plan, key: key, publicID: publicID)
    }
}
