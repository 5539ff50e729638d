import HelperCore
import Synchronization
import Telemetry

/// The keys of one issuer, or of all issuers that share a key set: one fetch at a time for all who wait.
final class IssuerKeys: Sendable {
    /// One that began too early, one that had just ended when it was joined, one that another key's arrival spared, and one that
    /// began after the token came.
    private static let fetchesMax = 4
    /// Tokens of one client that wait for a fetch: room for a hundred first requests by a brand-new key behind one proxy.
    private static let waitersOfClientMax = 128

    let endpoints: IssuerEndpoints
    private let name: String
    private let source: any KeySource
    private let logger: Logger
    private let refreshes: KeyRefreshMetrics
    private let cache: Mutex<KeySetCache>
    /// The cache's generation, to be read without its lock.
    private let currentGeneration = Atomic<UInt64>(0)
    private let flights: SingleFlight<String, Bool>
    /// The tokens that wait for a fetch, by client.
    private let waiters: BoundedWaiters<String, KeySetCache.Lookup>
    private let sleep: @Sendable (Duration) async -> Void
    private let failures = Mutex(FailureSummary<Failure>())

    /// What one line of the log tells about a fetch.
    private struct Failure: Hashable, Sendable {
        let cause: String
        let hint: String?
        /// Whether keys of an earlier fetch stay in use.
        let hasKeys: Bool
    }

    /// - Parameters:
    ///   - name: for the log.
    ///   - waitersMax: tokens that may wait for a fetch.
    ///   - sleep: puts a fetch off.
    init(
        name: String, endpoints: IssuerEndpoints, source: any KeySource, settings: KeySetCache.Settings,
        waitersMax: Int, spawn: @escaping Spawn, sleep: @escaping @Sendable (Duration) async -> Void,
        refreshes: KeyRefreshMetrics, logger: Logger
    ) {
        self.name = name
        self.endpoints = endpoints
        self.source = source
        self.logger = logger
        self.refreshes = refreshes
        cache = Mutex(KeySetCache(settings: settings))
        flights = SingleFlight(spawn: spawn)
        waiters = BoundedWaiters(totalMax: waitersMax, eachMax: Self.waitersOfClientMax, spawn: spawn)
        self.sleep = sleep
    }

    var age: Duration? { cache.withLock { $0.loadedAt }?.duration(to: .now) }
    var lastFailed: Bool { cache.withLock { $0.lastFailed } }
    /// Another number means other keys.
    var generation: UInt64 { currentGeneration.load(ordering: .acquiring) }
    /// How long the keys may be used without a newer answer.
    var usable: Duration { cache.withLock { $0.usable(now: .now) } }

    /// The key, as far as it is cached. An unknown key is left to `lookUpAfterFetch`.
    func lookUp(_ keyID: String) -> KeySetCache.Lookup { cache.withLock { $0.lookUp(keyID, for: nil, now: .now) } }

    /// Fetches, or waits for the fetch under way, and looks again. A fetch under way may have begun before the key was
    /// made: then one that began later is waited for as well. When too many tokens wait, nothing can be said of this one or
    /// of one that gives way to it: its key may well be brand-new.
    /// - Parameter client: the network address that the token came from.
    func lookUpAfterFetch(_ keyID: String, from client: String) async -> KeySetCache.Lookup {
        let seenAt = ContinuousClock.now
        // Another call may have fetched while this one was on its way here.
        let lookup = cache.withLock { $0.lookUp(keyID, for: client, now: .now) }
        guard case .fetch = lookup else { return lookup }
        let settled = await waiters.wait(as: client) { [self] in
            await settle(lookup, keyID, from: client, seenAt: seenAt)
        }
        return settled ?? (age == nil ? .unavailable : .unknownUnavailable)
    }

    private func settle(
        _ lookup: KeySetCache.Lookup, _ keyID: String, from client: String, seenAt: ContinuousClock.Instant
    ) async -> KeySetCache.Lookup {
        var lookup = lookup
        for _ in 0..<Self.fetchesMax {
            guard case .fetch = lookup else { return lookup }
            // The first load is not caused by a key id.
            await fetch(for: age == nil ? nil : client, unlessAnswered: (keyID, seenAt))
            lookup = cache.withLock { $0.settle(keyID, for: client, seenAt: seenAt, now: .now) }
        }
        if case .fetch = lookup { return .unknownUnavailable }
        return lookup
    }

    /// Fetches when the keys are old enough.
    func refreshIfNeeded() async {
        if cache.withLock({ $0.needsRefresh(now: .now) }) { await fetch(for: nil) }
    }

    /// One flight at a time, which all who need it share.
    /// - Parameters:
    ///   - client: whose token causes it; nil for the clock.
    ///   - token: the key id of the token that causes it, and when it came. What has been answered by now causes no fetch.
    private func fetch(
        for client: String?, unlessAnswered token: (keyID: String, seenAt: ContinuousClock.Instant)? = nil
    ) async {
        _ = try? await flights.run("keys") { [self] in
            // Tokens that come meanwhile join this flight, so a pause costs no further fetch.
            if client != nil {
                let pause = cache.withLock { $0.pause(now: .now) }
                if pause > .zero { await sleep(pause) }
            }
            let isNeeded = cache.withLock { cache in
                if let token, cache.isAnswered(token.keyID, seenAt: token.seenAt, now: .now) { return false }
                cache.beginFetch(now: .now, for: client)
                return true
            }
            guard isNeeded else { return true }
            return await load(rediscovers: client == nil)
        }
    }

    private func load(rediscovers: Bool) async -> Bool {
        var fetched: KeySet?
        var problem = KeySourceError("no URL to fetch from")
        for url in await endpoints.keySetURLs(rediscovers: rediscovers) {
            do throws(KeySourceError) {
                fetched = KeySet(try await source.fetch(url, for: endpoints.issuer))
                guard let fetched else {
                    problem = KeySourceError(
                        "keys \(LoggedURL(url)): HTTP 200, but no key set", hint: DependencyAdvice.keycloak(status: 200)
                    )
                    continue
                }
                if !fetched.keys.isEmpty { break }
                problem = KeySourceError(
                    "keys \(LoggedURL(url)): HTTP 200, but no usable key",
                    hint: "Set KEYCLOAK_ALGORITHMS to what the realm signs access tokens with")
            } catch {
                problem = error
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

    private func report(_ fetched: KeySet?, _ problem: KeySourceError?, wasLoaded: Bool, wasFailing: Bool) {
        if let exposed = fetched?.exposed, !exposed.isEmpty {
            logger.warning(
                "signing keys are published with their private half and are not used",
                metadata: ["issuer": .string(name), "keys": .integer(exposed.count)])
        }
        if let problem {
            let failure = Failure(cause: problem.description, hint: problem.hint, hasKeys: wasLoaded)
            if failures.withLock({ $0.failed(failure, now: .now) }) { log(failure, count: 1) }
        } else if !wasLoaded || wasFailing {
            logger.notice(
                "signing keys are loaded",
                metadata: ["issuer": .string(name), "keys": .integer(fetched?.keys.count ?? 0)])
        }
    }

    /// Logs the summaries of failures whose minute is over. Called every second or so.
    func summariseFailures(now: ContinuousClock.Instant) {
        for (failure, count) in failures.withLock({ $0.takeDue(now: now) }) {
            log(failure ?? Failure(cause: "other causes", hint: nil, hasKeys: age != nil), count: count)
        }
    }

    private func log(_ failure: Failure, count: Int) {
        var metadata: Logger.Metadata = [
            LogKey.error: .string(failure.cause), "issuer": .string(name), "failures": .integer(count),
        ]
        if let hint = failure.hint { metadata["hint"] = .string(hint) }
        metadata["effect"] = failure.hasKeys ? "the keys loaded before stay in use" : "every token is answered with 503"
        logger.warning("signing keys could not be loaded", metadata: metadata)
    }
}
