import Synchronization
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
    private let sleep: @Sendable (Duration) async -> Void
    private let now: @Sendable () -> Int

    /// - Parameters:
    ///   - deadlines: told when a key ends; nil where no sweep runs.
    ///   - now: seconds since 1970.
    package init(
        find: FindKeys, manager: any KeyManager, keys: OwnedKeys, replicas: Replicas = .none, audit: AuditTrail,
        rules: KeyRules, seal: PauseSeal, deadlines: KeyDeadlines? = nil, spawn: @escaping Spawn,
        sleep: @escaping @Sendable (Duration) async -> Void = { try? await Task.sleep(for: $0) },
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
        self.sleep = sleep
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
        let isSuspended = Flag()
        try await act(on: id, for: caller) { target, isUnsure in
            switch target.key.state {
            case .live, .retiring: break
            case .paused:
                if isUnsure { note(.paused, "key paused", target, caller) }
                return isUnsure
            case .pending, .suspended, .expired: throw Self.conflict(target, .paused)
            }
            // The description first: without it the suspension would count as the operator's.
            try await describePaused(target.application, Self.pinned(target))
            let suspended: Application
            do throws(APIManagerError) {
                suspended = try await manager.suspend(application: id, account: target.application.accountID)
            } catch {
                if !error.refusesState { await unseal(id, caller) }
                throw error.outcomeUnknown ? Unsure(cause: error) : error
            }
            isSuspended.raise()
            note(.paused, "key paused", target, caller)
            // 3scale was slow, or a change of the description by another replica came in between.
            if !seal.vouches(for: suspended), let mark = suspended.mark { try await describePaused(suspended, mark) }
            return true
        }
        return try await sealed(id, isPaused: isSuspended, caller)
    }

    /// The key after an act that leaves it paused. Its description is written with the seal again where it has lost it: another change that
    /// had looked at the key before has just written it, or 3scale was so slow with this act that the seal counts no more.
    /// - Parameter isPaused: whether it was the owner's pause that suspended the key.
    private func sealed(_ id: Int, isPaused: Flag, _ caller: Caller) async throws -> FindKeys.Item {
        let item = try await find.one(id, for: caller)
        guard item.key.state == .suspended, isPaused.isRaised else { return item }
        try await act(on: id, for: caller) { target, _ in
            guard target.key.state == .suspended else { return false }
            try await describePaused(target.application, Self.pinned(target))
            return true
        }
        return try await find.one(id, for: caller)
    }

    /// What one attempt of a call leaves for what follows.
    private final class Flag: Sendable {
        private let value = Atomic<Bool>(false)

        var isRaised: Bool { value.load(ordering: .relaxed) }
        func raise() { value.store(true, ordering: .relaxed) }
    }

    /// Lets a paused key work again, once it has not changed for so long that the code of its pause is worth nothing any more.
    package func resume(_ id: Int, for caller: Caller) async throws -> FindKeys.Item {
        try await act(on: id, for: caller) { target, isUnsure in
            switch target.key.state {
            case .live, .retiring:
                if isUnsure { note(.resumed, "key resumed", target, caller) }
                return isUnsure
            case .paused: break
            case .pending, .suspended, .expired: throw Self.conflict(target, .resumed)
            }
            let wait = PauseSeal.resumptionDelay(target.mark) - (target.application.unchangedFor ?? 0)
            if wait > 0 {
                await sleep(.seconds(wait))
                // Another call may have resumed it meanwhile, and the operator suspended it.
                let found = try await find.owned(by: caller, isFresh: true).key(id)
                guard found?.state == .paused, found?.application.updatedAt == target.application.updatedAt else {
                    throw APIManagerError.stateChanged
                }
            }
            do throws(APIManagerError) {
                _ = try await manager.resume(application: id, account: target.application.accountID)
            } catch {
                throw error.outcomeUnknown ? Unsure(cause: error) : error
            }
            note(.resumed, "key resumed", target, caller)
            try await describe(target.application, target.mark.sealed(nil, for: .pause).sealed(nil, for: .end))
            return true
        }
        return try await find.one(id, for: caller)
    }

    /// Changes what the owner may say of the key. Another replica that does not share a lock may have read the description before and
    /// written it after: so it is looked at once more.
    package func change(_ id: Int, _ changes: Changes, for caller: Caller) async throws -> FindKeys.Item {
        var attempt = 1
        while true {
            let written = try await write(changes, id, caller)
            let item = try await find.one(id, for: caller)
            let shown = item.key.application.mark
            let isShown =
                (changes.note == nil || shown?.note == written?.note)
                && (changes.expiry == nil || shown?.expiresAt == written?.expiresAt)
            guard !isShown, attempt < Self.attemptsMax else { return item }
            attempt += 1
        }
    }

    /// Writes the description with the changes.
    /// - Returns: its mark.
    private func write(_ changes: Changes, _ id: Int, _ caller: Caller) async throws -> ApplicationMark? {
        let written = WrittenMark()
        try await act(on: id, for: caller) { target, isUnsure in
            try checkChange(target)
            var mark = Self.pinned(target)
            if let note = changes.note { mark = mark.noted(note.isEmpty ? nil : note) }
            switch changes.expiry {
            case nil: break
            case .never: mark = mark.expiring(at: nil)
            case .after(let seconds): mark = mark.expiring(at: try end(after: seconds, of: target.application))
            }
            written.mark.withLock { $0 = mark }
            guard mark.description != target.application.description else {
                if isUnsure { note(.changed, "key changed", target, caller) }
                return isUnsure
            }
            // Before the write, whose answer may be lost: a sweep that knows of an end too early only looks in vain.
            if let end = mark.expiresAt {
                await deadlines?.announce(account: target.application.accountID, endsAt: end, to: replicas)
            }
            do throws(APIManagerError) {
                // A pause counts for as long as nothing else has changed the application.
                if target.key.state == .paused {
                    try await describePaused(target.application, mark)
                } else {
                    try await describe(target.application, mark)
                }
            } catch {
                throw error.outcomeUnknown ? Unsure(cause: error) : error
            }
            note(.changed, "key changed", target, caller)
            return true
        }
        return written.mark.withLock { $0 }
    }

    /// What this call made of a key's description.
    private final class WrittenMark: Sendable {
        let mark = Mutex<ApplicationMark?>(nil)
    }

    /// Gives the key another plan that needs no approval.
    /// - Throws: `PLAN_NOT_FOUND`, `PLAN_NEEDS_APPROVAL`.
    package func changePlan(of id: Int, to plan: Int, for caller: Caller) async throws -> FindKeys.Item {
        let wasPaused = Flag()
        try await act(on: id, for: caller) { target, isUnsure in
            try checkChange(target)
            if target.key.state == .paused { wasPaused.raise() }
            if target.key.state == .pending { throw Self.conflict(target, .changed) }
            guard let wanted = target.service.plans.first(where: { $0.id == plan && $0.isOffered }) else {
                throw CatalogError.noSuchPlan(plan, wasDeleted: false)
            }
            guard target.application.plan.id != plan else {
                if isUnsure { note(.changed, "plan changed", target, caller) }
                return isUnsure
            }
            guard !wanted.needsApproval else {
                throw KeyError.planNeedsApproval(plan: plan, service: target.service.id)
            }
            do throws(APIManagerError) {
                let mark = Self.pinned(target)
                if target.key.state == .paused {
                    // A pause counts for as long as nothing else has changed the application.
                    try await describePaused(target.application, mark)
                } else if mark != target.mark {
                    // By the new plan, which needs no approval, the key would be live since its creation, and the grace of the
                    // key that it replaced would be over.
                    try await describe(target.application, mark)
                }
                try await manager.change(plan: plan, application: id, account: target.application.accountID)
            } catch {
                // The catalogue has it still.
                if error == .notFound { throw CatalogError.noSuchPlan(plan, wasDeleted: true) }
                throw error.outcomeUnknown ? Unsure(cause: error) : error
            }
            note(.changed, "plan changed", target, caller)
            return true
        }
        return try await sealed(id, isPaused: wasPaused, caller)
    }

    /// A key is not changed after its end, also where the operator suspended it before.
    private func checkChange(_ target: Target) throws(KeyError) {
        let hasEnded = target.key.endsAt.map { $0 <= target.application.shownAt ?? now() } ?? false
        if target.key.state == .expired || (target.key.state == .suspended && hasEnded) {
            throw Self.conflict(target, .changed)
        }
    }

    /// Suspends the key and the generations before it, then deletes them: a deletion reaches the gateway by a job that may be late.
    /// - Returns: false when the caller has no such key, as after an earlier call.
    package func revoke(_ id: Int, for caller: Caller) async throws -> Bool {
        try await reserved(caller) {
            var wasThere = false
            var unsure: (target: Target, isDeleted: Bool)?
            for attempt in 1...Self.attemptsMax {
                let found: NamedKeys
                do {
                    found = try await find.owned(by: caller, isFresh: true)
                } catch {
                    if let unsure { noteUnknown(unsure.target, caller) }
                    throw error
                }
                if let unsure, unsure.isDeleted, found.key(unsure.target.application.id) == nil {
                    note(.revoked, "key revoked", unsure.target, caller)
                }
                unsure = nil
                guard let key = found.key(id) else { return wasThere }
                var tried = try await target(key, caller)
                if key.state == .suspended { throw Self.conflict(tried, .revoked) }
                var isDeleting = false
                do {
                    var targets: [Target] = []
                    for older in found.revoked(with: id).dropLast() { targets.append(try await target(older, caller)) }
                    targets.append(tried)
                    for each in targets {
                        tried = each
                        try await stop(each)
                    }
                    isDeleting = true
                    for each in targets {
                        tried = each
                        try await manager.deleteApplication(
                            each.application.id, account: each.application.accountID)
                        note(.revoked, "key revoked", each, caller)
                    }
                } catch {
                    await publish(caller)
                    guard let known = error as? APIManagerError, known.outcomeUnknown, attempt < Self.attemptsMax else {
                        throw explain(error, tried, caller)
                    }
                    wasThere = true
                    unsure = (tried, isDeleting)
                    continue
                }
                await publish(caller)
                return true
            }
            return wasThere
        }
    }

    // MARK: Parts

    /// Whether the write that an act is about was carried out is not known: its answer was lost.
    private struct Unsure: Error {
        let cause: APIManagerError
    }

    /// Does the work on the key as it is now.
    /// - Parameter work: returns whether it wrote anything, or whether an earlier attempt whose answer was lost has.
    private func act(
        on id: Int, for caller: Caller, _ work: @escaping @Sendable (Target, _ isUnsure: Bool) async throws -> Bool
    ) async throws {
        try await reserved(caller) {
            var unsure: Target?
            for attempt in 1...Self.attemptsMax {
                let target: Target
                do {
                    guard let key = try await find.owned(by: caller, isFresh: true).key(id) else {
                        throw KeyError.notFound
                    }
                    target = try await self.target(key, caller)
                } catch {
                    if let unsure { noteUnknown(unsure, caller) }
                    throw error
                }
                do {
                    if try await work(target, unsure != nil) { await publish(caller) }
                    return
                } catch {
                    await publish(caller)
                    let known = (error as? Unsure)?.cause ?? error as? APIManagerError
                    // Another call has just moved it on, or 3scale's answer was lost.
                    if let known, known.refusesState || known.outcomeUnknown, attempt < Self.attemptsMax {
                        if error is Unsure { unsure = target }
                        continue
                    }
                    throw explain(known ?? error, target, caller)
                }
            }
        }
    }

    /// Acts of one owner take turns, across replicas where they share a lock: a description that is written beside a pause takes its
    /// seal away. An act is done to its end when its caller goes: a pause of which only the first write was done would make a later
    /// suspension the owner's.
    private func reserved<Value: Sendable>(
        _ caller: Caller, _ act: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        try await find.asCaller(caller) {
            try await uninterrupted(spawn) {
                try await audit.withReservedLines(for: caller.ownerMark) {
                    try await replicas.whileLocked(caller.ownerMark.description, patience: .long) { _ in
                        try await act()
                    }
                }
            }
        }
    }

    /// Takes the code of a pause off a key that works all the same.
    private func unseal(_ id: Int, _ caller: Caller) async {
        guard let key = try? await find.owned(by: caller, isFresh: true).key(id), key.application.state == .live,
            let mark = key.application.mark
        else { return }
        try? await describe(key.application, mark.sealed(nil, for: .pause))
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

    /// One that is not live any more need not be suspended, and one with a twin cannot be. It is paused first, so that what an
    /// interrupted call has stopped does not count as suspended by the operator.
    private func stop(_ target: Target) async throws(APIManagerError) {
        guard target.application.state == .live else { return }
        do throws(APIManagerError) {
            try await describePaused(target.application, Self.pinned(target))
            _ = try await manager.suspend(application: target.application.id, account: target.application.accountID)
        } catch {
            guard error.refusesState || error.isTwin || error == .notFound else { throw error }
        }
    }

    private func describe(_ application: Application, _ mark: ApplicationMark) async throws(APIManagerError) {
        _ = try await manager.describe(
            application: application.id, account: application.accountID, description: mark.description)
    }

    /// Writes a description with the seal of the owner's pause.
    private func describePaused(_ application: Application, _ mark: ApplicationMark) async throws(APIManagerError) {
        _ = try await SealWriter(manager: manager, seal: seal, now: now).describe(application, mark, for: .pause)
    }

    private static func pinned(_ target: Target) -> ApplicationMark { target.key.pinnedMark ?? target.mark }

    private func end(after seconds: Int, of application: Application) throws(KeyError) -> Int {
        let now = application.shownAt ?? now()
        let left = rules.lifetimeMax.flatMap { lifetime in application.createdAt.map { max(0, $0 + lifetime - now) } }
        try rules.check(lifetime: seconds, left: left)
        return now + seconds
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

    /// 3scale's answer to a write was lost, and so was that to the look at what became of it.
    private func noteUnknown(_ target: Target, _ caller: Caller) {
        note(.failed, "key change outcome unknown", target, caller, isWarning: true)
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
    /// A change of state would be refused, or undo another's: the application is in another state by now.
    static var stateChanged: APIManagerError {
        .rejected(status: 409, details: [.init(field: "state", issue: "has changed")])
    }

    /// Whether a change of state was refused since the application is in another state.
    var refusesState: Bool { refuses("state") }
}
