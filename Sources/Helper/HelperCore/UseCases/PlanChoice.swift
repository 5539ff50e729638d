/// Which plan a new application gets.
package enum PlanChoice {
    /// The wanted plan if it is offered; else the service's default even when hidden, since the operator chose it; else
    /// the plan of that system name; else the lowest published one without approval; else the lowest published one.
    /// - Returns: nil where the service offers no plan.
    /// - Throws: `noSuchPlan`.
    package static func choose(
        from plans: [Plan], wanted: Int?, defaultSystemName: String?
    ) throws(CatalogError) -> Plan? {
        let offered = plans.filter(\.isOffered).sorted { $0.id < $1.id }
        if let wanted {
            guard let plan = offered.first(where: { $0.id == wanted }) else {
                throw .noSuchPlan(wanted, wasDeleted: false)
            }
            return plan
        }
        return
            offered.first(where: \.isDefault)
            ?? defaultSystemName.flatMap { name in offered.first { $0.systemName == name } }
            ?? offered.first { !$0.needsApproval } ?? offered.first
    }
}
