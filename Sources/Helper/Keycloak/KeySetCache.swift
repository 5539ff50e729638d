/// When an issuer's keys are used, fetched again, or given up: a state machine with the time as an argument, so that
/// every rule can be tested without waiting.
struct KeySetCache: Sendable {
    struct Settings: Sendable {
        /// Keys older than this are fetched again in the background.
        var refreshAfter = Duration.seconds(600)
        /// Between two fetches that one client's tokens with unknown key ids may cause.
        var cooldown = Duration.seconds(30)
        /// Between two fetches that tokens of all clients together may cause, unless they bring other keys.
        var pace = Duration.seconds(1)
        /// Keys older than this are not used.
        var maxStale = Duration.seconds(24 * 3_600)
        /// The pause after a first failure; it doubles with each further one.
        var retryAfter = Duration.milliseconds(200)
        var retryAfterMax = Duration.seconds(5)
    }

    enum Lookup: Sendable {
        /// - generation: of the set that holds it.
        case found(KeySet.Key, generation: UInt64)
        /// The set is known and does not hold it, and this client's tokens may not cause another fetch yet.
        case absent
        /// One fetch may find it.
        case fetch
        /// There are no keys to be used.
        case unavailable
        /// None of the keys has this id, and newer ones cannot be fetched.
        case unknownUnavailable
    }

    typealias Instant = ContinuousClock.Instant

    /// Key ids that are cached as unknown.
    private static let absentMax = 256
    /// Clients whose last fetch is known. Beyond, the pace of all clients together bounds the fetches.
    private static let clientsMax = 4_096

    let settings: Settings
    private var set: KeySet?
    /// Grows whenever keys are added, changed or withdrawn.
    private(set) var generation: UInt64 = 0
    private(set) var loadedAt: Instant?
    private(set) var failures = 0
    /// By client: when the last fetch began that its tokens caused, or waited for, and that brought nothing new. Until the
    /// cooldown after it has passed, its unknown key ids cause no fetch; those of other clients do. The background's own
    /// fetches do not count, and a fetch that brought another set ends all cooldowns: a stranger cannot make the issuer
    /// change its keys.
    private var cooldowns: [String: Instant] = [:]
    /// When the last fetch began that a token caused and that failed. No unknown key id causes a fetch in the cooldown
    /// after it: the background tries again soon enough, and its success ends it.
    private var failedAt: Instant?
    /// When the last fetch began that a token caused and that brought nothing new.
    private var pacedFrom: Instant?
    /// When the fetch under way began, and whose token caused it; nil for the clock.
    private var underWay: (began: Instant, client: String?)?
    /// When the fetch began that brought `set`.
    private var answeredFrom: Instant?
    private var attemptedAt: Instant?
    private var refreshAt: Instant?
    /// Key ids that a fetch did not find, and until when they cause none.
    private var absent: [String: Instant] = [:]

    init(settings: Settings) { self.settings = settings }

    var lastFailed: Bool { failures > 0 }

    /// - Parameter client: whom the fetch is counted under that the key id may cause; nil disregards cooldowns.
    func lookUp(_ keyID: String, for client: String?, now: Instant) -> Lookup {
        let usable = usableSet(now)
        if let key = usable?.keys[keyID] { return .found(key, generation: generation) }
        if usable == nil {
            // Without keys every token would ask: those that fail are bounded by the last attempt of any token.
            let isEarly = attemptedAt.map { $0.duration(to: now) < settings.cooldown } ?? false
            return isEarly && lastFailed ? .unavailable : .fetch
        }
        if isCachedAbsent(keyID, now) { return .absent }
        // The fetch under way may bring it.
        if underWay != nil, !lastFailed { return .fetch }
        if !isCoolingDown(client, now) { return .fetch }
        // A key that could not be asked for may well be there.
        return lastFailed ? .unknownUnavailable : .absent
    }

    /// What there is after a fetch. Only a fetch that began after the token came can say that its key is unknown; after
    /// another one the answer is `fetch`, unless the client's cooldown forbids it. A key id that a good answer lacks is
    /// cached as unknown for twice the cooldown, so that one forgotten client does not use up every cooldown's fetch.
    /// - Parameter seenAt: when the token came.
    mutating func settle(_ keyID: String, for client: String, seenAt: Instant, now: Instant) -> Lookup {
        guard let usable = usableSet(now) else { return .unavailable }
        if let key = usable.keys[keyID] { return .found(key, generation: generation) }
        if lastFailed { return .unknownUnavailable }
        guard let answeredFrom, answeredFrom < seenAt else {
            cacheAbsent(keyID, now)
            beginCooldown(of: client, at: answeredFrom ?? now, now)
            return .absent
        }
        return isCachedAbsent(keyID, now) || isCoolingDown(client, now) ? .absent : .fetch
    }

    /// Whether a token that waited for its turn needs no fetch any more: its key has come, or a fetch that began after the
    /// token came has ended. Another would bring nothing new and begin a cooldown of a client that did nothing but bring a
    /// token early in a rotation: the key of its next rotation would be refused. Not to be asked while a fetch is under way.
    /// - Parameter seenAt: when the token came.
    func isAnswered(_ keyID: String, seenAt: Instant, now: Instant) -> Bool {
        usableSet(now)?.keys[keyID] != nil || attemptedAt.map { $0 > seenAt } ?? false
    }

    /// How long the next fetch that a token causes must be put off.
    func pause(now: Instant) -> Duration {
        guard let pacedFrom else { return .zero }
        return max(.zero, min(settings.pace, settings.cooldown) - pacedFrom.duration(to: now))
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

    /// - Parameter client: whose token caused it; nil for the clock.
    mutating func beginFetch(now: Instant, for client: String?) {
        attemptedAt = now
        underWay = (now, client)
    }

    /// A newer set replaces the older one whole: a key that is gone from it has been withdrawn. A failed fetch, or one
    /// that brings no usable key, changes nothing but the note that it failed.
    /// - Parameter jitter: 0..<1, by how much of a tenth the next refresh comes earlier, so that replicas spread.
    mutating func endFetch(_ fetched: KeySet?, now: Instant, jitter: Double) {
        let fetch = underWay
        underWay = nil
        let isNew = fetched.map { !$0.keys.isEmpty && $0.keys != set?.keys } ?? false
        if isNew {
            cooldowns = [:]
            pacedFrom = nil
        } else if let fetch, let client = fetch.client {
            pacedFrom = fetch.began
            if fetched?.keys.isEmpty == false { beginCooldown(of: client, at: fetch.began, now) }
        }
        guard let fetched, !fetched.keys.isEmpty else {
            if let fetch, fetch.client != nil { failedAt = fetch.began }
            let pause = settings.retryAfter * (1 << min(failures, 16))
            failures += 1
            refreshAt = now + min(pause, settings.retryAfterMax)
            return
        }
        if isNew { generation += 1 }
        answeredFrom = fetch?.began ?? now
        failedAt = nil
        set = fetched
        loadedAt = now
        failures = 0
        refreshAt = now + settings.refreshAfter * (1 - 0.1 * jitter)
    }

    private func isCoolingDown(_ client: String?, _ now: Instant) -> Bool {
        isRecent(failedAt, now) || isRecent(client.flatMap { cooldowns[$0] }, now)
    }

    private func isRecent(_ instant: Instant?, _ now: Instant) -> Bool {
        instant.map { $0.duration(to: now) < settings.cooldown } ?? false
    }

    private mutating func beginCooldown(of client: String, at began: Instant, _ now: Instant) {
        if cooldowns.count >= Self.clientsMax {
            cooldowns = cooldowns.filter { isRecent($0.value, now) }
            // Looking through them for each newcomer would cost more than a few fetches.
            if cooldowns.count > Self.clientsMax / 2 { cooldowns = [:] }
        }
        cooldowns[client] = began
    }

    private func isCachedAbsent(_ keyID: String, _ now: Instant) -> Bool { absent[keyID].map { now < $0 } ?? false }

    private mutating func cacheAbsent(_ keyID: String, _ now: Instant) {
        if absent.count >= Self.absentMax { absent = absent.filter { now < $0.value } }
        if absent.count >= Self.absentMax { absent.removeAll() }
        absent[keyID] = now + settings.cooldown * 2
    }

    private func usableSet(_ now: Instant) -> KeySet? {
        guard let set, let loadedAt, loadedAt.duration(to: now) <= settings.maxStale else { return nil }
        return set
    }
}
