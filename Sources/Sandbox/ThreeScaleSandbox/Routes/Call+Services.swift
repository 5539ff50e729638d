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

    // MARK: Services

    var visibleServices: [ServiceRecord] {
        tenant.services.values.filter { sees($0.id) }.sorted { $0.id < $1.id }
    }

    private mutating func services(_ path: [String]) throws(Refusal) -> Response {
        guard let first = path.first else {
            switch method {
            case .get:
                let page = try page(visibleServices)
                return dated(
                    reply.entity(
                        page.json("services", "service", json.service), xml: page.xml("services") { xml.service($0) }),
                    page.rows.map(\.updatedAt))
            case .post: return try createService()
            default: return unknownRoute
            }
        }
        guard let id = Parameters.id(first), let service = tenant.services[id], sees(id) else { throw .notFound }
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
        try unwrapBody("service")
        try adminsOnly()
        let name = text("name") ?? ""
        let systemName = text("system_name") ?? Tenant.systemName(of: name)
        var errors: Tenant.Errors = []
        if name.isEmpty { errors.append(("name", ["can't be blank"])) }
        if name.unicodeScalars.count > 255 { errors.append(("name", [Self.tooLong])) }
        if !name.isEmpty {
            if systemName.utf8.count > 255 {
                errors.append(("system_name", [Self.tooLong]))
            } else if !systemName.utf8.allSatisfy(Self.isOfSystemName) {
                errors.append(("system_name", ["invalid"]))
            } else if tenant.services.values.contains(where: { $0.systemName == systemName }) {
                errors.append(("system_name", ["has already been taken"]))
            }
        }
        guard errors.isEmpty else { throw .invalid(errors) }
        let mode = text("backend_version") ?? "1"
        try Self.checkMode(mode)
        try write()
        let id = tenant.addService(
            name: name, systemName: systemName, description: text("description"), backendVersion: mode,
            isPromoted: false, at: now)
        return created(try show(service: id, status: .created), "services", id)
    }

    private static let tooLong = "is too long (maximum is 255 characters)"

    private static func isOfSystemName(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
            || [0x2D, 0x2E, 0x5F, 0x2F].contains(byte)
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
            switch text("state_event") {
            case "publish": changed.state = "published"
            case "hide": changed.state = "hidden"
            default: break
            }
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

    private mutating func metrics(_ service: ServiceRecord, _ path: [String]) throws(Refusal) -> Response {
        let all = tenant.metrics.values.filter { $0.serviceID == service.id }.sorted { $0.id < $1.id }
        guard let first = path.first else {
            if method == .get {
                return dated(reply.entity(list(all.map(json.metric), "metrics", "metric")), all.map(\.createdAt))
            }
            guard method == .post else { return unknownRoute }
            return try createMetric(service, parent: nil, "metric")
        }
        guard let id = Parameters.id(first), let metric = all.first(where: { $0.id == id }) else { throw .notFound }
        if path.count == 1 { return try self.metric(metric, "metric") }
        if path.count == 3, path[1] == "methods" {
            guard let method = Parameters.id(path[2]).flatMap({ tenant.metrics[$0] }), method.parentID == id else {
                throw .notFound
            }
            return try self.metric(method, "method")
        }
        guard path.count == 2, path[1] == "methods" else { return unknownRoute }
        if method == .get {
            return reply.entity(list(all.filter { $0.parentID == id }.map(json.method), "methods", "method"))
        }
        guard method == .post else { return unknownRoute }
        return try createMetric(service, parent: id, "method")
    }

    private func form(_ metric: MetricRecord, _ kind: String) -> JSONValue {
        one(kind, kind == "method" ? json.method(metric) : json.metric(metric))
    }

    private mutating func metric(_ metric: MetricRecord, _ kind: String) throws(Refusal) -> Response {
        switch method {
        case .get: return reply.entity(form(metric, kind))
        case .put:
            unwrap("metric")
            var changed = metric
            changed.friendlyName = text("friendly_name") ?? changed.friendlyName
            changed.unit = text("unit") ?? changed.unit
            try write()
            tenant.metrics[metric.id] = changed
            return reply.entity(form(changed, kind))
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
        let systemName = text("system_name") ?? Tenant.systemName(of: name)
        let others = tenant.metrics.values.filter { $0.serviceID == service.id }
        var errors: Tenant.Errors = []
        if others.contains(where: { $0.systemName == systemName }) {
            errors.append(("system_name", ["has already been taken"]))
        }
        if others.contains(where: { $0.friendlyName == name }) {
            errors.append(("friendly_name", ["has already been taken"]))
        }
        guard errors.isEmpty else { throw .invalid(errors) }
        try write()
        let id = tenant.addMetric(
            service: service.id, systemName: systemName, friendlyName: name, unit: text("unit") ?? "hit",
            parent: parent, at: now)
        guard let metric = tenant.metrics[id] else { throw .notFound }
        let path = "services/\(service.id)/metrics" + (parent.map { "/\($0)/methods" } ?? "")
        return created(reply.entity(form(metric, kind), status: .created), path, id)
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
        guard let id = Parameters.id(first), let plan = all.first(where: { $0.id == id }) else { throw .notFound }
        switch (method, path.count > 1 ? path[1] : "") {
        case (.get, ""): return reply.entity(one(kind.rawValue, json.plan(plan)), xml: xml.plan(plan))
        case (.put, "default"):
            try write()
            tenant.makeDefault(id)
            return try show(plan: id)
        case (.put, ""):
            unwrap(kind.rawValue)
            var changed = plan
            try apply(to: &changed)
            try write()
            tenant.plans[id] = changed
            return try show(plan: id)
        case (.delete, ""):
            if tenant.applications.values.contains(where: { $0.planID == id }) {
                throw .forbidden([
                    (
                        "base",
                        ["This application plan cannot be deleted! At least one application depends on it."]
                    )
                ])
            }
            try write()
            tenant.plans[id] = nil
            return deleted
        default: return unknownRoute
        }
    }

    private mutating func createPlan(_ kind: PlanRecord.Kind, _ service: ServiceRecord) throws(Refusal) -> Response {
        try unwrapBody(kind.rawValue)
        guard let name = text("name"), !name.isEmpty else { throw .invalid([("name", ["can't be blank"])]) }
        let systemName = text("system_name") ?? Tenant.systemName(of: name)
        if tenant.plans(kind, service: service.id).contains(where: { $0.systemName == systemName }) {
            throw .invalid([("system_name", ["has already been taken"])])
        }
        var plan = PlanRecord(
            id: 0, kind: kind, serviceID: service.id, name: name, systemName: systemName, isPublished: false,
            isDefault: false, isCustom: false, needsApproval: false, createdAt: now, updatedAt: now)
        try apply(to: &plan)
        try write()
        let id = tenant.addPlan(
            kind, service: service.id, name: name, systemName: systemName, published: plan.isPublished,
            needsApproval: plan.needsApproval, at: now)
        tenant.plans[id]?.costPerMonth = plan.costPerMonth
        tenant.plans[id]?.setupFee = plan.setupFee
        tenant.plans[id]?.trialDays = plan.trialDays
        return created(
            try show(plan: id, status: .created), "services/\(service.id)/\(kind.rawValue)s", id)
    }

    private func apply(to plan: inout PlanRecord) throws(Refusal) {
        var errors: Tenant.Errors = []
        plan.name = text("name") ?? plan.name
        if let event = text("state_event") {
            let isPublished = event == "publish"
            if plan.isPublished == isPublished {
                errors.append(("state_event", ["cannot transition when \(isPublished ? "published" : "hidden")"]))
            }
            plan.isPublished = isPublished
        }
        plan.needsApproval = parameters?.bool("approval_required") ?? plan.needsApproval
        for (name, path) in [("cost_per_month", \PlanRecord.costPerMonth), ("setup_fee", \PlanRecord.setupFee)] {
            guard let value = text(name) else { continue }
            let number = Double(value)
            if number == nil { errors.append((name, ["is not a number"])) }
            if let number, number < 0 { errors.append((name, ["must be greater than or equal to 0.0"])) }
            plan[keyPath: path] = number ?? 0
        }
        if let value = text("trial_period_days") {
            if Int(value) == nil { errors.append(("trial_period_days", ["is not a number"])) }
            plan.trialDays = Int(value)
        }
        plan.updatedAt = now
        guard errors.isEmpty else { throw .invalid(errors) }
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
        guard let id = Parameters.id(first), let plan = tenant.plans[id], plan.kind == .application else {
            throw .notFound
        }
        switch path.dropFirst().first {
        case "limits" where method == .get:
            let all = tenant.limits.values.filter { $0.planID == id }.sorted { $0.id < $1.id }
            let page = try page(all)
            return reply.entity(page.json("limits", "limit", json.limit), xml: page.xml("limits", xml.limit))
        case "features" where method == .get: return reply.entity(list([], "features", "feature"))
        case "pricing_rules" where method == .get: return reply.entity(list([], "pricing_rules", "pricing_rule"))
        case "metrics" where path.count == 4 && path[3] == "pricing_rules" && method == .post:
            return try createPricingRule(plan, Parameters.id(path[2]))
        case "metrics" where path.count == 4 && path[3] == "limits":
            return try metricLimits(plan, Parameters.id(path[2]))
        case "metrics" where path.count == 5 && path[3] == "limits":
            guard let limit = Parameters.id(path[4]).flatMap({ tenant.limits[$0] }), limit.planID == id,
                limit.metricID == Parameters.id(path[2])
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
                throw .invalid([("period", ["is invalid"])])
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
            throw .invalid([("period", ["is invalid"])])
        }
        let value = int("value") ?? 0
        if all.contains(where: { $0.period == period }) { throw .invalid([("period", ["has already been taken"])]) }
        try write()
        let id = tenant.addLimit(plan: plan.id, metric: metric, period: period, value: value, at: now)
        guard let limit = tenant.limits[id] else { throw .notFound }
        return created(
            reply.entity(one("limit", json.limit(limit)), status: .created),
            "application_plans/\(plan.id)/metrics/\(metric)/limits", id)
    }

    /// Answered and not kept: nothing here is billed.
    private mutating func createPricingRule(_ plan: PlanRecord, _ metric: Int?) throws(Refusal) -> Response {
        guard let metric, let service = tenant.metrics[metric]?.serviceID else { throw .notFound }
        try unwrapBody("pricing_rule")
        try write()
        let id = tenant.makeID()
        return created(
            reply.entity(
                one(
                    "pricing_rule",
                    [
                        "id": .int(id), "metric_id": .int(metric),
                        "cost_per_unit": .string(text("cost_per_unit") ?? "0.0"), "min": .int(int("min") ?? 1),
                        "max": int("max").map(JSONValue.int) ?? .null, "created_at": json.stamp(now),
                        "updated_at": json.stamp(now),
                        "links": json.links([
                            ("metric", "services/\(service)/metrics/\(metric)"),
                            ("plan", "services/\(service)/application_plans/\(plan.id)"),
                        ]),
                    ]), status: .created), "application_plans/\(plan.id)/metrics/\(metric)/pricing_rules", id)
    }
}
