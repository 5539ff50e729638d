/// Which plan a new application gets.
package enum PlanChoice {
    /// The wanted plan if it may be had; else the service's default even when hidden, since the operator chose it; else
    /// the plan of that system name; else the lowest published one without approval; else the lowest published one.
    /// - Throws: `PLAN_NOT_FOUND`, `NO_PLANS_FOUND`.
    package static func choose(
        from plans: [Plan], wanted: Int?, defaultSystemName: String?
    ) throws(HelperError) -> Plan {
        let offered = plans.filter(\.isOffered).sorted { $0.id < $1.id }
        if let wanted {
            guard let plan = offered.first(where: { $0.id == wanted }) else {
                throw HelperError(
                    .planNotFound, "The service has no such plan.",
                    details: [.init(field: "plan_id", issue: "is not a plan of this service that you may have")])
            }
            return plan
        }
        let choice =
            offered.first(where: \.isDefault)
            ?? defaultSystemName.flatMap { name in offered.first { $0.systemName == name } }
            ?? offered.first { !$0.needsApproval } ?? offered.first
        guard let choice else { throw HelperError(.noPlansFound, "The service offers no plan yet.") }
        return choice
    }
}
