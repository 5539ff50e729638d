package import JSON
import ThreeScale

/// Whether a key for a service can be created and will work.
package struct ServiceCheck: Check {
    /// What 3scale says of one service.
    package struct Facts: Sendable {
        package let id: Int
        package let name: String
        /// `backend_version`: `1`, `2`, `oidc`, `oauth`.
        package let mode: String?
        /// `hosted`, `self_managed`, `service_mesh_istio`, `plugin_…`.
        package let deployment: String?
        /// Application plans that a caller can get; nil when they could not be listed.
        package let usablePlans: Int?
        /// Nil when they could not be listed.
        package let servicePlans: Int?
        /// Whether a configuration was promoted to production; nil when that could not be listed.
        package let isPromoted: Bool?
        /// Whether the promoted configuration names a production endpoint; nil when that could not be listed.
        package let hasEndpoint: Bool?

        package init(
            id: Int, name: String, mode: String?, deployment: String?, usablePlans: Int?, servicePlans: Int?,
            isPromoted: Bool?, hasEndpoint: Bool? = nil
        ) {
            self.hasEndpoint = hasEndpoint
            self.id = id
            self.name = name
            self.mode = mode
            self.deployment = deployment
            self.usablePlans = usablePlans
            self.servicePlans = servicePlans
            self.isPromoted = isPromoted
        }
    }

    private let facts: Facts

    package init(_ facts: Facts) { self.facts = facts }

    package var findings: [Finding] {
        let problems = [mode, plan, servicePlan, promotion, endpoint].compactMap { $0 }
        return problems.isEmpty ? [Finding("service", .ok, "\(label) can be served")] : problems
    }

    private var label: String { "service '\(facts.name)' (\(facts.id))" }

    private var mode: Finding? {
        guard let mode = facts.mode, ["1", "2", "oidc"].contains(mode) else {
            return Finding(
                "service.mode", .warning,
                "\(label) has an authentication mode that cannot be served (\(facts.mode ?? "none"))",
                advice: "Choose API key, App_ID and App_Key or OpenID Connect in its integration settings")
        }
        return nil
    }

    private var plan: Finding? {
        guard facts.usablePlans == 0 else { return nil }
        return Finding(
            "service.plan", .warning, "\(label) has no plan that a caller could get",
            advice: "Publish an application plan of it, or make one its default")
    }

    private var servicePlan: Finding? {
        guard facts.servicePlans == 0 else { return nil }
        return Finding(
            "service.service_plan", .warning, "\(label) has no service plan, so that 3scale refuses every key",
            advice: "Create a service plan for it")
    }

    private var promotion: Finding? {
        guard facts.isPromoted == false, Self.usesGateway(facts.deployment) else { return nil }
        return Finding(
            "service.promotion", .warning, "\(label) was never promoted to production: its keys work nowhere",
            advice: "Promote its configuration under Integration > Configuration")
    }

    private var endpoint: Finding? {
        guard facts.isPromoted != false, facts.hasEndpoint == false else { return nil }
        return Finding(
            "service.endpoint", .warning,
            "\(label) has no production endpoint: callers get a key and no address for it",
            advice: "Enter its production public base URL in its integration settings, and promote it")
    }

    /// Plugins and service meshes are configured elsewhere.
    private static func usesGateway(_ deployment: String?) -> Bool {
        guard let deployment else { return true }
        return deployment == "hosted" || deployment == "self_managed"
    }
}

extension ServiceCheck.Facts {
    /// Puts together what the lists say. An argument is nil when its list could not be read.
    /// - Parameters:
    ///   - plans: elements of `GET application_plans`.
    ///   - servicePlans: elements of `GET service_plans`.
    ///   - promoted: elements of `GET account/proxy_configs/production`.
    package static func all(
        services: [JSONValue], plans: [JSONValue]?, servicePlans: [JSONValue]?, promoted: [JSONValue]?
    ) -> [ServiceCheck.Facts] {
        let endpoints = promoted.map { configurations in
            Dictionary(
                configurations.compactMap { configuration in
                    configuration["content"]?["id"]?.int(in: 0 ... .max).map {
                        ($0, configuration["content"]?["proxy"]?["endpoint"]?.string ?? "")
                    }
                }, uniquingKeysWith: { first, _ in first })
        }
        let usable = plans.map { count($0.filter(isUsable)) }
        let service = servicePlans.map(count)
        return services.compactMap { entity in
            guard let id = entity["id"]?.int(in: 0 ... .max) else { return nil }
            return ServiceCheck.Facts(
                id: id, name: entity["name"]?.string ?? String(id), mode: entity["backend_version"]?.string,
                deployment: entity["deployment_option"]?.string, usablePlans: usable.map { $0[id] ?? 0 },
                servicePlans: service.map { $0[id] ?? 0 }, isPromoted: endpoints.map { $0[id] != nil },
                hasEndpoint: endpoints.flatMap { $0[id] }.map { !$0.isEmpty })
        }
    }

    /// Not made for one application, and published or chosen by the operator.
    private static func isUsable(_ plan: JSONValue) -> Bool {
        plan["custom"]?.bool != true && (plan["state"]?.string == "published" || plan["default"]?.bool == true)
    }

    /// How many there are by service, which a plan names in a link only.
    private static func count(_ plans: [JSONValue]) -> [Int: Int] {
        var counts: [Int: Int] = [:]
        for plan in plans {
            if let id = ServiceLink.service(of: plan) { counts[id, default: 0] += 1 }
        }
        return counts
    }
}
