import HelperCore
import Synchronization
import Telemetry
import Testing

@Suite("The catalogue store")
struct CatalogStoreTests {
    private let manager = CatalogManager()
    private let log = LineRecorder()

    private func service(_ id: Int, endpoint: String? = "https://a", isComplete: Bool = true) -> Service {
        Service(
            id: id, name: "s", systemName: "s\(id)", description: nil, authentication: .apiKey, proxyEndpoint: endpoint,
            placement: CredentialsPlacement(location: .headers, parameter: "user_key", idParameter: nil),
            plans: [
                Plan(
                    id: id * 10, name: "p", systemName: "p", isPublished: true, isDefault: false, isCustom: false,
                    needsApproval: false)
            ], isComplete: isComplete)
    }

    private func store() -> CatalogStore { CatalogStore(manager: manager, logger: Logger(label: "c", handler: log)) }

    @Test("an empty list is believed when the next refresh agrees, and told")
    func empty() async {
        let store = store()
        manager.answer(Catalog(services: [service(1)]))
        await store.refresh()
        manager.answer(Catalog(services: []))
        await store.refresh()
        #expect(store.catalog?.services.count == 1)
        #expect(log.lines.filter { $0.hasPrefix("warning") }.count == 1)
        await store.refreshAfterContradiction()
        #expect(store.catalog?.services.count == 1)
        await store.refresh()
        #expect(store.catalog?.services.isEmpty == true)
        #expect(log.lines.contains { $0.contains("become empty") })
    }

    @Test("an empty list followed by a full one changes nothing")
    func emptyOnce() async {
        let store = store()
        for services in [[service(1)], [], [service(1)], [], [service(1)]] {
            manager.answer(Catalog(services: services))
            await store.refresh()
            #expect(store.catalog?.services.count == 1)
        }
    }

    @Test("a service whose proxy cannot be read keeps its last known form, and log and list name it")
    func lastKnown() async {
        let store = store()
        manager.answer(Catalog(services: [service(1, endpoint: "https://known")]))
        await store.refresh()
        let problem = CatalogProblem(serviceID: 1, operation: "get_proxy", cause: "3scale answered 500")
        for _ in 0..<3 {
            manager.answer(
                Catalog(services: [service(1, endpoint: nil, isComplete: false), service(2)], problems: [problem]))
            await store.refresh()
        }
        #expect(store.catalog?.services.map(\.proxyEndpoint) == ["https://known", "https://a"])
        #expect(store.problems == [problem] && !store.lastLoadFailed)
        #expect(log.lines.filter { $0.contains("get_proxy") && $0.contains("service_id=integer(1)") }.count == 1)
    }

    @Test("callers share one read of a service's limits")
    func limits() async throws {
        let store = store()
        manager.answer(Catalog(services: [service(1)]))
        await store.refresh()
        let find = FindService(catalogs: store, manager: manager, policy: AccessPolicy())
        let caller = Caller(issuer: "i", subject: "s", username: "ada", email: nil)
        for _ in 0..<300 {
            let plans = try await find.plans(of: 1, for: caller)
            #expect(plans.first?.limits.first?.value == 60)
        }
        #expect(manager.limitReads == 1)
    }

    @Test("a plan that 3scale no longer has is 404 and refreshes the catalogue, with no account left behind")
    func contradiction() async throws {
        let store = store()
        manager.answer(Catalog(services: [service(1)]))
        await store.refresh()
        let find = FindService(catalogs: store, manager: manager, policy: AccessPolicy())
        let spawn: Spawn = { work in Task { await work() } }
        let provision = ProvisionKey(
            find: find, manager: manager, keys: OwnedKeys(manager: manager, spawn: spawn), defaultPlan: nil,
            // Within the 1.5 s after the signup, however slow this machine is.
            spawn: spawn, sleep: { try? await Task.sleep(for: $0) }, milliseconds: { 0 },
            logger: Logger(label: "p", handler: log),
            audit: AuditTrail(logger: Logger(label: "a", handler: log), factory: PrometheusRegistry()))
        manager.answer(Catalog(services: [service(2)]), plans: [])
        let caller = Caller(issuer: "i", subject: "s", username: "ada", email: nil)
        await #expect(throws: CatalogError.noSuchService(wasDeleted: true)) {
            try await provision(.init(serviceID: 1), for: caller)
        }
        #expect(store.catalog?.service(1) == nil && store.catalog?.service(2) != nil)
        #expect(manager.accounts == 0)
    }
}

@Suite("Failures in the log")
struct FailureSummaryTests {
    @Test("each cause is logged when it begins, and when its minute is over though nothing fails any more")
    func summary() {
        var summary = FailureSummary<String>()
        let start = ContinuousClock.now
        #expect(summary.failed("a", now: start) == true)
        for second in 1..<59 { #expect(summary.failed("a", now: start + .seconds(second)) == false) }
        #expect(summary.failed("b", now: start + .seconds(30)) == true)
        #expect(summary.takeDue(now: start + .seconds(59)).count == 0)
        let due = summary.takeDue(now: start + .seconds(60))
        #expect(due.map(\.cause) == ["a"] && due.map(\.failures) == [58])
        // "a" has been quiet since; "b" for longer than a minute.
        #expect(summary.takeDue(now: start + .seconds(119)).count == 0)
        #expect(summary.failed("a", now: start + .seconds(119)) == false)
        #expect(summary.failed("b", now: start + .seconds(119)) == true)
        let last = summary.takeDue(now: start + .seconds(120))
        #expect(last.map(\.failures) == [1])
    }

    @Test("a cause after a quiet minute is logged at once")
    func quiet() {
        var summary = FailureSummary<String>()
        let start = ContinuousClock.now
        #expect(summary.failed("a", now: start) == true)
        #expect(summary.failed("a", now: start + .seconds(60)) == true)
    }

    @Test("causes that a stranger makes up cannot fill the log")
    func bound() {
        var summary = FailureSummary<String>()
        let start = ContinuousClock.now
        let lines = (0..<10_000).filter { summary.failed("cause \($0)", now: start) }
        #expect(lines.count == 17)
        let due = summary.takeDue(now: start + .seconds(60))
        #expect(due.count == 1 && due.first?.failures == 9_983)
    }

    @Test("a dependency's summary names its operation, cause and count, and comes with no further failure")
    func dependency() {
        let lines = InMemoryLogSink()
        let log = DependencyLog(
            system: .threeScale, address: "https://3scale.example.com",
            logger: Logger(label: "3scale", handler: JSONLogHandler(sink: lines, level: .info, now: { 0 })))
        let start = ContinuousClock.now
        for _ in 0..<5 { log.failed("list_services", cause: "connection refused", now: start) }
        for _ in 0..<3 { log.refused("create_application", status: 422, cause: "plan is taken", now: start) }
        #expect(lines.lines.count == 2)
        log.summarise(now: start + .seconds(60))
        log.summarise(now: start + .seconds(200))
        #expect(lines.lines.count == 4)
        #expect(
            lines.lines.contains {
                $0.contains("list_services") && $0.contains("connection refused") && $0.contains(#""failures":4"#)
            })
        #expect(lines.lines.contains { $0.contains(#""refusals":2"#) && $0.contains(#""upstream_status":422"#) })
    }
}

/// A 3scale with a catalogue and no account.
private final class CatalogManager: APIManager {
    private struct State: Sendable {
        var catalog = Catalog(services: [])
        var plans: [Int]?
        var limitReads = 0
        var accounts = 0
    }

    private let state = Mutex(State())

    var limitReads: Int { state.withLock { $0.limitReads } }
    /// Signed up for and not deleted.
    var accounts: Int { state.withLock { $0.accounts } }
    var isAvailable: Bool { true }
    var isInDoubt: Bool { false }

    func answer(_ catalog: Catalog, plans: [Int]? = nil) {
        state.withLock { state in
            state.catalog = catalog
            state.plans = plans
        }
    }

    func probe() async {}

    func catalog() async throws(APIManagerError) -> Catalog { state.withLock { $0.catalog } }

    func limits(ofPlans plans: [Int], service: Int) async throws(APIManagerError) -> [Int: [PlanLimit]] {
        state.withLock { $0.limitReads += 1 }
        return Dictionary(
            uniqueKeysWithValues: plans.map { ($0, [PlanLimit(metric: "hits", period: "minute", value: 60)]) })
    }

    func hasPlan(_ plan: Int, service: Int) async throws(APIManagerError) -> Bool {
        state.withLock { $0.plans?.contains(plan) ?? true }
    }

    func account(username: String) async throws(APIManagerError) -> Account? { nil }

    func signUp(_ draft: SignupDraft) async throws(APIManagerError) -> Account {
        state.withLock { $0.accounts += 1 }
        return Account(id: 1, state: "approved")
    }

    func repair(account: Int) async throws(APIManagerError) {}
    func deleteAccount(_ id: Int) async throws(APIManagerError) { state.withLock { $0.accounts -= 1 } }
    func confirm(account: Int, username: String) async throws(APIManagerError) {}
    func describe(application: Int, account: Int, description: String) async throws(APIManagerError) -> Application {
        throw .notFound
    }
    func applications(markedFor owner: OwnerMark, service: Int) async throws(APIManagerError) -> [Application] { [] }
    func rename(
        account: Int, to username: String, organization: String, owner: OwnerMark
    ) async throws(APIManagerError) -> RenamedAccount {
        throw .notFound
    }
    func applications(account: Int) async throws(APIManagerError) -> [Application] { [] }
    func createApplication(_ draft: ApplicationDraft) async throws(APIManagerError) -> Application { throw .notFound }
    func deleteApplication(_ id: Int, account: Int) async throws(APIManagerError) {}
    func keys(application: Int, account: Int) async throws(APIManagerError) -> [String] { [] }
    func addKey(_ key: String, application: Int, account: Int) async throws(APIManagerError) {}
}

/// Keeps every line.
private struct LineRecorder: LogHandler {
    private final class Lines: Sendable {
        let stored = Mutex<[String]>([])
    }

    private let kept = Lines()
    var logLevel = Logger.Level.debug
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?

    var lines: [String] { kept.stored.withLock { $0 } }

    func log(event: LogEvent) {
        let fields = (event.metadata ?? [:]).sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        kept.stored.withLock { $0.append(([event.level.rawValue, event.message] + fields).joined(separator: " ")) }
    }
}
