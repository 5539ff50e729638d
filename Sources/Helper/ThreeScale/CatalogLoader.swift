import HelperCore
import JSON

/// Reads the whole catalogue: services page by page, every plan in one call, and the proxies in bulk, at the same time; from
/// production first, then from staging what was never promoted, and one by one only what neither list has.
///
/// A document that 3scale answers with an error costs its own service; no answer at all fails the load.
struct CatalogLoader: Sendable {
    /// A list that never ends must not be read for ever.
    private static let pagesMax = 1_000
    /// How often a list is read that changes while it is read.
    private static let readingsMax = 3
    /// A deployed configuration can be tens of kilobytes.
    private static let deployedPageSize = 100
    /// One document that hangs must not hold up the others.
    private static let documentTimeout = Duration.seconds(10)

    private struct Proxies: Sendable {
        var found: [Int: JSONValue] = [:]
        var problems: [CatalogProblem] = []

        mutating func add(_ other: Proxies) {
            found.merge(other.found) { first, _ in first }
            problems += other.problems
        }
    }

    let transport: ThreeScaleTransport
    let pageSize: Int
    /// Calls of this load in flight at a time.
    let width: Int

    func load() async throws(APIManagerError) -> Catalog {
        async let plansLoaded = outcome { () throws(APIManagerError) in try await allPlans() }
        async let deployedLoaded = outcome { () throws(APIManagerError) in try await deployed("production") }
        let entities = try await pages(
            "services", plural: "services", "service", size: pageSize, [], operation: .listServices
        ).get()
        let (plans, planProblems) = try await plansLoaded.get()
        var proxies = try await deployedLoaded.get()
        var ids: [Int] = []
        for entity in entities { ids.append(try ThreeScaleEntities.id(entity)) }
        if ids.contains(where: { proxies.found[$0] == nil }) { proxies.add(try await deployed("staging")) }
        proxies.add(try await self.proxies(of: ids.filter { proxies.found[$0] == nil }))
        let broken = Set(proxies.problems.compactMap(\.serviceID))
        var services: [Service] = []
        for (id, entity) in zip(ids, entities) {
            services.append(
                try ThreeScaleEntities.service(
                    entity, proxy: proxies.found[id], plans: plans[id] ?? [], isComplete: !broken.contains(id)))
        }
        return Catalog(services: services, problems: planProblems + proxies.problems)
    }

    /// `async let` cannot throw a typed error.
    private func outcome<Value: Sendable>(
        _ work: @Sendable () async throws(APIManagerError) -> Value
    ) async -> Result<Value, APIManagerError> {
        do throws(APIManagerError) { return .success(try await work()) } catch { return .failure(error) }
    }

    /// `GET application_plans`, by service: every plan names its service in a link only.
    private func allPlans() async throws(APIManagerError) -> ([Int: [Plan]], [CatalogProblem]) {
        let answer = try await transport.get("application_plans", operation: .listPlans)
        var plans: [Int: [Plan]] = [:]
        var problems: [CatalogProblem] = []
        for entity in try ThreeScaleEntities.list(answer, "plans", "application_plan") {
            guard let service = ServiceLink.service(of: entity) else {
                problems.append(
                    CatalogProblem(
                        serviceID: nil, operation: ThreeScaleOperation.listPlans.rawValue,
                        cause: "a plan without a link to its service"))
                continue
            }
            plans[service, default: []].append(try ThreeScaleEntities.plan(entity))
        }
        return (plans, problems)
    }

    // MARK: Proxies

    /// `GET account/proxy_configs/{environment}`, by service: of each document only the proxy's public part is kept, since the
    /// rest holds secrets. Empty where the token may not read it or the tenant has no such list.
    private func deployed(_ environment: String) async throws(APIManagerError) -> Proxies {
        let result = try await pages(
            "account/proxy_configs/\(environment)", plural: "proxy_configs", "proxy_config",
            size: Self.deployedPageSize,
            [("version", "latest")], operation: .listProxyConfigs, isOptional: true)
        switch result {
        case .success(let elements):
            var proxies: [Int: JSONValue] = [:]
            for element in elements {
                guard let content = element["content"], let id = content["id"]?.int(in: 0 ... .max),
                    let proxy = content["proxy"]
                else {
                    continue
                }
                proxies[id] = ThreeScaleEntities.publicPart(ofProxy: proxy)
            }
            return Proxies(found: proxies)
        case .failure(let error):
            return Proxies(problems: error.isTransient ? [Self.problem(nil, .listProxyConfigs, error)] : [])
        }
    }

    /// `GET services/{id}/proxy` for each.
    private func proxies(of ids: [Int]) async throws(APIManagerError) -> Proxies {
        let result: Result<Proxies, APIManagerError> = await withTaskGroup(
            of: (Int, Result<Result<JSONValue, APIManagerError>, APIManagerError>).self
        ) { tasks in
            var pending = ids.makeIterator()
            var proxies = Proxies()
            func startNext() {
                guard let id = pending.next() else { return }
                tasks.addTask { (id, await outcome { () throws(APIManagerError) in try await proxy(id) }) }
            }
            for _ in 0..<max(1, width) { startNext() }
            for await (id, one) in tasks {
                switch one {
                case .success(.success(let proxy)): proxies.found[id] = proxy
                // The service went away between the two calls.
                case .success(.failure(.notFound)): break
                case .success(.failure(let error)): proxies.problems.append(Self.problem(id, .getProxy, error))
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

    private func proxy(_ service: Int) async throws(APIManagerError) -> Result<JSONValue, APIManagerError> {
        let deadline = ContinuousClock.now + Deadline.remaining(atMost: Self.documentTimeout)
        let answer = await Deadline.$current.withValue(deadline) {
            await outcome { () throws(APIManagerError) in
                try await transport.document("services/\(service)/proxy", operation: .getProxy)
            }
        }
        // One that hangs costs itself, unless the whole load has no time left.
        if case .failure(.timeout) = answer, Deadline.remaining(atMost: .seconds(1)) > .zero {
            return .failure(.timeout(cause: "no answer in time", outcomeUnknown: false))
        }
        let document = try answer.get()
        do throws(APIManagerError) {
            return .success(
                ThreeScaleEntities.publicPart(ofProxy: try ThreeScaleEntities.one(try document.get(), "proxy")))
        } catch {
            return .failure(error)
        }
    }

    private static func problem(_ service: Int?, _ operation: ThreeScaleOperation, _ error: APIManagerError)
        -> CatalogProblem
    {
        CatalogProblem(serviceID: service, operation: operation.rawValue, cause: error.cause)
    }

    // MARK: Pages

    /// Every element of a paginated list. A list that changes while it is read is read again: an element that is deleted from an
    /// earlier page moves the first of a later page to a page that has been read. A list that says it has more than it gave is refused:
    /// the catalogue of a minute ago is better than half of one.
    /// - Parameter isOptional: an error that 3scale answers is returned instead of repeated and counted.
    private func pages(
        _ path: String, plural: String, _ singular: String, size: Int, _ query: [(String, String)],
        operation: ThreeScaleOperation,
        isOptional: Bool = false
    ) async throws(APIManagerError) -> Result<[JSONValue], APIManagerError> {
        for reading in 1...Self.readingsMax {
            var list = PagedList(plural, singular, size: size)
            for page in 1...Self.pagesMax {
                let query = query + [("page", String(page)), ("per_page", String(size))]
                let answer: JSONValue
                if isOptional {
                    switch try await transport.document(path, query, operation: operation) {
                    case .success(let value): answer = value
                    case .failure(let error): return .failure(error)
                    }
                } else {
                    answer = try await transport.get(path, query, operation: operation)
                }
                try list.add(answer)
                if list.isRead || list.hasShifted { break }
            }
            if list.hasShifted, reading < Self.readingsMax { continue }
            guard list.isWhole else {
                throw ThreeScaleEntities.malformed("\(list.elements.count) of \(list.total ?? 0) '\(plural)'")
            }
            return .success(list.elements)
        }
        return .success([])
    }
}
