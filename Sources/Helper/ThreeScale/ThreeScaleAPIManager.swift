import HTTP
package import HTTPClient
package import HelperCore
import JSON
package import Telemetry

/// The 3scale Account Management API as the core's API manager. JSON forms only; every list is read to its end.
package struct ThreeScaleAPIManager: APIManager, ApplicationArchive {
    /// Pages of a tenant's applications that a search reads.
    private static let pagesMax = 10_000

    let transport: ThreeScaleTransport
    private let configuration: ThreeScaleConfiguration

    /// - Parameters:
    ///   - breaker: of this tenant, for all loops.
    ///   - logger: gets a line for what fails in 3scale.
    ///   - wallClock: seconds since 1970, for dates that 3scale answers.
    ///   - sleep: waits between attempts, on the caller's loop.
    package init(
        configuration: ThreeScaleConfiguration, client: HTTPClient, metrics: UpstreamMetrics<ThreeScaleOperation>,
        tracer: Tracer,
        breaker: CircuitBreaker, logger: Logger? = nil, wallClock: @escaping @Sendable () -> Int = { 0 },
        sleep: @escaping @Sendable (Duration) async -> Void
    ) {
        self.configuration = configuration
        transport = ThreeScaleTransport(
            configuration: configuration, client: client, metrics: metrics, tracer: tracer, breaker: breaker,
            logger: logger, wallClock: wallClock, sleep: sleep)
    }

    // MARK: Availability

    package var isAvailable: Bool { !transport.breaker.isOpen }

    package var isInDoubt: Bool { transport.breaker.isInDoubt }

    /// `GET services` with one entry: the cheapest call there is.
    package func probe() async { await transport.probe("services", [("per_page", "1")], operation: .probe) }

    /// Logs the failures of calls whose minute is over. Called every second or so.
    package func summariseFailures() { transport.log.summarise() }

    // MARK: Catalogue

    /// Services, their proxies and plans. The load takes at most half of the calls that may be in flight.
    package func catalog() async throws(APIManagerError) -> Catalog {
        try await CatalogLoader(
            transport: transport, pageSize: configuration.pageSize, width: configuration.concurrency / 2
        ).load()
    }

    /// `GET application_plans/{id}/limits` for each plan, and the names of the metrics once by `GET services/{id}/metrics`.
    package func limits(ofPlans plans: [Int], service: Int) async throws(APIManagerError) -> [Int: [PlanLimit]] {
        var entities: [Int: [JSONValue]] = [:]
        for plan in plans {
            let answer = try await transport.get("application_plans/\(plan)/limits", operation: .listLimits)
            entities[plan] = try ThreeScaleEntities.list(answer, "limits", "limit")
        }
        var names: [Int: String] = [:]
        if entities.values.contains(where: { !$0.isEmpty }) {
            let metrics = try await transport.get("services/\(service)/metrics", operation: .listMetrics)
            for entry in metrics["metrics"]?.array ?? [] {
                if let metric = entry["metric"] ?? entry["method"], let id = metric["id"]?.int(in: 0 ... .max) {
                    names[id] = metric["system_name"]?.string
                }
            }
        }
        return entities.mapValues { limits in
            limits.compactMap { limit in
                guard let period = limit["period"]?.string, let value = limit["value"]?.int(in: 0 ... .max),
                    let metric = limit["metric_id"]?.int(in: 0 ... .max)
                else { return nil }
                return PlanLimit(metric: names[metric] ?? String(metric), period: period, value: value)
            }
        }
    }

    /// `GET services/{id}/application_plans/{id}`.
    package func hasPlan(_ plan: Int, service: Int) async throws(APIManagerError) -> Bool {
        do throws(APIManagerError) {
            _ = try await transport.get("services/\(service)/application_plans/\(plan)", operation: .getPlan)
            return true
        } catch {
            if error == .notFound { return false }
            throw error
        }
    }

    // MARK: Accounts

    /// `GET accounts/find`.
    package func account(username: String) async throws(APIManagerError) -> Account? {
        do throws(APIManagerError) {
            let answer = try await transport.dated("accounts/find", [("username", username)], operation: .findAccount)
            return try ThreeScaleEntities.account(in: answer)
        } catch {
            if error == .notFound { return nil }
            throw error
        }
    }

    /// `GET accounts/find.xml`, which shows the account's users; `accounts/find.json` where something between us and 3scale lets no
    /// XML pass.
    package func accountAndUser(username: String) async throws(APIManagerError) -> Account? {
        do throws(APIManagerError) {
            let answer = try await transport.dated(
                "accounts/find.xml", [("username", username)], operation: .findAccount)
            let entity = try ThreeScaleEntities.one(answer.value, "account")
            let account = try ThreeScaleEntities.account(entity, at: answer.time)
            let users = try ThreeScaleEntities.list(entity, "users", "user")
            // One of them was found by that name, or by one that is alike.
            if users.isEmpty { return account }
            guard let user = Self.user(username, of: users) else { return account.showing(.missing) }
            return account.showing(.exact(id: try ThreeScaleEntities.id(user)))
        } catch {
            switch error {
            case .notFound: return nil
            case .accessDenied, .rejected, .malformed: return try await account(username: username)
            case .unavailable, .timeout: throw error
            }
        }
    }

    /// `GET accounts/{id}/users`, which a tenant may forbid.
    package func hasUser(account: Int, username: String) async throws(APIManagerError) -> Bool {
        do throws(APIManagerError) {
            return try await user(username, account: account) != nil
        } catch {
            switch error {
            case .accessDenied, .rejected: return true
            case .notFound: return false
            case .unavailable, .timeout, .malformed: throw error
            }
        }
    }

    /// `GET accounts/{id}/users`.
    private func users(of account: Int) async throws(APIManagerError) -> [JSONValue] {
        let answer = try await transport.get("accounts/\(account)/users", operation: .listUsers)
        return try ThreeScaleEntities.list(answer, "users", "user")
    }

    /// The account's user of exactly that name.
    private func user(_ username: String, account: Int) async throws(APIManagerError) -> JSONValue? {
        Self.user(username, of: try await users(of: account))
    }

    private static func user(_ username: String, of users: [JSONValue]) -> JSONValue? {
        users.first { ExactName($0["username"]?.string ?? "") == ExactName(username) }
    }

    /// `POST signup`.
    package func signUp(_ draft: SignupDraft) async throws(APIManagerError) -> Account {
        var form = [("org_name", draft.organization), ("username", draft.username), ("password", draft.password)]
        if let email = draft.email { form.append(("email", email)) }
        let answer = try await transport.write(.post, "signup", form, operation: .signup)
        return try ThreeScaleEntities.account(in: answer)
    }

    /// `PUT accounts/{id}/users/{id}` with the name that the user has.
    package func confirm(account: Int, username: String) async throws(APIManagerError) {
        guard let user = try await user(username, account: account) else { throw APIManagerError.noSuchUser }
        try await write(username, user: try ThreeScaleEntities.id(user), account: account)
    }

    /// As `confirm(account:username:)`, where the user is there, in one call.
    package func confirm(account: Int, user: Int, username: String) async throws(APIManagerError) {
        do throws(APIManagerError) {
            try await write(username, user: user, account: account)
        } catch {
            guard error == .notFound else { throw error }
            try await confirm(account: account, username: username)
        }
    }

    private func write(_ username: String, user: Int, account: Int) async throws(APIManagerError) {
        _ = try await transport.write(
            .put, "accounts/\(account)/users/\(user)", [("username", username)], operation: .confirmUser)
    }

    /// `PUT accounts/{id}/users/{id}/activate` for its users, then `PUT accounts/{id}/approve`.
    package func repair(account: Int) async throws(APIManagerError) {
        for user in try await users(of: account) where user["state"]?.string == "pending" {
            let id = try ThreeScaleEntities.id(user)
            _ = try await transport.write(.put, "accounts/\(account)/users/\(id)/activate", operation: .activateUser)
        }
        let after = try await transport.dated("accounts/\(account)", operation: .getAccount)
        guard try ThreeScaleEntities.account(in: after).needsRepair else { return }
        _ = try await transport.write(.put, "accounts/\(account)/approve", operation: .approveAccount)
    }

    /// `DELETE accounts/{id}`.
    package func deleteAccount(_ id: Int) async throws(APIManagerError) {
        do throws(APIManagerError) {
            _ = try await transport.write(.delete, "accounts/\(id)", operation: .deleteAccount)
        } catch {
            if error == .notFound { return }
            throw error
        }
    }

    // MARK: Applications

    /// `GET accounts/{id}/applications`: not paginated.
    package func applications(account: Int) async throws(APIManagerError) -> [Application] {
        let answer = try await transport.dated("accounts/\(account)/applications", operation: .listApplications)
        return try ThreeScaleEntities.applications(in: answer).sorted { $0.id < $1.id }
    }

    /// `GET applications?service_id=`, page by page. Descriptions can be edited in the portals, so that a mark alone proves nothing.
    package func applications(
        markedFor owner: OwnerMark, service: Int
    ) async throws(APIManagerError) -> [Application] {
        var marked: [Application] = []
        for page in 1...Self.pagesMax {
            let answer = try await self.page(page, [("service_id", String(service))])
            let entities = try ThreeScaleEntities.list(answer.value, "applications", "application")
            for entity in entities where OwnerMark(readingFrom: entity["description"]?.string) == owner {
                marked.append(try ThreeScaleEntities.application(entity, at: answer.time))
            }
            if entities.count < configuration.pageSize { break }
        }
        return marked
    }

    /// `GET accounts/{id}/users`, which a tenant may forbid.
    package func users(account: Int) async throws(APIManagerError) -> [ArchivedUser] {
        do throws(APIManagerError) {
            var found: [ArchivedUser] = []
            for user in try await users(of: account) {
                found.append(
                    ArchivedUser(id: try ThreeScaleEntities.id(user), username: user["username"]?.string ?? ""))
            }
            return found
        } catch {
            switch error {
            case .accessDenied, .rejected, .notFound: return []
            case .unavailable, .timeout, .malformed: throw error
            }
        }
    }

    /// `PUT accounts/{id}/users/{id}`.
    package func rename(user: Int, account: Int, to username: String) async throws(APIManagerError) {
        _ = try await transport.write(
            .put, "accounts/\(account)/users/\(user)", [("username", username)], operation: .renameUser)
    }

    /// `GET applications`.
    package func applications(page: Int) async throws(APIManagerError) -> [Application] {
        try ThreeScaleEntities.applications(in: try await self.page(page))
    }

    /// A page of the tenant's applications.
    private func page(
        _ number: Int, _ query: [(String, String)] = []
    ) async throws(APIManagerError) -> ThreeScaleTransport.Dated {
        try await transport.dated(
            "applications", query + [("page", String(number)), ("per_page", String(configuration.pageSize))],
            operation: .listAllApplications)
    }

    /// `PUT accounts/{id}/users/{id}`, then `PUT accounts/{id}`. The account must have one user alone, whose name is the one that
    /// the owner has in that organisation: the organisation's name is that of the person who signed up or was renamed.
    package func rename(
        account: Int, to username: String, organization renamed: String, owner: OwnerMark
    ) async throws(APIManagerError) -> RenamedAccount {
        let answer = try await transport.dated("accounts/\(account)", operation: .getAccount)
        let entity = try ThreeScaleEntities.one(answer.value, "account")
        let found = try ThreeScaleEntities.account(entity, at: answer.time)
        let organization = entity["org_name"]?.string ?? ""
        let users = try await users(of: account)
        if Self.user(username, of: users) != nil { return RenamedAccount(found, isWritten: false) }
        guard users.count == 1, let user = users.first, let name = user["username"]?.string,
            ExactName(name) == ExactName(AccountName.name(for: organization, owner: owner))
                || ExactName(organization) == ExactName(AccountName.organization(for: name, owner: owner))
        else { throw APIManagerError.otherUsers }
        let id = try ThreeScaleEntities.id(user)
        do throws(APIManagerError) {
            _ = try await transport.write(
                .put, "accounts/\(account)/users/\(id)", [("username", username)], operation: .renameUser)
        } catch {
            guard error.isTaken("username") else { throw error }
            return RenamedAccount(found, isWritten: false)
        }
        // The user has the name, so that the account is found by it from now on: the call goes on where this write fails.
        _ = try? await transport.write(
            .put, "accounts/\(account)", [("org_name", renamed)], operation: .renameAccount)
        return RenamedAccount(found, isWritten: true)
    }

    /// `POST accounts/{id}/applications`.
    package func createApplication(_ draft: ApplicationDraft) async throws(APIManagerError) -> Application {
        var form = [
            ("plan_id", String(draft.plan)), ("name", draft.name), ("description", draft.description),
            ("application_id", draft.applicationID),
        ]
        if let key = draft.userKey { form.append(("user_key", key)) }
        if let key = draft.applicationKey { form.append(("application_key", key)) }
        let answer = try await transport.write(
            .post, "accounts/\(draft.account)/applications", form, operation: .createApplication)
        do throws(APIManagerError) {
            return try ThreeScaleEntities.application(in: answer)
        } catch {
            // It was created, whatever the answer looks like.
            throw .malformed(cause: "3scale's answer to a create is no application", outcomeUnknown: true)
        }
    }

    /// `PUT accounts/{id}/applications/{id}`.
    package func describe(
        application: Int, account: Int, description: String
    ) async throws(APIManagerError) -> Application {
        let answer = try await transport.write(
            .put, "accounts/\(account)/applications/\(application)", [("description", description)],
            operation: .describeApplication)
        do throws(APIManagerError) {
            return try ThreeScaleEntities.application(in: answer)
        } catch {
            throw .malformed(cause: "3scale's answer to a description is no application", outcomeUnknown: true)
        }
    }

    /// `DELETE accounts/{id}/applications/{id}`.
    package func deleteApplication(_ id: Int, account: Int) async throws(APIManagerError) {
        do throws(APIManagerError) {
            _ = try await transport.write(
                .delete, "accounts/\(account)/applications/\(id)", operation: .deleteApplication)
        } catch {
            if error == .notFound { return }
            throw error
        }
    }

    /// `GET accounts/{id}/applications/{id}/keys`.
    package func keys(application: Int, account: Int) async throws(APIManagerError) -> [String] {
        let answer = try await transport.get(
            "accounts/\(account)/applications/\(application)/keys", operation: .listKeys)
        return try ThreeScaleEntities.list(answer, "keys", "key").compactMap { $0["value"]?.string }
    }

    /// `POST accounts/{id}/applications/{id}/keys`: answers the application, not the key.
    package func addKey(_ key: String, application: Int, account: Int) async throws(APIManagerError) {
        _ = try await transport.write(
            .post, "accounts/\(account)/applications/\(application)/keys", [("key", key)], operation: .createKey)
    }
}
