import HTTP
import HTTPServer
import JSON

extension Call {
    /// Everything below `services/{id}/proxy`.
    mutating func proxy(_ service: ServiceRecord, _ path: [String]) throws(Refusal) -> Response {
        switch (method, path.first ?? "") {
        case (_, "oidc_configuration") where path.count == 1: return try flows(service)
        case (_, "configs"): return try configs(service, Array(path.dropFirst()))
        case (.get, ""): return reply.entity(one("proxy", json.proxy(service)), rawXML: xml.proxy(service))
        case (.put, ""):
            unwrap("proxy")
            return try change(proxyOf: service)
        case (.post, "deploy") where path.count == 1:
            var changed = service
            changed.staging.append(ConfigRecord(id: tenant.makeID(), isDeployed: true))
            changed.updatedAt = now
            try write()
            tenant.services[service.id] = changed
            return created(
                reply.entity(one("proxy", json.proxy(changed)), rawXML: xml.proxy(changed), status: .created),
                "services/\(service.id)/proxy/deploy", service.id)
        default: return unknownRoute
        }
    }

    private mutating func change(proxyOf service: ServiceRecord) throws(Refusal) -> Response {
        var changed = service
        var errors: Tenant.Errors = []
        if let endpoint = text("endpoint") {
            // A URL gets the port of its scheme; the sandbox takes an empty one, as a self-managed gateway's.
            let isURL = endpoint.hasPrefix("http://") || endpoint.hasPrefix("https://")
            if !isURL, !endpoint.isEmpty { errors.append(("endpoint", ["Invalid domain", nil])) }
            let hasPort = endpoint.split(separator: "/").dropFirst().first?.contains(":") == true
            let port = endpoint.hasPrefix("https:") ? ":443" : ":80"
            changed.endpoint = isURL && !hasPort ? Self.inserting(port, into: endpoint) : endpoint
        }
        if let location = text("credentials_location") {
            if !["headers", "query", "authorization"].contains(location) {
                errors.append(("credentials_location", ["is not included in the list"]))
            }
            changed.credentialsLocation = location
        }
        guard errors.isEmpty else { throw .invalid(errors) }
        changed.apiBackend = text("api_backend") ?? changed.apiBackend
        changed.authUserKey = text("auth_user_key") ?? changed.authUserKey
        changed.authAppID = text("auth_app_id") ?? changed.authAppID
        changed.authAppKey = text("auth_app_key") ?? changed.authAppKey
        changed.issuerEndpoint = text("oidc_issuer_endpoint") ?? changed.issuerEndpoint
        change(&changed.texts.authFailed, "auth_failed")
        change(&changed.texts.authMissing, "auth_missing")
        change(&changed.texts.noMatch, "no_match")
        change(&changed.texts.limitsExceeded, "limits_exceeded")
        changed.lockVersion += 1
        changed.updatedAt = now
        // Without an upstream nothing can be deployed.
        if changed.apiBackend != nil { changed.staging.append(ConfigRecord(id: tenant.makeID())) }
        try write()
        tenant.services[service.id] = changed
        return reply.entity(one("proxy", json.proxy(changed)), rawXML: xml.proxy(changed))
    }

    private func change(_ refusal: inout GatewayText, _ name: String) {
        if let status = int("error_status_\(name)"), (200...599).contains(status) { refusal.status = status }
        refusal.text = text("error_\(name)") ?? refusal.text
        refusal.type = text("error_headers_\(name)") ?? refusal.type
    }

    /// The port behind the host of a URL.
    private static func inserting(_ port: String, into url: String) -> String {
        let scheme = url.hasPrefix("https://") ? "https://" : "http://"
        let rest = url.dropFirst(scheme.count)
        let host = rest.prefix { $0 != "/" }
        return "\(scheme)\(host)\(port)\(rest.dropFirst(host.count))"
    }

    /// The flows of OpenID Connect, which get an id when they are first stored.
    private mutating func flows(_ service: ServiceRecord) throws(Refusal) -> Response {
        guard method == .get || method == .put else { return unknownRoute }
        if method == .put {
            unwrap("oidc_configuration")
            try write()
            var changed = service
            changed.flowsID = service.flowsID ?? tenant.makeID()
            changed.hasServiceAccounts = parameters?.bool("service_accounts_enabled") ?? service.hasServiceAccounts
            tenant.services[service.id] = changed
        }
        return reply.entity(one("oidc_configuration", JSONForms.oidcConfiguration(tenant.services[service.id])))
    }

    /// `proxy/configs/{environment}`, `…/latest`, `…/{version}`, `…/{version}/promote`.
    private mutating func configs(_ service: ServiceRecord, _ path: [String]) throws(Refusal) -> Response {
        guard let name = path.first.map({ $0 == "staging" ? "sandbox" : $0 }) else { return unknownRoute }
        guard ["production", "sandbox"].contains(name) else { throw .notFound }
        let configs = name == "production" ? service.production : service.staging
        guard path.count > 1 else {
            guard method == .get else { return unknownRoute }
            let page = try page(configs.indices.map { $0 + 1 })
            return dated(
                reply.entity(
                    page.json("proxy_configs", "proxy_config") { json.proxyConfig(service, name, version: $0) }),
                page.rows.isEmpty ? [] : [service.updatedAt])
        }
        guard let version = path[1] == "latest" ? configs.count : Parameters.id(path[1]),
            (1...configs.count + 1).contains(version), version <= configs.count
        else { throw .notFound }
        if path.count == 2, method == .get {
            return reply.entity(one("proxy_config", json.proxyConfig(service, name, version: version)))
        }
        guard path.count == 3, path[2] == "promote", method == .post, name == "sandbox" else { return unknownRoute }
        var changed = service
        let promoted = ConfigRecord(id: tenant.makeID(), isDeployed: configs[version - 1].isDeployed)
        changed.production.append(promoted)
        try write()
        tenant.services[service.id] = changed
        return created(
            reply.entity(
                one("proxy_config", json.proxyConfig(changed, "production", version: changed.production.count)),
                status: .created), "services/\(service.id)/proxy/configs/sandbox/\(version)/promote", promoted.id)
    }

    /// The latest of each service, or with another `version` every one of them.
    func proxyConfigs(environment: String) throws(Refusal) -> Response {
        guard ["production", "sandbox", "staging"].contains(environment) else { throw .text("invalid environment") }
        let name = environment == "staging" ? "sandbox" : environment
        var configs: [(service: ServiceRecord, version: Int)] = []
        for service in visibleServices {
            let count = (name == "production" ? service.production : service.staging).count
            let versions = text("version") == "latest" ? Array(max(1, count)..<count + 1) : Array(1..<count + 1)
            configs += versions.map { (service, $0) }
        }
        let page = try page(configs)
        return dated(
            reply.entity(
                page.json("proxy_configs", "proxy_config") { json.proxyConfig($0.service, name, version: $0.version) }),
            page.rows.map(\.service.updatedAt))
    }
}
