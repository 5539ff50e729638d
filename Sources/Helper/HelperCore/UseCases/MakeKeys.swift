/// Makes API keys under names of their owner, and replaces them by the next generation. Exactly one application for each owner,
/// service, name and generation, as `ProvisionKey` has it for the key named `default`.
package struct MakeKeys: Sendable {
    /// A key that an owner wants.
    package struct Wish: Sendable {
        package let serviceID: Int
        package let planID: Int?
        package let name: KeyName
        /// Seconds from now.
        package let expiresIn: Int?
        package let note: String?

        package init(serviceID: Int, planID: Int?, name: KeyName, expiresIn: Int?, note: String?) {
            self.serviceID = serviceID
            self.planID = planID
            self.name = name
            self.expiresIn = expiresIn
            self.note = note
        }
    }

    /// A key as a call that may have made it answers it.
    package struct Made: Sendable {
        package let item: FindKeys.Item
        /// Nil where only the call that makes a key answers its secret, and this one did not.
        package let secret: IssuedKey?
        /// This call brought the application into being.
        package let isNew: Bool
        /// The generation that a rotation replaced, where it still exists.
        package let replaced: FindKeys.Item?
    }

    private let find: FindKeys
    private let provision: ProvisionKey
    private let keys: OwnedKeys
    private let audit: AuditTrail
    private let rules: KeyRules
    private let deadlines: KeyDeadlines?
    private let replicas: Replicas
    private let now: @Sendable () -> Int

    /// - Parameters:
    ///   - deadlines: told when a key ends; nil where no sweep runs.
    ///   - now: seconds since 1970.
    package init(
        find: FindKeys, provision: ProvisionKey, keys: OwnedKeys, audit: AuditTrail, rules: KeyRules,
        deadlines: KeyDeadlines? = nil, replicas: Replicas = .none, now: @escaping @Sendable () -> Int
    ) {
        self.find = find
        self.provision = provision
        self.keys = keys
        self.audit = audit
        self.rules = rules
        self.deadlines = deadlines
        self.replicas = replicas
        self.now = now
    }

    /// The longest grace of a rotation, in seconds.
    package var graceMax: Int { rules.graceMax }

    /// Within how many seconds a key that was stopped is refused everywhere.
    package var stopsWithinSeconds: Int { rules.gatewayDelay }

    /// The plan of a key for which its owner names none; nil where the service has none to give.
    package func usualPlan(of service: Service) -> Plan? { provision.usualPlan(of: service) }

    /// Gets the key of a name, and creates it when there is none. Repeating it changes nothing.
    package func create(_ wish: Wish, for caller: Caller) async throws -> Made {
        var order = KeyOrder()
        order.name = wish.name
        order.note = wish.note
        order.keysMax = rules.perService
        try rules.check(lifetime: wish.expiresIn, left: rules.lifetimeMax)
        order.expiresAt = rules.end(after: wish.expiresIn, now: now())
        let request = ProvisionKey.Request(serviceID: wish.serviceID, planID: wish.planID, order: order)
        let result: ProvisionKey.Result
        do {
            result = try await provision(request, for: caller)
        } catch {
            // 3scale may have made the key all the same.
            if !(error is KeyError || error is CatalogError), let account = try? await keys.account(of: caller) {
                await announce(order, account: account.id)
            }
            throw error
        }
        await announce(order, account: result.accountID)
        return try await made(result, nil, caller)
    }

    private func announce(_ order: KeyOrder, account: Int) async {
        guard let end = order.expiresAt else { return }
        await deadlines?.announce(account: account, endsAt: end, to: replicas)
    }

    /// Makes the next generation of a key. Repeating it for the same key answers the same successor.
    /// - Parameter graceSeconds: how long the replaced key works on; nil for what the operator set.
    package func rotate(_ id: Int, graceSeconds: Int?, for caller: Caller) async throws -> Made {
        let found = try await find.asCaller(caller) { try await find.owned(by: caller, isFresh: true) }
        guard let key = found.key(id), let service = find.visible(key, caller) else { throw KeyError.notFound }
        guard let mark = key.application.mark else { throw KeyError.unmarked(application: id) }
        switch found.rotation(of: id) {
        case .replaced(by: let successor):
            let item = try await find.one(successor, for: caller)
            return Made(
                item: item, secret: try await returned(item, caller), isNew: false,
                replaced: try await existing(id, caller))
        case .create(let generation):
            var order = KeyOrder()
            order.name = key.name
            order.generation = generation
            order.keysMax = rules.perService
            order.plan = key.application.plan
            order.replaces = id
            order.graceSeconds = graceSeconds ?? rules.grace
            order.note = mark.note
            order.expiresAt = expiry(ofSuccessorOf: key, mark)
            // Before the call that does it, which may be lost on its way back.
            await deadlines?.announce(
                account: key.application.accountID, endsAt: now() + min(order.graceSeconds ?? 0, rules.graceMax),
                to: replicas)
            let request = ProvisionKey.Request(serviceID: service.id, order: order)
            return try await made(try await provision(request, for: caller), id, caller)
        case .refused(let state):
            throw KeyError.notRotatable(state, application: id)
        case .exhausted, nil:
            throw KeyError.exhausted
        }
    }

    /// A key that was to live for some time is followed by one that lives as long.
    private func expiry(ofSuccessorOf key: NamedKeys.Key, _ mark: ApplicationMark) -> Int? {
        guard let end = mark.expiresAt, let createdAt = key.application.createdAt, end > createdAt else {
            return rules.end(after: nil, now: now())
        }
        return rules.end(after: end - createdAt, now: now())
    }

    /// The secret of a key that an earlier call made; nil where only that call may answer it.
    private func returned(_ item: FindKeys.Item, _ caller: Caller) async throws -> IssuedKey? {
        guard !rules.showsOnce else { return nil }
        try await audit.waitForRoom()
        let secret = try await find.asCaller(caller) { try await keys.issuedKey(of: item.key.application) }
        audit.note(
            .returned, "key returned", caller: caller, service: item.service, application: item.key.application.id,
            key: secret.key)
        return secret
    }

    /// Nil when it was revoked meanwhile.
    private func existing(_ id: Int, _ caller: Caller) async throws -> FindKeys.Item? {
        do {
            return try await find.one(id, for: caller)
        } catch KeyError.notFound {
            return nil
        }
    }

    private func made(_ result: ProvisionKey.Result, _ replaced: Int?, _ caller: Caller) async throws -> Made {
        let item = try await find.one(result.key.applicationID, for: caller)
        var old: FindKeys.Item?
        if let replaced { old = try await existing(replaced, caller) }
        return Made(
            item: item, secret: rules.showsOnce && !result.isNew ? nil : result.key, isNew: result.isNew,
            replaced: old)
    }
}
