import Crypto
import HelperCore
import Synchronization
import Telemetry

/// A token that passed every check, and how long that stays true.
final class VerifiedToken: Sendable {
    let caller: Caller
    /// Seconds since 1970-01-01T00:00:00Z: when the token ends, or the keys that it was checked by are too old.
    let goodUntil: Double
    private let keys: IssuerKeys
    private let generation: UInt64
    /// An estimate of what it occupies.
    let bytes: Int

    /// - Parameter generation: of the issuer's keys, as it was when the key was looked up.
    init(_ caller: Caller, goodUntil: Double, keys: IssuerKeys, generation: UInt64) {
        self.caller = caller
        self.goodUntil = goodUntil
        self.keys = keys
        self.generation = generation
        bytes = Self.estimate(caller)
    }

    /// Whether it may be believed still: in time, and by the keys its issuer has now.
    func isGood(_ now: Double) -> Bool { now < goodUntil && keys.generation == generation }

    private static func estimate(_ caller: Caller) -> Int {
        // Objects, slots and the heap's own overhead; then every text that is too long to be stored in place, but for the
        // issuer's, which all callers share.
        func heap(_ text: String?) -> Int { (text?.utf8.count ?? 0) > 15 ? (text?.utf8.count ?? 0) + 48 : 0 }
        var bytes = 448 + heap(caller.subject) + heap(caller.username) + heap(caller.email)
        for role in caller.roles { bytes += 64 + role.description.utf8.count }
        return bytes
    }
}

/// Verified tokens by the SHA-256 of the whole token, so that a token which differs in one bit is another one. Bounded by
/// count and by bytes; what was used longest ago goes first.
///
/// A lookup takes one lock of many for the time of a dictionary probe, and allocates nothing. `RecentTokens` stands in front.
final class VerifiedTokenCache: Sendable {
    struct Limits: Sendable {
        var entries = 65_536
        var bytes = 12 * 1024 * 1024
    }

    private struct State: Sendable {
        var index: RecencyIndex<SHA256Digest>
        /// By position.
        var tokens: [VerifiedToken?] = []
        var bytes = 0

        mutating func put(_ token: VerifiedToken, at position: Int) {
            if position == tokens.count { tokens.append(nil) }
            empty(position)
            tokens[position] = token
            bytes += token.bytes
        }

        mutating func empty(_ position: Int) {
            bytes -= tokens[position]?.bytes ?? 0
            tokens[position] = nil
        }
    }

    private final class Shard: Sendable {
        let state: Mutex<State>
        init(capacity: Int) { state = Mutex(State(index: RecencyIndex(capacity: capacity))) }
    }

    private static let shardsMax = 16

    private let shards: [Shard]
    private let bytesMax: Int
    private let metrics: CacheMetrics

    init(limits: Limits = Limits(), metrics: CacheMetrics) {
        let count = max(1, min(Self.shardsMax, limits.entries))
        shards = (0..<count).map { _ in Shard(capacity: limits.entries / count) }
        bytesMax = limits.bytes / count
        self.metrics = metrics
    }

    /// The cached token; one that is no longer good is removed.
    func token(_ digest: SHA256Digest, now: Double) -> VerifiedToken? {
        let found: VerifiedToken? = shard(digest).state.withLock { state in
            guard let position = state.index.use(digest), let token = state.tokens[position] else { return nil }
            guard token.isGood(now) else {
                _ = state.index.remove(digest)
                state.empty(position)
                return nil
            }
            return token
        }
        (found == nil ? metrics.misses : metrics.hits).increment()
        return found
    }

    /// A token was known without asking here.
    func noteHit() { metrics.hits.increment() }

    func insert(_ token: VerifiedToken, for digest: SHA256Digest) {
        guard token.bytes <= bytesMax else { return }
        let evicted = shard(digest).state.withLock { state in
            let place = state.index.place(digest)
            state.put(token, at: place.position)
            var evicted = place.hasEvicted ? 1 : 0
            while state.bytes > bytesMax, let position = state.index.removeOldest() {
                state.empty(position)
                evicted += 1
            }
            return evicted
        }
        if evicted > 0 { metrics.evictions.increment(by: Int64(evicted)) }
    }

    var count: Int { shards.reduce(0) { $0 + $1.state.withLock { $0.index.count } } }
    var bytes: Int { shards.reduce(0) { $0 + $1.state.withLock { $0.bytes } } }

    private func shard(_ digest: SHA256Digest) -> Shard { shards[digest.spread % shards.count] }
}
