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
/// count and by bytes; what has not been used since the clock's hand last passed goes first.
///
/// A lookup takes one lock of many for the time of a dictionary probe, and allocates nothing. `RecentTokens` stands in front.
final class VerifiedTokenCache: Sendable {
    struct Limits: Sendable {
        var entries = 65_536
        var bytes = 12 * 1024 * 1024
    }

    private struct Slot: Sendable {
        var digest: SHA256Digest
        var token: VerifiedToken?
        var wasUsed: Bool
    }

    private struct State: Sendable {
        var positions: [SHA256Digest: Int] = [:]
        var slots: [Slot] = []
        var free: [Int] = []
        var hand = 0
        var bytes = 0
    }

    private final class Shard: Sendable {
        let state = Mutex(State())
    }

    private static let shardsMax = 16

    private let shards: [Shard]
    private let entriesMax: Int
    private let bytesMax: Int
    private let metrics: CacheMetrics

    init(limits: Limits = Limits(), metrics: CacheMetrics) {
        let count = max(1, min(Self.shardsMax, limits.entries))
        shards = (0..<count).map { _ in Shard() }
        entriesMax = max(1, limits.entries / count)
        bytesMax = limits.bytes / count
        self.metrics = metrics
    }

    /// The cached token; one that is no longer good is removed.
    func token(_ digest: SHA256Digest, now: Double) -> VerifiedToken? {
        let found: VerifiedToken? = shard(digest).state.withLock { state in
            guard let position = state.positions[digest], let token = state.slots[position].token else { return nil }
            guard token.isGood(now) else {
                Self.remove(position, &state)
                return nil
            }
            state.slots[position].wasUsed = true
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
            if let position = state.positions[digest] { Self.remove(position, &state) }
            var evicted = 0
            while state.positions.count >= entriesMax || state.bytes + token.bytes > bytesMax {
                Self.evictOne(&state)
                evicted += 1
            }
            let slot = Slot(digest: digest, token: token, wasUsed: false)
            let position: Int
            if let free = state.free.popLast() {
                position = free
                state.slots[position] = slot
            } else {
                position = state.slots.count
                state.slots.append(slot)
            }
            state.positions[digest] = position
            state.bytes += token.bytes
            return evicted
        }
        if evicted > 0 { metrics.evictions.increment(by: Int64(evicted)) }
    }

    var count: Int { shards.reduce(0) { $0 + $1.state.withLock { $0.positions.count } } }
    var bytes: Int { shards.reduce(0) { $0 + $1.state.withLock { $0.bytes } } }

    private func shard(_ digest: SHA256Digest) -> Shard { shards[digest.spread % shards.count] }

    /// Each slot that was used since the hand last passed is let off once. Only called while there is a token.
    private static func evictOne(_ state: inout State) {
        while true {
            if state.hand >= state.slots.count { state.hand = 0 }
            let position = state.hand
            state.hand += 1
            guard state.slots[position].token != nil else { continue }
            if state.slots[position].wasUsed {
                state.slots[position].wasUsed = false
            } else {
                return remove(position, &state)
            }
        }
    }

    private static func remove(_ position: Int, _ state: inout State) {
        state.positions[state.slots[position].digest] = nil
        state.bytes -= state.slots[position].token?.bytes ?? 0
        state.slots[position].token = nil
        state.free.append(position)
    }
}
