import HelperCore
import JSON
import Keycloak
import Synchronization
import Telemetry
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

    @Test("an answer about somebody else completes nothing")
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

    @Test("what fails for one token keeps nobody else out, and is logged with its cause")
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

    @Test("asks where discovery says, where it is told, and else where Keycloak has it")
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
