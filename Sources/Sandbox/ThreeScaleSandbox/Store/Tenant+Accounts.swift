/// What a signup brings.
struct SignupFields {
    var orgName: String?
    var username: String?
    var email: String?
    var password: String?
    var confirmation: String?
    var accountPlan: Int?
    var servicePlan: Int?
    var applicationPlan: Int?
    /// Applied to the account as it is.
    var state: String?
    var annotations: [String: String] = [:]
}

extension Tenant {
    /// Account, user, contracts, and applications on every service that has default plans for it.
    /// - Throws: validation first, then missing plans.
    mutating func signUp(_ fields: SignupFields, at now: Int, milliseconds: Int) throws(Refusal) -> AccountRecord {
        var errors = orgNameErrors(fields.orgName)
        let faults = userErrors(
            username: fields.username, email: fields.email, password: fields.password,
            confirmation: fields.confirmation,
            checksEmailFormat: false, milliseconds: milliseconds)
        // The user's faults make a fault of the account, which comes first.
        if !faults.isEmpty { errors = [("users", ["invalid"])] + errors + faults }
        guard errors.isEmpty else { throw .invalid(errors) }
        let accountPlans = plans(.account)
        guard
            let accountPlan = fields.accountPlan.flatMap({ id in accountPlans.first { $0.id == id } })
                ?? accountPlans.first(where: \.isDefault)
        else { throw .notFound }
        let needsApproval = accountPlan.needsApproval || knobs.accountsNeedApproval
        let isActive = fields.password != nil && !needsApproval
        let contracts = try defaultContracts(fields)
        let account = AccountRecord(
            id: makeID(), orgName: fields.orgName ?? "",
            state: fields.state.flatMap { AccountRecord.states.contains($0) ? $0 : nil }
                ?? (isActive ? "approved" : "created"),
            planID: accountPlan.id,
            annotations: fields.annotations, createdAt: now, updatedAt: now)
        let user = UserRecord(
            id: makeID(), accountID: account.id, username: Self.trimmed(fields.username ?? ""), email: fields.email,
            role: "admin", state: isActive ? "active" : "pending", createdAt: now, updatedAt: now)
        accounts[account.id] = account
        users[user.id] = user
        born(user.id, at: milliseconds)
        for (servicePlan, applicationPlan) in contracts {
            subscribe(account.id, applicationPlan.serviceID ?? 0, servicePlan, now)
            insertApplication(
                account: account.id, plan: applicationPlan,
                ApplicationFields(name: "API signup", description: "API signup"), now, milliseconds)
        }
        return account
    }

    /// The plans of every service that a signup subscribes to: those with a default application plan, and that of the
    /// plan that was asked for. Found before anything is changed.
    private func defaultContracts(
        _ fields: SignupFields
    ) throws(Refusal) -> [(service: PlanRecord, application: PlanRecord)] {
        var candidates = Set(plans.rows("default:\(PlanRecord.Kind.application.rawValue)").compactMap(\.serviceID))
        if let service = fields.applicationPlan.flatMap({ plans[$0] })?.serviceID { candidates.insert(service) }
        var contracts: [(service: PlanRecord, application: PlanRecord)] = []
        for service in candidates.sorted() {
            let servicePlans = plans(.service, service: service)
            let applicationPlans = plans(.application, service: service)
            let wanted = fields.applicationPlan.flatMap { id in applicationPlans.first { $0.id == id } }
            let servicePlan =
                fields.servicePlan.flatMap { id in servicePlans.first { $0.id == id } }
                ?? servicePlans.first(where: \.isDefault)
                ?? (knobs.publishedServicePlanSignup ? servicePlans.first(where: \.isPublished) : nil)
            let applicationPlan = wanted ?? applicationPlans.first(where: \.isDefault)
            if wanted != nil, servicePlan == nil { throw .notFound }
            if let servicePlan, let applicationPlan { contracts.append((servicePlan, applicationPlan)) }
        }
        return contracts
    }

    @discardableResult
    mutating func subscribe(_ account: Int, _ service: Int, _ plan: PlanRecord, _ now: Int) -> SubscriptionRecord {
        if let known = subscriptions.rows("account:\(account)").first(where: { $0.serviceID == service }) {
            return known
        }
        let made = SubscriptionRecord(
            id: makeID(), accountID: account, serviceID: service, planID: plan.id,
            state: plan.needsApproval ? "pending" : "live", createdAt: now)
        subscriptions[made.id] = made
        return made
    }

    // MARK: Validation

    typealias Errors = [(attribute: String, messages: [String?])]

    func orgNameErrors(_ name: String?) -> Errors {
        let name = name ?? ""
        var messages: [String] = []
        if Self.trimmed(name).isEmpty { messages.append("can't be blank") }
        if !name.utf8.contains(where: Self.isAlphanumeric) {
            messages.append("must contain at least one alphanumeric character")
        }
        if name.unicodeScalars.count > 255 { messages.append("is too long (maximum is 255 characters)") }
        return messages.isEmpty ? [] : [("org_name", messages)]
    }

    func userErrors(
        username: String?, email: String?, password: String?, confirmation: String?, checksEmailFormat: Bool,
        milliseconds: Int, except: Int? = nil
    ) -> Errors {
        var errors: Errors = []
        let name = username.map { usernameMessages(Self.trimmed($0), milliseconds, except) } ?? Self.noUsername
        if !name.isEmpty { errors.append(("username", name)) }
        if let email {
            var messages: [String] = []
            if checksEmailFormat {
                if !email.contains("@") { messages.append("should look like an email address") }
            } else {
                if email.unicodeScalars.count < 6 { messages.append("is too short (minimum is 6 characters)") }
                if email.unicodeScalars.count > 255 { messages.append("is too long (maximum is 255 characters)") }
            }
            let others = email.isEmpty ? [] : users.rows("email:\(email)")
            if others.contains(where: { $0.id != except && isVisible($0.id, at: milliseconds) }) {
                messages.append("has already been taken")
            }
            if !messages.isEmpty { errors.append(("email", messages)) }
        }
        if let password {
            if password.unicodeScalars.count < knobs.passwordMinimum {
                errors.append(("password", ["is too short (minimum is \(knobs.passwordMinimum) characters)"]))
            }
            if let confirmation, confirmation != password {
                errors.append(("password_confirmation", ["doesn't match Password"]))
            }
        }
        return errors
    }

    /// What 3scale says where no username was given at all.
    private static let noUsername = [
        "is too short (minimum is 3 characters)", "is too long (maximum is 40 characters)",
    ]

    private func usernameMessages(_ name: String, _ milliseconds: Int, _ except: Int?) -> [String] {
        var messages: [String] = []
        let count = name.unicodeScalars.count
        if count < 3 { messages.append("is too short (minimum is 3 characters)") }
        if count > 40 { messages.append("is too long (maximum is 40 characters)") }
        let bytes = Array(name.utf8)
        let isWord: (UInt8) -> Bool = { Self.isAlphanumeric($0) || $0 == 0x5F }
        let fits =
            bytes.count >= 2 && isWord(bytes[0]) && bytes.allSatisfy { isWord($0) || Array(".-_@+".utf8).contains($0) }
        if !fits { messages.append("use only letters, numbers, and .-_@+ please.") }
        let others = users.rows("name:\(name)")
        if others.contains(where: { $0.id != except && isVisible($0.id, at: milliseconds) }) {
            messages.append("has already been taken")
        }
        return messages
    }

    static func trimmed(_ text: String) -> String {
        String(text.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
    }

    // MARK: States

    /// `approve`, `make_pending`, `reject`.
    mutating func move(account id: Int, _ event: String, _ now: Int) throws(Refusal) -> AccountRecord {
        guard var account = accounts[id] else { throw .notFound }
        let transitions: [String: (from: Set<String>, to: String)] = [
            "approve": (["created", "pending", "rejected"], "approved"),
            "make_pending": (["created", "approved", "rejected"], "pending"),
            "reject": (["created", "pending", "approved"], "rejected"),
        ]
        guard let transition = transitions[event], transition.from.contains(account.state) else {
            let words = event.split(separator: "_").joined(separator: " ")
            throw .invalid([("state", ["cannot transition via \"\(words)\""])])
        }
        account.state = transition.to
        account.updatedAt = now
        accounts[id] = account
        return account
    }

    mutating func deleteAccount(_ id: Int) {
        accounts[id] = nil
        for user in users(of: id) { users[user.id] = nil }
        for application in applications(of: id) { applications[application.id] = nil }
        for subscription in subscriptions.rows("account:\(id)") { subscriptions[subscription.id] = nil }
    }
}
