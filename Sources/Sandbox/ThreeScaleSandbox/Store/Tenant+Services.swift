extension Tenant {
    /// A service with the plan and metric every new one gets.
    /// - Parameter isPromoted: false for a service as the API makes it, which no gateway serves yet.
    @discardableResult
    package mutating func addService(
        name: String, systemName: String, description: String? = nil, backendVersion: String = "1",
        endpoint: String? = nil,
        credentialsLocation: String = "query", userKeyName: String = "user_key", isPromoted: Bool = true, at now: Int
    ) -> Int {
        let id = makeID()
        let host = String(systemName.map { $0 == "_" ? "-" : $0 })
        var service = ServiceRecord(
            id: id, name: name, systemName: systemName, description: description, backendVersion: backendVersion,
            endpoint: endpoint ?? "https://\(host)\(publicDomain):443",
            credentialsLocation: credentialsLocation,
            authUserKey: userKeyName, apiBackend: isPromoted ? "https://backend.example.com:443" : nil, createdAt: now,
            updatedAt: now)
        service.stagingEndpoint = "https://\(host)\(stagingDomain):443"
        service.rules = [MappingRule(id: makeID(), method: "GET", pattern: "/", metric: "hits")]
        if isPromoted {
            service.staging = [ConfigRecord(id: makeID())]
            service.production = [ConfigRecord(id: makeID())]
        }
        services[id] = service
        addPlan(.service, service: id, name: "Default", published: true, at: now)
        addMetric(service: id, systemName: "hits", friendlyName: "Hits", description: "Number of API hits", at: now)
        return id
    }

    @discardableResult
    package mutating func addPlan(
        _ kind: PlanRecord.Kind, service: Int?, name: String, systemName: String? = nil, published: Bool = false,
        isDefault: Bool = false, custom: Bool = false, needsApproval: Bool = false, at now: Int
    ) -> Int {
        let id = makeID()
        plans[id] = PlanRecord(
            id: id, kind: kind, serviceID: service, name: name,
            systemName: systemName ?? Self.systemName(of: name),
            isPublished: published, isDefault: false, isCustom: custom, needsApproval: needsApproval, createdAt: now,
            updatedAt: now)
        if isDefault { makeDefault(id) }
        return id
    }

    @discardableResult
    package mutating func addMetric(
        service: Int, systemName: String, friendlyName: String, description: String? = nil, unit: String = "hit",
        parent: Int? = nil, at now: Int
    ) -> Int {
        let id = makeID()
        metrics[id] = MetricRecord(
            id: id, serviceID: service, parentID: parent, systemName: systemName, friendlyName: friendlyName,
            description: description, unit: unit, createdAt: now)
        return id
    }

    /// The system name that 3scale makes from a name: letters without their accents, `_` for all that stands between.
    static func systemName(of name: String) -> String {
        var made = ""
        for scalar in name.lowercased().unicodeScalars {
            let plain = plainLetters[scalar] ?? String(scalar)
            if plain.utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x7A).contains($0) || $0 == 0x2D }) {
                made += plain
            } else if !made.hasSuffix("_") {
                made += "_"
            }
        }
        return String(made.drop { $0 == "_" }.reversed().drop { $0 == "_" }.reversed())
    }

    private static let plainLetters: [Unicode.Scalar: String] = [
        "à": "a", "á": "a", "â": "a", "ã": "a", "ä": "a", "å": "a", "ç": "c", "è": "e", "é": "e", "ê": "e", "ë": "e",
        "ì": "i", "í": "i", "î": "i", "ï": "i", "ñ": "n", "ò": "o", "ó": "o", "ô": "o", "õ": "o", "ö": "o", "ù": "u",
        "ú": "u", "û": "u", "ü": "u", "ý": "y", "ß": "ss",
    ]

    @discardableResult
    package mutating func addLimit(plan: Int, metric: Int, period: String, value: Int, at now: Int) -> Int {
        let id = makeID()
        limits[id] = LimitRecord(id: id, planID: plan, metricID: metric, period: period, value: value, createdAt: now)
        return id
    }

    /// At most one plan of a kind and service is the default.
    mutating func makeDefault(_ id: Int) {
        guard let plan = plans[id] else { return }
        for other in plans(plan.kind, service: plan.serviceID) { plans[other.id]?.isDefault = other.id == id }
    }

    /// Puts a service into a state that the API does not lead to.
    /// - Parameters:
    ///   - isPromoted: whether it has a configuration in production; nil leaves it as it is.
    ///   - hasServicePlans: false deletes its service plans.
    /// - Returns: false when there is no such service.
    package mutating func damage(service id: Int, isPromoted: Bool?, hasServicePlans: Bool) -> Bool {
        guard let known = services[id]?.production else { return false }
        let promoted = known.isEmpty ? [ConfigRecord(id: makeID())] : known
        if let isPromoted { services[id]?.production = isPromoted ? promoted : [] }
        if !hasServicePlans { for plan in plans(.service, service: id) { plans[plan.id] = nil } }
        return true
    }

    /// Sets what a gateway lets through and counts; each rule gets an id.
    package mutating func setRules(
        _ rules: [(method: String, pattern: String, metric: String, delta: Int)], ofService id: Int
    ) {
        let made = rules.map {
            MappingRule(id: makeID(), method: $0.method, pattern: $0.pattern, metric: $0.metric, delta: $0.delta)
        }
        services[id]?.rules = made
    }

    /// Gives every service a public address at one gateway, with its system name as the path, and lets calls of OpenAI's API pass.
    package mutating func setEndpoints(gateway url: String) {
        for (id, service) in services.sorted(by: { $0.key < $1.key }) {
            services[id]?.endpoint = "\(url)/\(service.systemName)"
            let rule = MappingRule(id: makeID(), method: "POST", pattern: "/v1/", metric: "hits")
            services[id]?.rules.append(rule)
        }
    }

    /// Deletes a metric with its methods and limits.
    mutating func deleteMetric(_ id: Int) {
        let gone = Set(metrics.values.filter { $0.id == id || $0.parentID == id }.map(\.id))
        metrics = metrics.filter { !gone.contains($0.key) }
        limits = limits.filter { !gone.contains($0.value.metricID) }
    }

    /// Deletes a service with all that belongs to it.
    mutating func deleteService(_ id: Int, at milliseconds: Int) {
        gateway.retiredTokens[id] = serviceToken(id)
        for application in applications.values where application.serviceID == id {
            deleteLater(application, at: milliseconds)
        }
        services[id] = nil
        applications.removeAll { $0.serviceID == id }
        subscriptions.removeAll { $0.serviceID == id }
        let gone = Set(plans.values.filter { $0.serviceID == id }.map(\.id))
        plans.removeAll { gone.contains($0.id) }
        limits = limits.filter { !gone.contains($0.value.planID) }
        metrics = metrics.filter { $0.value.serviceID != id }
    }
}
