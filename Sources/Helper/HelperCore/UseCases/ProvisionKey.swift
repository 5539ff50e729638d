package import Telemetry

/// Gets or creates the caller's key for one service: exactly one application, whatever happens on the way.
///
/// What makes it exactly one: calls for the same owner and service share a flight; the application's id is derived from
/// both, and 3scale takes it once; an unknown outcome is looked up, never repeated; after a create the account is listed
/// again and the lowest id wins. `docs/provisioning.md` says why that is enough.
package struct ProvisionKey: Sendable {
    package struct Request: Sendable {
        package let serviceID: Int
        package let planID: Int?

        package init(serviceID: Int, planID: Int? = nil) {
            self.serviceID = serviceID
            self.planID = planID
        }
    }

    package struct Result: Sendable {
        package let service: Service
        package let key: IssuedKey
        /// This call brought the application into being.
        package let isNew: Bool
        package let accountID: Int
        /// How old the answer is, when it is the last one known because the manager is away; else nil.
        package let staleAge: Duration?
    }

    private struct FlightKey: Hashable, Sendable {
        let owner: OwnerMark
        let service: Int
    }

    private let find: FindService
    private let manager: any APIManager
    private let keys: OwnedKeys
    private let replicas: Replicas
    private let accounts: AccountProvisioning
    private let applications: ApplicationProvisioning
    private let defaultPlan: String?
    private let flights: SingleFlight<FlightKey, Result>
    private let audit: AuditTrail

    /// - Parameters:
    ///   - defaultPlan: the system name of the plan to prefer where a service has no default.
    ///   - audit: gets a line for every act.
    package init(
        find: FindService, manager: any APIManager, keys: OwnedKeys, replicas: Replicas = .none, defaultPlan: String?,
        spawn: @escaping Spawn, logger: Logger, audit: AuditTrail
    ) {
        self.find = find
        self.manager = manager
        self.keys = keys
        self.replicas = replicas
        self.defaultPlan = defaultPlan
        self.audit = audit
        accounts = AccountProvisioning(manager: manager, keys: keys, spawn: spawn, logger: logger)
        applications = ApplicationProvisioning(manager: manager, keys: keys, replicas: replicas, audit: audit)
        flights = SingleFlight(spawn: spawn)
    }

    package func callAsFunction(_ request: Request, for caller: Caller) async throws -> Result {
        let service = try find(request.serviceID, for: caller)
        let key = FlightKey(owner: caller.ownerMark, service: service.id)
        let (result, joined) = try await CallOwner.$current.withValue(.caller(caller.ownerMark)) {
            try await flights.run(key) {
                try await audit.withReservedLines(for: caller.ownerMark) {
                    try await provision(service, request.planID, caller)
                }
            }
        }
        guard joined else { return result }
        // Those who joined did not bring it into being.
        return Result(
            service: result.service, key: result.key, isNew: false, accountID: result.accountID,
            staleAge: result.staleAge)
    }

    // MARK: The flight

    private func provision(_ service: Service, _ planID: Int?, _ caller: Caller) async throws(HelperError) -> Result {
        let act = ApplicationProvisioning.Act(
            caller: caller, service: service, wantedPlan: planID, defaultPlan: defaultPlan)
        do {
            let result = try await provision(act)
            if act.writes.happened { await replicas.announce(.keys(of: caller.ownerMark)) }
            return result
        } catch {
            if act.writes.happened { await replicas.announce(.keys(of: caller.ownerMark)) }
            let known = known(act, instead: error)
            if let known { return known }
            // Of what a call names, only the plan and its service can be gone here: a lost account was looked up again.
            if error as? APIManagerError == .notFound {
                throw await find.contradiction(service: service.id, plan: planID)
            }
            throw (error as? HelperError) ?? (error as? APIManagerError)?.helperError()
                ?? HelperError(.internalError, "Something went wrong.", cause: "\(error)")
        }
    }

    private func provision(_ act: ApplicationProvisioning.Act) async throws -> Result {
        do {
            if let account = try await keys.account(of: act.caller) { return try await settle(act, on: account) }
        } catch APIManagerError.notFound {
            // The account that was remembered is gone.
            keys.forgetAccount(of: act.caller)
            if let account = try await keys.account(of: act.caller) { return try await settle(act, on: account) }
        }
        // Refused before an account is made for nothing.
        let plan = try act.plan()
        guard try await manager.hasPlan(plan.id, service: act.service.id) else {
            throw await find.contradiction(service: act.service.id, plan: act.wantedPlan)
        }
        switch try await signUp(act) {
        case .found(let account): return try await settle(act, on: account)
        case .made(let account): return try await settleAfterSignup(act, on: account)
        }
    }

    /// Replicas take turns, since what two of them make at once cannot all be taken back.
    private func signUp(_ act: ApplicationProvisioning.Act) async throws -> AccountProvisioning.Signup {
        try await replicas.whileLocked("signup:\(act.caller.ownerMark)") { waited in
            if waited, let account = try await keys.account(of: act.caller) { return .found(account) }
            act.writes.note()
            return try await accounts.signUp(act.caller)
        }
    }

    /// On an account that is the caller's beyond doubt. Repair goes on beside it: keys work without.
    private func settle(_ act: ApplicationProvisioning.Act, on account: Account) async throws -> Result {
        async let repair: Void = accounts.repair(account, of: act.caller)
        let result = try await applications.settle(act, on: account)
        await repair
        return result
    }

    /// On an account that this process has just made, and which a race may have made one too many.
    private func settleAfterSignup(_ act: ApplicationProvisioning.Act, on account: Account) async throws -> Result {
        async let repair: Void = accounts.repair(account, of: act.caller)
        let settled = try await applications.settleAfterSignup(act, on: account) { [accounts] in
            try await accounts.confirm(of: act.caller)
        }
        await repair
        switch settled {
        case .result(let result): return result
        case .otherAccount(let winner, let isEmpty):
            if winner.id != account.id {
                await accounts.discard(account, isEmpty: isEmpty, insteadOf: winner, of: act.caller)
            }
            return try await settle(act, on: winner)
        }
    }

    /// The last answer known, when the manager is away.
    private func known(_ act: ApplicationProvisioning.Act, instead error: any Error) -> Result? {
        let isTransient =
            (error as? APIManagerError)?.isTransient
            ?? [.upstreamUnavailable, .upstreamTimeout].contains((error as? HelperError)?.code)
        guard isTransient, let snapshot = keys.lastKnown(of: act.caller), let key = snapshot.keys[act.service.id],
            let account = snapshot.accountID
        else { return nil }
        audit.note(
            .returned, "key returned from memory", caller: act.caller, service: act.service,
            application: key.applicationID, key: key.key)
        return Result(
            service: act.service, key: key, isNew: false, accountID: account, staleAge: snapshot.staleAge)
    }
}
