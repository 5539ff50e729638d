/// When an issuer's keys are used, fetched again, or given up: a state machine with the time as an argument, so that
/// every rule can be tested without waiting.
struct KeySetCache: Sendable {
    struct Settings: Sendable {
        /// Keys older than this are fetched again in the background.
        var refreshAfter = Duration.seconds(600)
        /// Between fetches that a token's unknown key id may cause.
        var cooldown = Duration.seconds(30)
        /// Keys older than this are not used.
        var maxStale = Duration.seconds(24 * 3_600)
    }

    enum Lookup: Sendable {
        case found(KeySet.Key)
        /// The set is known and does not hold it, and it is too early to ask again.
        case absent
        /// One fetch may find it.
        case fetch
        /// There are no keys to be used, and it is too early to ask again.
        case unavailable
    }

    typealias Instant = ContinuousClock.Instant

    let settings: Settings
    private var set: KeySet?
    private(set) var loadedAt: Instant?
    /// When a token's unknown key id last caused a fetch. The background's own fetches do not count: a key that is new
    /// right after one of them must work on its first request.
    private var forcedAt: Instant?
    private var attemptedAt: Instant?
    private(set) var lastFailed = false

    init(settings: Settings) { self.settings = settings }

    func lookUp(_ keyID: String, now: Instant) -> Lookup {
        let usable = usableSet(now)
        if let key = usable?.keys[keyID] { return .found(key) }
        if usable == nil {
            // Without keys every token would ask: those that fail are bounded by the last attempt of anybody.
            let isEarly = attemptedAt.map { $0.duration(to: now) < settings.cooldown } ?? false
            return isEarly && lastFailed ? .unavailable : .fetch
        }
        let isEarly = forcedAt.map { $0.duration(to: now) < settings.cooldown } ?? false
        return isEarly ? .absent : .fetch
    }

    /// What there is after a fetch.
    func settle(_ keyID: String, now: Instant) -> Lookup {
        guard let usable = usableSet(now) else { return .unavailable }
        return usable.keys[keyID].map(Lookup.found) ?? .absent
    }

    /// Whether the background should fetch now.
    func needsRefresh(now: Instant) -> Bool {
        guard let loadedAt else { return true }
        return loadedAt.duration(to: now) >= settings.refreshAfter || lastFailed
    }

    /// - Parameter forced: caused by a token rather than by the clock.
    mutating func beginFetch(now: Instant, forced: Bool) {
        attemptedAt = now
        if forced { forcedAt = now }
    }

    /// A newer set replaces the older one whole: a key that is gone from it has been withdrawn. A failed fetch changes
    /// nothing but the note that it failed.
    mutating func endFetch(_ fetched: KeySet?, now: Instant) {
        guard let fetched, !fetched.keys.isEmpty else {
            lastFailed = true
            return
        }
        set = fetched
        loadedAt = now
        lastFailed = false
    }

    private func usableSet(_ now: Instant) -> KeySet? {
        guard let set, let loadedAt, loadedAt.duration(to: now) <= settings.maxStale else { return nil }
        return set
    }
}
