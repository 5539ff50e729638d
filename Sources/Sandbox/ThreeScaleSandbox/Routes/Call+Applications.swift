import HTTP
import HTTPServer
import JSON

extension Call {
    /// The whole tenant's applications: `GET applications` and `GET applications/find`.
    func tenantApplications(_ path: [String]) throws(Refusal) -> Response {
        guard method == .get else { return unknownRoute }
        if path == ["find"] { return show(try find()) }
        guard path.isEmpty else { return unknownRoute }
        let page = try page(matchingIDs())
        let rows = page.rows.compactMap { tenant.applications[$0] }
        return dated(
            reply.entity(
                page.json("applications", "application") { tenant.applications[$0].map(json.application) ?? .null },
                xml: page.xml("applications") { tenant.applications[$0].map(xml.application) ?? "" }),
            rows.map(\.updatedAt))
    }

    /// The ids of the applications that the parameters ask for, ascending: a page of many costs no look at each.
    private func matchingIDs() -> [Int] {
        let filters = ["service_id", "plan_id", "account", "state", "user_key", "name"]
        guard token?.services != nil || filters.contains(where: { text($0) != nil }) else {
            return tenant.applications.ids
        }
        let service = int("service_id")
        let plan = int("plan_id")
        let account = int("account")
        return tenant.applications.ids.filter { id in
            guard let application = tenant.applications[id] else { return false }
            return sees(application.serviceID) && (service.map { $0 == application.serviceID } ?? true)
                && (plan.map { $0 == application.planID } ?? true)
                && (account.map { $0 == application.accountID } ?? true)
                && (text("state").map { $0 == application.state } ?? true)
                && (text("user_key").map { $0 == application.userKey } ?? true)
                && (text("name").map { $0 == application.name } ?? true)
        }
    }

    /// A user key finds in mode 1 only, an application id in the others only.
    private func find(account: Int? = nil) throws(Refusal) -> ApplicationRecord {
        let mode: (ApplicationRecord) -> String = { tenant.anyService($0.serviceID)?.backendVersion ?? "1" }
        let candidates: [ApplicationRecord]
        if let key = text("user_key") {
            candidates = tenant.applications.rows("key:\(key)").filter { mode($0) == "1" }
        } else if let id = text("app_id") {
            candidates = tenant.applications.rows("id:\(id)").filter { mode($0) != "1" }
        } else if let id = int("application_id") ?? int("id") {
            candidates = [tenant.applications[id]].compactMap(\.self)
        } else {
            candidates = []
        }
        let found = candidates.first { application in
            sees(application.serviceID) && (account.map { $0 == application.accountID } ?? true)
                && (int("service_id").map { $0 == application.serviceID } ?? true)
        }
        guard let found else { throw .notFound }
        return found
    }

    func show(_ application: ApplicationRecord, status: HTTPStatus = .ok) -> Response {
        reply.entity(
            one("application", json.application(application)), xml: xml.application(application), status: status)
    }

    /// Everything below `accounts/{id}/applications`.
    mutating func applications(_ account: AccountRecord, _ path: [String]) throws(Refusal) -> Response {
        let all = tenant.applications(of: account.id).filter { sees($0.serviceID) }
        guard let first = path.first else {
            switch method {
            case .get:
                let matching = all.filter { application in text("state").map { $0 == application.state } ?? true }
                return dated(
                    reply.entity(
                        list(matching.map(json.application), "applications", "application"),
                        xml: "<applications>\(matching.map(xml.application).joined())</applications>"),
                    matching.map(\.updatedAt))
            case .post: return try create(account)
            default: return unknownRoute
            }
        }
        if first == "find", path.count == 1, method == .get { return show(try find(account: account.id)) }
        guard let id = Parameters.id(first), let application = all.first(where: { $0.id == id }) else {
            throw .notFound
        }
        return try self.application(application, Array(path.dropFirst()))
    }

    private func fields() -> ApplicationFields {
        ApplicationFields(
            name: text("name"), description: text("description"), userKey: text("user_key"),
            applicationID: text("application_id"), keys: parameters?.list("application_key") ?? [],
            redirectURL: text("redirect_url"))
    }

    private mutating func create(_ account: AccountRecord) throws(Refusal) -> Response {
        guard let service = int("plan_id").flatMap({ tenant.plans[$0]?.serviceID }), sees(service) else {
            throw .notFound
        }
        let application = try tenant.createApplication(
            account: account.id, plan: int("plan_id"), fields(), now, milliseconds)
        try write()
        let response = created(
            show(application, status: .created), "accounts/\(account.id)/applications", application.id)
        uncommitted = tenant.withhold(application: application.id)
        return response
    }

    private mutating func application(_ application: ApplicationRecord, _ path: [String]) throws(Refusal) -> Response {
        switch (method, path.first ?? "") {
        case (.get, ""): return show(application)
        case (.put, ""):
            let updated = try tenant.updateApplication(application, fields(), now, milliseconds)
            try write()
            return show(updated)
        case (.delete, ""):
            try write()
            tenant.deleteApplication(application.id, at: milliseconds)
            return deleted
        case (.put, "accept"), (.put, "suspend"), (.put, "resume"):
            let moved = try tenant.move(application: application, path[0], now)
            try write()
            return show(moved)
        case (.put, "change_plan"):
            let plan = try tenant.changePlan(of: application, to: int("plan_id"), now)
            try write()
            return try show(plan: plan.id)
        case (.put, "customize_plan"):
            let plan = try tenant.customizePlan(of: application, now)
            try write()
            return try show(plan: plan.id)
        case (.put, "decustomize_plan"):
            let plan = try tenant.decustomizePlan(of: application, now)
            try write()
            return try show(plan: plan.id)
        case (_, "keys"): return try keys(application, Array(path.dropFirst()))
        default: return unknownRoute
        }
    }

    private mutating func keys(_ application: ApplicationRecord, _ path: [String]) throws(Refusal) -> Response {
        switch (method, path.count) {
        case (.get, 0):
            return dated(
                reply.entity(
                    list(application.keys.map { json.key($0, of: application) }, "keys", "key"),
                    xml: "<keys>\(application.keys.map(xml.key).joined())</keys>"), application.keys.map(\.createdAt))
        case (.post, 0):
            let changed = try tenant.addKey(text("key"), to: application, now, milliseconds)
            try write()
            // The application, not the key.
            return created(
                show(changed, status: .created),
                "accounts/\(changed.accountID)/applications/\(changed.id)/keys", tenant.makeID())
        case (.delete, 1):
            // A parameter beats the path, for keys that do not fit it.
            try tenant.removeKey(text("key") ?? path[0], from: application)
            try write()
            return deleted
        default: return unknownRoute
        }
    }
}
