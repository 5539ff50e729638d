import Crypto
import Synchronization
import Telemetry

/// The caller's one application on a service of an account: found, or created and reconciled.
struct ApplicationProvisioning: Sendable {
    /// One flight's work: for whom, on which service.
    struct Act: Sendable {
        let caller: Caller
        let service: Service
        let wantedPlan: Int?
        /// The system name of the plan to prefer where a service has no default.
        let defaultPlan: String?
        /// Tells this flight's application from one that another replica made at the same time.
        let attempt = hexEncoded(SecureRandom.bytes(8))
        /// The application's first key, where its method has a list of them. Sent along, so that it need not be asked for.
        let applicationKey: String?
        /// Whether other replicas must be told.
        let writes = Writes()

        init(caller: Caller, service: Service, wantedPlan: Int?, defaultPlan: String?) {
            self.caller = caller
            self.service = service
            self.wantedPlan = wantedPlan
            self.defaultPlan = defaultPlan
            applicationKey = service.authentication == .appIDAndKey ? hexEncoded(SecureRandom.bytes(16)) : nil
        }

        func plan() throws(HelperError) -> Plan {
            guard service.isComplete else {
                throw HelperError(
                    .upstreamUnavailable, "The service's endpoint is not known at the moment. Try again later.",
                    retryAfter: .seconds(60), cause: "the proxy of service \(service.id) could not be read")
            }
            return try PlanChoice.choose(from: service.plans, wanted: wantedPlan, defaultSystemName: defaultPlan)
        }

        func made(_ application: Application) -> Bool {
            application.owner == caller.ownerMark && application.description?.contains("attempt \(attempt) ") == true
        }
    }

    /// Notes that something may have been changed.
    final class Writes: Sendable {
        private let noted = Atomic<Bool>(false)
        var happened: Bool { noted.load(ordering: .relaxed) }
        func note() { noted.store(true, ordering: .relaxed) }
    }

    /// What became of a create on a new account.
    enum Settled: Sendable {
        case result(ProvisionKey.Result)
        /// The caller's account is another one; of this flight nothing is left on the one that was used, and it may hold
        /// nothing at all.
        case otherAccount(Account, isEmpty: Bool)
    }

    /// All of an account at one time.
    private struct Listing: Sendable {
        let account: Account
        let applications: [Application]
        let began: ContinuousClock.Instant
        let epoch: UInt32

        func choice(_ act: Act) -> ApplicationChoice { ApplicationChoice(applications, owner: act.caller.ownerMark) }
    }

    private let manager: any APIManager
    private let keys: OwnedKeys
    private let replicas: Replicas
    private let audit: AuditTrail

    init(manager: any APIManager, keys: OwnedKeys, replicas: Replicas, audit: AuditTrail) {
        self.manager = manager
        self.replicas = replicas
        self.keys = keys
        self.audit = audit
    }

    /// On an account that is the caller's beyond doubt.
    /// - Throws: `APIManagerError.notFound` when the account is gone.
    func settle(_ act: Act, on account: Account) async throws -> ProvisionKey.Result {
        try await settle(act, try await list(account, act))
    }

    /// On an account that was made just now. Where signup makes no application on the service, the create comes before the
    /// account is confirmed, and is taken back when another account turns out to be the caller's.
    /// - Parameter confirm: looks up the account of the caller's name.
    func settleAfterSignup(
        _ act: Act, on account: Account, confirm: @escaping @Sendable () async throws -> Account
    ) async throws -> Settled {
        let signupMakesOne = act.service.plans.contains(where: \.isDefault)
        let failure = signupMakesOne ? nil : try await create(act, on: account)
        async let confirmed = confirm()
        async let listed = listing(account, act)
        let found = try await listed
        let winner = try await confirmed
        guard winner.id == account.id, let listing = found else {
            guard let listing = found else { return .otherAccount(winner, isEmpty: false) }
            let mine = listing.applications.filter(act.made)
            let isClean = await remove(mine, act)
            return .otherAccount(winner, isEmpty: isClean && mine.count == listing.applications.count)
        }
        if signupMakesOne { return .result(try await settle(act, listing, isNewAccount: true)) }
        return .result(try await reconcile(act, listing, after: failure))
    }

    private func settle(
        _ act: Act, _ listing: Listing, isNewAccount: Bool = false
    ) async throws -> ProvisionKey.Result {
        let choice = listing.choice(act)
        if let existing = choice.application(on: act.service.id) {
            await remove(choice.surplus(on: act.service.id), act)
            return try await answer(existing, listing, act, isNew: isNewAccount && existing.owner == nil)
        }
        guard !choice.hasForeignOwner else {
            audit.note(
                .conflict, "refused: the account belongs to somebody else", level: .warning, caller: act.caller,
                service: act.service)
            throw HelperError(
                .identityConflict,
                "The API manager's account of your user name belongs to somebody else. Ask the operator to sort it out.",
                cause: "account \(listing.account.id) holds applications marked for another owner")
        }
        return try await replicas.whileLocked("\(act.caller.ownerMark):\(act.service.id)") { waited in
            // The replica that held the lock has probably created it.
            if waited {
                let current = try await list(listing.account, act)
                if current.choice(act).application(on: act.service.id) != nil {
                    return try await reconcile(act, current, after: nil)
                }
            }
            let failure = try await create(act, on: listing.account)
            return try await reconcile(act, try await list(listing.account, act), after: failure)
        }
    }

    // MARK: Create, then list

    /// Sends the create, once.
    /// - Parameter account: part of the application's id when that one is taken on another account.
    /// - Returns: why it is not known to have worked; nil when it is. Either way the account is listed next.
    private func create(
        _ act: Act, on account: Account, isFallback: Bool = false
    ) async throws -> APIManagerError? {
        let mark = act.caller.ownerMark
        let draft = ApplicationDraft(
            account: account.id, plan: try act.plan().id,
            name: String("mlaas:\(act.caller.username):\(act.service.systemName)".prefix(255)),
            description: "Requested through MLaaS Helper, attempt \(act.attempt) \(mark.suffix)",
            applicationID: isFallback
                ? mark.applicationID(service: act.service.id, account: account.id)
                : mark.applicationID(service: act.service.id),
            applicationKey: act.applicationKey)
        act.writes.note()
        defer { keys.invalidate(mark) }
        do throws(APIManagerError) {
            _ = try await manager.createApplication(draft)
            return nil
        } catch {
            let isListed = error.outcomeUnknown || error.isConflict(on: "application_id") || error == .notFound
            if isListed { return error }
            noteFailure(act)
            throw error.helperError(refusal: .applicationCreationFailed)
        }
    }

    /// Only what is listed is answered: the lowest of all that carry the caller's mark.
    private func reconcile(
        _ act: Act, _ listing: Listing, after failure: APIManagerError?, isFallback: Bool = false
    ) async throws -> ProvisionKey.Result {
        let choice = listing.choice(act)
        if let application = choice.application(on: act.service.id) {
            await remove(choice.surplus(on: act.service.id), act)
            return try await answer(application, listing, act, isNew: act.made(application))
        }
        if let failure, failure.isConflict(on: "application_id"), !isFallback {
            // The owner has it on an account of a former name, which no call can reach from here.
            let failure = try await create(act, on: listing.account, isFallback: true)
            return try await reconcile(act, try await list(listing.account, act), after: failure, isFallback: true)
        }
        // The account was listed, so it is the plan that is gone.
        if failure == .notFound { throw APIManagerError.notFound }
        noteFailure(act)
        throw (failure ?? .malformed(cause: "a created application is not listed", outcomeUnknown: true))
            .helperError(refusal: .applicationCreationFailed)
    }

    /// Nil when the account is gone: another flight of this process has found it one too many.
    private func listing(_ account: Account, _ act: Act) async throws(APIManagerError) -> Listing? {
        do throws(APIManagerError) { return try await list(account, act) } catch {
            if error == .notFound { return nil }
            throw error
        }
    }

    private func list(_ account: Account, _ act: Act) async throws(APIManagerError) -> Listing {
        let epoch = keys.epoch(of: act.caller.ownerMark)
        let began = ContinuousClock.now
        return Listing(
            account: account, applications: try await manager.applications(account: account.id), began: began,
            epoch: epoch)
    }

    private func answer(
        _ application: Application, _ listing: Listing, _ act: Act, isNew: Bool
    ) async throws(APIManagerError) -> ProvisionKey.Result {
        let key = try await key(of: application, act)
        keys.learn(
            listing.applications, issued: key, on: listing.account, of: act.caller, began: listing.began,
            epoch: listing.epoch)
        audit.note(
            isNew ? .created : .returned, isNew ? "key created" : "key returned", caller: act.caller,
            service: act.service, application: key.applicationID, key: key.key)
        return ProvisionKey.Result(
            service: act.service, key: key, isNew: isNew, accountID: listing.account.id, staleAge: nil)
    }

    private func key(of application: Application, _ act: Act) async throws(APIManagerError) -> IssuedKey {
        if let sent = act.applicationKey, act.made(application) { return IssuedKey(of: application, firstKey: sent) }
        let issued = try await keys.issuedKey(of: application)
        guard issued.key == nil, case .appID = application.credentials else { return issued }
        // Made without a key in the portal. Of two that a race adds, the oldest is answered; a lost answer is looked up.
        act.writes.note()
        do throws(APIManagerError) {
            try await manager.addKey(
                hexEncoded(SecureRandom.bytes(16)), application: application.id, account: application.accountID)
        } catch {
            guard error.outcomeUnknown || error.isConflict(on: "value") else { throw error }
        }
        return try await keys.issuedKey(of: application)
    }

    /// Deletes what a race left over. A failure leaves it to the next call.
    /// - Returns: false when something is left.
    @discardableResult
    private func remove(_ surplus: [Application], _ act: Act) async -> Bool {
        var isClean = true
        for application in surplus {
            act.writes.note()
            do throws(APIManagerError) {
                try await manager.deleteApplication(application.id, account: application.accountID)
                audit.note(
                    .deleted, "a duplicate application was deleted", caller: act.caller, service: act.service,
                    application: application.id)
            } catch {
                isClean = false
                audit.note(
                    .failed, "a duplicate application could not be deleted", level: .warning, caller: act.caller,
                    service: act.service, application: application.id)
            }
        }
        return isClean
    }

    private func noteFailure(_ act: Act) {
        audit.note(
            .failed, "an application could not be created", level: .error, caller: act.caller, service: act.service)
    }
}
