import Synchronization
package import Telemetry

/// Finds the keys a caller owns. Both are cached: the account for long, the keys for a short time.
package final class OwnedKeys: Sendable {
    /// A caller's keys at one time.
    package struct Snapshot: Sendable {
        package let accountID: Int?
        /// By service id.
        package let keys: [Int: IssuedKey]
        /// Different for every answer of the manager: what was derived from one is good for as long as this is the same.
        /// 0 when nothing was asked.
        package let version: UInt64
        /// How old it is, when it is served because nothing newer could be read.
        package let staleAge: Duration?
    }

    /// Bounds and lifetimes.
    package struct Limits: Sendable {
        /// How long keys are believed; 0 looks every time.
        package var keysLifetime = Duration.seconds(30)
        /// How long an account's id is believed. One that is gone is noticed at once.
        package var accountLifetime = Duration.seconds(300)
        /// Unmarked applications belong to the account's name.
        package var adoptsUnmarked = true
        /// Secrets are cached and listed; else only the call that makes a key answers its secret.
        package var listsSecrets = true
        /// Callers remembered.
        package var callersMax = 100_000
        /// What they may take together.
        package var bytesMax = 20 * 1024 * 1024

        package init() {}
    }

    /// The cached account and keys of a caller. Keys belong to an owner mark; the account belongs to the user name.
    private struct Known: Sendable {
        let username: String
        var account: Account?
        var accountMadeAt: ContinuousClock.Instant
        var keys: [Int: IssuedKey] = [:]
        /// Nil when the keys have not been asked for, or something has changed them since.
        var keysMadeAt: ContinuousClock.Instant?
        var version: UInt64 = 0
        /// A user of the account has exactly the caller's name.
        var isNameCompared = false
    }

    /// In the cache by reference, so that looking costs one count whatever is known.
    private final class Remembered: Sendable {
        let known: Known

        init(_ known: Known) { self.known = known }
    }

    /// A look-up that began before a change must not be joined by one that begins after it.
    private struct FlightKey: Hashable, Sendable {
        let owner: OwnerMark
        let accountName: String
        let epoch: UInt32
    }

    private let manager: any APIManager
    private let limits: Limits
    private let metrics: CacheMetrics?
    private let cache: BoundedCache<OwnerMark, Remembered>
    private let flights: SingleFlight<FlightKey, Snapshot>
    /// Counts of invalidations, shared by owners whose marks hash alike: a look-up under way is not cached when its count
    /// has moved.
    private let epochs = Mutex<[UInt32]>(Array(repeating: 0, count: 1_024))
    private let versions = Atomic<UInt64>(0)
    private let horizon = TrustHorizon()

    /// - Parameter factory: makes the metrics of the cache; nil counts nothing.
    package init(
        manager: any APIManager, limits: Limits = Limits(), spawn: @escaping Spawn,
        factory: (any MetricsFactory)? = nil
    ) {
        self.manager = manager
        self.limits = limits
        metrics = factory.map { CacheMetrics(cache: .callers, factory: $0) }
        cache = BoundedCache(
            capacity: limits.callersMax, bytesMax: limits.bytesMax, cost: Self.bytes,
            evictions: metrics?.evictions)
        flights = SingleFlight(spawn: spawn)
    }

    /// Callers remembered, what they take, and when the entry that was used longest ago was made.
    package var occupancy: (entries: Int, bytes: Int, oldestMadeAt: ContinuousClock.Instant?) {
        (cache.count, cache.bytes, cache.oldestMadeAt)
    }

    // MARK: Keys

    /// The cached keys, as long as they may be used.
    package func cached(for caller: Caller, now: ContinuousClock.Instant = .now) -> Snapshot? {
        guard let remembered = remembered(caller), let madeAt = remembered.known.keysMadeAt,
            madeAt.duration(to: now) < limits.keysLifetime, horizon.trusts(madeAt)
        else { return nil }
        metrics?.hits.increment()
        return Snapshot(
            accountID: remembered.known.account?.id, keys: remembered.known.keys, version: remembered.known.version,
            staleAge: nil)
    }

    /// The caller's keys, asked for when need be. While the manager is away the last known ones are answered.
    package func snapshot(for caller: Caller, catalog: Catalog) async throws -> Snapshot {
        if let cached = cached(for: caller) { return cached }
        metrics?.misses.increment()
        let epoch = epoch(of: caller.ownerMark)
        do {
            return try await CallOwner.$current.withValue(.caller(caller.ownerMark)) {
                try await flights.run(FlightKey(owner: caller.ownerMark, accountName: caller.accountName, epoch: epoch))
                { [self] in
                    try await load(caller, catalog, epoch)
                }.value
            }
        } catch let error as APIManagerError {
            if error.isTransient, let lastKnown = lastKnown(of: caller) { return lastKnown }
            throw error
        }
    }

    /// The last keys that were seen, however old, and how old.
    func lastKnown(of caller: Caller) -> Snapshot? {
        guard let known = known(caller), let madeAt = known.keysMadeAt else { return nil }
        return Snapshot(
            accountID: known.account?.id, keys: known.keys, version: known.version, staleAge: madeAt.duration(to: .now))
    }

    private func load(_ caller: Caller, _ catalog: Catalog, _ epoch: UInt32) async throws -> Snapshot {
        let began = ContinuousClock.now
        guard let (account, applications) = try await applications(of: caller) else {
            return remember([:], of: nil, caller, began, epoch)
        }
        // 3scale lets keys of a blocked account work; they are not shown as usable.
        if account.isBlocked { return remember([:], of: account, caller, began, epoch) }
        guard try await isCallers(account, applications, caller) else {
            return remember([:], of: nil, caller, began, epoch)
        }
        let choice = choice(applications, caller.ownerMark)
        let mine = catalog.services.compactMap { service in choice.application(on: service.id) }
        return remember(try await issuedKeys(of: mine), of: account, caller, began, epoch)
    }

    /// The caller's account and all that is on it. An account that was remembered and is gone is looked up again.
    private func applications(of caller: Caller) async throws(APIManagerError) -> (Account, [Application])? {
        for _ in 0..<2 {
            guard let account = try await account(of: caller) else { return nil }
            do throws(APIManagerError) {
                return (account, try await manager.applications(account: account.id))
            } catch {
                guard error == .notFound else { throw error }
                forgetAccount(of: caller)
            }
        }
        return nil
    }

    /// The caller's account and all that is on it, asked of 3scale. No applications where what is unmarked may be another
    /// person's; nil where the caller has no account.
    /// - Parameter isFresh: looks the account up, whatever is cached: before a write.
    func listing(
        of caller: Caller, isFresh: Bool = false
    ) async throws(APIManagerError) -> (account: Account, applications: [Application])? {
        if isFresh { _ = try await lookUpAccount(of: caller) }
        guard let (account, applications) = try await applications(of: caller) else { return nil }
        let isCallers = try await isCallers(account, applications, caller)
        return (account, isCallers ? applications : [])
    }

    /// Whether what is unmarked on an account may be shown to the caller: 3scale may find names that are merely alike, so that a
    /// user's name is compared once where no mark of the caller says whose account it is.
    private func isCallers(
        _ account: Account, _ applications: [Application], _ caller: Caller
    ) async throws(APIManagerError) -> Bool {
        guard limits.adoptsUnmarked, applications.contains(where: { $0.owner == nil }),
            !applications.contains(where: { $0.owner != nil })
        else { return true }
        if let known = known(caller), known.isNameCompared, known.account?.id == account.id { return true }
        guard try await manager.hasUser(account: account.id, username: caller.accountName) else { return false }
        noteNameCompared(of: caller, account)
        return true
    }

    private func noteNameCompared(of caller: Caller, _ account: Account) {
        guard let entry = cache.entry(caller.ownerMark), entry.value.known.username == caller.username,
            entry.value.known.account?.id == account.id
        else { return }
        var known = entry.value.known
        known.isNameCompared = true
        cache.insert(Remembered(known), for: caller.ownerMark, at: entry.madeAt)
    }

    /// The keys of all at once: those in a list of their own cost a call each.
    private func issuedKeys(of applications: [Application]) async throws -> [Int: IssuedKey] {
        guard limits.listsSecrets else {
            return Dictionary(
                applications.map { ($0.serviceID, IssuedKey(of: $0, firstKey: nil).withoutSecret) },
                uniquingKeysWith: { first, _ in first })
        }
        return try await withThrowingTaskGroup(of: IssuedKey?.self) { tasks in
            var keys: [Int: IssuedKey] = [:]
            for application in applications {
                guard case .appID = application.credentials else {
                    keys[application.serviceID] = try await issuedKey(of: application)
                    continue
                }
                tasks.addTask {
                    do throws(APIManagerError) {
                        return try await self.issuedKey(of: application)
                    } catch {
                        // It was deleted between the two calls.
                        if error == .notFound { return nil }
                        throw error
                    }
                }
            }
            for try await key in tasks { if let key { keys[key.serviceID] = key } }
            return keys
        }
    }

    /// What an application's credentials come to for its owner.
    func issuedKey(of application: Application) async throws(APIManagerError) -> IssuedKey {
        var firstKey: String?
        if case .appID = application.credentials {
            firstKey = try await manager.keys(application: application.id, account: application.accountID).first
        }
        return IssuedKey(of: application, firstKey: firstKey)
    }

    private func choice(_ applications: [Application], _ owner: OwnerMark) -> ApplicationChoice {
        ApplicationChoice(applications, owner: owner, adoptsUnmarked: limits.adoptsUnmarked)
    }

    // MARK: Accounts

    /// Whether provisioning marks what has no mark.
    var adoptsUnmarked: Bool { limits.adoptsUnmarked }

    /// The account of the caller's name, asked of 3scale.
    /// - Parameter showsUser: asks for the account's users as well. That answer is larger, and is not needed where a key with the
    ///   caller's mark is known.
    func lookUpAccount(of caller: Caller, showsUser: Bool = false) async throws(APIManagerError) -> Account? {
        let hasMarkedKey = known(caller)?.keys.values.contains { $0.isMarked } ?? false
        let answer =
            showsUser && !hasMarkedKey
            ? try await manager.accountAndUser(username: caller.accountName)
            : try await manager.account(username: caller.accountName)
        guard let found = answer else {
            if known(caller)?.account != nil { forgetAccount(of: caller) }
            return nil
        }
        guard let before = known(caller)?.account, before.id == found.id, before.state == found.state else {
            remember(found, of: caller)
            return found
        }
        // A call of this process confirmed it and has ended.
        if before.age == nil { return before.showing(found.user) }
        // A repair that failed is not tried again for as long as the account stays as it is.
        return before.needsRepair ? found : found.leftAsItIs
    }

    /// The account of the caller's name. That there is none is not believed here: signup may follow in any replica.
    func account(of caller: Caller) async throws(APIManagerError) -> Account? {
        if let known = known(caller), let account = known.account,
            known.accountMadeAt.duration(to: .now) < limits.accountLifetime
        {
            return account
        }
        guard let account = try await manager.account(username: caller.accountName) else { return nil }
        remember(account, of: caller)
        return account
    }

    func remember(_ account: Account, of caller: Caller) {
        var known = Known(username: caller.username, account: account.showing(.notShown), accountMadeAt: .now)
        // Keys of a blocked account are not shown.
        if let before = self.known(caller), before.account?.id == account.id, !account.isBlocked {
            known.keys = before.keys
            known.keysMadeAt = before.keysMadeAt
            known.version = before.version
        }
        cache.insert(Remembered(known), for: caller.ownerMark, at: .now)
    }

    /// Remembers that a call which has ended confirmed the caller's account, so that later ones need not wait until it is old.
    func noteConfirmed(_ account: Int, of caller: Caller) {
        guard let entry = cache.entry(caller.ownerMark), entry.value.known.username == caller.username,
            let known = entry.value.known.account, known.id == account
        else { return }
        var confirmed = entry.value.known
        confirmed.account = known.confirmed
        cache.insert(Remembered(confirmed), for: caller.ownerMark, at: entry.madeAt)
    }

    /// Forgets an account that turned out to be gone.
    func forgetAccount(of caller: Caller) {
        bumpEpoch(of: caller.ownerMark)
        cache.remove(caller.ownerMark)
    }

    // MARK: Invalidation

    /// Invalidates what other replicas have changed, or may have. Entries that are merely out of date are kept for times when
    /// nothing newer can be read.
    package func note(_ change: CallerChange) {
        switch change {
        case .keys(let owner): invalidate(owner)
        case .deadline, .sessions: break
        case .everything:
            epochs.withLock { epochs in for index in epochs.indices { epochs[index] &+= 1 } }
            horizon.move()
        }
    }

    /// Forgets the keys of an owner whom a write of ours, here or in another replica, has changed.
    /// - Returns: the epoch in which a look-up that begins now may be remembered.
    @discardableResult
    package func invalidate(_ owner: OwnerMark) -> UInt32 {
        let epoch = bumpEpoch(of: owner)
        guard let entry = cache.entry(owner), entry.value.known.keysMadeAt != nil else { return epoch }
        var known = entry.value.known
        known.keys = [:]
        known.keysMadeAt = nil
        cache.insert(Remembered(known), for: owner, at: entry.madeAt)
        return epoch
    }

    /// Remembers what provisioning has listed, so that the next list need not ask and a later outage does not hide the key.
    /// When the listing does not tell every key, or something has changed since, what was known is forgotten instead: it may
    /// lack this one.
    /// - Parameters:
    ///   - issued: a key that is known beyond what the listing tells.
    ///   - epoch: as it was before the listing began.
    func learn(
        _ applications: [Application], issued: IssuedKey, on account: Account, of caller: Caller,
        began: ContinuousClock.Instant, epoch: UInt32
    ) {
        let choice = choice(applications, caller.ownerMark)
        var keys: [Int: IssuedKey] = [:]
        for service in Set(applications.map(\.serviceID)) {
            guard let application = choice.application(on: service) else { continue }
            if !limits.listsSecrets {
                keys[service] = IssuedKey(of: application, firstKey: nil).withoutSecret
            } else if application.id == issued.applicationID {
                keys[service] = issued
            } else if case .appID = application.credentials {
                invalidate(caller.ownerMark)
                return
            } else {
                keys[service] = IssuedKey(of: application, firstKey: nil)
            }
        }
        if self.epoch(of: caller.ownerMark) != epoch { invalidate(caller.ownerMark) }
        _ = remember(keys, of: account, caller, began, epoch)
    }

    func epoch(of owner: OwnerMark) -> UInt32 { epochs.withLock { $0[Self.stripe(owner, $0.count)] } }

    @discardableResult
    private func bumpEpoch(of owner: OwnerMark) -> UInt32 {
        epochs.withLock { epochs in
            let stripe = Self.stripe(owner, epochs.count)
            epochs[stripe] &+= 1
            return epochs[stripe]
        }
    }

    private static func stripe(_ owner: OwnerMark, _ count: Int) -> Int {
        Int(UInt(bitPattern: owner.hashValue) % UInt(count))
    }

    // MARK: What is remembered

    /// A caller who has another user name today is not known: the account was that of the former name.
    private func known(_ caller: Caller) -> Known? { remembered(caller)?.known }

    private func remembered(_ caller: Caller) -> Remembered? {
        guard let remembered = cache.entry(caller.ownerMark)?.value, remembered.known.username == caller.username
        else { return nil }
        return remembered
    }

    private func remember(
        _ keys: [Int: IssuedKey], of account: Account?, _ caller: Caller, _ began: ContinuousClock.Instant,
        _ epoch: UInt32
    ) -> Snapshot {
        let version = versions.wrappingAdd(1, ordering: .relaxed).newValue
        if self.epoch(of: caller.ownerMark) == epoch {
            var known = Known(username: caller.username, account: account, accountMadeAt: began)
            if let before = self.known(caller), before.account?.id == account?.id {
                // A repair meanwhile may know its state better.
                known.account = before.account
                known.accountMadeAt = before.accountMadeAt
                known.isNameCompared = before.isNameCompared
            }
            known.keys = keys
            known.keysMadeAt = began
            known.version = version
            cache.insert(Remembered(known), for: caller.ownerMark, at: began)
        }
        return Snapshot(accountID: account?.id, keys: keys, version: version, staleAge: nil)
    }

    /// What a caller's entry holds on the heap: itself, texts that do not fit in place, and a dictionary.
    private static func bytes(_ remembered: Remembered) -> Int {
        let known = remembered.known
        func heap(_ text: String?) -> Int { (text?.utf8.count ?? 0) > 15 ? (text?.utf8.count ?? 0) + 32 : 0 }
        var bytes = MemoryLayout<Known>.stride + 32 + heap(known.username)
        if !known.keys.isEmpty { bytes += 64 + known.keys.capacity * 4 / 3 * (MemoryLayout<IssuedKey>.stride + 8) }
        for key in known.keys.values { bytes += heap(key.key) + heap(key.publicID) + heap(key.plan.name) }
        return bytes
    }
}
