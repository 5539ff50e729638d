import HelperCore
import JSON
import Keycloak
import Synchronization
import Telemetry
import TestSupport
import Testing

@Suite("Introspection")
struct IntrospectionTests {
    private let signer: Signer
    private let source = MemoryKeySource()

    init() throws {
        signer = try Signer()
        source.publish(signer.jwk)
    }

    private var questions: Int { source.fetches { $0.hasSuffix("/introspect") } }

    private func answer(_ value: JSONValue?) { source.state.withLock { $0.introspection = value } }

    @Test("asks once, believes the answer for its time, and asks again")
    func lifetime() async throws {
        let bench = Bench(source, introspects: .seconds(30))
        answer(["active": true])
        let token = try signer.token()
        #expect(bench.check(token) == "undecided")
        #expect(await bench.ask(token) == "accepted ada" && questions == 1)
        #expect(await bench.ask(token) == "accepted ada" && questions == 1)
        answer(["active": false])
        bench.clock.advance(by: 30)
        #expect(bench.check(token) == "undecided")
        #expect(await bench.ask(token) == "inactive")
        #expect(bench.check(token) == "inactive" && questions == 2)
    }

    @Test("never asks about a token that is bad by itself")
    func badTokens() async throws {
        let bench = Bench(source, introspects: .seconds(30))
        answer(["active": true])
        for token in [
            try Signer("k1").token(), try signer.token { $0["exp"] = .int(now - 100) },
            try signer.token { $0["typ"] = "ID" }, try signer.token { $0["typ"] = "Refresh" },
        ] {
            #expect(!(await bench.ask(token)).hasPrefix("accepted"))
        }
        #expect(questions == 0)
    }

    @Test(
        "has no verdict when the issuer does not answer, and does not ask in a row",
        arguments: [nil, [], ["active": "yes"]] as [JSONValue])
    func failure(_ value: JSONValue) async throws {
        let bench = Bench(source, introspects: .seconds(30))
        answer(value.isNull ? nil : value)
        for _ in 0..<5 { #expect(await bench.ask(try signer.token()) == "unavailable") }
        #expect(questions == 1)
        bench.clock.advance(by: 1)
        answer(["active": true])
        #expect(await bench.ask(try signer.token()) == "accepted ada" && questions == 2)
    }

    @Test("completes a lightweight token by what the issuer says (row 77)")
    func lightweight() async throws {
        let token = try signer.token {
            for name in ["sub", "aud", "preferred_username", "realm_access"] { $0[name] = Optional<JSONValue>.none }
        }
        let plain = Bench(source)
        #expect(await plain.ask(token) == "audience")
        let bench = Bench(source, introspects: .seconds(30))
        answer(["active": true, "sub": "s1", "aud": "mlaas-client", "preferred_username": "grace"])
        #expect(await bench.ask(token) == "accepted grace")
        #expect(bench.check(token) == "accepted grace")
        bench.clock.advance(by: 31)
        #expect(bench.check(token) == "undecided")
        answer(["active": true, "sub": "s1", "aud": "other"])
        #expect(await bench.ask(token) == "audience")
    }

    @Test("completes whatever a token lacks, and leaves what it says")
    func completion() async throws {
        let bench = Bench(source, introspects: .seconds(30), change: { $0.roles = ["ml-users", "own", "foreign"] })
        let token = try signer.token {
            $0["preferred_username"] = Optional<JSONValue>.none
            $0["realm_access"] = Optional<JSONValue>.none
            $0["resource_access"] = ["other": ["roles": ["foreign"]]]
        }
        answer([
            "active": true, "sub": "c1f6", "preferred_username": "grace", "aud": "other", "email": "g@example.com",
            "email_verified": true, "realm_access": ["roles": ["ml-users"]],
            "resource_access": ["mlaas-client": ["roles": ["own"]]],
        ])
        #expect(await bench.ask(token) == "accepted grace" && questions == 1)
        let caller = try #require(bench.caller(token))
        #expect(caller.roles == ["ml-users", "own"] && caller.subject == "c1f6")
        #expect(caller.verifiedEmail == "g@example.com")
    }

    @Test("an answer about another person completes nothing")
    func otherSubject() async throws {
        let bench = Bench(source, introspects: .seconds(30))
        answer(["active": true, "sub": "s2", "preferred_username": "grace"])
        #expect(await bench.ask(try signer.token()) == "subject")
    }

    @Test("that an address is verified is believed of that address alone")
    func verifiedAddress() async throws {
        let token = try signer.token { $0["email"] = "typed@example.com" }
        for (email, expected) in [("typed@example.com", "typed@example.com"), ("other@example.com", nil)] {
            let bench = Bench(source, introspects: .seconds(30))
            answer(["active": true, "email": .string(email), "email_verified": true])
            _ = await bench.ask(token)
            #expect(try #require(bench.caller(token)).verifiedEmail == expected)
        }
    }

    @Test("a failure for one token keeps no other out, and is logged with its cause")
    func oneTokensFailure() async throws {
        let bench = Bench(source, introspects: .seconds(30))
        let long = try signer.token { $0["sub"] = "long" }
        source.state.withLock { $0.introspectionError = KeySourceError("introspection: too large", kind: .request) }
        for _ in 0..<3 { #expect(await bench.ask(long) == "unavailable") }
        #expect(questions == 1)
        source.state.withLock { $0.introspectionError = nil }
        answer(["active": true])
        #expect(await bench.ask(try signer.token()) == "accepted ada")
        #expect(bench.log.lines.contains { $0.contains("too large") && !$0.contains("KEYCLOAK_CLIENT_SECRET") })
    }

    /// Asks about tokens that get no answer, and returns the verdicts of others that are asked about meanwhile.
    /// - Parameters:
    ///   - asked: how many questions there are before any is answered.
    ///   - refused: how many of the tokens without an answer find no room to wait.
    private func verdicts(
        whileHeld held: [[UInt8]], asked: Int = 1, refused: Int, _ bench: Bench, others: [[UInt8]]
    ) async -> (held: [String], others: [String]) {
        source.state.withLock { $0.held = Set(held) }
        let refusals = Shared(0)
        return await withTaskGroup(of: String.self) { group in
            for token in held {
                group.addTask {
                    let verdict = await bench.ask(token)
                    if verdict == "unavailable" { refusals.withLock { $0 += 1 } }
                    return verdict
                }
            }
            for _ in 0..<60_000
            where source.state.withLock({ $0.asking.now < asked }) || refusals.withLock({ $0 }) < refused {
                try? await Task.sleep(for: .milliseconds(1))
            }
            var answered: [String] = []
            for token in others { answered.append(await bench.ask(token)) }
            source.state.withLock { $0.held = [] }
            return (await group.reduce(into: []) { $0.append($1) }, answered)
        }
    }

    @Test("one user's many tokens hold a quarter of the questions, and keep no other user's from being asked about")
    func manyTokens() async throws {
        let bench = Bench(source, introspects: .seconds(30), callsMax: 8)
        answer(["active": true])
        _ = await bench.ask(try signer.token { $0["sub"] = "first" })
        let many = try (0..<140).map { number in try signer.token { $0["jti"] = .string("\(number)") } }
        let others = try ["bob", "carol"].map { name in try signer.token { $0["sub"] = .string(name) } }
        let verdicts = await verdicts(whileHeld: many, refused: 76, bench, others: others)
        #expect(verdicts.others == ["accepted ada", "accepted ada"])
        #expect(source.state.withLock { $0.asking.most } <= 3)
        // Those that found room to wait were asked about, if the machine let them within the time; of the others nothing is known.
        #expect((1...64).contains(verdicts.held.count { $0 == "accepted ada" }))
        #expect(verdicts.held.count { $0 == "unavailable" } == 140 - verdicts.held.count { $0 == "accepted ada" })
    }

    @Test("eight users whose tokens fill the queue give way to another user")
    func fewUsersFillTheQueue() async throws {
        let bench = Bench(source, introspects: .seconds(30), callsMax: 8)
        answer(["active": true])
        _ = await bench.ask(try signer.token { $0["sub"] = "first" })
        let many = try (0..<560).map { number in
            try signer.token {
                $0["sub"] = .string("many\(number % 8)")
                $0["jti"] = .string("\(number)")
            }
        }
        let bob = try signer.token { $0["sub"] = "bob" }
        let verdict = Shared<String?>(nil)
        let asked = Task {
            // The queue is full by now, as 48 of 560 have been refused.
            for _ in 0..<60_000 where source.state.withLock({ $0.asking.now }) < 8 {
                try? await Task.sleep(for: .milliseconds(1))
            }
            try? await Task.sleep(for: .milliseconds(500))
            let answer = await bench.ask(bob)
            verdict.withLock { $0 = answer }
        }
        _ = await verdicts(whileHeld: many, asked: 8, refused: 49, bench, others: [])
        await asked.value
        #expect(verdict.withLock { $0 } == "accepted ada")
    }

    @Test("questions of all users together are no more than the connections there are")
    func manyUsers() async throws {
        let bench = Bench(source, introspects: .seconds(30), callsMax: 8)
        answer(["active": true])
        _ = await bench.ask(try signer.token { $0["sub"] = "first" })
        let many = try (0..<60).map { number in try signer.token { $0["sub"] = .string("\(number)") } }
        let verdicts = await verdicts(whileHeld: many, asked: 8, refused: 0, bench, others: [])
        #expect(source.state.withLock { $0.asking.most } == 8)
        #expect(verdicts.held.contains("accepted ada"))
    }

    @Test("requests with one token wait for one answer, and no more of them than have room")
    func manyRequests() async throws {
        let bench = Bench(source, introspects: .seconds(30))
        answer(["active": true])
        let token = try signer.token()
        let before = questions
        let verdicts = await verdicts(whileHeld: Array(repeating: token, count: 300), refused: 236, bench, others: [])
        #expect(questions == before + 1)
        #expect(verdicts.held.count { $0 == "unavailable" } >= 236)
    }

    @Test("the client secret is named where the issuer refused it, once")
    func refusedClient() async throws {
        let bench = Bench(source, introspects: .seconds(30))
        source.state.withLock { $0.introspectionError = KeySourceError("HTTP 401", kind: .credentials) }
        for _ in 0..<3 {
            #expect(await bench.ask(try signer.token()) == "unavailable")
            bench.clock.advance(by: 1)
        }
        let told = bench.log.lines.filter { $0.contains("KEYCLOAK_CLIENT_SECRET") && $0.contains("warning") }
        #expect(told.count == 1 && questions == 3)
    }

    @Test("questions that go on to fail are summed up each minute, with cause and hint")
    func failuresOfAMinute() async throws {
        let bench = Bench(source, introspects: .seconds(30))
        source.state.withLock { $0.introspectionError = KeySourceError("HTTP 401", kind: .credentials) }
        for _ in 0..<4 {
            #expect(await bench.ask(try signer.token()) == "unavailable")
            bench.clock.advance(by: 2)
        }
        bench.verifier.summariseFailures(now: bench.clock.instant)
        #expect(bench.log.lines.count { $0.contains("token introspection failed") } == 1)
        bench.clock.advance(by: 60)
        for _ in 0..<2 { bench.verifier.summariseFailures(now: bench.clock.instant) }
        let told = bench.log.lines.filter { $0.contains("token introspection failed") }
        #expect(told.count == 2 && told.allSatisfy { $0.contains("KEYCLOAK_CLIENT_SECRET") && $0.contains("HTTP 401") })
        #expect(told.last?.contains("\"failures\":3") == true)
    }

    @Test("fetches of signing keys that go on to fail are summed up each minute")
    func keyFailuresOfAMinute() async throws {
        let bench = Bench(source)
        source.state.withLock { $0.keys = Array("<html>".utf8) }
        let left = Shared(600)
        await bench.verifier.run { [source] _ in
            try? await Task.sleep(for: .milliseconds(50))
            return source.keyFetches < 2
                && left.withLock {
                    $0 -= 1; return $0 > 0
                }
        }
        #expect(bench.log.lines.count { $0.contains("signing keys could not be loaded") } == 1)
        for _ in 0..<2 { bench.verifier.summariseFailures(now: .now + .seconds(61)) }
        let told = bench.log.lines.filter { $0.contains("signing keys could not be loaded") }
        #expect(told.count == 2 && told.allSatisfy { $0.contains("no key set") && $0.contains("warning") })
        #expect(told.last?.contains("\"failures\":") == true)
    }

    @Test("asks where discovery or the configuration says, and else where Keycloak has it")
    func places() async throws {
        answer(["active": true])
        let usual = Bench(source, introspects: .seconds(30))
        _ = await usual.ask(try signer.token())
        #expect(source.state.withLock { $0.fetched.last } == issuer + "/protocol/openid-connect/token/introspect")
        source.state.withLock { $0.discovery = ["issuer": .string(issuer), "introspection_endpoint": "https://sso/i"] }
        let discovered = Bench(source, introspects: .seconds(30))
        _ = await discovered.ask(try signer.token())
        #expect(source.state.withLock { $0.fetched.last } == "https://sso/i")
        let told = Bench(
            source, introspects: .seconds(30),
            places: .init(realmURL: issuer, introspectionURL: "https://told/i"))
        _ = await told.ask(try signer.token())
        #expect(source.state.withLock { $0.fetched.last } == "https://told/i")
    }
}
