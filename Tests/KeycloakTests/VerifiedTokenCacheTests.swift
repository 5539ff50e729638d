import Crypto
import HelperCore
import JSON
import Telemetry
import Testing

@testable import Keycloak

@Suite("The cache of verified tokens")
struct VerifiedTokenCacheTests {
    private let signer: Signer
    private let bench: Bench

    init() async throws {
        signer = try Signer()
        bench = Bench()
        bench.source.publish(signer.jwk)
        _ = await bench.ask(try signer.token())
    }

    private var hits: String? { bench.counter("mlaas_cache_hits_total", #"cache="tokens""#) }

    @Test("answers the second time, until the token ends (row 95)")
    func expiry() throws {
        let token = try signer.token { $0["exp"] = .int(now + 60) }
        #expect(bench.check(token) == "accepted ada" && hits == "0")
        #expect(bench.check(token) == "accepted ada" && hits == "1")
        // Found by its digest twice, by its bytes from then on.
        #expect(bench.check(token) == "accepted ada" && hits == "2")
        bench.clock.advance(by: 89.5)
        #expect(bench.check(token) == "accepted ada" && hits == "3")
        bench.clock.advance(by: 0.5)
        #expect(bench.check(token) == "expired" && hits == "3")
    }

    @Test("knows a token by all of its bytes (row 96)")
    func forged() throws {
        let good = try signer.token { $0["jti"] = "same" }
        // Checked, found by its digest, found by its bytes.
        for _ in 0..<4 { #expect(bench.check(good) == "accepted ada") }
        let forger = try Signer("k1")
        let forged = try forger.token { $0["jti"] = "same" }
        // The same header and payload, so the same beginning.
        #expect(forged.prefix(200) == good.prefix(200))
        #expect(bench.check(forged) == "signature")
        for index in stride(from: 0, to: good.count, by: 1) {
            var changed = good
            changed[index] ^= 1
            #expect(!bench.check(changed).hasPrefix("accepted"), "byte \(index)")
        }
        #expect(bench.check(good) == "accepted ada")
    }

    @Test("is forgotten when the signing keys change (row 88)")
    func keyChange() async throws {
        let token = try signer.token()
        for _ in 0..<4 { #expect(bench.check(token) == "accepted ada") }
        let other = try Signer("k2")
        bench.source.publish(other.jwk)
        #expect(await bench.ask(try other.token()) == "accepted ada")
        #expect(await bench.ask(token) == "unknown_key")
        bench.source.publish(try Signer("k1").jwk)
        #expect(!bench.check(token).hasPrefix("accepted"))
    }

    @Test("keeps within its bounds of count and bytes, and drops what is not used")
    func bounds() throws {
        let metrics = CacheMetrics(cache: .tokens, factory: bench.registry)
        let cache = VerifiedTokenCache(limits: .init(entries: 160, bytes: 1 << 20), metrics: metrics)
        let keys = IssuerKeys(
            name: "i",
            endpoints: IssuerEndpoints(
                issuer: "i", base: "i", keySetURL: nil, introspectionURL: nil, source: bench.source,
                logger: Logger(label: "t", handler: JSONLogHandler(sink: bench.log, level: .trace, now: { 0 }))),
            source: bench.source, settings: .init(), waitersMax: 1, spawn: { work in Task { await work() } },
            sleep: { try? await Task.sleep(for: $0) }, refreshes: KeyRefreshMetrics(factory: bench.registry),
            logger: Logger(label: "t", handler: JSONLogHandler(sink: bench.log, level: .trace, now: { 0 })))
        func digest(_ number: Int) -> SHA256Digest { SHA256Digest(of: Array("\(number)".utf8)[...]) }
        func token(_ text: String) -> VerifiedToken {
            VerifiedToken(
                Caller(issuer: "i", subject: text, username: "u", email: nil), goodUntil: 1, keys: keys, generation: 0)
        }
        cache.insert(token("favourite"), for: digest(-1))
        for number in 0..<10_000 {
            cache.insert(token("\(number)"), for: digest(number))
            #expect(cache.token(digest(-1), now: 0) != nil)
        }
        #expect((100...160).contains(cache.count))
        #expect(bench.counter("mlaas_cache_evictions_total", #"cache="tokens""#).flatMap(Int.init) ?? 0 > 9_000)
        for number in 0..<1_000 {
            cache.insert(token(String(repeating: "x", count: 8_000)), for: digest(100_000 + number))
        }
        #expect(cache.bytes <= 1 << 20 && cache.count < 130)
        // What alone is more than a part's share is not kept.
        cache.insert(token(String(repeating: "x", count: 100_000)), for: digest(-2))
        #expect(cache.token(digest(-2), now: 0) == nil)
        #expect(cache.token(digest(-1), now: 1) == nil)
    }

    @Test("stays coherent when many threads use it at once")
    func concurrency() async throws {
        let tokens = try (0..<8).map { number in try signer.token { $0["sub"] = .string("s\(number)") } }
        let bench = bench
        await withTaskGroup(of: Bool.self) { group in
            for task in 0..<8 {
                group.addTask {
                    (0..<200).allSatisfy { round in
                        let number = (task + round) % 8
                        return bench.caller(tokens[number])?.subject == "s\(number)"
                    }
                }
            }
            for await isRight in group { #expect(isRight) }
        }
    }
}
