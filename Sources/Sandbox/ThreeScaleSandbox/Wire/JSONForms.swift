import JSON

/// Entities as JSON. Attributes without a value are left out, but for the few that 3scale writes as null.
struct JSONForms {
    let tenant: Tenant
    /// `https://host`, for links.
    let origin: String

    func stamp(_ seconds: Int) -> JSONValue { .string(Stamp.format(seconds, offset: tenant.knobs.timeZoneOffset)) }

    private func links(_ pairs: [(String, String)]) -> JSONValue {
        .array(pairs.map { ["rel": .string($0.0), "href": .string("\(origin)/admin/api/\($0.1)")] })
    }

    // MARK: Services

    func service(_ service: ServiceRecord) -> JSONValue {
        var object = JSONObject([
            ("id", .int(service.id)), ("name", .string(service.name)), ("state", "incomplete"),
            ("system_name", .string(service.systemName)), ("backend_version", .string(service.backendVersion)),
            ("deployment_option", "hosted"), ("support_email", "ops@example.com"),
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
            ("secret_token", "Shared_secret_sent_from_proxy_to_API_backend_sandbox"),
            (
                "sandbox_endpoint",
                .string(
                    "https://\(service.systemName.map { $0 == "_" ? "-" : String($0) }.joined()).staging.example.com:443"
                )
            ),
            ("api_test_path", "/"),
            (
                "policies_config",
                [["name": "apicast", "version": "builtin", "configuration": .object(JSONObject()), "enabled": true]]
            ),
            ("created_at", stamp(service.createdAt)), ("updated_at", stamp(service.updatedAt)),
            ("deployment_option", "hosted"), ("lock_version", .int(service.lockVersion)),
        ])
        for (kind, status, text) in [
            ("auth_failed", 403, "Authentication failed"), ("auth_missing", 403, "Authentication parameters missing"),
            ("no_match", 404, "No Mapping Rule matched"), ("limits_exceeded", 429, "Usage limit exceeded"),
        ] {
            object["error_\(kind)"] = .string(text)
            object["error_status_\(kind)"] = .int(status)
            object["error_headers_\(kind)"] = "text/plain; charset=us-ascii"
        }
        if service.backendVersion == "oidc" {
            object["oidc_issuer_type"] = "keycloak"
            object["oidc_issuer_endpoint"] = "https://sso.example.com/realms/apis"
            object["jwt_claim_with_client_id"] = "azp"
            object["jwt_claim_with_client_id_type"] = "plain"
        }
        let path = "/admin/api/services/\(service.id)"
        object["links"] = .array([
            ["rel": "mapping_rules", "href": .string("\(path)/proxy/mapping_rules")],
            ["rel": "self", "href": .string("\(path)/proxy")], ["rel": "service", "href": .string(path)],
        ])
        return .object(object)
    }

    /// One element of the bulk list: the deployed document.
    func proxyConfig(_ service: ServiceRecord, environment: String) -> JSONValue {
        [
            "id": .int(service.id * 10), "version": .int(service.productionVersion),
            "environment": .string(environment),
            "content": [
                "id": .int(service.id), "name": .string(service.name), "system_name": .string(service.systemName),
                "backend_version": .string(service.backendVersion),
                "backend_authentication_value": "sandbox-service-token",
                "proxy": [
                    "endpoint": .string(service.endpoint), "credentials_location": .string(service.credentialsLocation),
                    "auth_user_key": .string(service.authUserKey), "auth_app_id": .string(service.authAppID),
                    "auth_app_key": .string(service.authAppKey),
                    "authentication_method": .string(service.backendVersion),
                ],
            ],
        ]
    }

    static let oidcConfiguration: JSONValue = [
        "id": 5, "standard_flow_enabled": true, "implicit_flow_enabled": false, "service_accounts_enabled": false,
        "direct_access_grants_enabled": false,
    ]

    // MARK: Plans and what hangs on them

    func plan(_ plan: PlanRecord) -> JSONValue {
        var object = JSONObject([
            ("id", .int(plan.id)), ("name", .string(plan.name)),
            ("state", .string(plan.isPublished ? "published" : "hidden")),
            ("setup_fee", .double(plan.setupFee)), ("cost_per_month", .double(plan.costPerMonth)),
            ("trial_period_days", 0), ("cancellation_period", 0), ("approval_required", .bool(plan.needsApproval)),
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
        case .account: object["links"] = links([("self", "account_plans/\(plan.id)")])
        }
        return .object(object)
    }

    func limit(_ limit: LimitRecord) -> JSONValue {
        [
            "id": .int(limit.id), "period": .string(limit.period), "value": .int(limit.value),
            "metric_id": .int(limit.metricID), "plan_id": .int(limit.planID), "created_at": stamp(limit.createdAt),
            "updated_at": stamp(limit.createdAt),
            "links": links([("self", "application_plans/\(limit.planID)/metrics/\(limit.metricID)/limits/\(limit.id)")]
            ),
        ]
    }

    func metric(_ metric: MetricRecord) -> JSONValue {
        var object = JSONObject([
            ("id", .int(metric.id)), ("name", .string(metric.systemName)), ("system_name", .string(metric.systemName)),
            ("friendly_name", .string(metric.friendlyName)), ("unit", .string(metric.unit)),
            ("created_at", stamp(metric.createdAt)), ("updated_at", stamp(metric.createdAt)),
        ])
        if let parent = metric.parentID { object["parent_id"] = .int(parent) }
        object["links"] = links([("self", "services/\(metric.serviceID)/metrics/\(metric.id)")])
        return .object(object)
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
            "tenant_id": 2, "service_id": .int(subscription.serviceID),
        ]
    }

    // MARK: Applications

    func application(_ application: ApplicationRecord) -> JSONValue {
        let service = tenant.anyService(application.serviceID)
        let account = tenant.accounts[application.accountID]
        var object = JSONObject([
            ("id", .int(application.id)), ("state", .string(application.state)),
            ("enabled", .bool(application.state == "live" && account?.state != "scheduled_for_deletion")),
            ("created_at", stamp(application.createdAt)),
            ("updated_at", stamp(application.updatedAt)), ("service_id", .int(application.serviceID)),
            ("service_name", .string(service?.name ?? "")), ("plan_id", .int(application.planID)),
            ("plan_name", .string(tenant.plans[application.planID]?.name ?? "")),
            ("account_id", .int(application.accountID)),
            ("org_name", .string(account?.orgName ?? "")), ("first_traffic_at", .null),
            ("first_daily_traffic_at", .null),
        ])
        switch service?.backendVersion {
        case "2": object["application_id"] = .string(application.applicationID)
        case "oidc", "oauth":
            object["application_id"] = .string(application.applicationID)
            object["redirect_url"] = application.redirectURL.map(JSONValue.string) ?? .null
            object["client_id"] = .string(application.applicationID)
            let secret = tenant.knobs.hidesCredentials ? nil : application.keys.first?.value
            object["client_secret"] = secret.map(JSONValue.string) ?? .null
            if service?.backendVersion == "oidc" { object["oidc_configuration"] = Self.oidcConfiguration }
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
