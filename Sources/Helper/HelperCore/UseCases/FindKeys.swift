import Bytes

/// The caller's API keys with what is known of each, without their secrets. Asked of 3scale every time, so that an answer is
/// right on the next request through any replica.
package struct FindKeys: Sendable {
    /// A key as its owner sees it.
    package struct Item: Sendable {
        package let key: NamedKeys.Key
        package let service: Service
        /// Nil while 3scale shows no credential.
        package let facts: SecretFacts?
    }

    /// Which keys to list.
    package struct Filter: Sendable {
        package var service: Int?
        package var state: KeyState?
        package var after: Position?
        /// Keys on one page, at least 1.
        package var limit: Int
        /// Asks 3scale for a secret that stands in a list of its own, a call for each key. Without, such a key has no facts.
        package var asksForSecrets: Bool

        package init(
            service: Int? = nil, state: KeyState? = nil, after: Position? = nil, limit: Int, asksForSecrets: Bool = true
        ) {
            self.service = service
            self.state = state
            self.after = after
            self.limit = limit
            self.asksForSecrets = asksForSecrets
        }
    }

    package struct Page: Sendable {
        package let items: [Item]
        /// Where the next page begins; nil after the last.
        package let next: Position?
    }

    private let catalogs: CatalogStore
    private let keys: OwnedKeys
    private let policy: AccessPolicy
    private let rules: KeyRules
    private let seal: PauseSeal
    private let deadlines: KeyDeadlines?
    private let now: @Sendable () -> Int

    /// - Parameters:
    ///   - deadlines: told 3scale's time; nil where no sweep runs.
    ///   - now: seconds since 1970, where 3scale does not tell its time.
    package init(
        catalogs: CatalogStore, keys: OwnedKeys, policy: AccessPolicy, rules: KeyRules, seal: PauseSeal,
        deadlines: KeyDeadlines? = nil, now: @escaping @Sendable () -> Int
    ) {
        self.deadlines = deadlines
        self.catalogs = catalogs
        self.keys = keys
        self.policy = policy
        self.rules = rules
        self.seal = seal
        self.now = now
    }

    /// One page of the caller's keys: by service, name and descending generation.
    package func list(_ filter: Filter, for caller: Caller) async throws -> Page {
        try await asCaller(caller) {
            let found = try await owned(by: caller)
            let wanted = found.keys.filter { key in
                filter.service.map { $0 == key.application.serviceID } ?? true
                    && filter.state.map { $0 == key.state } ?? true
                    && filter.after.map { $0 < Position(key) } ?? true && visible(key, caller) != nil
            }
            let shown = Array(wanted.prefix(filter.limit))
            let next = wanted.count > shown.count ? shown.last.map { Position($0) } : nil
            return Page(items: try await items(shown, caller, asks: filter.asksForSecrets), next: next)
        }
    }

    /// - Throws: `KeyError.notFound`, also for another person's and for one of a service that the caller may not see.
    package func one(_ id: Int, for caller: Caller) async throws -> Item {
        try await asCaller(caller) {
            guard let key = try await owned(by: caller).key(id), let item = try await items([key], caller).first else {
                throw KeyError.notFound
            }
            return item
        }
    }

    // MARK: Parts

    /// Everything the caller has.
    /// - Parameter isFresh: looks the account up, whatever is cached: before a write.
    func owned(by caller: Caller, isFresh: Bool = false) async throws -> NamedKeys {
        let catalog = try catalogs.require()
        let listing = try await keys.listing(of: caller, isFresh: isFresh)
        if let account = listing?.account, account.isBlocked {
            throw Provisioning.Failure.accountBlocked(account)
        }
        let applications = listing?.applications ?? []
        let time = applications.lazy.compactMap(\.shownAt).max()
        if let time { deadlines?.note(clock: time) }
        return NamedKeys(
            applications, owner: caller.ownerMark, adoptsUnmarked: keys.adoptsUnmarked,
            approvalPlans: catalog.approvalPlans(of: applications), rules: rules, seal: seal,
            now: time ?? now())
    }

    /// The service of a key; nil when the catalogue has it no more, or the caller may not see it.
    func visible(_ key: NamedKeys.Key, _ caller: Caller) -> Service? {
        catalogs.catalog?.service(key.application.serviceID).flatMap { policy.shows($0, to: caller) ? $0 : nil }
    }

    /// Without those that were deleted meanwhile. Secrets in a list of their own cost a call each.
    private func items(_ found: [NamedKeys.Key], _ caller: Caller, asks: Bool = true) async throws -> [Item] {
        try await withThrowingTaskGroup(of: (Int, Item)?.self) { tasks in
            for (index, key) in found.enumerated() {
                guard let service = visible(key, caller) else { continue }
                if !asks, case .appID = key.application.credentials {
                    tasks.addTask { (index, Item(key: key, service: service, facts: nil)) }
                    continue
                }
                tasks.addTask {
                    do throws(APIManagerError) {
                        let secret = try await keys.issuedKey(of: key.application).key
                        return (index, Item(key: key, service: service, facts: secret.map { SecretFacts($0) }))
                    } catch {
                        if error == .notFound { return nil }
                        throw error
                    }
                }
            }
            var items: [(Int, Item)] = []
            for try await item in tasks { if let item { items.append(item) } }
            return items.sorted { $0.0 < $1.0 }.map(\.1)
        }
    }

    func asCaller<Value: Sendable>(_ caller: Caller, _ work: () async throws -> Value) async throws -> Value {
        try await CallOwner.$current.withValue(.caller(caller.ownerMark)) { try await work() }
    }
}

extension FindKeys {
    /// A place in the order of a caller's keys, which stays what it is when keys are made and deleted.
    package struct Position: Sendable, Comparable, CustomStringConvertible {
        private let service: Int
        private let name: KeyName
        private let generation: Int
        private let application: Int

        init(_ key: NamedKeys.Key) {
            service = key.application.serviceID
            name = key.name
            generation = key.generation
            application = key.application.id
        }

        /// Reads what `description` wrote.
        package init?(_ text: String) {
            let parts = text.split(separator: ".", omittingEmptySubsequences: false)
            guard parts.count == 4, let service = ForeignNumber(parts[0])?.within(0 ... .max),
                let name = KeyName(parts[1]),
                let generation = ForeignNumber(parts[2])?.within(ApplicationMark.generations),
                let application = ForeignNumber(parts[3])?.within(0 ... .max)
            else { return nil }
            self.service = service
            self.name = name
            self.generation = generation
            self.application = application
        }

        package var description: String { "\(service).\(name).\(generation).\(application)" }

        package static func < (left: Position, right: Position) -> Bool {
            (left.service, left.name.description, -left.generation, left.application)
                < (right.service, right.name.description, -right.generation, right.application)
        }
    }
}
