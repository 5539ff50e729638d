import Telemetry

/// What an owner does with one API key: reveal, pause, resume, change, revoke. Each act looks the key up first, is sent once, may be
/// repeated after any failure, and is announced to the other replicas before it is answered.
package struct ChangeKeys: Sendable {
    /// What `PATCH` changes; nil leaves a member as it is.
    package struct Changes: Sendable {
        /// Seconds from now, or no end.
        package enum Expiry: Sendable { case never, after(Int) }

        package var expiry: Expiry?
        /// An empty note takes it away.
        package var note: String?

        package init(expiry: Expiry? = nil, note: String? = nil) {
            self.expiry = expiry
            self.note = note
        }
    }

    /// A key with its secret.
    package struct Revealed: Sendable {
        package let item: FindKeys.Item
        package let secret: IssuedKey
    }

    /// A key that is about to be changed, seen a moment ago.
    private struct Target {
        let key: NamedKeys.Key
        let mark: ApplicationMark
        let service: Service
        /// For the fingerprint in the audit log.
        let secret: String?

        var application: Application { key.application }
    }

    /// Looks at one key before 3scale's refusal of a state counts as final: another call may have changed it in between.
    private static let attemptsMax = 3

    private let find: FindKeys
    private let manager: any KeyManager
    private let keys: OwnedKeys
    private let replicas: Replicas
    private let audit: AuditTrail
    private let rules: KeyRules
    private let seal: PauseSeal
    private let deadlines: KeyDeadlines?
    private let spawn: Spawn
    private let now: @Sendable () -> Int

    /// - Parameters:
    ///   - deadlines: told when a key ends; nil where no sweep runs.
    ///   - now: seconds since 1970.
    package init(
        find: FindKeys, manager: any KeyManager, keys: OwnedKeys, replicas: Replicas = .none, audit: AuditTrail,
        rules: KeyRules, seal: PauseSeal, deadlines: KeyDeadlines? = nil, spawn: @escaping Spawn,
        now: @escaping @Sendable () -> Int
    ) {
        self.find = find
        self.manager = manager
        self.keys = keys
        self.replicas = replicas
        self.audit = audit
        self.rules = rules
        self.seal = seal
        self.deadlines = deadlines
        self.spawn = spawn
        self.now = now
    }

    /// Within how many seconds a key that was stopped is refused everywhere.
    package var stopsWithinSeconds: Int { rules.gatewayDelay }

    // MARK: Acts

    /// The key with its credentials.
    /// - Throws: `SecretNotShown` where secrets are answered once.
    package func reveal(_ id: Int, for caller: Caller) async throws -> Revealed {
        guard !rules.showsOnce else { throw SecretNotShown() }
        try await audit.waitForRoom()
        let item = try await find.one(id, for: caller)
        let secret = try await find.asCaller(caller) { try await keys.issuedKey(of: item.key.application) }
        guard let text = secret.key else {
            throw CredentialMissing(application: id)
        }
        audit.note(.revealed, "key revealed", caller: caller, service: item.service, application: id, key: text)
        return Revealed(item: item, secret: secret)
    }

    /// Switches the key off until its owner switches it on again.
    package func pause(_ id: Int, for caller: Caller) async throws -> FindKeys.Item {
        try await act(on: id, for: caller) { target in
            switch target.key.state {
            case .live, .retiring: break
            case .paused: return false
            case .pending, .suspended, .expired: throw Self.conflict(target, .paused)
            }
            // The description first: without it the suspension would count as the operator's.
            try await describe(target.application, sealed(Self.pinned(target), id))
            do throws(APIManagerError) {
                _ = try await manager.suspend(application: id, account: target.application.accountID)
            } catch {
                if !error.refusesState { await unseal(id, caller) }
                throw error
            }
            note(.paused, "key paused", target, caller)
            return true
        }
        return try await find.one(id, for: caller)
    }

    /// Lets a paused key work again.
    package func resume(_ id: Int, for caller: Caller) async throws -> FindKeys.Item {
        try await act(on: id, for: caller) { target in
            switch target.key.state {
            case .live, .retiring: return false
            case .paused: break
            case .pending, .suspended, .expired: throw Self.conflict(target, .resumed)
            }
            _ = try await manager.resume(application: id, account: target.application.accountID)
            note(.resumed, "key resumed", target, caller)
            try await describe(target.application, target.mark.paused(nil))
            return true
        }
        return try await find.one(id, for: caller)
    }

    /// Changes what the owner may say of the key.
    package func change(_ id: Int, _ changes: Changes, for caller: Caller) async throws -> FindKeys.Item {
        try await act(on: id, for: caller) { target in
            guard target.key.state != .expired else { throw Self.conflict(target, .changed) }
            var mark = Self.pinned(target)
            if let note = changes.note { mark = mark.noted(note.isEmpty ? nil : note) }
            switch changes.expiry {
            case nil: break
            case .never: mark = mark.expiring(at: nil)
            case .after(let seconds): mark = mark.expiring(at: try end(after: seconds, of: target.application))
            }
            guard mark.description != target.application.description else { return false }
            // A pause counts for as long as nothing else has changed the application.
            if target.key.state == .paused { mark = sealed(mark, id) }
            try await describe(target.application, mark)
            note(.changed, "key changed", target, caller)
            if let end = mark.expiresAt {
                await deadlines?.announce(account: target.application.accountID, endsAt: end, to: replicas)
            }
            return true
        }
        return try await find.one(id, for: caller)
    }

    /// Suspends the key and the generations before it, then deletes them: a deletion reaches the gateway by a job that may be late.
    /// - Returns: false when the caller has no such key, as after an earlier call.
    package func revoke(_ id: Int, for caller: Caller) async throws -> Bool {
        try await reserved(caller) {
            let found = try await find.owned(by: caller, isFresh: true)
            guard let key = found.key(id) else { return false }
            let target = try await target(key, caller)
            var targets: [Target] = []
            for older in found.revoked(with: id).dropLast() { targets.append(try await self.target(older, caller)) }
            targets.append(target)
            var tried = target
            do {
                for each in targets {
                    tried = each
                    try await stop(each)
                }
                for each in targets {
                    tried = each
                    try await manager.deleteApplication(each.application.id, account: each.application.accountID)
                    note(.revoked, "key revoked", each, caller)
                }
            } catch {
                await publish(caller)
                throw explain(error, tried, caller)
            }
            await publish(caller)
            return true
        }
    }

    // MARK: Parts

    /// Does the work on the key as it is now.
    /// - Parameter work: returns whether it wrote anything.
    private func act(
        on id: Int, for caller: Caller, _ work: @escaping @Sendable (Target) async throws -> Bool
    ) async throws {
        try await reserved(caller) {
            for attempt in 1...Self.attemptsMax {
                guard let key = try await find.owned(by: caller, isFresh: true).key(id) else {
                    throw KeyError.notFound
                }
                let target = try await target(key, caller)
                do {
                    if try await work(target) { await publish(caller) }
                    return
                } catch {
                    await publish(caller)
                    // Another call has just moved it on.
                    if let error = error as? APIManagerError, error.refusesState, attempt < Self.attemptsMax {
                        continue
                    }
                    throw explain(error, target, caller)
                }
            }
        }
    }

    /// Acts of one owner take turns, across replicas where they share a lock. Correctness does not rest on it. An act is done to its
    /// end when its caller goes: a pause of which only the first write was done would make a later suspension the owner's.
    private func reserved<Value: Sendable>(
        _ caller: Caller, _ act: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        try await find.asCaller(caller) {
            try await uninterrupted(spawn) {
                try await audit.withReservedLines(for: caller.ownerMark) {
                    try await replicas.whileLocked(caller.ownerMark.description) { _ in try await act() }
                }
            }
        }
    }

    /// Takes the code of a pause off a key that works all the same.
    private func unseal(_ id: Int, _ caller: Caller) async {
        guard let key = try? await find.owned(by: caller, isFresh: true).key(id), key.application.state == .live,
            let mark = key.application.mark
        else { return }
        try? await describe(key.application, mark.paused(nil))
    }

    /// - Throws: `KeyError.notFound` for a key of a service that is hidden or gone, `unmarked` for one without a mark.
    private func target(_ key: NamedKeys.Key, _ caller: Caller) async throws -> Target {
        guard let service = find.visible(key, caller) else { throw KeyError.notFound }
        guard let mark = key.application.mark else {
            throw KeyError.unmarked(application: key.application.id)
        }
        var secret: String?
        do throws(APIManagerError) {
            secret = try await keys.issuedKey(of: key.application).key
        } catch {
            guard error == .notFound else { throw error }
        }
        return Target(key: key, mark: mark, service: service, secret: secret)
    }

    /// One that is not live any more need not be suspended, and one with a twin cannot be.
    private func stop(_ target: Target) async throws(APIManagerError) {
        guard target.application.state == .live else { return }
        do throws(APIManagerError) {
            _ = try await manager.suspend(application: target.application.id, account: target.application.accountID)
        } catch {
            guard error.refusesState || error.isTwin || error == .notFound else { throw error }
        }
    }

    private func describe(_ application: Application, _ mark: ApplicationMark) async throws(APIManagerError) {
        _ = try await manager.describe(
            application: application.id, account: application.accountID, description: mark.description)
    }

    private func sealed(_ mark: ApplicationMark, _ id: Int) -> ApplicationMark {
        mark.paused(seal.text(application: id, at: now()))
    }

    /// Our own change must not count as the operator's approval.
    private static func pinned(_ target: Target) -> ApplicationMark {
        guard let liveSince = target.key.liveSince, liveSince != target.application.createdAt else {
            return target.mark
        }
        return target.mark.live(since: liveSince)
    }

    private func end(after seconds: Int, of application: Application) throws(KeyError) -> Int {
        let end = now() + seconds
        guard let lifetimeMax = rules.lifetimeMax, let createdAt = application.createdAt, end > createdAt + lifetimeMax
        else { return end }
        let left = max(0, createdAt + lifetimeMax - now())
        throw .endsTooLate(secondsLeft: left)
    }

    /// Every answer from now on must know of the change, in this replica and in the others.
    private func publish(_ caller: Caller) async {
        keys.invalidate(caller.ownerMark)
        await replicas.announce(.keys(of: caller.ownerMark))
    }

    private static func conflict(_ target: Target, _ act: KeyError.Act) -> KeyError {
        .wrongState(target.key.state, act, application: target.application.id)
    }

    private func explain(_ error: any Error, _ target: Target, _ caller: Caller) -> any Error {
        guard let error = error as? APIManagerError else { return error }
        note(.failed, "key change failed", target, caller, isWarning: true)
        if error == .notFound { return KeyError.notFound }
        if error.isTwin {
            return Provisioning.Failure.keyHasTwin(target.application)
        }
        guard error.refusesState else { return error }
        return KeyError.changedMeanwhile(application: target.application.id)
    }

    private func note(
        _ outcome: AuditTrail.Outcome, _ message: String, _ target: Target, _ caller: Caller, isWarning: Bool = false
    ) {
        audit.note(
            outcome, message, level: isWarning ? .warning : .notice, caller: caller, service: target.service,
            application: target.application.id, key: target.secret)
    }
}

/// A secret was asked for where only the call that makes a key answers it.
package struct SecretNotShown: Error {
    package init() {}
}

extension APIManagerError {
    /// Whether a change of state was refused since the application is in another state.
    var refusesState: Bool {
        guard case .rejected(_, let details, _) = self else { return false }
        return details.contains { $0.field == "state" }
    }
}
