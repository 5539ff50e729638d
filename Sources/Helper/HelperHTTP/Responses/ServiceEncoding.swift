import HelperCore
import JSON

/// Services, keys and plans as the API writes them. Ids are strings; what has no value is left out, never `null`.
enum ServiceEncoding {
    static func write(_ item: ListServices.Item, withPlans: Bool = false, to writer: inout JSONWriter) {
        let service = item.service
        writer.beginObject()
        writeIdentity(service, to: &writer)
        writeCredentials(service, item.key, to: &writer)
        writeKeyState(item.key, to: &writer)
        if withPlans {
            writer.name("plans")
            writer.beginArray()
            for plan in service.plans where plan.isOffered { write(plan, limits: nil, to: &writer) }
            writer.endArray()
        }
        writer.endObject()
    }

    /// The service of an answer to `init`.
    static func writeSummary(_ service: Service, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.name("id")
        writer.string(String(service.id))
        writer.name("name")
        writer.string(service.name)
        if let endpoint = service.proxyEndpoint {
            writer.name("proxy_endpoint")
            writer.string(endpoint)
        }
        writer.name("authentication_method")
        writer.string(service.authentication.rawValue)
        writer.endObject()
    }

    static func write(_ plan: Plan, limits: [PlanLimit]?, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.name("id")
        writer.string(String(plan.id))
        writer.name("name")
        writer.string(plan.name)
        if let systemName = plan.systemName {
            writer.name("system_name")
            writer.string(systemName)
        }
        writer.name("default")
        writer.bool(plan.isDefault)
        writer.name("approval_required")
        writer.bool(plan.needsApproval)
        if let limits {
            writer.name("limits")
            writer.beginArray()
            for limit in limits {
                writer.beginObject()
                writer.name("metric")
                writer.string(limit.metric)
                writer.name("period")
                writer.string(limit.period)
                writer.name("value")
                writer.int(limit.value)
                writer.endObject()
            }
            writer.endArray()
        }
        writer.endObject()
    }

    /// Whether there is a key that works, and what there is to say of one. In a list nothing follows it, and the credentials
    /// stand before it.
    static func writeKeyState(_ key: IssuedKey?, to writer: inout JSONWriter) {
        writer.name("has_api_key")
        writer.bool(key?.state == .live)
        if let key { writeKey(key, to: &writer) }
    }

    /// `api_key`, `key_state` and `plan`.
    static func writeKey(_ key: IssuedKey, to writer: inout JSONWriter) {
        if let text = key.key {
            writer.name("api_key")
            writer.string(text)
        }
        writer.name("key_state")
        writer.string(key.state.rawValue)
        writePlan(key.plan, to: &writer)
    }

    /// `plan`.
    static func writePlan(_ plan: PlanReference, to writer: inout JSONWriter) {
        writer.name("plan")
        writer.beginObject()
        writer.name("id")
        writer.string(String(plan.id))
        writer.name("name")
        writer.string(plan.name)
        writer.endObject()
    }

    /// What a service is called and where it is.
    static func writeIdentity(_ service: Service, isDescribed: Bool = true, to writer: inout JSONWriter) {
        writer.name("id")
        writer.string(String(service.id))
        writer.name("name")
        writer.string(service.name)
        writer.name("system_name")
        writer.string(service.systemName)
        if isDescribed, let description = service.description {
            writer.name("description")
            writer.string(description)
        }
        if let endpoint = service.proxyEndpoint {
            writer.name("proxy_endpoint")
            writer.string(endpoint)
        }
        writer.name("authentication_method")
        writer.string(service.authentication.rawValue)
    }

    /// Where the credentials go, and at the end both halves of them.
    static func writeCredentials(_ service: Service, _ key: IssuedKey?, to writer: inout JSONWriter) {
        writer.name("credentials")
        writer.beginObject()
        writer.name("location")
        writer.string(service.placement.location.rawValue)
        writer.name("parameter")
        writer.string(service.placement.parameter)
        if let idParameter = service.placement.idParameter {
            writer.name("id_parameter")
            writer.string(idParameter)
        }
        if let key { writeHalves(service, key, to: &writer) }
        writer.endObject()
    }

    /// Both halves of the credentials, where the method has two.
    static func writeHalves(_ service: Service, _ key: IssuedKey, to writer: inout JSONWriter) {
        let names: (id: String, key: String)
        switch service.authentication {
        case .apiKey: return
        case .appIDAndKey: names = ("app_id", "app_key")
        case .oidc: names = ("client_id", "client_secret")
        }
        if let publicID = key.publicID {
            writer.name(names.id)
            writer.string(publicID)
        }
        if let text = key.key {
            writer.name(names.key)
            writer.string(text)
        }
    }
}
