import JSON
import Testing

@testable import Keycloak

/// Time is an argument here: nothing waits.
@Suite("The key set cache")
struct KeySetCacheTests {
    private let start = ContinuousClock.now
    private let first: KeySet
    private let second: KeySet
    private var cache = KeySetCache(settings: .init())

    init() throws {
        let (one, two) = (try Signer("k1"), try Signer("k2"))
        func set(_ keys: JSONValue...) throws -> KeySet {
            try #require(KeySet(JSONValue.object(["keys": .array(keys)]).encoded()))
        }
        first = try set(one.jwk)
        second = try set(one.jwk, two.jwk)
    }

    private func at(_ seconds: Double) -> ContinuousClock.Instant { start + .seconds(seconds) }

    private func word(_ lookup: KeySetCache.Lookup) -> String {
        switch lookup {
        case .found: "found"
        case .absent: "absent"
        case .fetch: "fetch"
        case .unavailable: "unavailable"
        case .unknownUnavailable: "unknown, unavailable"
        }
    }

    private func lookUp(
        _ keyID: String, from client: String = "a", now: ContinuousClock.Instant
    ) -> KeySetCache.Lookup { cache.lookUp(keyID, for: client, now: now) }

    private mutating func settle(
        _ keyID: String, from client: String = "a", seenAt: ContinuousClock.Instant, now: ContinuousClock.Instant
    ) -> KeySetCache.Lookup { cache.settle(keyID, for: client, seenAt: seenAt, now: now) }

    private mutating func load(
        _ set: KeySet?, at seconds: Double, forced: Bool = false, from client: String = "a"
    ) {
        cache.beginFetch(now: at(seconds), for: forced ? client : nil)
        cache.endFetch(set, now: at(seconds), jitter: 0)
    }

    @Test("asks before the first load, and waits a cooldown after it has failed")
    mutating func cold() {
        #expect(word(lookUp("k1", now: at(0))) == "fetch")
        load(nil, at: 0)
        #expect(word(lookUp("k1", now: at(1))) == "unavailable")
        #expect(word(lookUp("k1", now: at(30))) == "fetch")
    }

    @Test("one fetch a cooldown for the unknown keys of one client, whatever it calls them")
    mutating func cooldown() {
        load(first, at: 0)
        #expect(word(lookUp("x", now: at(0))) == "fetch")
        load(first, at: 1, forced: true)
        #expect(word(settle("x", seenAt: at(1), now: at(1))) == "absent")
        #expect(word(lookUp("y", now: at(30))) == "absent")
        #expect(word(lookUp("y", now: at(31))) == "fetch")
        // The one that was looked for lately does not cause the next fetch.
        #expect(word(lookUp("x", now: at(31))) == "absent")
        #expect(word(lookUp("x", now: at(61))) == "fetch")
    }

    @Test("the background's own fetch leaves the fetch for a brand-new key")
    mutating func backgroundFetch() {
        load(first, at: 0)
        load(first, at: 600)
        #expect(word(lookUp("k2", now: at(600.1))) == "fetch")
        load(second, at: 600.1, forced: true)
        #expect(word(settle("k2", seenAt: at(600.1), now: at(600.1))) == "found")
    }

    @Test("a look-up of a key while a fetch is under way waits for it")
    mutating func joins() {
        load(first, at: 0)
        cache.beginFetch(now: at(100), for: "a")
        #expect(word(lookUp("k2", now: at(100.2))) == "fetch")
        cache.endFetch(second, now: at(100.3), jitter: 0)
        #expect(word(settle("k2", seenAt: at(100.2), now: at(100.3))) == "found")
    }

    @Test("a fetch that began before a token came does not make its key unknown, and one more follows")
    mutating func beganTooEarly() {
        load(first, at: 0)
        cache.beginFetch(now: at(100), for: "a")
        cache.endFetch(first, now: at(100.3), jitter: 0)
        #expect(word(settle("k2", from: "b", seenAt: at(100.1), now: at(100.3))) == "fetch")
        cache.beginFetch(now: at(100.3), for: "b")
        cache.endFetch(second, now: at(100.6), jitter: 0)
        #expect(word(settle("k2", from: "b", seenAt: at(100.1), now: at(100.6))) == "found")
    }

    /// Counts the fetches that made-up key ids cause within 29 seconds, ten ids a second from each client in turn.
    private mutating func fetches(madeUpBy clients: Int) -> Int {
        load(first, at: 0)
        var fetches = 0
        for step in 0..<290 {
            let client = "c\(step % clients)"
            var time = 100 + Double(step) / 10
            guard case .fetch = lookUp("x\(step)", from: client, now: at(time)) else { continue }
            var lookup = KeySetCache.Lookup.fetch
            while case .fetch = lookup {
                fetches += 1
                let pause = cache.pause(now: at(time))
                time += Double(pause.components.seconds) + Double(pause.components.attoseconds) * 1e-18
                load(first, at: time, forced: true, from: client)
                // It came a moment after the fetch had begun.
                lookup = settle("x\(step)", from: client, seenAt: at(time + 0.01), now: at(time + 0.02))
            }
        }
        return fetches
    }

    @Test("made-up key ids of one client cause one fetch a cooldown, also those that come while it is under way")
    mutating func madeUp() {
        #expect(fetches(madeUpBy: 1) == 1)
    }

    @Test("made-up key ids of many clients cause no more than one fetch a second")
    mutating func madeUpByMany() {
        #expect(fetches(madeUpBy: 290) <= 290)
        // Each fetch is put off until a second after the one before: what is counted is their beginnings.
        #expect(cache.pause(now: at(0)) > .zero)
    }

    @Test("the made-up key ids of one client do not spend the fetch that another's brand-new key needs")
    mutating func otherClients() {
        load(first, at: 0)
        load(first, at: 1, forced: true, from: "stranger")
        #expect(word(settle("x", from: "stranger", seenAt: at(1), now: at(1))) == "absent")
        #expect(word(lookUp("y", from: "stranger", now: at(1.5))) == "absent")
        #expect(word(lookUp("k2", from: "b", now: at(1.5))) == "fetch")
        #expect(cache.pause(now: at(1.5)) == .milliseconds(500))
        load(second, at: 2, forced: true, from: "b")
        #expect(word(settle("k2", from: "b", seenAt: at(1.5), now: at(2))) == "found")
        // What brought a new set is no reason to wait.
        #expect(cache.pause(now: at(2)) == .zero)
    }

    @Test("cooldowns are kept of a bounded number of clients")
    mutating func manyClients() {
        load(first, at: 0)
        load(first, at: 1, forced: true)
        for number in 0..<20_000 { _ = settle("x", from: "c\(number)", seenAt: at(1), now: at(1)) }
        #expect(word(lookUp("y", from: "c19999", now: at(2))) == "absent")
        #expect(word(lookUp("y", from: "c0", now: at(2))) == "fetch")
    }

    @Test("a fetch that brings another set begins no cooldown: the next rotation is seen at once")
    mutating func rotations() {
        load(first, at: 0)
        load(second, at: 1, forced: true)
        #expect(word(lookUp("k3", now: at(1.1))) == "fetch")
        load(second, at: 1.1, forced: true)
        #expect(word(lookUp("k4", now: at(1.2))) == "absent")
    }

    @Test("the cooldown of a fetch that failed ends with the failure")
    mutating func recovery() {
        load(first, at: 0)
        load(nil, at: 1, forced: true)
        #expect(word(lookUp("k2", now: at(2))) == "unknown, unavailable")
        load(first, at: 3)
        #expect(word(lookUp("k2", now: at(4))) == "fetch")
    }

    @Test("remembering unknown keys is bounded")
    mutating func bounded() {
        load(first, at: 0)
        for number in 0..<10_000 { _ = settle("x\(number)", seenAt: at(0), now: at(0)) }
        #expect(word(lookUp("x9999", from: "b", now: at(0))) == "absent")
        #expect(word(lookUp("x0", from: "b", now: at(0))) == "fetch")
    }

    @Test("is refreshed in the background, a little earlier each to his own, and more often after a failure")
    mutating func refresh() {
        #expect(cache.needsRefresh(now: at(0)))
        load(first, at: 0)
        #expect(!cache.needsRefresh(now: at(599)) && cache.needsRefresh(now: at(600)))
        cache.endFetch(first, now: at(600), jitter: 1)
        #expect(!cache.needsRefresh(now: at(1_139)) && cache.needsRefresh(now: at(1_140)))
        var time = 2_000.0
        for pause in [0.2, 0.4, 0.8, 1.6, 3.2, 5, 5, 5] {
            load(nil, at: time)
            #expect(!cache.needsRefresh(now: at(time + pause - 0.01)))
            time += pause + 0.01
            #expect(cache.needsRefresh(now: at(time)))
        }
        #expect(cache.lastFailed && word(lookUp("k1", now: at(time))) == "found")
    }

    @Test("keys are used for max-stale through an outage, and not longer")
    mutating func outage() {
        load(first, at: 0)
        load(nil, at: 600)
        #expect(word(lookUp("k1", now: at(86_400))) == "found")
        #expect(cache.usable(now: at(86_000)) == .seconds(400))
        load(nil, at: 86_401)
        #expect(word(lookUp("k1", now: at(86_402))) == "unavailable")
        #expect(cache.usable(now: at(86_402)) == .zero)
        load(first, at: 86_403)
        #expect(word(lookUp("k1", now: at(86_403))) == "found")
    }

    @Test("an unknown key is not denied while it cannot be asked for")
    mutating func unknownInOutage() {
        load(first, at: 0)
        load(nil, at: 1, forced: true)
        #expect(word(settle("k2", seenAt: at(1), now: at(1))) == "unknown, unavailable")
        #expect(word(lookUp("k2", now: at(2))) == "unknown, unavailable")
        #expect(word(lookUp("k1", now: at(2))) == "found")
        load(second, at: 31, forced: true)
        #expect(word(lookUp("k2", now: at(31))) == "found")
    }

    @Test("a key that a newer answer lacks is gone, and only a change begins a new generation")
    mutating func withdrawal() throws {
        load(second, at: 0)
        let before = cache.generation
        load(second, at: 1)
        #expect(cache.generation == before)
        load(first, at: 2)
        #expect(cache.generation == before + 1)
        #expect(word(settle("k2", seenAt: at(2), now: at(2))) == "absent")
        // The same id with another key is another set.
        let replaced = try #require(KeySet(JSONValue.object(["keys": [Signer("k1").jwk]]).encoded()))
        load(replaced, at: 3)
        #expect(cache.generation == before + 2)
    }

    @Test("an empty answer keeps the keys that were there")
    mutating func empty() {
        load(first, at: 0)
        load(KeySet(Array(#"{"keys":[]}"#.utf8)), at: 1)
        #expect(word(lookUp("k1", now: at(1))) == "found")
        #expect(cache.lastFailed)
    }
}
