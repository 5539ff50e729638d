/// One service of the catalogue, and its plans.
package struct FindService: Sendable {
    package struct OfferedPlan: Sendable {
        package let plan: Plan
        package let limits: [PlanLimit]
    }

    private let catalogs: CatalogStore
    private let manager: any APIManager
    private let policy: AccessPolicy

    package init(catalogs: CatalogStore, manager: any APIManager, policy: AccessPolicy) {
        self.catalogs = catalogs
        self.manager = manager
        self.policy = policy
    }

    /// - Throws: `SERVICE_NOT_FOUND`, also for one that the caller may not see.
    package func callAsFunction(_ id: Int, for caller: Caller) throws(HelperError) -> Service {
        guard let service = try catalogs.require().service(id), policy.shows(service, to: caller)
        else { throw HelperError(.serviceNotFound, "There is no such service.") }
        return service
    }

    /// The plans a caller may have, ascending by id, each with its limits.
    package func plans(of id: Int, for caller: Caller) async throws -> [OfferedPlan] {
        let service = try self(id, for: caller)
        let offered = service.plans.filter(\.isOffered)
        do throws(APIManagerError) {
            var plans: [OfferedPlan] = []
            for plan in offered {
                plans.append(
                    OfferedPlan(plan: plan, limits: try await manager.limits(ofPlan: plan.id, service: service.id)))
            }
            return plans
        } catch {
            throw error.helperError()
        }
    }
}
