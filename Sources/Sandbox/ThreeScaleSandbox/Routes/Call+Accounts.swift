import HTTP
import HTTPServer
import JSON

extension Call {
    /// `POST signup`.
    mutating func signup() throws(Refusal) -> Response {
        var fields = SignupFields()
        fields.orgName = text("org_name") ?? text("name")
        fields.username = text("username")
        fields.email = text("email").flatMap { $0.isEmpty ? nil : $0 }
        fields.password = text("password").flatMap { Tenant.trimmed($0).isEmpty ? nil : $0 }
        fields.confirmation = text("password_confirmation")
        fields.accountPlan = int("account_plan_id")
        fields.servicePlan = int("service_plan_id")
        fields.applicationPlan = int("application_plan_id")
        fields.state = text("state")
        fields.annotations = try annotations()
        let account = try tenant.signUp(fields, at: now, milliseconds: milliseconds)
        try write()
        let response = created(
            reply.entity(
                one("account", json.account(account)), xml: xml.account(account, withApplications: true),
                status: .created), "signup", account.id)
        uncommitted = tenant.withhold(account: account.id, hasPassword: fields.password != nil)
        return response
    }

    /// `managed_by` is the only annotation that an account may carry.
    private func annotations() throws(Refusal) -> [String: String] {
        var annotations: [String: String] = [:]
        for (name, value) in parameters?.members(of: "annotations") ?? [] {
            guard name == "managed_by" else {
                throw .invalid([("annotations.name", ["is not included in the list"])])
            }
            annotations[name] = value
        }
        return annotations
    }

    /// Everything below `accounts`.
    mutating func accounts(_ path: [String]) throws(Refusal) -> Response {
        guard let first = path.first else {
            guard method == .get else { return unknownRoute }
            let all = tenant.accounts.values.filter { account in text("state").map { $0 == account.state } ?? true }
                .sorted { $0.id < $1.id }
            let page = try page(all)
            return dated(
                reply.entity(
                    page.json("accounts", "account", json.account), xml: page.xml("accounts") { xml.account($0) }),
                page.rows.map(\.updatedAt))
        }
        if first == "find", path.count == 1, method == .get { return try findAccount() }
        guard let id = Parameters.id(first), let account = tenant.accounts[id] else { throw .notFound }
        switch path.count > 1 ? path[1] : "" {
        case "": return try self.account(account)
        case "approve", "reject", "make_pending":
            guard method == .put else { return unknownRoute }
            if path[1] != "make_pending" { try adminsOnly() }
            let moved = try tenant.move(account: id, path[1], now)
            try write()
            return show(moved)
        case "plan" where method == .get: return try show(plan: account.planID)
        case "change_plan" where method == .put:
            guard let plan = int("plan_id"), tenant.plans[plan]?.kind == .account else { throw .notFound }
            try write()
            tenant.accounts[id]?.planID = plan
            return try show(plan: plan)
        case "users": return try users(account, Array(path.dropFirst(2)))
        case "applications": return try applications(account, Array(path.dropFirst(2)))
        case "service_subscriptions": return try subscriptions(account, Array(path.dropFirst(2)))
        default: return unknownRoute
        }
    }

    private func show(_ account: AccountRecord) -> Response {
        reply.entity(one("account", json.account(account)), xml: xml.account(account))
    }

    /// One criterion: `username` if it is there at all, then `user_id`, then `email`.
    private mutating func findAccount() throws(Refusal) -> Response {
        let account: AccountRecord?
        if parameters?.has("username") == true, let name = parameters?.list("username").first {
            account = tenant.find(username: name)
        } else if let id = int("user_id") {
            account = tenant.users[id].flatMap { tenant.accounts[$0.accountID] }
        } else if let email = text("email"), !email.isEmpty {
            account = tenant.find(email: email)
        } else {
            account = nil
        }
        guard let account else { throw .notFound }
        return show(account)
    }

    private mutating func account(_ account: AccountRecord) throws(Refusal) -> Response {
        switch method {
        case .get: return show(account)
        case .put:
            var changed = account
            if let name = text("org_name") {
                let errors = tenant.orgNameErrors(name)
                guard errors.isEmpty else { throw .invalid(errors) }
                changed.orgName = name
            }
            // Applied without the checks of the transitions.
            if let state = text("state"), AccountRecord.states.contains(state) { changed.state = state }
            for (name, value) in try annotations() { changed.annotations[name] = value }
            changed.updatedAt = now
            try write()
            tenant.accounts[account.id] = changed
            return show(changed)
        case .delete:
            try adminsOnly()
            try write()
            tenant.deleteAccount(account.id)
            return deleted
        default: return unknownRoute
        }
    }

    // MARK: Users

    private mutating func users(_ account: AccountRecord, _ path: [String]) throws(Refusal) -> Response {
        guard let first = path.first else {
            switch method {
            case .get:
                guard tenant.knobs.hasMultipleUsers else { throw .notPermitted }
                let all = tenant.users(of: account.id).filter { user in
                    (text("state").map { $0 == user.state } ?? true) && (text("role").map { $0 == user.role } ?? true)
                }
                return dated(
                    reply.entity(
                        list(all.map(json.user), "users", "user"), xml: "<users>\(all.map(xml.user).joined())</users>"),
                    all.map(\.updatedAt))
            case .post: return try createUser(account)
            default: return unknownRoute
            }
        }
        guard let id = Parameters.id(first), let user = tenant.users[id], user.accountID == account.id else {
            throw .notFound
        }
        switch (method, path.count > 1 ? path[1] : "") {
        case (.get, ""): return show(user)
        case (.put, ""): return try update(user)
        case (.delete, ""):
            if user.role == "admin", tenant.users(of: account.id).filter({ $0.role == "admin" }).count == 1 {
                throw .forbidden([("base", ["Can't delete last admin"])])
            }
            try write()
            tenant.users[id] = nil
            return deleted
        case (.put, "activate"), (.put, "suspend"), (.put, "unsuspend"): return try move(user, path[1], account)
        case (.put, "admin"), (.put, "member"):
            try checkTwins(user)
            try write()
            tenant.users[id]?.role = path[1]
            tenant.users[id]?.updatedAt = now
            return show(tenant.users[id] ?? user)
        default: return unknownRoute
        }
    }

    private func show(_ user: UserRecord, status: HTTPStatus = .ok) -> Response {
        reply.entity(one("user", json.user(user)), xml: xml.user(user), status: status)
    }

    private mutating func createUser(_ account: AccountRecord) throws(Refusal) -> Response {
        try adminsOnly()
        let errors = tenant.userErrors(
            username: text("username"), email: text("email") ?? "", password: text("password"),
            confirmation: text("password_confirmation"), checksEmailFormat: true, milliseconds: milliseconds)
        guard errors.isEmpty else { throw .invalid(errors) }
        try write()
        let user = UserRecord(
            id: tenant.makeID(), accountID: account.id, username: Tenant.trimmed(text("username") ?? ""),
            email: text("email"), role: "member", state: "pending", createdAt: now, updatedAt: now)
        tenant.users[user.id] = user
        return created(show(user, status: .created), "accounts/\(account.id)/users", user.id)
    }

    private mutating func update(_ user: UserRecord) throws(Refusal) -> Response {
        var changed = user
        changed.username = text("username") ?? changed.username
        changed.email = text("email") ?? changed.email
        changed.updatedAt = now
        var errors = tenant.userErrors(
            username: changed.username, email: changed.email == "" ? nil : changed.email, password: text("password"),
            confirmation: nil,
            checksEmailFormat: false, milliseconds: .max, except: user.id)
        if !tenant.knobs.validatesLaterWrites, changed.username == user.username { errors.removeTaken("username") }
        if !tenant.knobs.validatesLaterWrites, changed.email == user.email { errors.removeTaken("email") }
        guard errors.isEmpty else { throw .invalid(errors) }
        try write()
        tenant.users[user.id] = changed
        return show(changed)
    }

    private mutating func move(_ user: UserRecord, _ event: String, _ account: AccountRecord) throws(Refusal)
        -> Response
    {
        let transitions: [String: (from: Set<String>, to: String)] = [
            "activate": (["pending", "active", "email_unverified"], "active"),
            "suspend": (["active", "suspended"], "suspended"), "unsuspend": (["suspended"], "active"),
        ]
        guard let transition = transitions[event], transition.from.contains(user.state) else {
            return raised(user, event, "State cannot transition via \"\(event)\"")
        }
        if tenant.knobs.validatesLaterWrites, let twin = tenant.twinErrors(user).first {
            return raised(user, event, "\(twin.attribute == "email" ? "Email" : "Username") has already been taken")
        }
        try write()
        tenant.users[user.id]?.state = transition.to
        tenant.users[user.id]?.updatedAt = now
        if event == "activate", account.state == "created" {
            let needsApproval = tenant.knobs.accountsNeedApproval || tenant.plans[account.planID]?.needsApproval == true
            tenant.accounts[account.id]?.state = needsApproval ? "pending" : "approved"
        }
        return show(tenant.users[user.id] ?? user)
    }

    /// Users raise where accounts validate: another shape, with the whole user.
    private func raised(_ user: UserRecord, _ event: String, _ message: String) -> Response {
        Reply.json(
            [
                "error": [
                    "from": .string(user.state), "event": .string(event), "error": .string(message),
                    "object": one("user", json.user(user)),
                ]
            ], status: .unprocessableContent)
    }

    private func checkTwins(_ user: UserRecord) throws(Refusal) {
        guard tenant.knobs.validatesLaterWrites else { return }
        let errors = tenant.twinErrors(user)
        guard errors.isEmpty else { throw .invalid(errors) }
    }

    // MARK: Subscriptions

    private mutating func subscriptions(_ account: AccountRecord, _ path: [String]) throws(Refusal) -> Response {
        guard reply.format == .json else { return unknownRoute }
        let all = tenant.subscriptions.rows("account:\(account.id)")
        guard let first = path.first else {
            if method == .get {
                return reply.entity(list(all.map(json.subscription), "service_subscriptions", "service_subscription"))
            }
            guard method == .post else { return unknownRoute }
            return try subscribe(account, all)
        }
        guard let id = Parameters.id(first), let subscription = all.first(where: { $0.id == id }) else {
            throw .notFound
        }
        switch (method, path.count > 1 ? path[1] : "") {
        case (.get, ""): return reply.entity(one("service_subscription", json.subscription(subscription)))
        case (.put, "approve"):
            guard subscription.state == "pending" else {
                throw .invalid([("state", ["cannot transition via \"accept\""])])
            }
            try write()
            tenant.subscriptions[id]?.state = "live"
            return reply.entity(
                one("service_subscription", json.subscription(tenant.subscriptions[id] ?? subscription)))
        case (.put, "change_plan"): return try changePlan(of: subscription)
        case (.delete, ""):
            let applications = tenant.applications(of: account.id).filter { $0.serviceID == subscription.serviceID }
            let active = applications.filter { $0.state != "suspended" }.count
            if active > 0 {
                throw .forbidden([("base", ["There is \(active) unsuspended application subscribed to the service"])])
            }
            try write()
            for application in applications {
                tenant.deleteApplication(application.id, at: milliseconds)
            }
            tenant.subscriptions[id] = nil
            return deleted
        default: return unknownRoute
        }
    }

    private mutating func subscribe(_ account: AccountRecord, _ all: [SubscriptionRecord]) throws(Refusal) -> Response {
        unwrap("service_subscription")
        guard let plan = int("plan_id").flatMap({ tenant.plans[$0] }), plan.kind == .service,
            let service = plan.serviceID
        else { throw .notFound }
        if all.contains(where: { $0.serviceID == service }) {
            throw .invalid([("base", ["already subscribed to this service"])])
        }
        try write()
        let made = tenant.subscribe(account.id, service, plan, now)
        return reply.entity(one("service_subscription", json.subscription(made)), status: .created)
    }

    private mutating func changePlan(of subscription: SubscriptionRecord) throws(Refusal) -> Response {
        guard let plan = int("plan_id").flatMap({ tenant.plans[$0] }), plan.kind == .service else { throw .notFound }
        guard plan.serviceID == subscription.serviceID else {
            throw .invalid([("plan", ["must belong to the same product"])])
        }
        try write()
        tenant.subscriptions[subscription.id]?.planID = plan.id
        return reply.entity(one("service_plan", json.plan(plan)))
    }
}

extension [(attribute: String, messages: [String?])] {
    /// Takes back that another row has an attribute's value.
    fileprivate mutating func removeTaken(_ attribute: String) {
        for index in indices where self[index].attribute == attribute {
            self[index].messages.removeAll { $0 == "has already been taken" }
        }
        removeAll { $0.messages.isEmpty }
    }
}
