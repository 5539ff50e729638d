import HelperCore
import JSON
import Synchronization
import Telemetry

/// The keys of one issuer: where they are fetched, and one fetch at a time for all who wait.
final class IssuerKeys: Sendable {
    /// Where the keys come from.
    enum Location: Sendable {
        /// A URL that was configured.
        case fixed(String)
        /// The realm's base URL: discovery says where, with the usual path as a fallback.
        case realm(String)
    }

    let issuer: String
    private let location: Location
    private let source: any KeySource
    private let logger: Logger
    private let refreshes: KeyRefreshMetrics?
    private let cache: Mutex<KeySetCache>
    private let flights: SingleFlight<String, Bool>

    init(
        issuer: String, location: Location, source: any KeySource, settings: KeySetCache.Settings,
        spawn: @escaping Spawn, logger: Logger, refreshes: KeyRefreshMetrics?
    ) {
        self.issuer = issuer
        self.location = location
        self.source = source
        self.logger = logger
        self.refreshes = refreshes
        cache = Mutex(KeySetCache(settings: settings))
        flights = SingleFlight(spawn: spawn)
    }

    var age: Duration? { cache.withLock { $0.loadedAt }?.duration(to: .now) }
    var lastFailed: Bool { cache.withLock { $0.lastFailed } }

    func lookUp(_ keyID: String) -> KeySetCache.Lookup { cache.withLock { $0.lookUp(keyID, now: .now) } }

    /// Fetches, or waits for the fetch under way, and looks again.
    func lookUpAfterFetch(_ keyID: String) async -> KeySetCache.Lookup {
        // Another call may have fetched while this one was on its way here.
        guard case .fetch = lookUp(keyID) else { return cache.withLock { $0.settle(keyID, now: .now) } }
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
        _ = try? await flights.run("keys") { [self] in await load() }
    }

    private func load() async -> Bool {
        var fetched: KeySet?
        var problem: String?
        do throws(KeySourceError) {
            let url = await keySetURL()
            fetched = KeySet(try await source.fetch(url))
            if fetched?.keys.isEmpty != false { problem = "\(url) answered no usable key" }
        } catch {
            problem = error.description
        }
        let (wasLoaded, wasFailing) = cache.withLock { cache in
            let before = (cache.loadedAt != nil, cache.lastFailed)
            cache.endFetch(fetched, now: .now)
            return before
        }
        (problem == nil ? refreshes?.loaded : refreshes?.failed)?.increment()
        if let problem {
            logger.log(
                level: wasFailing ? .debug : .warning, "signing keys could not be loaded",
                metadata: [LogKey.error: .string(problem), "issuer": .string(issuer)])
        } else if !wasLoaded || wasFailing {
            logger.notice(
                "signing keys are loaded",
                metadata: ["issuer": .string(issuer), "keys": .integer(fetched?.keys.count ?? 0)])
        }
        return problem == nil
    }

    private func keySetURL() async -> String {
        switch location {
        case .fixed(let url): return url
        case .realm(let base):
            let usual = base + "/protocol/openid-connect/certs"
            guard let bytes = try? await source.fetch(base + "/.well-known/openid-configuration"),
                let document = try? JSONValue(parsing: bytes)
            else { return usual }
            if let told = document["issuer"]?.string, told != issuer {
                logger.warning(
                    "Keycloak names another issuer than the one accepted: tokens may be refused; set KEYCLOAK_ISSUERS",
                    metadata: ["issuer": .string(issuer), "told": .string(told)])
            }
            guard let url = document["jwks_uri"]?.string, url.hasPrefix("http") else { return usual }
            return url
        }
    }
}
