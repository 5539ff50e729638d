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

    private mutating func load(_ set: KeySet?, at seconds: Double, forced: Bool = false) {
        cache.beginFetch(now: at(seconds), forced: forced)
        cache.endFetch(set, now: at(seconds), jitter: 0)
    }

    @Test("asks before the first load, and waits a cooldown after it has failed")
    mutating func cold() {
        #expect(word(cache.lookUp("k1", now: at(0))) == "fetch")
        load(nil, at: 0)
        #expect(word(cache.lookUp("k1", now: at(1))) == "unavailable")
        #expect(word(cache.lookUp("k1", now: at(30))) == "fetch")
    }

    @Test("one fetch a cooldown for unknown keys, whoever names them")
    mutating func cooldown() {
        load(first, at: 0)
        #expect(word(cache.lookUp("x", now: at(0))) == "fetch")
        load(first, at: 1, forced: true)
        #expect(word(cache.settle("x", seenAt: at(1), now: at(1))) == "absent")
        #expect(word(cache.lookUp("y", now: at(30))) == "absent")
        #expect(word(cache.lookUp("y", now: at(31))) == "fetch")
        // The one that was looked for lately does not cause the next fetch.
        #expect(word(cache.lookUp("x", now: at(31))) == "absent")
        #expect(word(cache.lookUp("x", now: at(61))) == "fetch")
    }

    @Test("the background's own fetch leaves the fetch for a brand-new key")
    mutating func backgroundFetch() {
        load(first, at: 0)
        load(first, at: 600)
        #expect(word(cache.lookUp("k2", now: at(600.1))) == "fetch")
        load(second, at: 600.1, forced: true)
        #expect(word(cache.settle("k2", seenAt: at(600.1), now: at(600.1))) == "found")
    }

    @Test("whoever needs a key while a fetch is under way waits for it")
    mutating func joins() {
        load(first, at: 0)
        cache.beginFetch(now: at(100), forced: true)
        #expect(word(cache.lookUp("k2", now: at(100.2))) == "fetch")
        cache.endFetch(second, now: at(100.3), jitter: 0)
        #expect(word(cache.settle("k2", seenAt: at(100.2), now: at(100.3))) == "found")
    }

    @Test("a fetch that began before a token came does not make its key unknown, and one more follows")
    mutating func beganTooEarly() {
        load(first, at: 0)
        cache.beginFetch(now: at(100), forced: true)
        cache.endFetch(first, now: at(100.3), jitter: 0)
        #expect(word(cache.settle("k2", seenAt: at(100.1), now: at(100.3))) == "fetch")
        cache.beginFetch(now: at(100.3), forced: true)
        cache.endFetch(second, now: at(100.6), jitter: 0)
        #expect(word(cache.settle("k2", seenAt: at(100.1), now: at(100.6))) == "found")
    }

    @Test("made-up key ids that keep coming cause two fetches a cooldown")
    mutating func madeUp() {
        load(first, at: 0)
        var fetches = 0
        for step in 0..<290 {
            let now = 100 + Double(step) / 10
            guard case .fetch = cache.lookUp("x\(step)", now: at(now)) else { continue }
            var lookup = KeySetCache.Lookup.fetch
            while case .fetch = lookup {
                fetches += 1
                load(first, at: now, forced: true)
                // It came a moment after the fetch had begun.
                lookup = cache.settle("x\(step)", seenAt: at(now + 0.01), now: at(now + 0.02))
            }
        }
        #expect(fetches == 2)
    }

    @Test("a fetch that brings another set begins no cooldown: the next rotation is seen at once")
    mutating func rotations() {
        load(first, at: 0)
        load(second, at: 1, forced: true)
        #expect(word(cache.lookUp("k3", now: at(1.1))) == "fetch")
        load(second, at: 1.1, forced: true)
        #expect(word(cache.lookUp("k4", now: at(1.2))) == "absent")
    }

    @Test("the cooldown of a fetch that failed ends with the failure")
    mutating func recovery() {
        load(first, at: 0)
        load(nil, at: 1, forced: true)
        #expect(word(cache.lookUp("k2", now: at(2))) == "unknown, unavailable")
        load(first, at: 3)
        #expect(word(cache.lookUp("k2", now: at(4))) == "fetch")
    }

    @Test("remembering unknown keys is bounded")
    mutating func bounded() {
        load(first, at: 0)
        for number in 0..<10_000 { _ = cache.settle("x\(number)", seenAt: at(0), now: at(0)) }
        #expect(word(cache.lookUp("x9999", now: at(0))) == "absent")
        #expect(word(cache.lookUp("x0", now: at(0))) == "fetch")
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
        #expect(cache.lastFailed && word(cache.lookUp("k1", now: at(time))) == "found")
    }

    @Test("keys are used for max-stale through an outage, and not longer")
    mutating func outage() {
        load(first, at: 0)
        load(nil, at: 600)
        #expect(word(cache.lookUp("k1", now: at(86_400))) == "found")
        #expect(cache.usable(now: at(86_000)) == .seconds(400))
        load(nil, at: 86_401)
        #expect(word(cache.lookUp("k1", now: at(86_402))) == "unavailable")
        #expect(cache.usable(now: at(86_402)) == .zero)
        load(first, at: 86_403)
        #expect(word(cache.lookUp("k1", now: at(86_403))) == "found")
    }

    @Test("an unknown key is not denied while it cannot be asked for")
    mutating func unknownInOutage() {
        load(first, at: 0)
        load(nil, at: 1, forced: true)
        #expect(word(cache.settle("k2", seenAt: at(1), now: at(1))) == "unknown, unavailable")
        #expect(word(cache.lookUp("k2", now: at(2))) == "unknown, unavailable")
        #expect(word(cache.lookUp("k1", now: at(2))) == "found")
        load(second, at: 31, forced: true)
        #expect(word(cache.lookUp("k2", now: at(31))) == "found")
    }

    @Test("a key that a newer answer lacks is gone, and only a change begins a new generation")
    mutating func withdrawal() throws {
        load(second, at: 0)
        let before = cache.generation
        load(second, at: 1)
        #expect(cache.generation == before)
        load(first, at: 2)
        #expect(cache.generation == before + 1)
        #expect(word(cache.settle("k2", seenAt: at(2), now: at(2))) == "absent")
        // The same id with another key is another set.
        let replaced = try #require(KeySet(JSONValue.object(["keys": [Signer("k1").jwk]]).encoded()))
        load(replaced, at: 3)
        #expect(cache.generation == before + 2)
    }

    @Test("an empty answer keeps the keys that were there")
    mutating func empty() {
        load(first, at: 0)
        load(KeySet(Array(#"{"keys":[]}"#.utf8)), at: 1)
        #expect(word(cache.lookUp("k1", now: at(1))) == "found")
        #expect(cache.lastFailed)
    }
}
