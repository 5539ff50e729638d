import Bytes

/// Entities as XML, for the calls that older scripts make. Element names and nesting differ from the JSON forms.
struct XMLForms {
    let tenant: Tenant

    /// An element; blank optional ones are left out by their caller.
    private func element(_ name: String, _ text: String) -> String { "<\(name)>\(Self.escape(text))</\(name)>" }

    private func optional(_ name: String, _ text: String?) -> String {
        text.flatMap { $0.isEmpty ? nil : element(name, $0) } ?? ""
    }

    private func stamp(_ seconds: Int) -> String { Stamp.format(seconds, offset: tenant.knobs.timeZoneOffset) }

    static func document(_ body: String) -> String { #"<?xml version="1.0" encoding="UTF-8"?>"# + body }

    func service(_ service: ServiceRecord) -> String {
        let metrics = tenant.metrics.values.filter { $0.serviceID == service.id }.sorted { $0.id < $1.id }.map {
            "<metric>\(element("id", String($0.id)))\(element("name", $0.systemName))\(element("system_name", $0.systemName))"
                + "\(element("friendly_name", $0.friendlyName))\(element("service_id", String(service.id)))"
                + "\(orEmpty("description", $0.description))\(element("unit", $0.unit))</metric>"
        }
        let switches = [
            ("intentions_required", "false"), ("buyers_manage_apps", "true"), ("buyers_manage_keys", "true"),
            ("referrer_filters_required", "false"), ("custom_keys_enabled", "true"),
            ("buyer_key_regenerate_enabled", "true"), ("mandatory_app_key", String(service.mandatoryAppKey)),
            ("buyer_can_select_plan", "false"), ("buyer_plan_change_permission", "request"), ("annotations", ""),
            ("deployment_option", "hosted"), ("support_email", tenant.supportEmail),
        ]
        return "<service>\(element("id", String(service.id)))\(element("account_id", String(JSONForms.tenantID)))"
            + "\(element("name", service.name))\(element("state", service.state))"
            + "\(element("system_name", service.systemName))\(element("backend_version", service.backendVersion))"
            + "\(orEmpty("description", service.description))\(switches.map { element($0.0, $0.1) }.joined())"
            + "<metrics>\(metrics.joined())</metrics></service>"
    }

    /// An element that stays when it has no text.
    private func orEmpty(_ name: String, _ text: String?) -> String { text.map { element(name, $0) } ?? "<\(name)/>" }

    private func flows(_ service: ServiceRecord?) -> String {
        "<oidc_configuration>\(orEmpty("id", service?.flowsID.map(String.init)))"
            + "\(element("standard_flow_enabled", "true"))\(element("implicit_flow_enabled", "false"))"
            + "\(element("service_accounts_enabled", String(service?.hasServiceAccounts ?? false)))"
            + "\(element("direct_access_grants_enabled", "false"))</oidc_configuration>"
    }

    /// Without a declaration, as 3scale has it.
    func proxy(_ service: ServiceRecord) -> String {
        let texts = service.texts
        let refusals = [
            ("error_auth_failed", texts.authFailed.text), ("error_auth_missing", texts.authMissing.text),
            ("error_status_auth_failed", "\(texts.authFailed.status)"),
            ("error_headers_auth_failed", texts.authFailed.type),
            ("error_status_auth_missing", "\(texts.authMissing.status)"),
            ("error_headers_auth_missing", texts.authMissing.type), ("error_no_match", texts.noMatch.text),
            ("error_status_no_match", "\(texts.noMatch.status)"), ("error_headers_no_match", texts.noMatch.type),
            ("error_limits_exceeded", texts.limitsExceeded.text),
            ("error_status_limits_exceeded", "\(texts.limitsExceeded.status)"),
            ("error_headers_limits_exceeded", texts.limitsExceeded.type),
        ]
        let policies = #"[{"name"=>"apicast", "version"=>"builtin", "configuration"=>{}, "enabled"=>true}]"#
        return "<proxy>\(element("service_id", String(service.id)))\(element("endpoint", service.endpoint))"
            + "\(orEmpty("api_backend", service.apiBackend))\(element("credentials_location", service.credentialsLocation))"
            + "\(element("auth_app_key", service.authAppKey))\(element("auth_app_id", service.authAppID))"
            + "\(element("auth_user_key", service.authUserKey))\(refusals.map { element($0.0, $0.1) }.joined())"
            + "\(element("secret_token", service.secretToken))\(element("sandbox_endpoint", service.stagingEndpoint))"
            + "\(element("api_test_path", "/"))\(element("policies_config", policies))"
            + "\(element("created_at", spaced(service.createdAt)))\(element("updated_at", spaced(service.updatedAt)))"
            + "\(element("deployment_option", "hosted"))\(element("lock_version", String(service.lockVersion)))</proxy>"
    }

    /// `2026-03-02 09:15:00 UTC`, as some documents have it.
    private func spaced(_ seconds: Int) -> String { Stamp.spaced(seconds) }

    func limit(_ limit: LimitRecord) -> String {
        "<limit>\(element("id", String(limit.id)))\(element("metric_id", String(limit.metricID)))"
            + "\(element("plan_id", String(limit.planID)))\(element("period", limit.period))"
            + "\(element("value", String(limit.value)))</limit>"
    }

    func key(_ key: AppKeyRecord) -> String {
        "<key>\(element("value", key.value))\(element("updated_at", spaced(key.createdAt)))"
            + "\(element("created_at", spaced(key.createdAt)))</key>"
    }

    func plan(_ plan: PlanRecord) -> String {
        var attributes = plan.kind == .application ? " custom=\"\(plan.isCustom)\"" : ""
        if plan.kind == .application || plan.isDefault { attributes += " default=\"\(plan.isDefault)\"" }
        return "<plan\(attributes)>\(element("id", String(plan.id)))\(element("name", plan.name))"
            + "\(element("type", plan.kind.rawValue))\(element("state", plan.isPublished ? "published" : "hidden"))"
            + "\(element("approval_required", String(plan.needsApproval)))\(element("setup_fee", "\(plan.setupFee)"))"
            + "\(element("cost_per_month", "\(plan.costPerMonth)"))\(orEmpty("trial_period_days", plan.trialDays.map(String.init)))"
            + "\(element("cancellation_period", "0"))\(plan.serviceID.map { element("service_id", String($0)) } ?? "")</plan>"
    }

    func user(_ user: UserRecord) -> String {
        "<user>\(element("id", String(user.id)))\(element("created_at", stamp(user.createdAt)))"
            + "\(element("updated_at", stamp(user.updatedAt)))\(element("account_id", String(user.accountID)))"
            + "\(element("state", user.state))\(element("role", user.role))\(element("username", user.username))"
            + "\(optional("email", user.email))<extra_fields></extra_fields></user>"
    }

    /// - Parameter withApplications: only the answer to a signup has them.
    func account(_ account: AccountRecord, withApplications: Bool = false) -> String {
        let owned = tenant.applications(of: account.id)
        var held = tenant.subscriptions.rows("account:\(account.id)").compactMap { tenant.plans[$0.planID] }
        held += owned.compactMap { tenant.plans[$0.planID] } + [tenant.plans[account.planID]].compactMap { $0 }
        // In the order of the contracts at a signup, by kind later.
        if withApplications { held.sort { $0.id < $1.id } }
        let plans = held.map(plan).joined()
        let applications =
            withApplications
            ? "<applications>\(owned.map(application).joined())</applications>" : ""
        return "<account>\(element("id", String(account.id)))\(element("created_at", stamp(account.createdAt)))"
            + "\(element("updated_at", stamp(account.updatedAt)))\(element("state", account.state))"
            + "<annotations>\(account.annotations.sorted { $0.key < $1.key }.map { element($0.key, $0.value) }.joined())</annotations>"
            + "\(element("org_name", account.orgName))<extra_fields></extra_fields>"
            + "\(element("monthly_billing_enabled", "true"))\(element("monthly_charging_enabled", "true"))"
            + "\(element("credit_card_stored", "false"))<plans>\(plans)</plans>"
            + "<users>\(tenant.users(of: account.id).map(user).joined())</users>\(applications)</account>"
    }

    func application(_ application: ApplicationRecord) -> String {
        let mode = tenant.services[application.serviceID]?.backendVersion
        var credentials: String
        if mode == "1" {
            credentials =
                element("user_key", application.userKey)
                + element("provider_verification_key", application.verificationKey)
        } else {
            credentials = element("application_id", application.applicationID)
            if mode != "2" { credentials += orEmpty("redirect_url", application.redirectURL) }
            credentials += "<keys>\(application.keys.map { element("key", $0.value) }.joined())</keys>"
        }
        return
            "<application>\(element("id", String(application.id)))\(element("created_at", stamp(application.createdAt)))"
            + "\(element("updated_at", stamp(application.updatedAt)))\(element("state", application.state))"
            + "\(element("user_account_id", String(application.accountID)))<first_traffic_at/><first_daily_traffic_at/>"
            + "\(element("service_id", String(application.serviceID)))\(credentials)"
            + "\(tenant.plans[application.planID].map(plan) ?? "")\(mode == "oidc" ? flows(tenant.services[application.serviceID]) : "")"
            + "\(optional("name", application.name))"
            + "\(optional("description", tenant.knobs.hasApplicationDescription ? application.description : nil))<extra_fields></extra_fields></application>"
    }

    func usage(
        _ metric: MetricRecord, _ period: UsagePeriod, _ values: [Int], _ application: ApplicationRecord?
    ) -> String {
        let owner = application.map { application in
            let plan = tenant.plans[application.planID]
            return "<application>\(element("id", String(application.id)))\(element("name", application.name ?? ""))"
                + "<plan>\(element("id", String(application.planID)))\(element("name", plan?.name ?? ""))</plan>"
                + "<account>\(element("name", tenant.accounts[application.accountID]?.orgName ?? ""))"
                + "\(element("id", String(application.accountID)))</account></application>"
        }
        let body =
            "<usage><metric>\(element("id", String(metric.id)))\(element("name", metric.friendlyName))"
            + "\(element("system_name", metric.systemName))\(element("unit", metric.unit))</metric>"
            + "<period>\(element("since", Stamp.spaced(period.since)))\(element("until", Stamp.spaced(period.until)))"
            + "\(element("name", period.name ?? ""))\(element("granularity", period.granularity.name))</period>"
            + "<data>\(element("total", String(values.reduce(0, +))))"
            + "<values length=\"\(values.count)\">\(values.map(String.init).joined(separator: ","))</values></data>"
            + "\(owner ?? "")</usage>"
        return Self.document(body)
    }

    /// Sentences, with the attribute's name in front.
    static func errors(_ errors: [(attribute: String, messages: [String?])]) -> String {
        let names = ["org_name": "Organization/Group Name", "base": ""]
        let sentences = errors.flatMap { attribute, messages in
            messages.compactMap { $0 }.map { message in
                let name =
                    names[attribute]
                    ?? attribute.split(separator: "_").enumerated().map { $0 == 0 ? $1.capitalizedFirst : String($1) }
                    .joined(separator: " ")
                return "<error>\(escape(name.isEmpty ? message : "\(name) \(message)"))</error>"
            }
        }
        return document("<errors>\(sentences.joined())</errors>")
    }

    static func escape(_ text: String) -> String { Markup.escape(text, quotes: false) }
}

extension Substring {
    fileprivate var capitalizedFirst: String { prefix(1).uppercased() + dropFirst() }
}
