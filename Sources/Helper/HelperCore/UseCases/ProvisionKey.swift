import Bytes
package import Telemetry

/// Gets or creates the caller's key for one service: exactly one application, whatever happens on the way.
///
/// `Provisioning` decides; this performs its actions. Calls for the same owner and service share a flight.
package struct ProvisionKey: Sendable {
    package struct Request: Sendable {
        package let serviceID: Int
        package let planID: Int?
        package let order: KeyOrder

        package init(serviceID: Int, planID: Int? = nil, order: KeyOrder = KeyOrder()) {
            self.order = order
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
        /// When the key ends, if that is so soon that its owner is to be warned: in seconds since 1970.
        package var endsSoonAt: Int?
    }

    private struct FlightKey: Hashable, Sendable {
        let owner: OwnerMark
        /// A person who was renamed may be calling under both names.
        let accountName: String
        let service: Int
        let name: KeyName
        let generation: Int?
        /// What a limit refuses to one call says nothing of a call without that limit.
        let keysMax: Int?
    }

    /// What a flight came to. A refused plan is the leader's own, not that of calls that joined it.
    private enum Outcome: Sendable {
        case key(Result)
        case planRefused(CatalogError, plan: Int?)
    }

    private let find: FindService
    private let manager: any APIManager
    private let sleep: @Sendable (Duration) async -> Void
    private let milliseconds: @Sendable () -> Int
    private let keys: OwnedKeys
    private let replicas: Replicas
    private let accounts: AccountProvisioning
    private let defaultPlan: String?
    private let prefix: KeySecret.Prefix
    private let flights: SingleFlight<FlightKey, Outcome>
    private let audit: AuditTrail
    private let rules: KeyRules
    private let now: @Sendable () -> Int
    /// Seconds before the end of a key from which `init` warns: 14 days.
    private static let warning = 14 * 86_400

    /// - Parameters:
    ///   - defaultPlan: the system name of the plan to prefer where a service has no default.
    ///   - prefix: what secrets begin with.
    ///   - sleep: waits on the caller's loop.
    ///   - milliseconds: reads a clock that only goes forward.
    ///   - audit: gets a line for every action.
    ///   - now: seconds since 1970.
    package init(
        find: FindService, manager: any APIManager, keys: OwnedKeys, replicas: Replicas = .none, defaultPlan: String?,
        prefix: KeySecret.Prefix = .standard, spawn: @escaping Spawn,
        sleep: @escaping @Sendable (Duration) async -> Void,
        milliseconds: @escaping @Sendable () -> Int = ProvisionKey.monotonicMilliseconds, logger: Logger,
        audit: AuditTrail, rules: KeyRules = KeyRules(), now: @escaping @Sendable () -> Int = { 0 }
    ) {
        self.rules = rules
        self.now = now
        self.find = find
        self.manager = manager
        self.sleep = sleep
        self.milliseconds = milliseconds
        self.keys = keys
        self.replicas = replicas
        self.defaultPlan = defaultPlan
        self.prefix = prefix
        self.audit = audit
        accounts = AccountProvisioning(manager: manager, keys: keys, spawn: spawn, logger: logger)
        flights = SingleFlight(spawn: spawn)
    }

    /// Milliseconds since the process first asked.
    package static let monotonicMilliseconds: @Sendable () -> Int = {
        let began = ContinuousClock.now
        return { began.duration(to: .now).milliseconds }
    }()

    /// The plan of a key for which its owner names none; nil where the service has none to give.
    package func usualPlan(of service: Service) -> Plan? {
        try? PlanChoice.choose(from: service.plans, wanted: nil, defaultSystemName: defaultPlan)
    }

    package func callAsFunction(_ request: Request, for caller: Caller) async throws -> Result {
        let service = try find(request.serviceID, for: caller)
        let key = FlightKey(
            owner: caller.ownerMark, accountName: caller.accountName, service: service.id, name: request.order.name,
            generation: request.order.generation, keysMax: request.order.keysMax)
        while true {
            let (outcome, joined) = try await CallOwner.$current.withValue(.caller(caller.ownerMark)) {
                try await CallSequence.$current.withValue(CallSequence()) {
                    try await flights.run(key) { [self] in
                        do {
                            try await audit.waitForRoom()
                            return .key(try await provision(service, request, caller))
                        } catch let error as CatalogError where error.isPlanRefusal {
                            return .planRefused(error, plan: request.planID)
                        }
                    }
                }
            }
            switch outcome {
            case .planRefused(let error, let plan):
                // Another call's plan says nothing of ours.
                guard joined, plan != request.planID else { throw error }
            case .key(let result):
                guard joined else { return result }
                return Result(
                    service: result.service, key: result.key, isNew: false, accountID: result.accountID,
                    staleAge: result.staleAge, endsSoonAt: result.endsSoonAt)
            }
        }
    }

    // MARK: The flight

    private func provision(_ service: Service, _ request: Request, _ caller: Caller) async throws -> Result {
        var order = request.order
        if order == KeyOrder() { order.expiresAt = rules.endOfInit(now: now()) }
        let call = ProvisioningCall(
            caller: caller, service: service, wantedPlan: request.planID, order: order,
            defaultPlan: defaultPlan, isCatalogFresh: find.isFresh, prefix: prefix,
            manager: manager, keys: keys, replicas: replicas, accounts: accounts, audit: audit, sleep: sleep,
            milliseconds: milliseconds)
        do {
            var (result, application) = try await call.run(signupCreates: try find.signupCreates)
            if let end = rules.expiry(of: application), end - now() < Self.warning { result.endsSoonAt = end }
            return result
        } catch {
            if let known = known(call, request, instead: error) { return known }
            // Only the plan and its service can be gone here: a lost account was looked up again.
            if error as? APIManagerError == .notFound {
                throw await find.contradiction(service: service.id, plan: request.planID)
            }
            throw error
        }
    }

    /// Whether waiting may help, so that a stale answer is better than none.
    private static func isTransient(_ error: any Error) -> Bool {
        switch error {
        case let error as APIManagerError: error.isTransient
        case let error as Provisioning.Failure: error.isTransient
        case let error as CatalogError: error.isTransient
        default: false
        }
    }

    /// The last answer known, when 3scale is unreachable.
    private func known(_ call: ProvisioningCall, _ request: Request, instead error: any Error) -> Result? {
        guard Self.isTransient(error), request.order == KeyOrder(), let snapshot = keys.lastKnown(of: call.caller),
            let key = snapshot.keys[call.service.id],
            key.isMarked,
            let account = snapshot.accountID
        else { return nil }
        audit.note(
            .returned, "cached key returned", caller: call.caller, service: call.service,
            application: key.applicationID, key: key.key)
        return Result(
            service: call.service, key: key, isNew: false, accountID: account, staleAge: snapshot.staleAge)
    }
}
