import HTTP
package import HTTPClient
package import HelperCore
import JSON
package import Telemetry

/// The 3scale Account Management API as the core's API manager. JSON forms only; every list is read to its end.
package struct ThreeScaleAPIManager: APIManager {
    /// A list that never ends must not be read for ever: 500 pages of 500.
    private static let pagesMax = 500

    /// The names of all calls, for metrics.
    package static let operations = [
        "list_services", "get_proxy", "list_plans", "list_limits", "list_metrics", "find_account", "get_account",
        "list_users", "activate_user", "approve_account", "signup", "list_applications", "create_application",
        "delete_application", "list_keys", "create_key",
    ]

    private let transport: ThreeScaleTransport
    private let configuration: ThreeScaleConfiguration

    /// - Parameter sleep: waits between attempts, on the caller's loop.
    package init(
        configuration: ThreeScaleConfiguration, client: HTTPClient, metrics: UpstreamMetrics, tracer: Tracer,
        sleep: @escaping @Sendable (Duration) async -> Void
    ) {
        self.configuration = configuration
        transport = ThreeScaleTransport(
            configuration: configuration, client: client, metrics: metrics, tracer: tracer, sleep: sleep)
    }

    // MARK: Catalogue

    /// `GET services`, then `GET services/{id}/proxy` for each and `GET application_plans` for all.
    package func catalog() async throws(APIManagerError) -> Catalog {
        async let plansByService = allPlans()
        let entities = try await pages("services", "service")
        let proxies = try await proxies(of: entities)
        let plans = try await result(plansByService)
        var services: [Service] = []
        for entity in entities {
            let id = try ThreeScaleEntities.id(entity)
            services.append(
                try ThreeScaleEntities.service(entity, proxy: proxies[id] ?? nil, plans: plans[id] ?? []))
        }
        return Catalog(services: services)
    }

    /// `async let` cannot throw a typed error.
    private func result<Value>(_ value: Result<Value, APIManagerError>) throws(APIManagerError) -> Value {
        try value.get()
    }

    /// `GET application_plans`: every plan names its service in a link only.
    private func allPlans() async -> Result<[Int: [Plan]], APIManagerError> {
        do throws(APIManagerError) {
            let answer = try await transport.get("application_plans", operation: "list_plans")
            var plans: [Int: [Plan]] = [:]
            for entity in try ThreeScaleEntities.list(answer, "plans", "application_plan") {
                guard let service = Self.serviceID(of: entity) else {
                    throw ThreeScaleEntities.malformed("a plan without a link to its service")
                }
                plans[service, default: []].append(try ThreeScaleEntities.plan(entity))
            }
            return .success(plans)
        } catch {
            return .failure(error)
        }
    }

    private static func serviceID(of plan: JSONValue) -> Int? {
        for link in plan["links"]?.array ?? [] where link["rel"]?.string == "service" {
            return link["href"]?.string?.split(separator: "/").last.flatMap { Int($0) }
        }
        return nil
    }

    /// The proxies by service id, as many at a time as calls may be in flight.
    private func proxies(of services: [JSONValue]) async throws(APIManagerError) -> [Int: JSONValue?] {
        var ids: [Int] = []
        for service in services { ids.append(try ThreeScaleEntities.id(service)) }
        let width = max(1, configuration.concurrency / 2)
        let result: Result<[Int: JSONValue?], APIManagerError> = await withTaskGroup(
            of: Result<(Int, JSONValue?), APIManagerError>.self
        ) { tasks in
            var pending = ids.makeIterator()
            var proxies: [Int: JSONValue?] = [:]
            func startNext() {
                guard let id = pending.next() else { return }
                tasks.addTask {
                    do throws(APIManagerError) { return .success((id, try await proxy(id))) } catch {
                        return .failure(error)
                    }
                }
            }
            for _ in 0..<width { startNext() }
            for await one in tasks {
                switch one {
                case .success(let (id, proxy)): proxies[id] = proxy
                case .failure(let error):
                    tasks.cancelAll()
                    return .failure(error)
                }
                startNext()
            }
            return .success(proxies)
        }
        return try result.get()
    }

    /// `GET services/{id}/proxy`; nil when the service went away between the two calls.
    private func proxy(_ service: Int) async throws(APIManagerError) -> JSONValue? {
        do throws(APIManagerError) {
            let answer = try await transport.get("services/\(service)/proxy", operation: "get_proxy")
            return try ThreeScaleEntities.one(answer, "proxy")
        } catch {
            if error == .notFound { return nil }
            throw error
        }
    }

    /// `GET application_plans/{id}/limits` and the names of the metrics by `GET services/{id}/metrics`.
    package func limits(ofPlan plan: Int, service: Int) async throws(APIManagerError) -> [PlanLimit] {
        let answer = try await transport.get("application_plans/\(plan)/limits", operation: "list_limits")
        let limits = try ThreeScaleEntities.list(answer, "limits", "limit")
        guard !limits.isEmpty else { return [] }
        let metrics = try await transport.get("services/\(service)/metrics", operation: "list_metrics")
        var names: [Int: String] = [:]
        for entry in metrics["metrics"]?.array ?? [] {
            if let metric = entry["metric"] ?? entry["method"], let id = metric["id"]?.int {
                names[id] = metric["system_name"]?.string
            }
        }
        return limits.compactMap { limit in
            guard let period = limit["period"]?.string, let value = limit["value"]?.int,
                let metric = limit["metric_id"]?.int
            else { return nil }
            return PlanLimit(metric: names[metric] ?? String(metric), period: period, value: value)
        }
    }

    // MARK: Accounts

    /// `GET accounts/find`.
    package func account(username: String) async throws(APIManagerError) -> Account? {
        do throws(APIManagerError) {
            let answer = try await transport.get("accounts/find", [("username", username)], operation: "find_account")
            return try ThreeScaleEntities.account(ThreeScaleEntities.one(answer, "account"))
        } catch {
            if error == .notFound { return nil }
            throw error
        }
    }

    /// `POST signup`.
    package func signUp(_ draft: SignupDraft) async throws(APIManagerError) -> Account {
        var form = [("org_name", draft.organization), ("username", draft.username), ("password", draft.password)]
        if let email = draft.email { form.append(("email", email)) }
        let answer = try await transport.write(.post, "signup", form, operation: "signup")
        return try ThreeScaleEntities.account(ThreeScaleEntities.one(answer, "account"))
    }

    /// `PUT accounts/{id}/users/{id}/activate` for its users, then `PUT accounts/{id}/approve`.
    package func repair(account: Int) async throws(APIManagerError) {
        let users = try await transport.get("accounts/\(account)/users", operation: "list_users")
        for user in try ThreeScaleEntities.list(users, "users", "user") where user["state"]?.string == "pending" {
            let id = try ThreeScaleEntities.id(user)
            _ = try await transport.write(.put, "accounts/\(account)/users/\(id)/activate", operation: "activate_user")
        }
        let after = try await transport.get("accounts/\(account)", operation: "get_account")
        guard try ThreeScaleEntities.account(ThreeScaleEntities.one(after, "account")).needsRepair else { return }
        _ = try await transport.write(.put, "accounts/\(account)/approve", operation: "approve_account")
    }

    // MARK: Applications

    /// `GET accounts/{id}/applications`: not paginated.
    package func applications(account: Int) async throws(APIManagerError) -> [Application] {
        let answer = try await transport.get("accounts/\(account)/applications", operation: "list_applications")
        var applications: [Application] = []
        for entity in try ThreeScaleEntities.list(answer, "applications", "application") {
            applications.append(try ThreeScaleEntities.application(entity))
        }
        return applications.sorted { $0.id < $1.id }
    }

    /// `POST accounts/{id}/applications`.
    package func createApplication(_ draft: ApplicationDraft) async throws(APIManagerError) -> Application {
        let form = [
            ("plan_id", String(draft.plan)), ("name", draft.name), ("description", draft.description),
            ("application_id", draft.applicationID),
        ]
        let answer = try await transport.write(
            .post, "accounts/\(draft.account)/applications", form, operation: "create_application")
        do throws(APIManagerError) {
            return try ThreeScaleEntities.application(ThreeScaleEntities.one(answer, "application"))
        } catch {
            // It was created, whatever the answer looks like.
            throw .malformed(cause: "3scale's answer to a create is no application", outcomeUnknown: true)
        }
    }

    /// `DELETE accounts/{id}/applications/{id}`.
    package func deleteApplication(_ id: Int, account: Int) async throws(APIManagerError) {
        do throws(APIManagerError) {
            _ = try await transport.write(
                .delete, "accounts/\(account)/applications/\(id)", operation: "delete_application")
        } catch {
            if error == .notFound { return }
            throw error
        }
    }

    /// `GET accounts/{id}/applications/{id}/keys`.
    package func keys(application: Int, account: Int) async throws(APIManagerError) -> [String] {
        let answer = try await transport.get(
            "accounts/\(account)/applications/\(application)/keys", operation: "list_keys")
        return try ThreeScaleEntities.list(answer, "keys", "key").compactMap { $0["value"]?.string }
    }

    /// `POST accounts/{id}/applications/{id}/keys`: answers the application, not the key.
    package func addKey(_ key: String, application: Int, account: Int) async throws(APIManagerError) {
        _ = try await transport.write(
            .post, "accounts/\(account)/applications/\(application)/keys", [("key", key)], operation: "create_key")
    }

    // MARK: Pages

    /// Every element of a paginated list. Ends at a page that is not full, or one that adds nothing new: a server that
    /// ignores `page` would answer the first for ever.
    private func pages(_ plural: String, _ singular: String) async throws(APIManagerError) -> [JSONValue] {
        var all: [JSONValue] = []
        var seen: Set<Int> = []
        for page in 1...Self.pagesMax {
            let query = [("page", String(page)), ("per_page", String(configuration.pageSize))]
            let answer = try await transport.get(plural, query, operation: "list_\(plural)")
            let elements = try ThreeScaleEntities.list(answer, plural, singular)
            var added = 0
            for element in elements where seen.insert(try ThreeScaleEntities.id(element)).inserted {
                all.append(element)
                added += 1
            }
            if elements.count < configuration.pageSize || added == 0 { return all }
        }
        return all
    }
}
