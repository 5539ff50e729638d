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
        /// The pause after a first failure; it doubles with each further one.
        var retryAfter = Duration.milliseconds(200)
        var retryAfterMax = Duration.seconds(5)
    }

    enum Lookup: Sendable {
        /// - generation: of the set that holds it.
        case found(KeySet.Key, generation: UInt64)
        /// The set is known and does not hold it, and it is too early to ask again.
        case absent
        /// One fetch may find it.
        case fetch
        /// There are no keys to be used, or the last attempt to ask for newer ones failed, and it is too early to try again.
        case unavailable
    }

    typealias Instant = ContinuousClock.Instant

    /// Key ids that are remembered as unknown.
    private static let absentMax = 256

    let settings: Settings
    private var set: KeySet?
    /// Grows whenever keys are added, changed or withdrawn.
    private(set) var generation: UInt64 = 0
    private(set) var loadedAt: Instant?
    private(set) var failures = 0
    /// When a token's unknown key id last caused a fetch. The background's own fetches do not count: a key that is new
    /// right after one of them must work on its first request.
    private var forcedAt: Instant?
    private var attemptedAt: Instant?
    private var refreshAt: Instant?
    /// Key ids that a fetch did not find, and until when they cause none.
    private var absent: [String: Instant] = [:]

    init(settings: Settings) { self.settings = settings }

    var lastFailed: Bool { failures > 0 }

    func lookUp(_ keyID: String, now: Instant) -> Lookup {
        let usable = usableSet(now)
        if let key = usable?.keys[keyID] { return .found(key, generation: generation) }
        if usable == nil {
            // Without keys every token would ask: those that fail are bounded by the last attempt of anybody.
            let isEarly = attemptedAt.map { $0.duration(to: now) < settings.cooldown } ?? false
            return isEarly && lastFailed ? .unavailable : .fetch
        }
        if let until = absent[keyID], now < until { return .absent }
        let isEarly = forcedAt.map { $0.duration(to: now) < settings.cooldown } ?? false
        if !isEarly { return .fetch }
        // A key that could not be asked for may well be there.
        return lastFailed ? .unavailable : .absent
    }

    /// What there is after a fetch. A key id that a good answer lacks is remembered for twice the cooldown, so that one
    /// forgotten client does not use up every cooldown's fetch.
    mutating func settle(_ keyID: String, now: Instant) -> Lookup {
        guard let usable = usableSet(now) else { return .unavailable }
        if let key = usable.keys[keyID] { return .found(key, generation: generation) }
        if lastFailed { return .unavailable }
        remember(keyID, now)
        return .absent
    }

    /// Whether the background should fetch now.
    func needsRefresh(now: Instant) -> Bool {
        guard let refreshAt else { return attemptedAt == nil || lastFailed }
        return now >= refreshAt
    }

    /// How long keys may be used from now on without a newer answer.
    func usable(now: Instant) -> Duration {
        guard let loadedAt else { return .zero }
        return max(.zero, settings.maxStale - loadedAt.duration(to: now))
    }

    /// - Parameter forced: caused by a token rather than by the clock.
    mutating func beginFetch(now: Instant, forced: Bool) {
        attemptedAt = now
        if forced { forcedAt = now }
    }

    /// A newer set replaces the older one whole: a key that is gone from it has been withdrawn. A failed fetch, or one
    /// that brings no usable key, changes nothing but the note that it failed.
    /// - Parameter jitter: 0..<1, by how much of a tenth the next refresh comes earlier, so that replicas spread.
    mutating func endFetch(_ fetched: KeySet?, now: Instant, jitter: Double) {
        guard let fetched, !fetched.keys.isEmpty else {
            let pause = settings.retryAfter * (1 << min(failures, 16))
            failures += 1
            refreshAt = now + min(pause, settings.retryAfterMax)
            return
        }
        if set?.keys != fetched.keys { generation += 1 }
        set = fetched
        loadedAt = now
        failures = 0
        refreshAt = now + settings.refreshAfter * (1 - 0.1 * jitter)
    }

    private mutating func remember(_ keyID: String, _ now: Instant) {
        if absent.count >= Self.absentMax { absent = absent.filter { now < $0.value } }
        if absent.count >= Self.absentMax { absent.removeAll() }
        absent[keyID] = now + settings.cooldown * 2
    }

    private func usableSet(_ now: Instant) -> KeySet? {
        guard let set, let loadedAt, loadedAt.duration(to: now) <= settings.maxStale else { return nil }
        return set
    }
}
