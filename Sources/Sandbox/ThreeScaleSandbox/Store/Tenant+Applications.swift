/// What a create or update of an application brings.
struct ApplicationFields {
    var name: String?
    var description: String?
    var userKey: String?
    var applicationID: String?
    var keys: [String] = []
    var redirectURL: String?
}

extension Tenant {
    /// Account, plan, subscription, validation, in this order.
    mutating func createApplication(
        account: Int, plan planID: Int?, _ fields: ApplicationFields, _ now: Int, _ milliseconds: Int
    ) throws(Refusal) -> ApplicationRecord {
        guard accounts[account] != nil, let planID, let plan = plans[planID], plan.kind == .application,
            let service = plan.serviceID, services[service] != nil
        else { throw .notFound }
        let servicePlans = plans(.service, service: service)
        guard let servicePlan = servicePlans.first(where: \.isDefault) ?? servicePlans.first else {
            throw .text("You cannot subscribe to that service.")
        }
        let errors = applicationErrors(fields, service: service, except: nil, milliseconds)
        guard errors.isEmpty else { throw .invalid(errors) }
        subscribe(account, service, servicePlan, now)
        return insertApplication(account: account, plan: plan, fields, now, milliseconds)
    }

    @discardableResult
    mutating func insertApplication(
        account: Int, plan: PlanRecord, _ fields: ApplicationFields, _ now: Int, _ milliseconds: Int
    ) -> ApplicationRecord {
        let service = plan.serviceID.flatMap { services[$0] }
        var application = ApplicationRecord(
            id: makeID(), accountID: account, serviceID: plan.serviceID ?? 0, planID: plan.id,
            state: plan.needsApproval ? "pending" : "live", name: fields.name, description: fields.description,
            userKey: fields.userKey ?? RandomText.hex(16), applicationID: fields.applicationID ?? RandomText.hex(4),
            verificationKey: RandomText.hex(16), redirectURL: fields.redirectURL, createdAt: now, updatedAt: now)
        application.keys = fields.keys.map { AppKeyRecord(value: $0, createdAt: now) }
        let mode = service?.backendVersion
        if application.keys.isEmpty,
            mode == "oidc" || mode == "oauth" || (mode == "2" && service?.mandatoryAppKey == true)
        {
            application.keys = [AppKeyRecord(value: RandomText.hex(16), createdAt: now)]
        }
        applications[application.id] = application
        born(application.id, at: milliseconds)
        return application
    }

    mutating func updateApplication(
        _ application: ApplicationRecord, _ fields: ApplicationFields, _ now: Int, _ milliseconds: Int
    ) throws(Refusal) -> ApplicationRecord {
        var changed = application
        var checked = fields
        checked.applicationID = nil
        let errors = applicationErrors(checked, service: application.serviceID, except: application.id, milliseconds)
        guard errors.isEmpty else { throw .invalid(errors) }
        changed.name = fields.name ?? changed.name
        changed.description = fields.description ?? changed.description
        changed.userKey = fields.userKey ?? changed.userKey
        changed.redirectURL = fields.redirectURL ?? changed.redirectURL
        changed.updatedAt = now
        try checkTwins(changed)
        applications[changed.id] = changed
        return changed
    }

    /// Every save validates what is stored as well.
    func checkTwins(_ application: ApplicationRecord) throws(Refusal) {
        guard knobs.validatesLaterWrites else { return }
        let errors = twinErrors(application)
        guard errors.isEmpty else { throw .invalid(errors) }
    }

    /// `accept`, `suspend`, `resume`.
    mutating func move(application: ApplicationRecord, _ event: String, _ now: Int) throws(Refusal) -> ApplicationRecord
    {
        let transitions = [
            "accept": ("pending", "live"), "suspend": ("live", "suspended"), "resume": ("suspended", "live"),
        ]
        guard let (from, to) = transitions[event], application.state == from else {
            throw .invalid([("state", ["cannot transition via \"\(event)\""])])
        }
        try checkTwins(application)
        var changed = application
        changed.state = to
        changed.updatedAt = now
        applications[changed.id] = changed
        return changed
    }

    mutating func deleteApplication(_ id: Int, at milliseconds: Int) {
        guard let application = applications[id] else { return }
        deleteLater(application, at: milliseconds)
        applications[id] = nil
    }

    mutating func changePlan(of application: ApplicationRecord, to id: Int?, _ now: Int) throws(Refusal) -> PlanRecord {
        guard let id, let plan = plans[id], plan.kind == .application else { throw .notFound }
        guard plan.serviceID == application.serviceID else {
            throw .invalid([("plan", ["not allowed in this context"])])
        }
        // The same plan again saves nothing, and so validates nothing.
        if id == application.planID { return plan }
        try checkTwins(application)
        applications[application.id]?.planID = id
        applications[application.id]?.updatedAt = now
        return plan
    }

    /// A hidden copy of the application's plan for it alone.
    mutating func customizePlan(of application: ApplicationRecord, _ now: Int) throws(Refusal) -> PlanRecord {
        guard let plan = plans[application.planID] else { throw .notFound }
        if plan.isCustom { return plan }
        let id = addPlan(
            .application, service: plan.serviceID, name: "\(plan.name) (custom)",
            systemName: "\(plan.systemName)_custom_\(now)\(String(RandomText.digits(7)))",
            custom: true, needsApproval: plan.needsApproval, at: now)
        plans[id]?.originalID = plan.id
        applications[application.id]?.planID = id
        guard let custom = plans[id] else { throw .notFound }
        return custom
    }

    /// Back to a plan that is not custom.
    mutating func decustomizePlan(of application: ApplicationRecord, _ now: Int) throws(Refusal) -> PlanRecord {
        guard let plan = plans[application.planID] else { throw .notFound }
        guard plan.isCustom else { return plan }
        let stock = plans(.application, service: plan.serviceID).filter { !$0.isCustom }
        guard let back = stock.first(where: { $0.id == plan.originalID }) ?? stock.first else { throw .notFound }
        applications[application.id]?.planID = back.id
        plans[plan.id] = nil
        return back
    }

    // MARK: Keys

    mutating func addKey(
        _ value: String?, to application: ApplicationRecord, _ now: Int, _ milliseconds: Int? = nil
    ) throws(Refusal) -> ApplicationRecord {
        // In a race the same key passes the validation twice, and the database's own index refuses the second.
        let isRaced = application.keys.contains { key in
            guard let milliseconds, let born = key.bornMilliseconds, key.value == value else { return false }
            return milliseconds - born < knobs.uniquenessRaceMilliseconds
        }
        if isRaced { throw .conflict }
        let most = mostKeys(ofService: application.serviceID)
        let value = value ?? RandomText.hex(16)
        var errors: Errors = []
        if let message = Self.printable(value, 5...255) { errors.append(("value", [message])) }
        if application.keys.contains(where: { $0.value.lowercased() == value.lowercased() }) {
            errors.append(("value", ["has already been taken"]))
        }
        if application.keys.count >= most { errors.append(("base", ["Limit reached"])) }
        guard errors.isEmpty else { throw .invalid(errors) }
        if knobs.validatesLaterWrites, !twinErrors(application).isEmpty { throw .failed }
        var changed = application
        changed.keys.append(AppKeyRecord(value: value, createdAt: now, bornMilliseconds: milliseconds))
        applications[changed.id] = changed
        return changed
    }

    private func mostKeys(ofService id: Int) -> Int {
        let mode = services[id]?.backendVersion
        return mode == "oidc" || mode == "oauth" ? 1 : 5
    }

    mutating func removeKey(_ value: String, from application: ApplicationRecord) throws(Refusal) {
        guard application.keys.contains(where: { $0.value == value }) else { throw .notFound }
        applications[application.id]?.keys.removeAll { $0.value == value }
    }

    // MARK: Validation

    private func applicationErrors(
        _ fields: ApplicationFields, service: Int, except: Int?, _ milliseconds: Int
    ) -> Errors {
        var errors: Errors = []
        func isInTheWay(_ other: ApplicationRecord) -> Bool {
            other.id != except && isVisible(other.id, at: milliseconds)
        }
        if let key = fields.userKey {
            var messages: [String] = []
            if !Self.isUserKey(key) { messages.append("invalid") }
            if key.utf8.count > 256 { messages.append("is too long (maximum is 256 characters)") }
            let others = applications.rows("key:\(key)")
            if others.contains(where: { isInTheWay($0) && (!knobs.duplicateUserKey || $0.serviceID == service) }) {
                messages.append("has already been taken")
            }
            if !messages.isEmpty { errors.append(("user_key", messages)) }
        }
        if let id = fields.applicationID {
            var messages: [String] = []
            if id.isEmpty || !id.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) { messages.append("invalid") }
            if id.unicodeScalars.count < 4 { messages.append("is too short (minimum is 4 characters)") }
            if id.unicodeScalars.count > 255 { messages.append("is too long (maximum is 255 characters)") }
            let others = applications.rows("id:\(id)")
            if others.contains(where: { isInTheWay($0) && (!knobs.duplicateApplicationID || $0.serviceID == service) })
            {
                messages.append("has already been taken")
            }
            if !messages.isEmpty { errors.append(("application_id", messages)) }
        }
        if fields.keys.count > mostKeys(ofService: service)
            || fields.keys.contains(where: { Self.printable($0, 5...255) != nil })
        {
            errors.append(("application_keys", ["invalid"]))
        }
        if let name = fields.name, name.unicodeScalars.count > 255 {
            errors.append(("name", ["is too long (maximum is 255 characters)"]))
        }
        return errors
    }

    private static func isUserKey(_ key: String) -> Bool {
        let bytes = Array(key.utf8)
        let isPlain: (UInt8) -> Bool = {
            (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
        }
        if bytes.isEmpty { return false }
        if bytes.allSatisfy({ isPlain($0) || [0x5F, 0x2D, 0x2E].contains($0) }) { return true }
        // Padded base64 without a slash.
        let padding = bytes.reversed().prefix { $0 == 0x3D }.count
        return bytes.count % 4 == 0 && padding <= 2 && bytes.dropLast(padding).allSatisfy { isPlain($0) || $0 == 0x2B }
    }

    /// Printable ASCII without a space, of a length in range; else the message.
    private static func printable(_ text: String, _ length: ClosedRange<Int>) -> String? {
        if !text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) { return "invalid" }
        if text.utf8.count < length.lowerBound { return "is too short (minimum is \(length.lowerBound) characters)" }
        if text.utf8.count > length.upperBound { return "is too long (maximum is \(length.upperBound) characters)" }
        return nil
    }
}

/// Random hexadecimal text, as 3scale makes for keys.
enum RandomText {
    /// - Parameter bytes: half as many as digits.
    static func hex(_ bytes: Int) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: (0..<bytes * 2).map { _ in digits[Int.random(in: 0..<16)] }, as: UTF8.self)
    }

    /// Decimal digits.
    static func digits(_ count: Int) -> String {
        String(decoding: (0..<count).map { _ in UInt8.random(in: 0x30...0x39) }, as: UTF8.self)
    }
}
