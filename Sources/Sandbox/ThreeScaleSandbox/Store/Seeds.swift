/// Tenants to start from.
package enum ThreeScaleSeed {
    /// Reads and writes everything.
    package static let adminToken = "sandbox-admin-token"
    /// Refused at the first write.
    package static let readOnlyToken = "sandbox-read-only-token"
    /// Expired long ago.
    package static let expiredToken = "sandbox-expired-token"

    /// A small realistic catalogue: every authentication mode, a hidden default plan, a plan that needs approval, a custom
    /// plan, a service without a plan, every place for credentials.
    /// - Parameters:
    ///   - now: seconds since 1970-01-01T00:00:00Z.
    ///   - firstID: ids of the hosted service are above 2^31.
    package static func standard(now: Int, firstID: Int = 1) -> Tenant {
        var tenant = empty(now: now, firstID: firstID)
        let chat = tenant.addService(
            name: "Granite Chat", systemName: "granite_chat", description: "Chat completions by Granite",
            endpoint: "https://granite.apps.example.com:443", credentialsLocation: "headers", at: now)
        let hits = tenant.metrics.values.first { $0.serviceID == chat }?.id ?? 0
        tenant.addPlan(.application, service: chat, name: "Trial", published: true, at: now)
        let basic = tenant.addPlan(.application, service: chat, name: "Basic", published: true, at: now)
        tenant.addPlan(.application, service: chat, name: "Internal", custom: true, at: now)
        tenant.addLimit(plan: basic, metric: hits, period: "minute", value: 60, at: now)
        tenant.addLimit(plan: basic, metric: hits, period: "day", value: 10_000, at: now)

        let embeddings = tenant.addService(
            name: "Embeddings", systemName: "embeddings", description: "Text embeddings", backendVersion: "2",
            credentialsLocation: "headers", at: now)
        tenant.addPlan(.application, service: embeddings, name: "Standard", published: true, at: now)

        let vision = tenant.addService(
            name: "Vision", systemName: "vision", description: "Image understanding", backendVersion: "oidc",
            credentialsLocation: "headers", at: now)
        tenant.addPlan(.application, service: vision, name: "Standard", published: true, at: now)

        let speech = tenant.addService(
            name: "Speech to Text", systemName: "speech_to_text", description: "Transcription",
            endpoint: "http://speech.apps.example.com:80", credentialsLocation: "query", at: now)
        tenant.addPlan(.application, service: speech, name: "On request", published: true, needsApproval: true, at: now)

        let code = tenant.addService(
            name: "Code Assist", systemName: "code_assist", description: "Code completion", endpoint: "",
            credentialsLocation: "authorization", at: now)
        // The operator chose a default that is not shown to everybody. Its service plan is hidden, so that signup makes
        // no application for it.
        let hidden = tenant.addPlan(.application, service: code, name: "Staff", at: now)
        tenant.makeDefault(hidden)
        for plan in tenant.plans(.service, service: code) { tenant.plans[plan.id]?.isPublished = false }
        tenant.addPlan(.application, service: code, name: "Public", published: true, at: now)

        tenant.addService(name: "Rerank", systemName: "rerank", description: "No plan yet", at: now)
        addPeople(&tenant, now: now)
        return tenant
    }

    /// Many services, for measuring.
    package static func generated(services: Int, now: Int, firstID: Int = 1) -> Tenant {
        var tenant = empty(now: now, firstID: firstID)
        for index in 1...max(1, services) {
            let mode = ["1", "2", "oidc"][index % 3]
            let id = tenant.addService(
                name: "Model \(index)", systemName: "model_\(index)", description: "Generated service \(index)",
                backendVersion: mode, credentialsLocation: "headers", at: now)
            tenant.addPlan(.application, service: id, name: "Standard", published: true, at: now)
        }
        return tenant
    }

    /// Adds accounts of users `user1` to `userN`, each with a live application on the first service that has a published
    /// plan: what a portal would have made, without an owner mark.
    package static func addAccounts(_ count: Int, to tenant: inout Tenant, now: Int) {
        let accountPlan = tenant.plans(.account).first?.id ?? 0
        let plan = tenant.plans(.application).first { $0.isPublished && !$0.needsApproval }
        for index in 1...max(1, count) {
            let name = "user\(index)"
            let account = AccountRecord(
                id: tenant.makeID(), orgName: name, state: "approved", planID: accountPlan, createdAt: now,
                updatedAt: now)
            tenant.accounts[account.id] = account
            let user = UserRecord(
                id: tenant.makeID(), accountID: account.id, username: name, email: "\(name)@example.com",
                role: "admin", state: "active", createdAt: now, updatedAt: now)
            tenant.users[user.id] = user
            guard let plan else { continue }
            tenant.insertApplication(
                account: account.id, plan: plan, ApplicationFields(name: "Made in the portal"), now, 0)
        }
    }

    /// What 3scale's own sample data is: one service in mode 1 with two plans, and one developer with an application.
    package static func sample(now: Int, firstID: Int = 1) -> Tenant {
        var tenant = Tenant(firstID: firstID)
        tenant.add(AccessTokenRecord(value: adminToken))
        tenant.adminHost = "acme-admin.example.com"
        tenant.supportEmail = "admin@acme.example"
        tenant.publicDomain = "-acme-apicast-production.example.com"
        tenant.stagingDomain = "-acme-apicast-staging.example.com"
        let service = tenant.addService(name: "API", systemName: "api", isPromoted: false, at: now)
        tenant.addPlan(.account, service: nil, name: "Default", isDefault: true, at: now)
        for plan in tenant.plans(.service, service: service) { tenant.makeDefault(plan.id) }
        let basic = tenant.addPlan(.application, service: service, name: "Basic", published: true, at: now)
        tenant.makeDefault(basic)
        tenant.addPlan(.application, service: service, name: "Unlimited", published: true, at: now)
        let account = AccountRecord(
            id: tenant.makeID(), orgName: "Developer", state: "approved", planID: tenant.plans(.account).first?.id ?? 0,
            createdAt: now, updatedAt: now)
        tenant.accounts[account.id] = account
        let user = UserRecord(
            id: tenant.makeID(), accountID: account.id, username: "john", email: "admin+test@acme.example",
            role: "admin",
            state: "active", createdAt: now, updatedAt: now)
        tenant.users[user.id] = user
        if let plan = tenant.plans[basic], let servicePlan = tenant.plans(.service, service: service).first {
            tenant.subscribe(account.id, service, servicePlan, now)
            tenant.insertApplication(
                account: account.id, plan: plan,
                ApplicationFields(name: "Developer's App", description: "Default application created on signup."),
                now, 0)
        }
        return tenant
    }

    /// A tenant in which nothing was set up: one service and no account plan, so that no account can be signed up.
    package static func bare(now: Int, firstID: Int = 1) -> Tenant {
        var tenant = Tenant(firstID: firstID)
        tenant.supportEmail = "admin@other.example"
        tenant.add(AccessTokenRecord(value: adminToken))
        tenant.addService(name: "API", systemName: "api", isPromoted: false, at: now)
        return tenant
    }

    private static func empty(now: Int, firstID: Int) -> Tenant {
        var tenant = Tenant(firstID: firstID)
        tenant.addPlan(.account, service: nil, name: "Default", published: true, isDefault: true, at: now)
        tenant.add(AccessTokenRecord(value: adminToken))
        tenant.add(AccessTokenRecord(value: readOnlyToken, isReadOnly: true))
        tenant.add(AccessTokenRecord(value: expiredToken, expiresAt: 1))
        return tenant
    }

    private static func addPeople(_ tenant: inout Tenant, now: Int) {
        for name in ["grace", "linus"] {
            _ = try? tenant.signUp(
                SignupFields(
                    orgName: "\(name)@example.com", username: name, email: "\(name)@example.com",
                    password: "not-used-by-anyone-24x"), at: now, milliseconds: 0)
        }
    }
}
