import HelperCore
import JSON

/// Reads the whole catalogue: services page by page, every plan in one call, and the proxies in bulk, at the same time; then,
/// as many at a time as calls may be in flight, the proxies that the bulk list does not have.
struct CatalogLoader: Sendable {
    /// A list that never ends must not be read for ever.
    private static let pagesMax = 1_000
    /// A deployed configuration can be tens of kilobytes.
    private static let deployedPageSize = 100

    let transport: ThreeScaleTransport
    let pageSize: Int
    /// Calls of this load in flight at a time.
    let width: Int

    func load() async throws(APIManagerError) -> Catalog {
        async let plansLoaded = outcome { () throws(APIManagerError) in try await allPlans() }
        async let deployedLoaded = outcome { () throws(APIManagerError) in try await deployedProxies() }
        let entities = try await pages("services", "service", size: pageSize)
        let plans = try await plansLoaded.get()
        var proxies = try await deployedLoaded.get()
        var ids: [Int] = []
        for entity in entities { ids.append(try ThreeScaleEntities.id(entity)) }
        proxies.merge(try await self.proxies(of: ids.filter { proxies[$0] == nil })) { deployed, _ in deployed }
        var services: [Service] = []
        for (id, entity) in zip(ids, entities) {
            services.append(try ThreeScaleEntities.service(entity, proxy: proxies[id], plans: plans[id] ?? []))
        }
        return Catalog(services: services)
    }

    /// `async let` cannot throw a typed error.
    private func outcome<Value: Sendable>(
        _ work: @Sendable () async throws(APIManagerError) -> Value
    ) async -> Result<Value, APIManagerError> {
        do throws(APIManagerError) { return .success(try await work()) } catch { return .failure(error) }
    }

    /// `GET application_plans`, by service: every plan names its service in a link only.
    private func allPlans() async throws(APIManagerError) -> [Int: [Plan]] {
        let answer = try await transport.get("application_plans", operation: "list_plans")
        var plans: [Int: [Plan]] = [:]
        for entity in try ThreeScaleEntities.list(answer, "plans", "application_plan") {
            guard let service = Self.serviceID(of: entity) else {
                throw ThreeScaleEntities.malformed("a plan without a link to its service")
            }
            plans[service, default: []].append(try ThreeScaleEntities.plan(entity))
        }
        return plans
    }

    private static func serviceID(of plan: JSONValue) -> Int? {
        for link in plan["links"]?.array ?? [] where link["rel"]?.string == "service" {
            return link["href"]?.string?.split(separator: "/").last.flatMap { Int($0) }
        }
        return nil
    }

    // MARK: Proxies

    /// `GET account/proxy_configs/production`, by service: what the gateways really run, of all services that were ever
    /// promoted. Of each document only the proxy's public part is kept: the rest holds secrets. Empty where the token may
    /// not or the tenant cannot.
    private func deployedProxies() async throws(APIManagerError) -> [Int: JSONValue] {
        do throws(APIManagerError) {
            var proxies: [Int: JSONValue] = [:]
            let path = "account/proxy_configs/production"
            for element in try await pages(
                path, plural: "proxy_configs", "proxy_config", size: Self.deployedPageSize, [("version", "latest")],
                operation: "list_proxy_configs")
            {
                guard let content = element["content"], let id = content["id"]?.int, let proxy = content["proxy"] else {
                    continue
                }
                proxies[id] = ThreeScaleEntities.publicPart(ofProxy: proxy)
            }
            return proxies
        } catch {
            if case .unavailable = error { throw error }
            if case .timeout = error { throw error }
            return [:]
        }
    }

    /// `GET services/{id}/proxy` for each.
    private func proxies(of ids: [Int]) async throws(APIManagerError) -> [Int: JSONValue] {
        let result: Result<[Int: JSONValue], APIManagerError> = await withTaskGroup(
            of: Result<(Int, JSONValue?), APIManagerError>.self
        ) { tasks in
            var pending = ids.makeIterator()
            var proxies: [Int: JSONValue] = [:]
            func startNext() {
                guard let id = pending.next() else { return }
                tasks.addTask {
                    await outcome { () throws(APIManagerError) in (id, try await proxy(id)) }
                }
            }
            for _ in 0..<max(1, width) { startNext() }
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

    /// Nil when the service went away between the two calls.
    private func proxy(_ service: Int) async throws(APIManagerError) -> JSONValue? {
        do throws(APIManagerError) {
            let answer = try await transport.get("services/\(service)/proxy", operation: "get_proxy")
            return ThreeScaleEntities.publicPart(ofProxy: try ThreeScaleEntities.one(answer, "proxy"))
        } catch {
            if error == .notFound { return nil }
            throw error
        }
    }

    // MARK: Pages

    private func pages(_ plural: String, _ singular: String, size: Int) async throws(APIManagerError) -> [JSONValue] {
        try await pages(plural, plural: plural, singular, size: size, [], operation: "list_\(plural)")
    }

    /// Every element of a paginated list. Ends at a page that is not full, or one that adds nothing new: a server that
    /// ignores `page` would answer the first for ever. A list that says it has more than it gave is refused: better the
    /// catalogue of a minute ago than half of one.
    private func pages(
        _ path: String, plural: String, _ singular: String, size: Int, _ query: [(String, String)], operation: String
    ) async throws(APIManagerError) -> [JSONValue] {
        var all: [JSONValue] = []
        var seen: Set<Int> = []
        var promised = 0
        for page in 1...Self.pagesMax {
            let query = query + [("page", String(page)), ("per_page", String(size))]
            let answer = try await transport.get(path, query, operation: operation)
            let elements = try ThreeScaleEntities.list(answer, plural, singular)
            promised = answer["metadata"]?["total_entries"]?.int ?? promised
            var added = 0
            for element in elements where seen.insert(try ThreeScaleEntities.id(element)).inserted {
                all.append(element)
                added += 1
            }
            let isLast = elements.count < size && all.count >= promised
            if isLast || added == 0 { break }
        }
        guard all.count >= promised else {
            throw ThreeScaleEntities.malformed("\(all.count) of \(promised) '\(plural)'")
        }
        return all
    }
}
