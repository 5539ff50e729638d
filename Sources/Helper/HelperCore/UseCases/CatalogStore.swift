import Synchronization
package import Telemetry

/// The catalogue everybody reads: one snapshot, loaded at start, refreshed in the background, swapped whole. A failed
/// refresh keeps the old one; nothing is ever cached as empty because it could not be read.
///
/// A document that could not be read costs its own service, which keeps its last known form. A service list that is suddenly
/// empty is believed when the next refresh agrees.
package final class CatalogStore: Sendable {
    private struct State: Sendable {
        var catalog: Catalog?
        /// When the load that made it began: what it holds may be older than its arrival.
        var loadedAt: ContinuousClock.Instant?
        var lastFailed = false
        var lastCause: String?
        /// How long the manager asked us to wait after the last failure.
        var retryAfter: Duration?
        /// What the last load could not read.
        var problems: [CatalogProblem] = []
        /// The last load answered no service at all, which is not believed yet.
        var sawEmptyList = false
        var isRefreshing = false
        var failures = FailureSummary<String>()
        var problemLines = FailureSummary<CatalogProblem>()
    }

    /// The longest time for which a manager that limits us is not asked again.
    private static let retryAfterMax = Duration.seconds(3_600)
    private static let otherCauses = "other causes"

    private let manager: any APIManager
    private let logger: Logger
    private let state = Mutex(State())

    package init(manager: any APIManager, logger: Logger) {
        self.manager = manager
        self.logger = logger
    }

    /// The snapshot; nil before the first load.
    package var catalog: Catalog? { state.withLock { $0.catalog } }

    /// Since the last successful load; nil before the first.
    package var age: Duration? { state.withLock { $0.loadedAt }.map { $0.duration(to: .now) } }

    /// Whether the last attempt to load failed.
    package var lastLoadFailed: Bool { state.withLock { $0.lastFailed } }

    /// What the last load could not read while the rest could.
    package var problems: [CatalogProblem] { state.withLock { $0.problems } }

    /// How old the snapshot is when it could not be refreshed, or the manager is known to be away; else nil.
    package var staleAge: Duration? {
        let (loadedAt, failed) = state.withLock { ($0.loadedAt, $0.lastFailed) }
        guard failed || !manager.isAvailable else { return nil }
        return loadedAt.map { $0.duration(to: .now) }
    }

    /// The snapshot, or the error of a service that has none yet.
    package func require() throws(CatalogError) -> Catalog {
        let (catalog, lastCause) = state.withLock { ($0.catalog, $0.lastCause) }
        guard let catalog else { throw .notLoaded(lastFailure: lastCause) }
        return catalog
    }

    /// Loads once. True when it worked.
    @discardableResult
    package func refresh() async -> Bool { await refresh(confirmsEmptyList: true) }

    /// Loads at once, since an answer of the manager contradicts the snapshot; not when a load is under way.
    package func refreshAfterContradiction() async {
        let isFirst = state.withLock { state in
            defer { state.isRefreshing = true }
            return !state.isRefreshing
        }
        guard isFirst else { return }
        defer { state.withLock { $0.isRefreshing = false } }
        logger.notice("catalogue contradicted; refreshing")
        await CallOwner.$current.withValue(.background) { _ = await refresh(confirmsEmptyList: false) }
    }

    private func refresh(confirmsEmptyList: Bool) async -> Bool {
        let began = ContinuousClock.now
        do throws(APIManagerError) {
            accept(try await manager.catalog(), began, confirmsEmptyList)
            return true
        } catch {
            let cause = error.cause
            let isDue = state.withLock { state in
                state.lastFailed = true
                state.lastCause = cause
                state.retryAfter = error.retryAfter
                return state.failures.failed(cause, now: .now)
            }
            log(failure: cause, count: 1, level: isDue ? .warning : .debug)
            return false
        }
    }

    /// What became of a load.
    private enum Arrival: Sendable { case late, emptyListDoubted, becameEmpty, loaded, unchanged }

    private func accept(_ loaded: Catalog, _ began: ContinuousClock.Instant, _ confirmsEmptyList: Bool) {
        let arrival: Arrival = state.withLock { state in
            // Of two loads at once, what began later wins.
            if let loadedAt = state.loadedAt, loadedAt > began { return .late }
            let hadServices = state.catalog.map { !$0.services.isEmpty } ?? false
            if loaded.services.isEmpty, hadServices, !(state.sawEmptyList && confirmsEmptyList) {
                state.sawEmptyList = state.sawEmptyList || confirmsEmptyList
                return .emptyListDoubted
            }
            let isNews = state.catalog == nil || state.lastFailed
            let services = loaded.services.map { $0.completed(by: state.catalog?.service($0.id)) }
            // The same services keep their version, and with it what others derived from them.
            if state.catalog?.services != services { state.catalog = Catalog(services: services) }
            state.loadedAt = began
            state.lastFailed = false
            state.sawEmptyList = false
            state.problems = loaded.problems
            if loaded.services.isEmpty, hadServices { return .becameEmpty }
            return isNews ? .loaded : .unchanged
        }
        switch arrival {
        case .late: return
        case .emptyListDoubted:
            logger.warning("3scale lists no services; keeping previous catalogue until the next refresh agrees")
            return
        case .becameEmpty: logger.warning("the catalogue has become empty")
        case .loaded where loaded.services.isEmpty:
            logger.warning(
                "the catalogue is empty",
                metadata: [
                    "hint": "Let the owner of THREESCALE_ADMIN_API_KEY see the services, or create one in 3scale"
                ])
        case .loaded:
            logger.notice("the catalogue is loaded", metadata: ["services": .integer(loaded.services.count)])
        case .unchanged: break
        }
        logProblems(loaded.problems)
    }

    private func log(failure cause: String, count: Int, level: Logger.Level) {
        logger.log(
            level: level, "the catalogue could not be loaded",
            metadata: [LogKey.error: .string(cause), "failures": .integer(count)])
    }

    /// Each service whose document could not be read, when it begins and every minute meanwhile.
    private func logProblems(_ problems: [CatalogProblem]) {
        for problem in problems where state.withLock({ $0.problemLines.failed(problem, now: .now) }) {
            log(problem, count: 1)
        }
    }

    private func log(_ problem: CatalogProblem, count: Int) {
        var metadata: Logger.Metadata = [
            "operation": .string(problem.operation), LogKey.error: .string(problem.cause), "failures": .integer(count),
        ]
        if let id = problem.serviceID { metadata["service_id"] = .integer(id) }
        logger.warning("a service's document could not be read", metadata: metadata)
    }

    /// Logs the summaries of failures whose minute is over. Called every second or so.
    package func summariseFailures(now: ContinuousClock.Instant = .now) {
        let (failures, problems) = state.withLock {
            ($0.failures.takeDue(now: now), $0.problemLines.takeDue(now: now))
        }
        for (cause, count) in failures { log(failure: cause ?? Self.otherCauses, count: count, level: .warning) }
        for (problem, count) in problems {
            log(problem ?? CatalogProblem(serviceID: nil, operation: "several", cause: Self.otherCauses), count: count)
        }
    }

    /// Loads again and again: every `interval`, or soon after a failure, backing off to `interval`.
    /// - Parameter sleep: waits, and returns false when it is time to stop.
    package func run(interval: Duration, sleep: @Sendable (Duration) async -> Bool) async {
        var retry = Duration.milliseconds(200)
        while true {
            let worked = await Deadline.$current.withValue(.now + max(interval, .seconds(30))) { await refresh() }
            let asked = min(state.withLock { $0.retryAfter } ?? .zero, Self.retryAfterMax)
            let pause = worked ? interval : max(asked, min(retry, interval))
            retry = worked ? .milliseconds(200) : min(retry * 2, .seconds(5))
            guard await sleep(pause) else { return }
        }
    }

    /// Asks a manager that is in doubt whether it is there, and one that is away whether it is back, somewhat more often than its
    /// breaker lets callers do it, so that no caller has to wait for the answer; when it is, loads the catalogue at once.
    /// - Parameters:
    ///   - interval: from one probe of the breaker to the next.
    ///   - sleep: waits, and returns false when it is time to stop.
    package func runProbe(interval: Duration, sleep: @Sendable (Duration) async -> Bool) async {
        var pause = Self.jittered(interval)
        while await sleep(pause) {
            pause = Self.jittered(interval)
            if manager.isAvailable {
                // With all the time of a call: 3scale may be slow.
                if manager.isInDoubt { await manager.probe() }
                continue
            }
            let began = ContinuousClock.now
            // A manager that hangs must not put off the next probe for long.
            await Deadline.$current.withValue(began + max(interval * 0.7, .seconds(3))) { await manager.probe() }
            if manager.isAvailable { await Deadline.$current.withValue(.now + .seconds(30)) { _ = await refresh() } }
            pause = max(.zero, pause - began.duration(to: .now))
        }
    }

    /// Replicas must not march in step.
    private static func jittered(_ interval: Duration) -> Duration { interval * Double.random(in: 0.75...0.9) }
}
