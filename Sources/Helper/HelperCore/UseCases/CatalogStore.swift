import Synchronization
package import Telemetry

/// The catalogue everybody reads: one snapshot, loaded at start, refreshed in the background, swapped whole. A failed
/// refresh keeps the old one; nothing is ever cached as empty because it could not be had.
package final class CatalogStore: Sendable {
    private struct State: Sendable {
        var catalog: Catalog?
        var loadedAt: ContinuousClock.Instant?
        var lastFailed = false
    }

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

    /// The snapshot, or the error of a service that has none yet.
    package func require() throws(HelperError) -> Catalog {
        guard let catalog else {
            throw HelperError(
                .upstreamUnavailable, "The catalogue has not been loaded yet. Try again shortly.",
                retryAfter: .seconds(2), cause: "no catalogue yet")
        }
        return catalog
    }

    /// Loads once. True when it worked.
    @discardableResult
    package func refresh() async -> Bool {
        do throws(APIManagerError) {
            let catalog = try await manager.catalog()
            let isFirst = state.withLock { state in
                defer { state = State(catalog: catalog, loadedAt: .now, lastFailed: false) }
                return state.catalog == nil || state.lastFailed
            }
            if isFirst {
                logger.notice("the catalogue is loaded", metadata: ["services": .integer(catalog.services.count)])
            }
            return true
        } catch {
            let wasGood = state.withLock { state in
                defer { state.lastFailed = true }
                return !state.lastFailed
            }
            let cause = error.helperError().cause ?? error.helperError().publicMessage
            logger.log(
                level: wasGood ? .warning : .debug, "the catalogue could not be loaded",
                metadata: [LogKey.error: .string(cause)])
            return false
        }
    }

    /// Loads again and again: every `interval`, or soon after a failure, backing off to `interval`.
    /// - Parameter sleep: waits, and returns false when it is time to stop.
    package func run(interval: Duration, sleep: @Sendable (Duration) async -> Bool) async {
        var retry = Duration.milliseconds(200)
        while true {
            let worked = await Deadline.$current.withValue(.now + max(interval, .seconds(30))) { await refresh() }
            let pause = worked ? interval : min(retry, interval)
            retry = worked ? .milliseconds(200) : min(retry * 2, .seconds(5))
            guard await sleep(pause) else { return }
        }
    }
}
