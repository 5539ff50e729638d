import JSON

/// Entities as JSON. Attributes without a value are left out, but for the few that 3scale writes as null.
struct JSONForms {
    let tenant: Tenant
    /// `https://host`, for links.
    let origin: String
    /// Seconds since 1970-01-01T00:00:00Z.
    let now: Int

    func stamp(_ seconds: Int) -> JSONValue { .string(Stamp.format(seconds, offset: tenant.knobs.timeZoneOffset)) }

    func links(_ pairs: [(String, String)]) -> JSONValue {
        .array(pairs.map { ["rel": .string($0.0), "href": .string("\(origin)/admin/api/\($0.1)")] })
    }

    // MARK: Services

    func service(_ service: ServiceRecord) -> JSONValue {
        var object = JSONObject([
            ("id", .int(service.id)), ("name", .string(service.name)),
            ("state", .string(service.state)),
            ("system_name", .string(service.systemName)), ("backend_version", .string(service.backendVersion)),
            ("deployment_option", "hosted"), ("support_email", .string(tenant.supportEmail)),
        ])
        if let description = service.description { object["description"] = .string(description) }
        for (name, value) in Self.serviceSwitches { object[name] = value }
        object["mandatory_app_key"] = .bool(service.mandatoryAppKey)
        object["buyer_can_select_plan"] = false
        object["buyer_plan_change_permission"] = "request"
        object["annotations"] = .object(JSONObject())
        object["created_at"] = stamp(service.createdAt)
        object["updated_at"] = stamp(service.updatedAt)
        let path = "services/\(service.id)"
        object["links"] = links([
            ("metrics", "\(path)/metrics"), ("self", path), ("service_plans", "\(path)/service_plans"),
            ("application_plans", "\(path)/application_plans"), ("features", "\(path)/features"),
        ])
        return .object(object)
    }

    private static let serviceSwitches: [(String, JSONValue)] = [
        ("intentions_required", false), ("buyers_manage_apps", true), ("buyers_manage_keys", true),
        ("referrer_filters_required", false), ("custom_keys_enabled", true), ("buyer_key_regenerate_enabled", true),
    ]

    func proxy(_ service: ServiceRecord) -> JSONValue {
        var object = JSONObject([
            ("service_id", .int(service.id)), ("endpoint", .string(service.endpoint)),
            ("api_backend", service.apiBackend.map(JSONValue.string) ?? .null),
            ("credentials_location", .string(service.credentialsLocation)),
            ("auth_app_key", .string(service.authAppKey)),
            ("auth_app_id", .string(service.authAppID)), ("auth_user_key", .string(service.authUserKey)),
        ])
        Self.add(service.texts, to: &object)
        let rest = JSONObject([
            ("secret_token", .string(service.secretToken)), ("sandbox_endpoint", .string(service.stagingEndpoint)),
            ("api_test_path", "/"),
            (
                "policies_config",
                [["name": "apicast", "version": "builtin", "configuration": .object(JSONObject()), "enabled": true]]
            ),
            ("created_at", stamp(service.createdAt)), ("updated_at", stamp(service.updatedAt)),
            ("deployment_option", "hosted"), ("lock_version", .int(service.lockVersion)),
        ])
        for (name, value) in rest.members { object[name] = value }
        if service.backendVersion == "oidc" {
            if let issuer = service.issuerEndpoint { object["oidc_issuer_endpoint"] = .string(issuer) }
            object["oidc_issuer_type"] = "keycloak"
        }
        let path = "/admin/api/services/\(service.id)"
        object["links"] = .array([
            ["rel": "mapping_rules", "href": .string("\(path)/proxy/mapping_rules")],
            ["rel": "self", "href": .string("\(path)/proxy")], ["rel": "service", "href": .string(path)],
        ])
        return .object(object)
    }

    /// The gateway's texts for refusals.
    private static func add(_ texts: GatewayTexts, to object: inout JSONObject) {
        object["error_auth_failed"] = .string(texts.authFailed.text)
        object["error_auth_missing"] = .string(texts.authMissing.text)
        for (kind, text) in [("auth_failed", texts.authFailed), ("auth_missing", texts.authMissing)] {
            object["error_status_\(kind)"] = .int(text.status)
            object["error_headers_\(kind)"] = .string(text.type)
        }
        for (kind, text) in [("no_match", texts.noMatch), ("limits_exceeded", texts.limitsExceeded)] {
            object["error_\(kind)"] = .string(text.text)
            object["error_status_\(kind)"] = .int(text.status)
            object["error_headers_\(kind)"] = .string(text.type)
        }
    }

    /// One deployed configuration: the document that a gateway loads.
    func proxyConfig(_ service: ServiceRecord, _ environment: String, version: Int) -> JSONValue {
        let configs = environment == "production" ? service.production : service.staging
        let config = configs[version - 1]
        let defaultPlan = { (kind: PlanRecord.Kind) -> JSONValue in
            tenant.plans(kind, service: service.id).first(where: \.isDefault).map { .int($0.id) } ?? .null
        }
        var content = JSONObject([
            ("id", .int(service.id)), ("account_id", .int(Self.tenantID)), ("name", .string(service.name)),
            ("description", service.description.map(JSONValue.string) ?? .null), ("txt_support", .null),
            ("created_at", stamp(service.createdAt)), ("updated_at", stamp(service.updatedAt)),
            ("logo_file_name", .null), ("logo_content_type", .null), ("logo_file_size", .null),
            ("state", .string(service.state)), ("intentions_required", false), ("terms", .null),
            ("buyers_manage_apps", true), ("buyers_manage_keys", true), ("custom_keys_enabled", true),
            ("buyer_plan_change_permission", "request"), ("buyer_can_select_plan", false),
            ("notification_settings", .null), ("default_application_plan_id", defaultPlan(.application)),
            ("default_service_plan_id", defaultPlan(.service)), ("tenant_id", .int(Self.tenantID)),
            ("system_name", .string(service.systemName)), ("backend_version", .string(service.backendVersion)),
            ("mandatory_app_key", .bool(service.mandatoryAppKey)), ("buyer_key_regenerate_enabled", true),
            ("support_email", .string(tenant.supportEmail)), ("referrer_filters_required", false),
            ("deployment_option", "hosted"), ("kubernetes_service_link", .null), ("proxiable?", true),
            ("backend_authentication_type", "service_token"),
            ("backend_authentication_value", .string(service.serviceToken)),
        ])
        content["proxy"] = deployedProxy(service, isDeployed: config.isDeployed)
        return [
            "id": .int(config.id), "version": .int(version), "environment": .string(environment),
            "content": .object(content),
        ]
    }

    static let tenantID = 2

    /// The host of a URL, without its port.
    private static func host(_ url: String) -> String {
        let rest = url.split(separator: "/", omittingEmptySubsequences: true).dropFirst().first ?? ""
        return String(rest.prefix { $0 != ":" })
    }

    private func deployedProxy(_ service: ServiceRecord, isDeployed: Bool) -> JSONValue {
        let own: [(String, JSONValue)] = [("id", .int(service.id)), ("tenant_id", .int(Self.tenantID))]
        let its: (String, JSONValue) = ("service_id", .int(service.id))
        var object = JSONObject(isDeployed ? own + [its] : [its] + own.reversed())
        let texts = service.texts
        let members: [(String, JSONValue)] = [
            ("endpoint", .string(service.endpoint)), ("deployed_at", .null),
            ("auth_app_key", .string(service.authAppKey)), ("auth_app_id", .string(service.authAppID)),
            ("auth_user_key", .string(service.authUserKey)),
            ("credentials_location", .string(service.credentialsLocation)),
            ("error_auth_failed", .string(texts.authFailed.text)),
            ("error_auth_missing", .string(texts.authMissing.text)),
            ("created_at", stamp(service.createdAt)), ("updated_at", stamp(service.updatedAt)),
            ("error_status_auth_failed", .int(texts.authFailed.status)),
            ("error_headers_auth_failed", .string(texts.authFailed.type)),
            ("error_status_auth_missing", .int(texts.authMissing.status)),
            ("error_headers_auth_missing", .string(texts.authMissing.type)),
            ("error_no_match", .string(texts.noMatch.text)), ("error_status_no_match", .int(texts.noMatch.status)),
            ("error_headers_no_match", .string(texts.noMatch.type)), ("secret_token", .string(service.secretToken)),
            ("hostname_rewrite", .null), ("oauth_login_url", .null),
            ("sandbox_endpoint", .string(service.stagingEndpoint)), ("api_test_path", "/"),
            ("api_test_success", .null), ("apicast_configuration_driven", true),
            ("oidc_issuer_endpoint", service.issuerEndpoint.map(JSONValue.string) ?? .null),
            ("lock_version", .int(service.lockVersion)), ("authentication_method", .string(service.backendVersion)),
            ("oidc_issuer_type", "keycloak"), ("error_headers_limits_exceeded", .string(texts.limitsExceeded.type)),
            ("error_status_limits_exceeded", .int(texts.limitsExceeded.status)),
            ("error_limits_exceeded", .string(texts.limitsExceeded.text)),
            ("staging_domain", .string(Self.host(service.stagingEndpoint))),
            ("production_domain", .string(Self.host(service.endpoint))),
            ("hostname_rewrite_for_sandbox", .string(Self.host(service.apiBackend ?? ""))), ("endpoint_port", 443),
            ("api_backend", service.apiBackend.map(JSONValue.string) ?? .null), ("valid?", true),
            ("service_backend_version", .string(service.backendVersion)),
            ("hosts", [.string(Self.host(service.endpoint)), .string(Self.host(service.stagingEndpoint))]),
            ("backend", ["endpoint": "http://127.0.0.1:3001", "host": "127.0.0.1"]),
            (
                "policy_chain",
                [["name": "apicast", "version": "builtin", "configuration": .object(JSONObject())]]
            ), ("jwt_claim_with_client_id", .null), ("jwt_claim_with_client_id_type", .null),
        ]
        for (name, value) in members { object[name] = value }
        object["proxy_rules"] = .array(
            service.rules.enumerated().map { rule($0.element, of: service, position: $0.offset + 1) })
        return .object(object)
    }

    private func rule(_ rule: MappingRule, of service: ServiceRecord, position: Int) -> JSONValue {
        let metric = tenant.metrics.values.first { $0.serviceID == service.id && $0.systemName == rule.metric }
        return [
            "id": .int(rule.id), "proxy_id": .int(service.id), "http_method": .string(rule.method),
            "pattern": .string(rule.pattern), "metric_id": .int(metric?.id ?? 0),
            "metric_system_name": .string(rule.metric), "delta": .int(rule.delta),
            "tenant_id": .int(Self.tenantID), "created_at": stamp(service.createdAt),
            "updated_at": stamp(service.createdAt), "redirect_url": .null, "position": .int(position), "last": false,
            "owner_id": .int(service.id), "owner_type": "Proxy", "parameters": [],
            "querystring_parameters": .object(JSONObject()),
        ]
    }

    static func oidcConfiguration(_ service: ServiceRecord?) -> JSONValue {
        var object = JSONObject()
        if let id = service?.flowsID { object["id"] = .int(id) }
        object["standard_flow_enabled"] = true
        object["implicit_flow_enabled"] = false
        object["service_accounts_enabled"] = .bool(service?.hasServiceAccounts ?? false)
        object["direct_access_grants_enabled"] = false
        return .object(object)
    }

    // MARK: Plans and what hangs on them

    func plan(_ plan: PlanRecord) -> JSONValue {
        var object = JSONObject([
            ("id", .int(plan.id)), ("name", .string(plan.name)),
            ("state", .string(plan.isPublished ? "published" : "hidden")),
            ("setup_fee", .double(plan.setupFee)), ("cost_per_month", .double(plan.costPerMonth)),
            ("trial_period_days", .int(plan.trialDays ?? 0)), ("cancellation_period", 0),
            ("approval_required", .bool(plan.needsApproval)),
            ("default", .bool(plan.isDefault)), ("created_at", stamp(plan.createdAt)),
            ("updated_at", stamp(plan.updatedAt)),
        ])
        switch plan.kind {
        case .application:
            object["custom"] = .bool(plan.isCustom)
            object["system_name"] = .string(plan.systemName)
            let service = plan.serviceID ?? 0
            object["links"] = links([
                ("service", "services/\(service)"), ("self", "services/\(service)/application_plans/\(plan.id)"),
            ])
        case .service:
            let service = plan.serviceID ?? 0
            object["links"] = links([
                ("service", "services/\(service)"), ("self", "services/\(service)/service_plans/\(plan.id)"),
            ])
        case .account: break
        }
        return .object(object)
    }

    func limit(_ limit: LimitRecord) -> JSONValue {
        let service = tenant.metrics[limit.metricID]?.serviceID ?? 0
        return [
            "id": .int(limit.id), "period": .string(limit.period), "value": .int(limit.value),
            "metric_id": .int(limit.metricID), "plan_id": .int(limit.planID), "created_at": stamp(limit.createdAt),
            "updated_at": stamp(limit.createdAt),
            "links": links([
                ("metric", path(of: limit.metricID)),
                ("self", "application_plans/\(limit.planID)/metrics/\(limit.metricID)/limits?id=\(limit.id)"),
                ("plan", "services/\(service)/application_plans/\(limit.planID)"),
            ]),
        ]
    }

    /// A metric's own path, or a method's below the metric that it counts for.
    private func path(of id: Int) -> String {
        guard let metric = tenant.metrics[id] else { return "" }
        let path = "services/\(metric.serviceID)/metrics/"
        return metric.parentID.map { "\(path)\($0)/methods?id=\(id)" } ?? "\(path)\(id)"
    }

    func metric(_ metric: MetricRecord) -> JSONValue {
        var object = named(metric)
        if let description = metric.description { object["description"] = .string(description) }
        object["unit"] = .string(metric.unit)
        if let parent = metric.parentID { object["parent_id"] = .int(parent) }
        object["created_at"] = stamp(metric.createdAt)
        object["updated_at"] = stamp(metric.createdAt)
        object["links"] = links([
            ("service", "services/\(metric.serviceID)"), ("self", "services/\(metric.serviceID)/metrics/\(metric.id)"),
        ])
        return .object(object)
    }

    /// A method as its own list shows it; the list of metrics shows it as a metric.
    func method(_ metric: MetricRecord) -> JSONValue {
        var object = named(metric)
        let parent = metric.parentID ?? 0
        object["parent_id"] = .int(parent)
        object["created_at"] = stamp(metric.createdAt)
        object["updated_at"] = stamp(metric.createdAt)
        let path = "services/\(metric.serviceID)/metrics/\(parent)"
        object["links"] = links([("parent", path), ("self", "\(path)/methods?id=\(metric.id)")])
        return .object(object)
    }

    private func named(_ metric: MetricRecord) -> JSONObject {
        JSONObject([
            ("id", .int(metric.id)), ("name", .string(metric.systemName)), ("system_name", .string(metric.systemName)),
            ("friendly_name", .string(metric.friendlyName)),
        ])
    }

    // MARK: Accounts and users

    func account(_ account: AccountRecord) -> JSONValue {
        [
            "id": .int(account.id), "created_at": stamp(account.createdAt), "updated_at": stamp(account.updatedAt),
            "credit_card_stored": false, "monthly_billing_enabled": true, "monthly_charging_enabled": true,
            "state": .string(account.state),
            "annotations": .object(
                JSONObject(account.annotations.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) })),
            "links": links([("self", "accounts/\(account.id)"), ("users", "accounts/\(account.id)/users")]),
            "org_name": .string(account.orgName),
        ]
    }

    func user(_ user: UserRecord) -> JSONValue {
        var object = JSONObject([
            ("id", .int(user.id)), ("state", .string(user.state)), ("role", .string(user.role)),
            ("created_at", stamp(user.createdAt)), ("updated_at", stamp(user.updatedAt)),
            (
                "links",
                links([
                    ("account", "accounts/\(user.accountID)"), ("self", "accounts/\(user.accountID)/users/\(user.id)"),
                ])
            ), ("username", .string(user.username)),
        ])
        if let email = user.email { object["email"] = .string(email) }
        return .object(object)
    }

    func subscription(_ subscription: SubscriptionRecord) -> JSONValue {
        [
            "id": .int(subscription.id), "plan_id": .int(subscription.planID),
            "user_account_id": .int(subscription.accountID),
            "created_at": stamp(subscription.createdAt), "updated_at": stamp(subscription.createdAt),
            "state": .string(subscription.state), "paid_until": stamp(subscription.createdAt),
            "trial_period_expires_at": stamp(subscription.createdAt), "setup_fee": "0.0", "type": "ServiceContract",
            "variable_cost_paid_until": .string(Stamp.format(subscription.createdAt, offset: 0).dropLast() + "+00:00"),
            "tenant_id": .int(Self.tenantID), "service_id": .int(subscription.serviceID),
        ]
    }

    // MARK: Applications

    func application(_ application: ApplicationRecord) -> JSONValue {
        let service = tenant.anyService(application.serviceID)
        let account = tenant.accounts[application.accountID]
        let traffic = tenant.traffic.days(of: application.id, until: now - tenant.knobs.trafficSeenSeconds)
        var object = JSONObject([
            ("id", .int(application.id)), ("state", .string(application.state)),
            ("enabled", .bool(application.state == "live" && account?.state != "scheduled_for_deletion")),
            ("created_at", stamp(application.createdAt)),
            ("updated_at", stamp(application.updatedAt)), ("service_id", .int(application.serviceID)),
            ("service_name", .string(service?.name ?? "")), ("plan_id", .int(application.planID)),
            ("plan_name", .string(tenant.plans[application.planID]?.name ?? "")),
            ("account_id", .int(application.accountID)),
            ("org_name", .string(account?.orgName ?? "")),
            ("first_traffic_at", traffic.first.map(stamp) ?? .null),
            ("first_daily_traffic_at", traffic.firstOfLastDay.map(stamp) ?? .null),
        ])
        switch service?.backendVersion {
        case "2": object["application_id"] = .string(application.applicationID)
        case "oidc", "oauth":
            object["application_id"] = .string(application.applicationID)
            object["redirect_url"] = application.redirectURL.map(JSONValue.string) ?? .null
            object["client_id"] = .string(application.applicationID)
            let secret = tenant.knobs.hidesCredentials ? nil : application.keys.first?.value
            object["client_secret"] = secret.map(JSONValue.string) ?? .null
            if service?.backendVersion == "oidc" { object["oidc_configuration"] = Self.oidcConfiguration(service) }
        default:
            object["user_key"] = tenant.knobs.hidesCredentials ? .null : .string(application.userKey)
            object["provider_verification_key"] = .string(application.verificationKey)
        }
        let path = "accounts/\(application.accountID)/applications/\(application.id)"
        object["links"] = links([
            ("self", path), ("service", "services/\(application.serviceID)"),
            ("account", "accounts/\(application.accountID)"),
            ("plan", "services/\(application.serviceID)/application_plans/\(application.planID)"),
            ("keys", "\(path)/keys"),
            ("referrer_filters", "\(path)/referrer_filters"),
        ])
        if let name = application.name { object["name"] = .string(name) }
        if tenant.knobs.hasApplicationDescription, let description = application.description {
            object["description"] = .string(description)
        }
        return .object(object)
    }

    func key(_ key: AppKeyRecord, of application: ApplicationRecord) -> JSONValue {
        [
            "value": .string(key.value), "created_at": stamp(key.createdAt), "updated_at": stamp(key.createdAt),
            "links": links([("application", "accounts/\(application.accountID)/applications/\(application.id)")]),
        ]
    }
}
