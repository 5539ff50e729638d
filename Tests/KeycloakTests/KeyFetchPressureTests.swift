import Crypto
import JSON
import Keycloak
import TestSupport
import Testing

@Suite("A fetch of signing keys that is slow", .timeLimit(.minutes(5)))
struct KeyFetchPressureTests {
    private let signer: Signer
    private let source = MemoryKeySource()

    init() throws {
        signer = try Signer()
        source.publish(signer.jwk)
    }

    /// Starts so many tokens with made-up key ids, and waits until those beyond the bounds have been answered.
    private func flood(
        _ bench: Bench, _ count: Int, from client: @escaping @Sendable (Int) -> String,
        whileHeld body: () async throws -> Void
    ) async throws -> [String: Int] {
        let template = String(decoding: try signer.token(), as: UTF8.self).split(separator: ".").map(String.init)
        let verdicts = Shared<[String: Int]>([:])
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<count {
                let header = Base64URL.encode(Array(#"{"alg":"RS256","kid":"made-up-\#(number)"}"#.utf8))
                let token = Array("\(header).\(template[1]).\(template[2])".utf8)
                group.addTask {
                    let verdict = await bench.ask(token, from: client(number))
                    verdicts.withLock { $0[verdict, default: 0] += 1 }
                }
            }
            try await body()
            try await group.waitForAll()
        }
        return verdicts.withLock { $0 }
    }

    @Test("made-up key ids of one address leave room for others to wait for a slow fetch")
    func floodOfOneAddress() async throws {
        let slow = SlowKeySource(source)
        let bench = Bench(MemoryKeySource(), over: slow)
        _ = await bench.ask(try signer.token())
        let fresh = try Signer("k2")
        slow.hold()
        let verdicts = try await flood(bench, 1_000, from: { _ in "198.51.100.7" }) {
            await slow.hasBegun()
            source.publish(signer.jwk, fresh.jwk)
            // A known key waits for nothing, and a hundred first requests by a brand-new key from one proxy find room.
            #expect(bench.check(try signer.token { $0["sub"] = "known" }) == "accepted ada")
            let tokens = try (0..<100).map { number in try fresh.token { $0["sub"] = .string("s\(number)") } }
            try await withThrowingTaskGroup(of: String.self) { group in
                for token in tokens { group.addTask { await bench.ask(token, from: "192.0.2.2") } }
                try await Task.sleep(for: .milliseconds(200))
                slow.release()
                for try await verdict in group { #expect(verdict == "accepted ada") }
            }
        }
        // Those that waited are refused; of the others nothing is known.
        #expect(verdicts["unknown key unavailable", default: 0] >= 1_000 - 128)
        #expect(verdicts.keys.allSatisfy { ["unknown key unavailable", "unknown_key"].contains($0) }, "\(verdicts)")
    }

    @Test("made-up key ids of a few addresses that fill the queue give way to the tokens of another")
    func floodOfFewAddresses() async throws {
        let slow = SlowKeySource(source)
        let bench = Bench(MemoryKeySource(), over: slow)
        _ = await bench.ask(try signer.token())
        let fresh = try Signer("k2")
        slow.hold()
        _ = try await flood(bench, 1_000, from: { "198.51.100.\($0 % 4)" }) {
            await slow.hasBegun()
            try await Task.sleep(for: .milliseconds(500))
            source.publish(signer.jwk, fresh.jwk)
            let tokens = try (0..<90).map { number in try fresh.token { $0["sub"] = .string("s\(number)") } }
            try await withThrowingTaskGroup(of: String.self) { group in
                for token in tokens { group.addTask { await bench.ask(token, from: "192.0.2.2") } }
                try await Task.sleep(for: .milliseconds(500))
                slow.release()
                for try await verdict in group { #expect(verdict == "accepted ada") }
            }
        }
    }

    @Test("the tokens of all addresses that wait for a fetch are bounded")
    func floodOfManyAddresses() async throws {
        let slow = SlowKeySource(source)
        let bench = Bench(MemoryKeySource(), over: slow)
        _ = await bench.ask(try signer.token())
        slow.hold()
        let verdicts = try await flood(bench, 1_500, from: { "192.0.2.\($0 % 200)" }) {
            await slow.hasBegun()
            try await Task.sleep(for: .milliseconds(500))
            slow.release()
        }
        #expect(verdicts["unknown key unavailable", default: 0] >= 1_500 - 512, "\(verdicts)")
    }

    @Test("a token whose key has come while it waited for its turn causes no fetch, and no cooldown for the next key")
    func lateTurn() async throws {
        let gate = SpawnGate()
        let bench = Bench(source, spawn: { gate.spawn($0) })
        #expect(await bench.ask(try signer.token()) == "accepted ada")
        let second = try Signer("k2")
        source.publish(signer.jwk, second.jwk)
        let before = source.keyFetches
        gate.hold()
        async let late = bench.ask(try second.token { $0["sub"] = "late" })
        await gate.hasHeld()
        gate.open()
        #expect(await bench.ask(try second.token()) == "accepted ada")
        gate.release()
        #expect(try await late == "accepted ada")
        #expect(source.keyFetches == before + 1)
        // The same client brings a token by the key of the next rotation.
        let third = try Signer("k3")
        source.publish(signer.jwk, second.jwk, third.jwk)
        #expect(await bench.ask(try third.token()) == "accepted ada")
    }

    @Test("a token with an unknown key that waited for its turn is answered by a fetch that began after it came")
    func lateUnknownKey() async throws {
        let gate = SpawnGate()
        let bench = Bench(source, spawn: { gate.spawn($0) })
        #expect(await bench.ask(try signer.token()) == "accepted ada")
        let stranger = try Signer("k2")
        let before = source.keyFetches
        gate.hold()
        async let late = bench.ask(try stranger.token { $0["sub"] = "late" })
        await gate.hasHeld()
        gate.open()
        #expect(await bench.ask(try Signer("k3").token()) == "unknown_key")
        gate.release()
        #expect(try await late == "unknown_key")
        #expect(source.keyFetches == before + 1)
        // An issuer that fails is not asked once more either.
        source.fail()
        gate.hold()
        async let later = bench.ask(try Signer("k5").token(), from: "192.0.2.3")
        await gate.hasHeld()
        gate.open()
        #expect(await bench.ask(try Signer("k4").token(), from: "192.0.2.4") == "unknown key unavailable")
        gate.release()
        #expect(try await later == "unknown key unavailable")
        #expect(source.keyFetches == before + 2)
    }
}
