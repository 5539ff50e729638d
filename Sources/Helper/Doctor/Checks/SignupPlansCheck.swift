package import JSON
import ThreeScale

/// Whether a signup makes keys that its caller did not ask for: 3scale makes an application on every service with a default
/// application plan, unless that service has neither a default nor a published service plan.
package struct SignupPlansCheck: Check {
    private static let name = "3scale.signup_plans"
    private static let shownMax = 10

    private let services: [Int: String]
    private let plans: [JSONValue]?
    private let servicePlans: [JSONValue]?

    /// An argument is nil when its list could not be read.
    /// - Parameters:
    ///   - services: elements of `GET services`.
    ///   - plans: elements of `GET application_plans`.
    ///   - servicePlans: elements of `GET service_plans`.
    package init(services: [JSONValue], plans: [JSONValue]?, servicePlans: [JSONValue]?) {
        self.services = Dictionary(
            services.compactMap { entity in
                entity["id"]?.int(in: 0 ... .max).map { ($0, entity["name"]?.string ?? String($0)) }
            }, uniquingKeysWith: { first, _ in first })
        self.plans = plans
        self.servicePlans = servicePlans
    }

    package var findings: [Finding] {
        guard let plans, let servicePlans else { return [] }
        let open = Set(
            servicePlans.filter { $0["default"]?.bool == true || $0["state"]?.string == "published" }
                .compactMap(ServiceLink.service(of:)))
        let defaults = plans.filter { $0["default"]?.bool == true }.compactMap { plan in
            ServiceLink.service(of: plan).map { (service: $0, plan: plan["system_name"]?.string ?? "") }
        }.filter { open.contains($0.service) && services[$0.service] != nil }.sorted { $0.service < $1.service }
        guard !defaults.isEmpty else {
            return [Finding(Self.name, .ok, "a signup makes no application by itself")]
        }
        let shown = defaults.prefix(Self.shownMax).map { "'\(services[$0.service] ?? "")' (\($0.service))" }
        let more = defaults.count > Self.shownMax ? " and \(defaults.count - Self.shownMax) more" : ""
        let names = Set(defaults.map(\.plan)).sorted().prefix(Self.shownMax).joined(separator: ", ")
        return [
            Finding(
                Self.name, .warning,
                "each signup makes \(defaults.count) live keys without a request for them, on the services with a default "
                    + "plan: \(shown.joined(separator: ", "))\(more)",
                advice:
                    "Remove the default application plan of these services in 3scale, and name the plan to use in "
                    + "MLAAS_DEFAULT_PLAN by its system name (now: \(names))")
        ]
    }
}
