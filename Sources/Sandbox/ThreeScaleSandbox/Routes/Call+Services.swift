import HTTP
import HTTPServer
import JSON

extension Call {
    /// Everything below `/admin/api/`.
    mutating func route(_ path: [String]) throws(Refusal) -> Response {
        switch path.first {
        case "services": return try services(Array(path.dropFirst()))
        case "application_plans": return try applicationPlans(Array(path.dropFirst()))
        case "service_plans" where path.count == 1 && method == .get:
            return reply.entity(list(tenant.plans(.service).map(json.plan), "plans", "service_plan"))
        case "account_plans" where path.count == 1 && method == .get:
            return reply.entity(list(tenant.plans(.account).map(json.plan), "plans", "account_plan"))
        case "account" where path.count == 3 && path[1] == "proxy_configs" && method == .get:
            return try proxyConfigs(environment: path[2])
        case "signup" where path.count == 1 && method == .post: return try signup()
        case "accounts": return try accounts(Array(path.dropFirst()))
        case "applications": return try tenantApplications(Array(path.dropFirst()))
        case "personal" where path == ["personal", "access_tokens"] && method == .get: return try accessTokens()
        case "webhooks": return try webhooks(Array(path.dropFirst()))
        default: return unknownRoute
        }
    }

    var unknownRoute: Response { Reply.json(["status": 404, "error": "Not Found"], status: .notFound) }

    // MARK: Services

    private var visibleServices: [ServiceRecord] {
        tenant.services.values.filter { sees($0.id) }.sorted { $0.id < $1.id }
    }

    private mutating func services(_ path: [String]) throws(Refusal) -> Response {
        guard let first = path.first else {
            switch method {
            case .get:
                let page = try page(visibleServices)
                return reply.entity(
                    page.json("services", "service", json.service), xml: page.xml("services") { xml.service($0) })
            case .post: return try createService()
            default: return unknownRoute
            }
        }
        guard let id = Int(first), let service = tenant.services[id], sees(id) else { throw .notFound }
        switch path.count > 1 ? path[1] : "" {
        case "": return try self.service(service)
        case "proxy": return try proxy(service, Array(path.dropFirst(2)))
        case "application_plans": return try plans(.application, service, Array(path.dropFirst(2)))
        case "service_plans": return try plans(.service, service, Array(path.dropFirst(2)))
        case "metrics": return try metrics(service, Array(path.dropFirst(2)))
        case "features" where method == .get: return reply.entity(list([], "features", "feature"))
        default: return unknownRoute
        }
    }

    private mutating func createService() throws(Refusal) -> Response {
        unwrap("service")
        guard let name = text("name"), !name.isEmpty else { throw .invalid([("name", ["can't be blank"])]) }
        let systemName =
            text("system_name") ?? name.lowercased().map { $0.isLetter || $0.isNumber ? String($0) : "_" }.joined()
        if tenant.services.values.contains(where: { $0.systemName == systemName }) {
            throw .invalid([("system_name", ["has already been taken"])])
        }
        let mode = text("backend_version") ?? "1"
        try Self.checkMode(mode)
        try write()
        let id = tenant.addService(
            name: name, systemName: systemName, description: text("description"), backendVersion: mode, at: now)
        return try show(service: id, status: .created)
    }

    private func show(service id: Int, status: HTTPStatus = .ok) throws(Refusal) -> Response {
        guard let service = tenant.services[id] else { throw .notFound }
        return reply.entity(one("service", json.service(service)), xml: xml.service(service), status: status)
    }

    private static func checkMode(_ mode: String) throws(Refusal) {
        guard ["1", "2", "oauth", "oidc"].contains(mode) else {
            throw .invalid([("backend_version", ["is not included in the list"])])
        }
    }

    private mutating func service(_ service: ServiceRecord) throws(Refusal) -> Response {
        switch method {
        case .get: return try show(service: service.id)
        case .put:
            unwrap("service")
            var changed = service
            if let mode = text("backend_version") {
                try Self.checkMode(mode)
                changed.backendVersion = mode
            }
            changed.name = text("name") ?? changed.name
            changed.description = text("description") ?? changed.description
            changed.mandatoryAppKey = parameters?.bool("mandatory_app_key") ?? changed.mandatoryAppKey
            changed.updatedAt = now
            try write()
            tenant.services[service.id] = changed
            return try show(service: service.id)
        case .delete:
            // A tenant keeps one service.
            guard tenant.services.count > 1 else { throw .notPermitted }
            try write()
            tenant.scheduleDeletion(of: service, at: milliseconds)
            return deleted
        default: return unknownRoute
        }
    }

    private mutating func proxy(_ service: ServiceRecord, _ path: [String]) throws(Refusal) -> Response {
        if path == ["oidc_configuration"], method == .get {
            return reply.entity(one("oidc_configuration", JSONForms.oidcConfiguration))
        }
        let isDeploy = path == ["deploy"] && method == .post
        guard path.isEmpty || isDeploy else { return unknownRoute }
        if method == .get {
            return reply.entity(one("proxy", json.proxy(service)), xml: xml.proxy(service))
        }
        guard method == .put || isDeploy else { return unknownRoute }
        unwrap("proxy")
        var changed = service
        changed.endpoint = text("endpoint") ?? changed.endpoint
        changed.apiBackend = text("api_backend") ?? changed.apiBackend
        changed.credentialsLocation = text("credentials_location") ?? changed.credentialsLocation
        changed.authUserKey = text("auth_user_key") ?? changed.authUserKey
        changed.authAppID = text("auth_app_id") ?? changed.authAppID
        changed.authAppKey = text("auth_app_key") ?? changed.authAppKey
        changed.lockVersion += 1
        changed.updatedAt = now
        if isDeploy { changed.productionVersion += 1 }
        try write()
        tenant.services[service.id] = changed
        return reply.entity(
            one("proxy", json.proxy(changed)), xml: xml.proxy(changed), status: isDeploy ? .created : .ok)
    }

    private func proxyConfigs(environment: String) throws(Refusal) -> Response {
        guard ["production", "sandbox", "staging"].contains(environment) else { throw .text("invalid environment") }
        let name = environment == "staging" ? "sandbox" : environment
        let promoted = visibleServices.filter { name == "sandbox" || $0.productionVersion > 0 }
        let page = try page(promoted)
        return reply.entity(page.json("proxy_configs", "proxy_config") { json.proxyConfig($0, environment: name) })
    }

    private mutating func metrics(_ service: ServiceRecord, _ path: [String]) throws(Refusal) -> Response {
        let all = tenant.metrics.values.filter { $0.serviceID == service.id }.sorted { $0.id < $1.id }
        guard let first = path.first else {
            if method == .get { return reply.entity(list(all.map(json.metric), "metrics", "metric")) }
            guard method == .post else { return unknownRoute }
            return try createMetric(service, parent: nil, "metric")
        }
        guard let id = Int(first), let metric = all.first(where: { $0.id == id }) else { throw .notFound }
        if path.count == 1 { return try self.metric(metric, "metric") }
        if path.count == 3, path[1] == "methods" {
            guard let method = Int(path[2]).flatMap({ tenant.metrics[$0] }), method.parentID == id else {
                throw .notFound
            }
            return try self.metric(method, "method")
        }
        guard path.count == 2, path[1] == "methods" else { return unknownRoute }
        if method == .get {
            return reply.entity(list(all.filter { $0.parentID == id }.map(json.metric), "methods", "method"))
        }
        guard method == .post else { return unknownRoute }
        return try createMetric(service, parent: id, "method")
    }

    private mutating func metric(_ metric: MetricRecord, _ kind: String) throws(Refusal) -> Response {
        switch method {
        case .get: return reply.entity(one(kind, json.metric(metric)))
        case .put:
            unwrap("metric")
            var changed = metric
            changed.friendlyName = text("friendly_name") ?? changed.friendlyName
            changed.unit = text("unit") ?? changed.unit
            try write()
            tenant.metrics[metric.id] = changed
            return reply.entity(one(kind, json.metric(changed)))
        case .delete:
            try write()
            tenant.deleteMetric(metric.id)
            return deleted
        default: return unknownRoute
        }
    }

    private mutating func createMetric(_ service: ServiceRecord, parent: Int?, _ kind: String) throws(Refusal)
        -> Response
    {
        unwrap("metric")
        guard let name = text("friendly_name"), !name.isEmpty else {
            throw .invalid([("friendly_name", ["can't be blank"])])
        }
        try write()
        let systemName =
            text("system_name") ?? name.lowercased().map { $0.isLetter || $0.isNumber ? String($0) : "_" }.joined()
        let id = tenant.addMetric(
            service: service.id, systemName: systemName, friendlyName: name, parent: parent, at: now)
        guard let metric = tenant.metrics[id] else { throw .notFound }
        return reply.entity(one(kind, json.metric(metric)), status: .created)
    }

    // MARK: Plans

    private mutating func plans(
        _ kind: PlanRecord.Kind, _ service: ServiceRecord, _ path: [String]
    ) throws(Refusal) -> Response {
        let all = tenant.plans(kind, service: service.id)
        guard let first = path.first else {
            if method == .get {
                return reply.entity(
                    list(all.map(json.plan), "plans", kind.rawValue),
                    xml: "<plans>\(all.map(xml.plan).joined())</plans>")
            }
            guard method == .post else { return unknownRoute }
            return try createPlan(kind, service)
        }
        guard let id = Int(first), let plan = all.first(where: { $0.id == id }) else { throw .notFound }
        switch (method, path.count > 1 ? path[1] : "") {
        case (.get, ""): return reply.entity(one(kind.rawValue, json.plan(plan)), xml: xml.plan(plan))
        case (.put, "default"):
            try write()
            tenant.makeDefault(id)
            return try show(plan: id)
        case (.put, ""):
            unwrap(kind.rawValue)
            var changed = plan
            apply(to: &changed)
            try write()
            tenant.plans[id] = changed
            return try show(plan: id)
        case (.delete, ""):
            if tenant.applications.values.contains(where: { $0.planID == id }) {
                throw .forbidden([("base", ["This plan cannot be deleted because it has applications"])])
            }
            try write()
            tenant.plans[id] = nil
            return deleted
        default: return unknownRoute
        }
    }

    private mutating func createPlan(_ kind: PlanRecord.Kind, _ service: ServiceRecord) throws(Refusal) -> Response {
        unwrap(kind.rawValue)
        guard let name = text("name"), !name.isEmpty else { throw .invalid([("name", ["can't be blank"])]) }
        try write()
        let id = tenant.addPlan(kind, service: service.id, name: name, systemName: text("system_name"), at: now)
        if var plan = tenant.plans[id] {
            apply(to: &plan)
            tenant.plans[id] = plan
        }
        return try show(plan: id, status: .created)
    }

    private func apply(to plan: inout PlanRecord) {
        plan.name = text("name") ?? plan.name
        if let event = text("state_event") { plan.isPublished = event == "publish" }
        plan.needsApproval = parameters?.bool("approval_required") ?? plan.needsApproval
        plan.costPerMonth = text("cost_per_month").flatMap(Double.init) ?? plan.costPerMonth
        plan.setupFee = text("setup_fee").flatMap(Double.init) ?? plan.setupFee
        plan.updatedAt = now
    }

    func show(plan id: Int, status: HTTPStatus = .ok) throws(Refusal) -> Response {
        guard let plan = tenant.plans[id] else { throw .notFound }
        return reply.entity(one(plan.kind.rawValue, json.plan(plan)), xml: xml.plan(plan), status: status)
    }

    private mutating func applicationPlans(_ path: [String]) throws(Refusal) -> Response {
        guard let first = path.first else {
            guard method == .get else { return unknownRoute }
            let all = tenant.plans(.application).filter { sees($0.serviceID ?? 0) }
            return reply.entity(
                list(all.map(json.plan), "plans", "application_plan"),
                xml: "<plans>\(all.map(xml.plan).joined())</plans>")
        }
        guard let id = Int(first), let plan = tenant.plans[id], plan.kind == .application else { throw .notFound }
        switch path.dropFirst().first {
        case "limits" where method == .get:
            let all = tenant.limits.values.filter { $0.planID == id }.sorted { $0.id < $1.id }
            let page = try page(all)
            return reply.entity(page.json("limits", "limit", json.limit))
        case "features" where method == .get: return reply.entity(list([], "features", "feature"))
        case "pricing_rules" where method == .get: return reply.entity(list([], "pricing_rules", "pricing_rule"))
        case "metrics" where path.count == 4 && path[3] == "limits": return try metricLimits(plan, Int(path[2]))
        case "metrics" where path.count == 5 && path[3] == "limits":
            guard let limit = Int(path[4]).flatMap({ tenant.limits[$0] }), limit.planID == id,
                limit.metricID == Int(path[2])
            else { throw .notFound }
            return try self.limit(limit)
        default: return unknownRoute
        }
    }

    private static let limitPeriods = ["eternity", "year", "month", "week", "day", "hour", "minute"]

    private mutating func limit(_ limit: LimitRecord) throws(Refusal) -> Response {
        switch method {
        case .get: return reply.entity(one("limit", json.limit(limit)))
        case .put:
            unwrap("usage_limit")
            var changed = limit
            changed.period = text("period") ?? changed.period
            changed.value = int("value") ?? changed.value
            guard Self.limitPeriods.contains(changed.period) else {
                throw .invalid([("period", ["is not included in the list"])])
            }
            let isTaken = tenant.limits.values.contains {
                $0.id != limit.id && $0.planID == limit.planID && $0.metricID == limit.metricID
                    && $0.period == changed.period
            }
            if isTaken { throw .invalid([("period", ["has already been taken"])]) }
            try write()
            tenant.limits[limit.id] = changed
            return reply.entity(one("limit", json.limit(changed)))
        case .delete:
            try write()
            tenant.limits[limit.id] = nil
            return deleted
        default: return unknownRoute
        }
    }

    private mutating func metricLimits(_ plan: PlanRecord, _ metric: Int?) throws(Refusal) -> Response {
        guard let metric, tenant.metrics[metric] != nil else { throw .notFound }
        let all = tenant.limits.values.filter { $0.planID == plan.id && $0.metricID == metric }.sorted { $0.id < $1.id }
        if method == .get { return reply.entity(list(all.map(json.limit), "limits", "limit")) }
        guard method == .post else { return unknownRoute }
        unwrap("usage_limit")
        guard let period = text("period"), Self.limitPeriods.contains(period) else {
            throw .invalid([("period", ["is not included in the list"])])
        }
        guard let value = int("value") else { throw .invalid([("value", ["is not a number"])]) }
        if all.contains(where: { $0.period == period }) { throw .invalid([("period", ["has already been taken"])]) }
        try write()
        let id = tenant.addLimit(plan: plan.id, metric: metric, period: period, value: value, at: now)
        guard let limit = tenant.limits[id] else { throw .notFound }
        return reply.entity(one("limit", json.limit(limit)), status: .created)
    }
}
