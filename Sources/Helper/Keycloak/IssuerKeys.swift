import HelperCore
import Synchronization
import Telemetry

/// The keys of one issuer, or of all issuers that share a key set: one fetch at a time for all who wait.
final class IssuerKeys: Sendable {
    /// One that began too early, one that had just ended when it was joined, and one that began after the token came.
    private static let fetchesMax = 3

    let endpoints: IssuerEndpoints
    private let name: String
    private let source: any KeySource
    private let logger: Logger
    private let refreshes: KeyRefreshMetrics
    private let cache: Mutex<KeySetCache>
    /// The cache's generation, to be read without its lock.
    private let currentGeneration = Atomic<UInt64>(0)
    private let flights: SingleFlight<String, Bool>
    /// The failure that was logged last.
    private let lastProblem = Mutex<String?>(nil)

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

    /// Fetches, or waits for the fetch under way, and looks again. A fetch under way may have begun before the key was
    /// made: then one that began later is waited for as well.
    func lookUpAfterFetch(_ keyID: String) async -> KeySetCache.Lookup {
        let seenAt = ContinuousClock.now
        // Another call may have fetched while this one was on its way here.
        var lookup = lookUp(keyID)
        for _ in 0..<Self.fetchesMax {
            guard case .fetch = lookup else { return lookup }
            // The first load is not caused by a key id.
            await fetch(forced: age != nil)
            lookup = cache.withLock { $0.settle(keyID, seenAt: seenAt, now: .now) }
        }
        if case .fetch = lookup { return .unknownUnavailable }
        return lookup
    }

    /// Fetches when the keys are old enough.
    func refreshIfNeeded() async {
        if cache.withLock({ $0.needsRefresh(now: .now) }) { await fetch(forced: false) }
    }

    /// One flight at a time, which all who need it share.
    private func fetch(forced: Bool) async {
        _ = try? await flights.run("keys") { [self] in
            cache.withLock { $0.beginFetch(now: .now, forced: forced) }
            return await load(rediscovers: !forced)
        }
    }

    private func load(rediscovers: Bool) async -> Bool {
        var fetched: KeySet?
        var problem = "no URL to fetch from"
        for url in await endpoints.keySetURLs(rediscovers: rediscovers) {
            do throws(KeySourceError) {
                fetched = KeySet(try await source.fetch(url, for: endpoints.issuer))
                guard let fetched else {
                    problem = "keys \(LoggedURL(url)): HTTP 200, but no key set"
                    continue
                }
                if !fetched.keys.isEmpty { break }
                problem = "keys \(LoggedURL(url)): HTTP 200, but no usable key"
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
        let isNews = lastProblem.withLock { last in
            defer { last = isLoaded ? nil : problem }
            return last != problem
        }
        report(fetched, isLoaded ? nil : (problem, isNews), wasLoaded: wasLoaded, wasFailing: wasFailing)
        return isLoaded
    }

    /// - Parameter problem: and whether it is another one than last time.
    private func report(
        _ fetched: KeySet?, _ problem: (cause: String, isNews: Bool)?, wasLoaded: Bool, wasFailing: Bool
    ) {
        if let exposed = fetched?.exposed, !exposed.isEmpty {
            logger.warning(
                "signing keys are published with their private half and are not used",
                metadata: ["issuer": .string(name), "keys": .integer(exposed.count)])
        }
        if let problem {
            let advice = wasLoaded ? "; the keys loaded before stay in use" : ""
            logger.log(
                level: problem.isNews ? .warning : .debug, "signing keys could not be loaded\(advice)",
                metadata: [LogKey.error: .string(problem.cause), "issuer": .string(name)])
        } else if !wasLoaded || wasFailing {
            logger.notice(
                "signing keys are loaded",
                metadata: ["issuer": .string(name), "keys": .integer(fetched?.keys.count ?? 0)])
        }
    }
}
