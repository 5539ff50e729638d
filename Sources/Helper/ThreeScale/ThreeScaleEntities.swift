import Bytes
import HTTP
import HelperCore
import JSON

/// 3scale's JSON entities as the core's values. Every attribute is optional on the wire: what cannot be missing is checked
/// here, once.
enum ThreeScaleEntities {
    /// The elements of `{"plural": [{"singular": {…}}, …]}`.
    static func list(_ value: JSONValue, _ plural: String, _ singular: String) throws(APIManagerError) -> [JSONValue] {
        guard let elements = value[plural]?.array else { throw malformed("no '\(plural)'") }
        return elements.compactMap { $0[singular] }
    }

    /// The entity of `{"singular": {…}}`.
    static func one(_ value: JSONValue, _ singular: String) throws(APIManagerError) -> JSONValue {
        guard let entity = value[singular], entity.object != nil else { throw malformed("no '\(singular)'") }
        return entity
    }

    static func id(_ entity: JSONValue) throws(APIManagerError) -> Int {
        guard let id = entity["id"]?.int(in: 0 ... .max) else { throw malformed("an entity without an id") }
        return id
    }

    // MARK: Whole answers

    static func account(in answer: ThreeScaleTransport.Dated) throws(APIManagerError) -> Account {
        try account(one(answer.value, "account"), at: answer.time)
    }

    static func application(in answer: ThreeScaleTransport.Dated) throws(APIManagerError) -> Application {
        try application(one(answer.value, "application"), at: answer.time)
    }

    static func applications(in answer: ThreeScaleTransport.Dated) throws(APIManagerError) -> [Application] {
        var applications: [Application] = []
        for entity in try list(answer.value, "applications", "application") {
            applications.append(try application(entity, at: answer.time))
        }
        return applications
    }

    // MARK: Entities

    /// - Parameter time: when 3scale answered, in seconds since 1970 by its clock.
    static func account(_ entity: JSONValue, at time: Int) throws(APIManagerError) -> Account {
        Account(
            id: try id(entity), state: entity["state"]?.string ?? "approved", age: age(entity, "created_at", at: time))
    }

    /// Seconds from a time of an entity to `time`, at least 0; nil when the entity does not tell.
    private static func age(_ entity: JSONValue, _ member: String, at time: Int) -> Int? {
        self.time(entity, member).map { max(0, time - $0) }
    }

    /// A time of an entity, in seconds since 1970; nil when the entity does not tell.
    private static func time(_ entity: JSONValue, _ member: String) -> Int? {
        entity[member]?.string.flatMap(HTTPDate.timestampSeconds)
    }

    static func plan(_ entity: JSONValue) throws(APIManagerError) -> Plan {
        Plan(
            id: try id(entity), name: entity["name"]?.string ?? "", systemName: entity["system_name"]?.string,
            isPublished: entity["state"]?.string == "published", isDefault: entity["default"]?.bool == true,
            isCustom: entity["custom"]?.bool == true, needsApproval: entity["approval_required"]?.bool == true)
    }

    static func service(
        _ entity: JSONValue, proxy: JSONValue?, plans: [Plan], isComplete: Bool = true
    ) throws(APIManagerError) -> Service {
        let id = try id(entity)
        let method = authentication(entity["backend_version"]?.string)
        return Service(
            id: id, name: entity["name"]?.string ?? String(id), systemName: entity["system_name"]?.string ?? String(id),
            description: entity["description"]?.string.flatMap { $0.isEmpty ? nil : $0 }, authentication: method,
            proxyEndpoint: endpoint(proxy?["endpoint"]?.string), placement: placement(method, proxy),
            gatewayTexts: proxy.map(gatewayTexts) ?? .standard, plans: plans, isComplete: isComplete)
    }

    /// The mode stands on the service, not on the proxy.
    private static func authentication(_ backendVersion: String?) -> AuthenticationMethod {
        switch backendVersion {
        case "2": .appIDAndKey
        case "oidc", "oauth": .oidc
        default: .apiKey
        }
    }

    private static func placement(_ method: AuthenticationMethod, _ proxy: JSONValue?) -> CredentialsPlacement {
        let location = proxy?["credentials_location"]?.string.flatMap(CredentialsPlacement.Location.init) ?? .query
        func name(_ field: String, _ usual: String) -> String {
            proxy?[field]?.string.flatMap { $0.isEmpty ? nil : $0 } ?? usual
        }
        return switch method {
        case .apiKey:
            CredentialsPlacement(location: location, parameter: name("auth_user_key", "user_key"), idParameter: nil)
        case .appIDAndKey:
            CredentialsPlacement(
                location: location, parameter: name("auth_app_key", "app_key"),
                idParameter: name("auth_app_id", "app_id"))
        // The gateway reads a bearer token, whatever the proxy's names say.
        case .oidc: CredentialsPlacement(location: .headers, parameter: "Authorization", idParameter: nil)
        }
    }

    /// What 3scale does not tell is as a new service has it.
    private static func gatewayTexts(_ proxy: JSONValue) -> GatewayTexts {
        func refusal(_ name: String, _ usual: GatewayTexts.Refusal) -> GatewayTexts.Refusal {
            GatewayTexts.Refusal(
                status: proxy["error_status_\(name)"]?.int(in: 100...599) ?? usual.status,
                text: proxy["error_\(name)"]?.string ?? usual.text)
        }
        let usual = GatewayTexts.standard
        return GatewayTexts(
            authenticationFailed: refusal("auth_failed", usual.authenticationFailed),
            authenticationMissing: refusal("auth_missing", usual.authenticationMissing),
            noMatch: refusal("no_match", usual.noMatch),
            limitsExceeded: refusal("limits_exceeded", usual.limitsExceeded))
    }

    /// What of a proxy, edited or deployed, a client of the API needs to know. The rest holds secrets.
    static func publicPart(ofProxy proxy: JSONValue) -> JSONValue {
        let refusals = ["auth_failed", "auth_missing", "no_match", "limits_exceeded"]
        let names =
            ["endpoint", "credentials_location", "auth_user_key", "auth_app_id", "auth_app_key"]
            + refusals.flatMap { ["error_\($0)", "error_status_\($0)"] }
        return .object(JSONObject(names.compactMap { name in proxy[name].map { (name, $0) } }))
    }

    /// Without the port that the scheme implies.
    static func endpoint(_ text: String?) -> String? {
        guard let text, !text.isEmpty else { return nil }
        guard let url = WebURL(text) else { return text }
        return url.shortBase + (url.rest == "/" ? "" : url.rest)
    }

    /// - Parameter time: when 3scale answered, in seconds since 1970 by its clock.
    static func application(_ entity: JSONValue, at time: Int) throws(APIManagerError) -> Application {
        guard let service = entity["service_id"]?.int(in: 0 ... .max),
            let plan = entity["plan_id"]?.int(in: 0 ... .max),
            let account = entity["account_id"]?.int(in: 0 ... .max) ?? entity["user_account_id"]?.int(in: 0 ... .max)
        else { throw malformed("an application without service, plan or account") }
        return Application(
            id: try id(entity), serviceID: service, accountID: account,
            plan: PlanReference(id: plan, name: entity["plan_name"]?.string ?? ""),
            state: state(entity),
            description: entity["description"]?.string, credentials: credentials(entity),
            age: age(entity, "created_at", at: time), unchangedFor: age(entity, "updated_at", at: time),
            createdAt: self.time(entity, "created_at"), updatedAt: self.time(entity, "updated_at"),
            lastUsedAt: self.time(entity, "first_daily_traffic_at"), shownAt: time)
    }

    /// One that is live but not enabled does not work: its account or the tenant is scheduled for deletion.
    private static func state(_ entity: JSONValue) -> Application.State {
        let state = Application.State(rawValue: entity["state"]?.string ?? "") ?? .suspended
        return state == .live && entity["enabled"]?.bool == false ? .suspended : state
    }

    /// What the mode of the service makes visible.
    private static func credentials(_ entity: JSONValue) -> Application.Credentials {
        if let id = entity["client_id"]?.string {
            return entity["client_secret"]?.string.map { .client(id: id, secret: $0) } ?? .none
        }
        if let id = entity["application_id"]?.string { return .appID(id) }
        return entity["user_key"]?.string.map(Application.Credentials.userKey) ?? .none
    }

    static func malformed(_ what: String) -> APIManagerError {
        .malformed(cause: "3scale's answer has \(what)", outcomeUnknown: false)
    }
}
