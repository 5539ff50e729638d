import HTTP
import HTTPServer
import JSON

extension Call {
    /// `/stats/{applications|services}/{id}/{usage|usage_response_code|top_applications|summary}`.
    func stats(_ path: [String]) throws(Refusal) -> Response {
        guard method == .get, path.count == 3, ["applications", "services"].contains(path[0]) else {
            return unknownRoute
        }
        let id = Parameters.id(path[1]) ?? 0
        let application = path[0] == "applications" ? tenant.applications[id] : nil
        if path[0] == "applications", application == nil { return reply.error("Application not found", .notFound) }
        let service = application?.serviceID ?? id
        guard tenant.services[service] != nil else { return reply.error("Service not found", .notFound) }
        guard sees(service) else { throw .notPermitted }
        switch path[2] {
        case "usage": return try usage(service, application)
        case "usage_response_code": return try usageByCode(service, application)
        case "top_applications" where application == nil: return try topApplications(service)
        case "summary": return summary(service)
        default: return unknownRoute
        }
    }

    /// The applications whose usage counts: one, or all of a service.
    private func counted(_ service: Int, _ application: ApplicationRecord?) -> [Int] {
        application.map { [$0.id] } ?? tenant.applications.values.filter { $0.serviceID == service }.map(\.id)
    }

    private func metric(_ service: Int) throws(Refusal) -> MetricRecord {
        guard let name = text("metric_name") else { throw .missing("metric_name") }
        guard let metric = tenant.metrics.values.first(where: { $0.serviceID == service && $0.systemName == name })
        else { throw .badValue("metric \(name) not found") }
        return metric
    }

    // MARK: The period

    private func zone() throws(Refusal) -> Zone {
        if let name = text("timezone") {
            guard let zone = Zone.named(name) else { throw .failed }
            return zone
        }
        let offset = tenant.knobs.timeZoneOffset
        // Names of the zones of the sea count westwards.
        return Zone(
            name: offset == 0 ? "Etc/UTC" : "Etc/GMT\(offset > 0 ? "-" : "+")\(abs(offset) / 3_600)", standard: offset)
    }

    private func time(_ name: String) throws(Refusal) -> Int? {
        guard let text = text(name), !text.isEmpty else { return nil }
        // The real one fails at a date that it cannot read.
        guard let time = UsagePeriod.parse(text) else { throw .failed }
        return time
    }

    private func period() throws(Refusal) -> UsagePeriod {
        if let name = text("period") {
            guard let granularity = UsagePeriod.granularities[name] else {
                throw .badValue("Period must be one of [\"year\", \"month\", \"week\", \"day\"] not \"\(name)\"")
            }
            let zone = try zone()
            if let since = try time("since") {
                return UsagePeriod(
                    name: name, granularity: granularity, zone: zone, since: since,
                    until: UsagePeriod.moved(since, by: name, 1) - 1)
            }
            let local = now + zone.offset(at: now)
            return UsagePeriod(
                name: name, granularity: granularity, zone: zone, since: UsagePeriod.moved(local, by: name, -1),
                until: local)
        }
        guard let name = text("granularity") else { throw .missing("granularity") }
        guard text("since") != nil else { throw .missing("since") }
        guard text("until") != nil else {
            throw .badValue("You need to specify either 'range' or 'since' and 'until'")
        }
        guard let since = try time("since"), let until = try time("until") else { throw .failed }
        guard let granularity = UsagePeriod.Granularity(name) else {
            throw .badValue("Granularity must be one of [:month, :day, 6 hours, :hour], not \(name)")
        }
        if until - since > granularity.longest.seconds {
            throw .badValue("Time range for the granularity must be less than \(granularity.longest.name)")
        }
        return UsagePeriod(name: nil, granularity: granularity, zone: try zone(), since: since, until: until)
    }

    private func form(_ period: UsagePeriod, isWhole: Bool) -> JSONValue {
        let stamp = { (seconds: Int) -> JSONValue in
            .string(Stamp.format(seconds, offset: period.zone.offset(at: seconds)))
        }
        var object = JSONObject([
            ("name", period.name.map(JSONValue.string) ?? .null), ("since", stamp(period.since)),
            ("until", stamp(period.until)),
        ])
        guard isWhole else { return .object(object) }
        object["timezone"] = .string(period.zone.name)
        object["granularity"] =
            period.granularity == .sixHours ? .int(21_600) : .string(period.granularity.name)
        return .object(object)
    }

    // MARK: Usage

    private func form(_ metric: MetricRecord) -> JSONValue {
        [
            "id": .int(metric.id), "name": .string(metric.friendlyName), "system_name": .string(metric.systemName),
            "unit": .string(metric.unit),
        ]
    }

    private func usage(_ service: Int, _ application: ApplicationRecord?) throws(Refusal) -> Response {
        let metric = try metric(service)
        let period = try period()
        let applications = counted(service, application)
        let values = period.steps.map { tenant.traffic.total(.metric(metric.id), applications: applications, in: $0) }
        switch reply.format {
        case .json: break
        case .xml: return Reply.xml(xml.usage(metric, period, values, application))
        case .csv:
            let rows = zip(period.steps, values).map { step, value in
                "\(metric.systemName),\(metric.friendlyName),\(Stamp.spaced(step.lowerBound)),\(value)\n"
            }
            return .text(
                "Metric System Name,Metric Name,Date,Value\n" + rows.joined(), contentType: "text/csv; header=present")
        }
        var object = JSONObject([("metric", form(metric))])
        add(values, of: period, to: &object)
        if let application { object["application"] = form(application) }
        if text("skip_change") == "false" {
            let total = values.reduce(0, +)
            let before = tenant.traffic.total(.metric(metric.id), applications: applications, in: period.previous)
            object["previous_total"] = .int(before)
            let change = before == 0 ? (total == 0 ? 0 : 100) : Double(total - before) / Double(before) * 100
            object["change"] = .double(change)
        }
        return Reply.json(.object(object))
    }

    private func add(_ values: [Int], of period: UsagePeriod, to object: inout JSONObject) {
        object["period"] = form(period, isWhole: true)
        object["total"] = .int(values.reduce(0, +))
        object["values"] = .array(values.map(JSONValue.int))
    }

    private func form(_ application: ApplicationRecord) -> JSONValue {
        [
            "id": .int(application.id), "name": application.name.map(JSONValue.string) ?? .null,
            "state": .string(application.state), "link": .string("/p/admin/applications/\(application.id)"),
            "description": application.description.map(JSONValue.string) ?? .null,
            "plan": ["id": .int(application.planID), "name": .string(tenant.plans[application.planID]?.name ?? "")],
            "account": [
                "id": .int(application.accountID),
                "name": .string(tenant.accounts[application.accountID]?.orgName ?? ""),
                "link": .string("/buyers/accounts/\(application.accountID)"),
            ], "service": ["id": .int(application.serviceID)],
        ]
    }

    private func usageByCode(_ service: Int, _ application: ApplicationRecord?) throws(Refusal) -> Response {
        guard let code = text("response_code") else { throw .missing("response_code") }
        let period = try period()
        let applications = counted(service, application)
        let values = period.steps.map { tenant.traffic.total(.responseCode(code), applications: applications, in: $0) }
        var object = JSONObject([("response_code", ["code": .string(code)])])
        add(values, of: period, to: &object)
        if let application { object["application"] = form(application) }
        return Reply.json(.object(object))
    }

    /// At most ten, most used first.
    private func topApplications(_ service: Int) throws(Refusal) -> Response {
        let metric = try metric(service)
        guard text("period") != nil else { throw .missing("period") }
        guard text("since") != nil else { throw .missing("since") }
        let period = try period()
        let totals = counted(service, nil).map { id in
            (
                id: id,
                total: tenant.traffic.total(.metric(metric.id), applications: [id], in: period.since..<period.until + 1)
            )
        }
        let top = totals.filter { $0.total > 0 }.sorted { ($1.total, $0.id) < ($0.total, $1.id) }.prefix(10)
        let rows = top.compactMap { entry -> JSONValue? in
            guard let application = tenant.applications[entry.id] else { return nil }
            return [
                "name": application.name.map(JSONValue.string) ?? .null, "id": .int(application.id),
                "value": .string(String(entry.total)),
                "account": [
                    "id": .int(application.accountID),
                    "name": .string(tenant.accounts[application.accountID]?.orgName ?? ""),
                ],
                "plan": [
                    "id": .int(application.planID), "name": .string(tenant.plans[application.planID]?.name ?? ""),
                ],
                "service": ["id": .int(application.serviceID)],
            ]
        }
        return Reply.json([
            "applications": .array(rows), "metric": form(metric), "period": form(period, isWhole: false),
        ])
    }

    private func summary(_ service: Int) -> Response {
        let all = tenant.metrics.values.filter { $0.serviceID == service }.sorted { $0.id < $1.id }
        let forms = { (isMethod: Bool) -> JSONValue in
            .array(
                all.filter { ($0.parentID != nil) == isMethod }.map { metric in
                    .object(
                        JSONObject([
                            (
                                isMethod ? "method" : "metric",
                                [
                                    "id": .int(metric.id), "system_name": .string(metric.systemName),
                                    "description": metric.description.map(JSONValue.string) ?? .null,
                                    "unit": .string(metric.unit), "created_at": json.stamp(metric.createdAt),
                                    "updated_at": json.stamp(metric.createdAt), "service_id": .int(service),
                                    "friendly_name": .string(metric.friendlyName),
                                    "parent_id": metric.parentID.map(JSONValue.int) ?? .null,
                                    "tenant_id": .int(JSONForms.tenantID), "owner_id": .int(service),
                                    "owner_type": "Service",
                                ]
                            )
                        ]))
                })
        }
        return Reply.json(["metrics": forms(false), "methods": forms(true)])
    }
}
