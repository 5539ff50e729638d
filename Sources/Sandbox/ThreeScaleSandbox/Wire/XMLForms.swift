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

    func service(_ service: ServiceRecord, account: Int = 2) -> String {
        let metrics = tenant.metrics.values.filter { $0.serviceID == service.id }.sorted { $0.id < $1.id }.map {
            "<metric>\(element("id", String($0.id)))\(element("name", $0.systemName))\(element("system_name", $0.systemName))"
                + "\(element("friendly_name", $0.friendlyName))\(element("service_id", String(service.id)))\(element("unit", $0.unit))</metric>"
        }
        return "<service>\(element("id", String(service.id)))\(element("account_id", String(account)))"
            + "\(element("name", service.name))\(element("state", "incomplete"))\(element("system_name", service.systemName))"
            + "\(element("backend_version", service.backendVersion))\(optional("description", service.description))"
            + "\(element("deployment_option", "hosted"))<metrics>\(metrics.joined())</metrics></service>"
    }

    func proxy(_ service: ServiceRecord) -> String {
        "<proxy>\(element("service_id", String(service.id)))\(element("endpoint", service.endpoint))"
            + "\(optional("api_backend", service.apiBackend))\(element("credentials_location", service.credentialsLocation))"
            + "\(element("auth_app_key", service.authAppKey))\(element("auth_app_id", service.authAppID))"
            + "\(element("auth_user_key", service.authUserKey))\(element("lock_version", String(service.lockVersion)))</proxy>"
    }

    func plan(_ plan: PlanRecord) -> String {
        var attributes = plan.kind == .application ? " custom=\"\(plan.isCustom)\"" : ""
        if plan.kind == .application || plan.isDefault { attributes += " default=\"\(plan.isDefault)\"" }
        return "<plan\(attributes)>\(element("id", String(plan.id)))\(element("name", plan.name))"
            + "\(element("type", plan.kind.rawValue))\(element("state", plan.isPublished ? "published" : "hidden"))"
            + "\(element("approval_required", String(plan.needsApproval)))\(element("setup_fee", "\(plan.setupFee)"))"
            + "\(element("cost_per_month", "\(plan.costPerMonth)"))\(element("trial_period_days", "0"))"
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
        let plans = tenant.plans[account.planID].map(plan) ?? ""
        let applications =
            withApplications
            ? "<applications>\(tenant.applications(of: account.id).map(application).joined())</applications>" : ""
        return "<account>\(element("id", String(account.id)))\(element("created_at", stamp(account.createdAt)))"
            + "\(element("updated_at", stamp(account.updatedAt)))\(element("state", account.state))"
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
            if mode != "2" { credentials += optional("redirect_url", application.redirectURL) }
            credentials += "<keys>\(application.keys.map { element("key", $0.value) }.joined())</keys>"
        }
        return
            "<application>\(element("id", String(application.id)))\(element("created_at", stamp(application.createdAt)))"
            + "\(element("updated_at", stamp(application.updatedAt)))\(element("state", application.state))"
            + "\(element("user_account_id", String(application.accountID)))<first_traffic_at/><first_daily_traffic_at/>"
            + "\(element("service_id", String(application.serviceID)))\(credentials)"
            + "\(tenant.plans[application.planID].map(plan) ?? "")\(optional("name", application.name))"
            + "\(optional("description", tenant.knobs.hasApplicationDescription ? application.description : nil))<extra_fields></extra_fields></application>"
    }

    /// Sentences, with the attribute's name in front.
    static func errors(_ errors: [(attribute: String, messages: [String])]) -> String {
        let names = ["org_name": "Organization/Group Name", "base": ""]
        let sentences = errors.flatMap { attribute, messages in
            messages.map { message in
                let name =
                    names[attribute]
                    ?? attribute.split(separator: "_").enumerated().map { $0 == 0 ? $1.capitalizedFirst : String($1) }
                    .joined(separator: " ")
                return "<error>\(escape(name.isEmpty ? message : "\(name) \(message)"))</error>"
            }
        }
        return document("<errors>\(sentences.joined())</errors>")
    }

    static func escape(_ text: String) -> String {
        var escaped = ""
        for character in text {
            switch character {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            default: escaped.append(character)
            }
        }
        return escaped
    }
}

extension Substring {
    fileprivate var capitalizedFirst: String { prefix(1).uppercased() + dropFirst() }
}
