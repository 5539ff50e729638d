import HelperCore
import Synchronization
import Telemetry

/// The keys of one issuer, or of all issuers that share a key set: one fetch at a time for all who wait.
final class IssuerKeys: Sendable {
    let endpoints: IssuerEndpoints
    private let name: String
    private let source: any KeySource
    private let logger: Logger
    private let refreshes: KeyRefreshMetrics
    private let cache: Mutex<KeySetCache>
    /// The cache's generation, to be read without its lock.
    private let currentGeneration = Atomic<UInt64>(0)
    private let flights: SingleFlight<String, Bool>

    /// - Parameter name: for the log.
    init(
        name: String, endpoints: IssuerEndpoints, source: any KeySource, settings: KeySetCache.Settings,
        spawn: @escaping Spawn, refreshes: KeyRefreshMetrics, logger: Logger
    ) {
        self.name = name
        self.endpoints = endpoints
        self.source = source
        self.logger = logger
        self.refreshes = refreshes
        cache = Mutex(KeySetCache(settings: settings))
        flights = SingleFlight(spawn: spawn)
    }

    var age: Duration? { cache.withLock { $0.loadedAt }?.duration(to: .now) }
    var lastFailed: Bool { cache.withLock { $0.lastFailed } }
    /// Another number means other keys.
    var generation: UInt64 { currentGeneration.load(ordering: .acquiring) }
    /// How long the keys may be used without a newer answer.
    var usable: Duration { cache.withLock { $0.usable(now: .now) } }

    func lookUp(_ keyID: String) -> KeySetCache.Lookup { cache.withLock { $0.lookUp(keyID, now: .now) } }

    /// Fetches, or waits for the fetch under way, and looks again.
    func lookUpAfterFetch(_ keyID: String) async -> KeySetCache.Lookup {
        // Another call may have fetched while this one was on its way here.
        let before = lookUp(keyID)
        guard case .fetch = before else { return before }
        // The first load is nobody's key id's doing.
        await fetch(forced: age != nil)
        return cache.withLock { $0.settle(keyID, now: .now) }
    }

    /// Fetches when the keys are old enough.
    func refreshIfNeeded() async {
        if cache.withLock({ $0.needsRefresh(now: .now) }) { await fetch(forced: false) }
    }

    /// One flight at a time, which all who need it share.
    private func fetch(forced: Bool) async {
        cache.withLock { $0.beginFetch(now: .now, forced: forced) }
        _ = try? await flights.run("keys") { [self] in await load(rediscovers: !forced) }
    }

    private func load(rediscovers: Bool) async -> Bool {
        var fetched: KeySet?
        var problem = "no place to fetch from"
        for url in await endpoints.keySetURLs(rediscovers: rediscovers) {
            do throws(KeySourceError) {
                fetched = KeySet(try await source.fetch(url))
                guard let fetched else {
                    problem = "\(url) answered no key set"
                    continue
                }
                if !fetched.keys.isEmpty { break }
                problem = "\(url) answered no usable key"
            } catch {
                problem = error.description
            }
        }
        let isLoaded = fetched?.keys.isEmpty == false
        let (wasLoaded, wasFailing) = cache.withLock { cache in
            let before = (cache.loadedAt != nil, cache.lastFailed)
            cache.endFetch(fetched, now: .now, jitter: Double.random(in: 0..<1))
            currentGeneration.store(cache.generation, ordering: .releasing)
            return before
        }
        (isLoaded ? refreshes.loaded : refreshes.failed).increment()
        report(fetched, isLoaded ? nil : problem, wasLoaded: wasLoaded, wasFailing: wasFailing)
        return isLoaded
    }

    private func report(_ fetched: KeySet?, _ problem: String?, wasLoaded: Bool, wasFailing: Bool) {
        if let exposed = fetched?.exposed, !exposed.isEmpty {
            logger.warning(
                "signing keys are published with their private half and are not used",
                metadata: ["issuer": .string(name), "keys": .integer(exposed.count)])
        }
        if let problem {
            let advice = wasLoaded ? "; the keys loaded before stay in use" : ""
            logger.log(
                level: wasFailing ? .debug : .warning, "signing keys could not be loaded\(advice)",
                metadata: [LogKey.error: .string(problem), "issuer": .string(name)])
        } else if !wasLoaded || wasFailing {
            logger.notice(
                "signing keys are loaded",
                metadata: ["issuer": .string(name), "keys": .integer(fetched?.keys.count ?? 0)])
        }
    }
}
