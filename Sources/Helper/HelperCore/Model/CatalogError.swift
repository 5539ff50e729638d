/// Why the catalogue has no service or no plan for a call.
package enum CatalogError: Error, Sendable, Hashable {
    /// No load has worked yet.
    /// - Parameter lastFailure: for the log; nil before the first one.
    case notLoaded(lastFailure: String?)
    /// Also for a service that the caller may not see.
    /// - Parameter wasDeleted: 3scale deleted it after the catalogue was loaded.
    case noSuchService(wasDeleted: Bool)
    /// The caller asked for a plan that the service does not offer.
    /// - Parameter wasDeleted: 3scale deleted it after the catalogue was loaded.
    case noSuchPlan(Int, wasDeleted: Bool)
    /// The service offers no plan.
    case noPlans(service: Int, systemName: String)
    /// 3scale deleted the plan that the helper chose.
    case plansChanged
    /// The service's proxy could not be read, so that its endpoint is unknown.
    case endpointUnknown(service: Int)

    /// The caller's choice of a plan is at fault.
    var isPlanRefusal: Bool {
        if case .noSuchPlan = self { true } else { false }
    }

    /// Whether waiting may help, so that a stale answer is better than none.
    var isTransient: Bool {
        switch self {
        case .notLoaded, .endpointUnknown: true
        case .noSuchService, .noSuchPlan, .noPlans, .plansChanged: false
        }
    }
}
