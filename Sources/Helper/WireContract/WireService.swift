package import JSON

/// A service of `GET /api/services`. The caller's secrets in it are not read: lists are shown on screens.
package struct WireService: Sendable, Equatable {
    package let id: String
    package let name: String
    package let systemName: String
    package let description: String?
    package let endpoint: String?
    package let authentication: String
    package let placement: WirePlacement
    package let hasKey: Bool
    package let keyState: String?
    package let planName: String?

    package init(_ value: JSONValue) throws(WireProblem) {
        let service = try WireObject(value, "services")
        id = try service.text("id")
        name = try service.text("name")
        systemName = try service.text("system_name")
        description = try service.optionalText("description")
        endpoint = try service.optionalText("proxy_endpoint")
        authentication = try service.text("authentication_method")
        placement = try WirePlacement(service.child("credentials"))
        hasKey = try service.flag("has_api_key")
        keyState = try service.optionalText("key_state")
        planName = try service.optionalChild("plan")?.text("name")
    }
}

/// Where a service's gateway wants the credentials.
package struct WirePlacement: Sendable, Equatable {
    /// `headers`, `query` or `authorization`.
    package let location: String
    package let parameter: String
    /// Where a key comes in two halves, the name of the first.
    package let idParameter: String?

    package init(_ credentials: WireObject) throws(WireProblem) {
        location = try credentials.text("location")
        parameter = try credentials.text("parameter")
        idParameter = try credentials.optionalText("id_parameter")
    }
}

/// The data of `GET /api/services`.
package struct WireServiceList: Sendable, Equatable {
    package let services: [WireService]
    package let user: String
    package let email: String?
    /// The data without the caller's secrets, for output as JSON.
    package let shown: JSONValue

    package init(_ data: WireObject) throws(WireProblem) {
        var services: [WireService] = []
        var shown: [JSONValue] = []
        for value in try data.list("services") {
            services.append(try WireService(value))
            shown.append(Self.withoutSecrets(value))
        }
        self.services = services
        self.shown = .array(shown)
        let person = try data.child("user")
        user = try person.text("soeid")
        email = try person.optionalText("email")
    }

    private static let secrets = ["app_key", "client_secret"]

    /// A list is shown on screens and kept in logs of jobs: keys are answered by the commands that ask for one.
    private static func withoutSecrets(_ service: JSONValue) -> JSONValue {
        guard var object = service.object else { return service }
        object["api_key"] = nil
        if var credentials = object["credentials"]?.object {
            for name in secrets { credentials[name] = nil }
            object["credentials"] = .object(credentials)
        }
        return .object(object)
    }
}

/// A plan of `GET /api/services/{id}/plans`.
package struct WirePlan: Sendable, Equatable {
    package struct Limit: Sendable, Equatable {
        package let metric: String
        package let period: String
        package let value: Int
    }

    package let id: String
    package let name: String
    package let systemName: String?
    package let isDefault: Bool
    package let needsApproval: Bool
    package let limits: [Limit]

    package init(_ value: JSONValue) throws(WireProblem) {
        let plan = try WireObject(value, "plans")
        id = try plan.text("id")
        name = try plan.text("name")
        systemName = try plan.optionalText("system_name")
        isDefault = try plan.flag("default")
        needsApproval = try plan.flag("approval_required")
        var limits: [Limit] = []
        if plan.object["limits"] != nil {
            for value in try plan.list("limits") {
                let limit = try WireObject(value, "limits")
                limits.append(
                    Limit(
                        metric: try limit.text("metric"), period: try limit.text("period"),
                        value: try limit.number("value")))
            }
        }
        self.limits = limits
    }
}
