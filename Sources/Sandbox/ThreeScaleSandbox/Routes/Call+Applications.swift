import HTTP
import HTTPServer
import JSON

extension Call {
    /// The whole tenant's applications: `GET applications` and `GET applications/find`.
    func tenantApplications(_ path: [String]) throws(Refusal) -> Response {
        guard method == .get else { return unknownRoute }
        let all = tenant.applications.values.filter { sees($0.serviceID) }.sorted { $0.id < $1.id }
        if path == ["find"] { return show(try find(in: all)) }
        guard path.isEmpty else { return unknownRoute }
        let matching = all.filter { application in
            (int("service_id").map { $0 == application.serviceID } ?? true)
                && (int("plan_id").map { $0 == application.planID } ?? true)
                && (int("account").map { $0 == application.accountID } ?? true)
                && (text("state").map { $0 == application.state } ?? true)
                && (text("user_key").map { $0 == application.userKey } ?? true)
                && (text("name").map { $0 == application.name } ?? true)
        }
        let page = try page(matching)
        return dated(
            reply.entity(
                page.json("applications", "application", json.application),
                xml: page.xml("applications", xml.application)), page.rows.map(\.updatedAt))
    }

    /// A user key finds in mode 1 only, an application id in the others only.
    private func find(in all: [ApplicationRecord]) throws(Refusal) -> ApplicationRecord {
        let candidates = all.filter { application in int("service_id").map { $0 == application.serviceID } ?? true }
        let mode: (ApplicationRecord) -> String = { tenant.anyService($0.serviceID)?.backendVersion ?? "1" }
        let found: ApplicationRecord?
        if let key = text("user_key") {
            found = candidates.first { $0.userKey == key && mode($0) == "1" }
        } else if let id = text("app_id") {
            found = candidates.first { $0.applicationID == id && mode($0) != "1" }
        } else if let id = int("application_id") ?? int("id") {
            found = candidates.first { $0.id == id }
        } else {
            found = nil
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
        if first == "find", path.count == 1, method == .get { return show(try find(in: all)) }
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
            let changed = try tenant.addKey(text("key"), to: application, now)
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
