/// One service of the catalogue, and its plans.
package struct FindService: Sendable {
    package struct OfferedPlan: Sendable {
        package let plan: Plan
        package let limits: [PlanLimit]
    }

    /// A plan that the operator deletes meanwhile is noticed by the create that names it.
    private static let freshFor = Duration.seconds(120)

    private let catalogs: CatalogStore
    private let manager: any APIManager
    private let policy: AccessPolicy
    private let limits: PlanLimits

    /// - Parameters:
    ///   - limitsLifetime: how long a service's limits are used before they are read again.
    ///   - spawn: starts reads that callers share.
    package init(
        catalogs: CatalogStore, manager: any APIManager, policy: AccessPolicy, limitsLifetime: Duration = .seconds(60),
        spawn: @escaping Spawn = { work in Task { await work() } }
    ) {
        self.catalogs = catalogs
        self.manager = manager
        self.policy = policy
        limits = PlanLimits(manager: manager, lifetime: limitsLifetime, spawn: spawn)
    }

    package func callAsFunction(_ id: Int, for caller: Caller) throws(CatalogError) -> Service {
        guard let service = try catalogs.require().service(id), policy.shows(service, to: caller)
        else { throw .noSuchService(wasDeleted: false) }
        return service
    }

    /// Whether signup creates applications: some service has a default plan.
    var signupCreates: Bool {
        get throws(CatalogError) { try catalogs.require().services.contains { $0.plans.contains(where: \.isDefault) } }
    }

    /// The catalogue was read a short time ago, and no attempt to read it has failed since.
    var isFresh: Bool {
        guard catalogs.staleAge == nil, let age = catalogs.age else { return false }
        return age < Self.freshFor
    }

    /// The plans a caller may have, ascending by id, each with its limits.
    package func plans(of id: Int, for caller: Caller) async throws -> [OfferedPlan] {
        let service = try self(id, for: caller)
        let limits: [Int: [PlanLimit]]
        do {
            limits = try await CallOwner.$current.withValue(.caller(caller.ownerMark)) {
                try await self.limits.of(service)
            }
        } catch APIManagerError.notFound {
            throw await contradiction(service: id, plan: nil)
        }
        return service.plans.filter(\.isOffered).map { OfferedPlan(plan: $0, limits: limits[$0.id] ?? []) }
    }

    /// Refreshes the catalogue, which 3scale contradicted: a service or plan of it is gone.
    /// - Parameter plan: the plan that the caller asked for by id; nil when the helper chose it.
    /// - Returns: what the caller learns.
    package func contradiction(service: Int, plan: Int?) async -> CatalogError {
        await catalogs.refreshAfterContradiction()
        guard catalogs.catalog?.service(service) != nil else { return .noSuchService(wasDeleted: true) }
        return plan.map { .noSuchPlan($0, wasDeleted: true) } ?? .plansChanged
    }
}
