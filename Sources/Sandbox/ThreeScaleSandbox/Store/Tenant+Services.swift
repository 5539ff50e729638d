extension Tenant {
    /// A service with the plan and metric every new one gets.
    @discardableResult
    package mutating func addService(
        name: String, systemName: String, description: String? = nil, backendVersion: String = "1",
        endpoint: String? = nil,
        credentialsLocation: String = "query", userKeyName: String = "user_key", at now: Int
    ) -> Int {
        let id = makeID()
        let host = systemName.map { $0 == "_" ? "-" : $0 }
        services[id] = ServiceRecord(
            id: id, name: name, systemName: systemName, description: description, backendVersion: backendVersion,
            endpoint: endpoint ?? "https://\(String(host)).api.example.com:443",
            credentialsLocation: credentialsLocation,
            authUserKey: userKeyName, apiBackend: "https://backend.example.com:443", productionVersion: 1,
            createdAt: now,
            updatedAt: now)
        addPlan(.service, service: id, name: "Default", published: true, at: now)
        addMetric(service: id, systemName: "hits", friendlyName: "Hits", at: now)
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
            systemName: systemName ?? name.lowercased().map { $0.isLetter || $0.isNumber ? String($0) : "_" }.joined(),
            isPublished: published, isDefault: false, isCustom: custom, needsApproval: needsApproval, createdAt: now,
            updatedAt: now)
        if isDefault { makeDefault(id) }
        return id
    }

    @discardableResult
    package mutating func addMetric(
        service: Int, systemName: String, friendlyName: String, parent: Int? = nil, at now: Int
    ) -> Int {
        let id = makeID()
        metrics[id] = MetricRecord(
            id: id, serviceID: service, parentID: parent, systemName: systemName, friendlyName: friendlyName,
            createdAt: now)
        return id
    }

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
    ///   - isPromoted: whether it has a configuration in production.
    ///   - hasServicePlans: false deletes its service plans.
    /// - Returns: false when there is no such service.
    package mutating func damage(service id: Int, isPromoted: Bool, hasServicePlans: Bool) -> Bool {
        guard let version = services[id]?.productionVersion else { return false }
        services[id]?.productionVersion = isPromoted ? max(1, version) : 0
        if !hasServicePlans { for plan in plans(.service, service: id) { plans[plan.id] = nil } }
        return true
    }

    /// Deletes a metric with its methods and limits.
    mutating func deleteMetric(_ id: Int) {
        let gone = Set(metrics.values.filter { $0.id == id || $0.parentID == id }.map(\.id))
        metrics = metrics.filter { !gone.contains($0.key) }
        limits = limits.filter { !gone.contains($0.value.metricID) }
    }

    /// Deletes a service with all that belongs to it.
    mutating func deleteService(_ id: Int) {
        services[id] = nil
        applications.removeAll { $0.serviceID == id }
        subscriptions.removeAll { $0.serviceID == id }
        let gone = Set(plans.values.filter { $0.serviceID == id }.map(\.id))
        plans.removeAll { gone.contains($0.id) }
        limits = limits.filter { !gone.contains($0.value.planID) }
        metrics = metrics.filter { $0.value.serviceID != id }
    }
}
