/// Whether MLAAS_DEFAULT_PLAN names a plan of any service: a name that no plan has decides nothing, without any sign of it.
package struct DefaultPlanCheck: Check {
    private static let name = "service.default_plan"

    private let wanted: String
    private let systemNames: [String]

    /// - Parameters:
    ///   - wanted: the setting.
    ///   - systemNames: of all application plans.
    package init(_ wanted: String, systemNames: [String]) {
        self.wanted = wanted
        self.systemNames = systemNames
    }

    package var findings: [Finding] {
        let count = systemNames.count { $0 == wanted }
        guard count == 0 else {
            return [Finding(Self.name, .ok, "MLAAS_DEFAULT_PLAN '\(wanted)' is a plan of \(count) services")]
        }
        return [
            Finding(
                Self.name, .warning, "no service has a plan with the system name '\(wanted)' of MLAAS_DEFAULT_PLAN",
                advice: "Set MLAAS_DEFAULT_PLAN to a plan's system name, not to its name, or remove it")
        ]
    }
}
