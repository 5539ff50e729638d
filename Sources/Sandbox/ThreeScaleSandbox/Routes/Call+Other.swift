import HTTP
import HTTPServer
import JSON

extension Call {
    // MARK: Analytics

    /// `/stats/{applications|services}/{id}/usage`: in the documented shape, without traffic.
    func stats(_ path: [String]) throws(Refusal) -> Response {
        guard method == .get, path.count == 3, path[2] == "usage", let id = Int(path[1]) else { return unknownRoute }
        guard let metricName = text("metric_name") else {
            return .text("Required parameter missing: metric_name", status: .badRequest)
        }
        let application = path[0] == "applications" ? tenant.applications[id] : nil
        let service = application?.serviceID ?? (path[0] == "services" ? id : 0)
        if path[0] == "applications", application == nil {
            return reply.error("Application not found", .notFound)
        }
        guard tenant.services[service] != nil else { return reply.error("Service not found", .notFound) }
        guard
            let metric = tenant.metrics.values.first(where: { $0.serviceID == service && $0.systemName == metricName })
        else { return reply.error("metric \(metricName) not found", .badRequest) }
        let steps = ["day": 24, "week": 28, "month": 30, "year": 12, "eternity": 1]
        guard let period = text("period") else {
            return text("granularity") == nil
                ? .text("Required parameter missing: granularity", status: .badRequest)
                : reply.error("You need to specify either 'range' or 'since' and 'until'", .badRequest)
        }
        guard let count = steps[period] else {
            return reply.error(
                "Period must be one of [\"year\", \"month\", \"week\", \"day\", \"eternity\"] not \"\(period)\"",
                .badRequest)
        }
        return Reply.json(usage(metric, period, count, application))
    }

    private func usage(
        _ metric: MetricRecord, _ period: String, _ count: Int, _ application: ApplicationRecord?
    ) -> JSONValue {
        let granularities = ["day": "hour", "week": "21600", "month": "day", "year": "month", "eternity": "eternity"]
        var object = JSONObject([
            (
                "metric",
                [
                    "id": .int(metric.id), "name": .string(metric.friendlyName),
                    "system_name": .string(metric.systemName),
                    "unit": .string(metric.unit),
                ]
            ),
            (
                "period",
                [
                    "name": .string(period), "since": json.stamp(now - 86_400), "until": json.stamp(now),
                    "timezone": "Etc/UTC", "granularity": .string(granularities[period] ?? "hour"),
                ]
            ), ("total", 0), ("values", .array(Array(repeating: 0, count: count))),
        ])
        if let application {
            object["application"] = [
                "id": .int(application.id), "name": application.name.map(JSONValue.string) ?? .null,
                "state": .string(application.state), "link": .string("/p/admin/applications/\(application.id)"),
                "description": application.description.map(JSONValue.string) ?? .null,
                "plan": [
                    "id": .int(application.planID), "name": .string(tenant.plans[application.planID]?.name ?? ""),
                ],
                "account": [
                    "id": .int(application.accountID),
                    "name": .string(tenant.accounts[application.accountID]?.orgName ?? ""),
                    "link": .string("/buyers/accounts/\(application.accountID)"),
                ], "service": ["id": .int(application.serviceID)],
            ]
        }
        return .object(object)
    }

    // MARK: Access tokens

    /// `GET personal/access_tokens`: those of the calling token's owner, who has no other here. Values are never shown.
    func accessTokens() throws(Refusal) -> Response {
        guard let token else { throw .denied("Access denied") }
        var object = JSONObject([
            ("id", 1), ("name", "sandbox"), ("scopes", .array(token.scopes.sorted().map(JSONValue.string))),
            ("permission", .string(token.isReadOnly ? "ro" : "rw")),
        ])
        if let expiry = token.expiresAt { object["expires_at"] = json.stamp(expiry) }
        return reply.entity(list([.object(object)], "access_tokens", "access_token"))
    }

    // MARK: Webhooks

    private static let webhookSwitches = [
        "active", "provider_actions", "account_created_on", "account_updated_on", "account_deleted_on",
        "account_plan_changed_on", "user_created_on", "user_updated_on", "user_deleted_on", "application_created_on",
        "application_updated_on", "application_deleted_on", "application_suspended_on", "application_plan_changed_on",
        "application_user_key_updated_on", "application_key_created_on", "application_key_deleted_on",
        "application_key_updated_on",
    ]

    /// `PUT webhooks`, `GET`/`DELETE webhooks/failures`. Nothing is ever delivered.
    mutating func webhooks(_ path: [String]) throws(Refusal) -> Response {
        if path == ["failures"] {
            guard tenant.knobs.hasWebhooks else { throw .notPermitted }
            if method == .get { return reply.entity(list([], "webhooks-failures", "webhooks-failure")) }
            return method == .delete ? deleted : unknownRoute
        }
        guard path.isEmpty, method == .put else { return unknownRoute }
        unwrap("web_hook")
        if let url = text("url"), !url.hasPrefix("http://"), !url.hasPrefix("https://") {
            throw .invalid([("url", ["invalid"])])
        }
        try write()
        for name in ["url"] + Self.webhookSwitches {
            if let value = text(name) { tenant.webhook[name] = value }
        }
        var object = JSONObject()
        object["url"] = tenant.webhook["url"].map(JSONValue.string)
        for name in Self.webhookSwitches { object[name] = .bool(["true", "1"].contains(tenant.webhook[name])) }
        return reply.entity(one("webhook", .object(object)))
    }
}
