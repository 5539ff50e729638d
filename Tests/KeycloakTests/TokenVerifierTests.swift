import Crypto
import HelperCore
import JSON
import Keycloak
import Synchronization
import Telemetry
import Testing

@Suite("The token verifier")
struct TokenVerifierTests {
    private let signer: Signer
    private let source = MemoryKeySource()
    private let bench: Bench

    init() async throws {
        signer = try Signer()
        source.publish(signer.jwk, ["kty": "AKP", "kid": "x", "alg": "ML-DSA-65"])
        bench = Bench(source)
        _ = await bench.ask(try signer.token())
    }

    private func check(_ token: [UInt8]) -> String { bench.check(token) }

    @Test("accepts an access token of the realm")
    func good() throws {
        let caller = try #require(bench.caller(try signer.token()))
        #expect(caller.subject == "c1f6" && caller.username == "ada" && caller.roles == ["ml-users"])
    }

    @Test(
        "accepts what providers may vary",
        arguments: [
            ("typ", JSONValue.string("bearer")), ("aud", "mlaas-client"), ("exp", .double(Double(now) + 1.5)),
            ("nbf", 0),
            ("exp", .int(now - 29)), ("preferred_username", nil), ("realm_access", ["a"]), ("groups", "x"),
        ] as [(String, JSONValue)])
    func variations(_ claim: String, _ value: JSONValue) throws {
        #expect(
            check(try signer.token { $0[claim] = value.isNull ? Optional<JSONValue>.none : value }).hasPrefix(
                "accepted"))
    }

    @Test(
        "refuses claims that are not in order",
        arguments: [
            ("iss", "https://sso.example.com/realms/mlaas/", "issuer"), ("iss", "https://evil.example.com", "issuer"),
            ("iss", 1, "issuer"), ("exp", .int(now - 31), "expired"), ("exp", 0, "times"), ("exp", nil, "times"),
            ("exp", "1790000300", "times"), ("exp", true, "times"), ("exp", .double(1e300), "times"),
            ("nbf", .int(now + 31), "not_before"), ("iat", .int(now + 3_600), "issued_in_future"),
            ("aud", [], "audience"),
            ("aud", nil, "audience"), ("aud", "account", "audience"), ("aud", "mlaas-client ", "audience"),
            ("aud", "mlaas", "audience"), ("aud", ["mlaas-client", 1], "audience"), ("aud", 1, "audience"),
            ("typ", "ID", "kind"), ("typ", "Refresh", "kind"), ("typ", "Logout", "kind"), ("typ", 1, "kind"),
            ("cnf", ["jkt": "x"], "sender_constrained"), ("sub", nil, "subject"), ("sub", "", "subject"),
            ("sub", 1, "subject"),
            ("sub", "a\u{0}b", "subject"), ("preferred_username", 1, "username"),
            ("preferred_username", "", "username"),
        ] as [(String, JSONValue, String)])
    func claims(_ claim: String, _ value: JSONValue, _ expected: String) throws {
        #expect(check(try signer.token { $0[claim] = value.isNull ? Optional<JSONValue>.none : value }) == expected)
    }

    @Test(
        "refuses headers that are not in order",
        arguments: [
            ("alg", "none", "algorithm"), ("alg", "None", "algorithm"), ("alg", "rs256", "algorithm"),
            ("alg", "HS256", "algorithm"), ("alg", "PS256", "algorithm"), ("alg", nil, "algorithm"),
            ("alg", 1, "algorithm"),
            ("kid", nil, "key_id"), ("kid", "", "key_id"), ("kid", 1, "key_id"), ("kid", "a\r\nb", "key_id"),
            ("kid", .string(String(repeating: "k", count: 257)), "key_id"), ("typ", "logout+jwt", "type"),
            ("typ", "JOSE", "type"), ("cty", "JWT", "type"), ("crit", ["exp"], "critical_header"),
            ("crit", [], "critical_header"), ("b64", false, "critical_header"), ("zip", "DEF", "critical_header"),
        ] as [(String, JSONValue, String)])
    func headers(_ name: String, _ value: JSONValue, _ expected: String) throws {
        #expect(
            check(try signer.token(header: { $0[name] = value.isNull ? Optional<JSONValue>.none : value })) == expected)
    }

    @Test(
        "accepts the kinds of header an access token has", arguments: ["at+jwt", "AT+JWT", "application/at+jwt", "jwt"])
    func headerTypes(_ type: String) throws {
        #expect(check(try signer.token(header: { $0["typ"] = .string(type) })).hasPrefix("accepted"))
    }

    @Test("never takes a key from the token, and fetches nothing for it")
    func embeddedKeys() throws {
        let attacker = try Signer("k1")
        let before = source.state.withLock { $0.fetched.count }
        for (name, value) in [
            ("jwk", attacker.jwk), ("jku", "https://evil.example.com"), ("x5u", "http://169.254.169.254/"),
            ("x5c", ["x"]),
        ] {
            #expect(check(try attacker.token(header: { $0[name] = value })) == "signature")
            #expect(check(try signer.token(header: { $0[name] = value })).hasPrefix("accepted"))
        }
        #expect(source.state.withLock { $0.fetched.count } == before)
    }

    @Test("refuses texts that are no compact token")
    func shapes() throws {
        let good = String(decoding: try signer.token(), as: UTF8.self)
        let parts = good.split(separator: ".").map(String.init)
        for text in [
            "", ".", "..", "a.b", "\(parts[0]).\(parts[1]).", good + ".x", good + "=", good + "\n", " " + good,
            "{\"payload\":1}",
            "\(parts[0])=.\(parts[1]).\(parts[2])", "\(parts[0]).\(parts[1]).+/\(parts[2].dropFirst(2))",
            String(repeating: "a", count: 20_000),
        ] {
            #expect(!check(Array(text.utf8)).hasPrefix("accepted"), "\(text.prefix(40))")
        }
        for index in stride(from: 0, to: good.utf8.count, by: 11) {
            var changed = Array(good.utf8)
            changed[index] = changed[index] == 0x41 ? 0x42 : 0x41
            #expect(!check(changed).hasPrefix("accepted"))
        }
    }

    @Test("refuses repeated members, deep nesting and what is no object, though the signature is good")
    func documents() throws {
        let header = Array(#"{"alg":"RS256","kid":"k1"}"#.utf8)
        let twice = Array(#"{"iss":"\#(issuer)","sub":"a","s\u0075b":"b"}"#.utf8)
        #expect(check(try signer.raw(header, twice)) == "payload")
        #expect(check(try signer.raw(header, Array("[]".utf8))) == "payload")
        #expect(check(try signer.raw(header, [UInt8](repeating: 0x5B, count: 5_000))) == "payload")
        #expect(check(try signer.raw(Array(#"{"alg":"RS256","alg":"none","kid":"k1"}"#.utf8), twice)) == "header")
        #expect(check(try signer.raw([0xEF, 0xBB, 0xBF] + header, twice)) == "header")
    }

    @Test("an unknown key costs one fetch per cooldown, and a brand-new one works at once")
    func unknownKeys() async throws {
        let before = source.keyFetches
        let fresh = try Signer("k2")
        source.publish(fresh.jwk)
        #expect(check(try fresh.token()) == "undecided")
        #expect(await bench.ask(try fresh.token()) == "accepted ada")
        // The old key was withdrawn by that answer.
        #expect(await bench.ask(try signer.token()) == "unknown_key")
        for _ in 0..<100 {
            let stranger = try fresh.token(header: { $0["kid"] = .string("s\(Int.random(in: 0..<1 << 40))") })
            #expect(await bench.ask(stranger) == "unknown_key")
        }
        // The fetch that brought the new key began no cooldown, the one for the old key did.
        #expect(source.keyFetches == before + 2)
    }

    @Test("without keys nothing can be said", arguments: ["<html>", "{}", "{\"keys\":null}", "{\"keys\":[]}"])
    func noKeys(_ answer: String) async throws {
        let bench = Bench()
        bench.source.state.withLock { $0.keys = Array(answer.utf8) }
        #expect(await bench.ask(try signer.token()) == "unavailable")
        #expect(bench.verifier.keysAge == nil && bench.verifier.lastLoadFailed)
        #expect(bench.counter("mlaas_key_refresh_total", #"outcome="failed""#) == "1")
    }

    @Test("keys for encryption, of unknown kinds, exposed, or under a repeated id are no keys")
    func unusableKeys() async throws {
        let other = try Signer("k1")
        var encryption = signer.jwk.object ?? [:]
        encryption["use"] = "enc"
        var exposed = signer.jwk.object ?? [:]
        exposed["d"] = "AQAB"
        for keys: [JSONValue] in [
            [.object(encryption)], [signer.jwk, other.jwk], [signer.jwk, signer.jwk, signer.jwk],
            [["kty": "oct", "kid": "k1", "k": "eA"]], [.object(exposed)], [.object(exposed), signer.jwk],
        ] {
            let bench = Bench()
            bench.source.state.withLock { $0.keys = JSONValue.object(["keys": .array(keys)]).encoded() }
            #expect(await bench.ask(try signer.token()) == "unavailable")
        }
    }

    @Test("a token issued to our client is accepted when that is switched on")
    func authorizedParty() async throws {
        let token = try signer.token {
            $0["aud"] = "account"
            $0["azp"] = "mlaas-client"
        }
        #expect(check(token) == "audience")
        #expect(bench.refusal(token)?.hint?.contains("KEYCLOAK_ALLOW_AZP") == true)
        #expect(await Bench(source, change: { $0.allowsAuthorizedParty = true }).ask(token) == "accepted ada")
    }

    @Test("only listed clients' tokens are accepted when there is a list")
    func authorizedParties() async throws {
        let bench = Bench(source, change: { $0.authorizedParties = ["portal"] })
        #expect(await bench.ask(try signer.token()) == "accepted ada")
        #expect(bench.check(try signer.token { $0["azp"] = "other" }) == "authorized_party")
        #expect(bench.check(try signer.token { $0["azp"] = Optional<JSONValue>.none }) == "authorized_party")
    }

    @Test("tokens that live too long are refused when there is a limit")
    func lifetime() async throws {
        let bench = Bench(source, change: { $0.maxLifetime = .seconds(300) })
        #expect(await bench.ask(try signer.token()) == "accepted ada")
        #expect(bench.check(try signer.token { $0["exp"] = .int(now + 301) }) == "lifetime")
        #expect(bench.check(try signer.token { $0["iat"] = Optional<JSONValue>.none }) == "lifetime")
    }

    @Test("names that only look alike grant nothing")
    func lookalikes() async throws {
        // The second is the first with a combining accent: equal for Unicode, not for Keycloak.
        let (composed, decomposed) = ("caf\u{E9}", "cafe\u{301}")
        let bench = Bench(
            source,
            change: {
                $0.audiences = [ExactName(composed)]
                $0.roles = [ExactName(composed), ExactName(decomposed)]
            })
        _ = await bench.ask(try signer.token())
        #expect(bench.check(try signer.token { $0["aud"] = .string(decomposed) }) == "audience")
        let token = try signer.token {
            $0["aud"] = .string(composed)
            $0["realm_access"] = ["roles": [.string(decomposed)]]
            $0["resource_access"] = ["other": ["roles": [.string(composed)]]]
        }
        let caller = try #require(bench.caller(token))
        #expect(!AccessPolicy(requiredRole: ExactName(composed)).admits(caller))
        #expect(AccessPolicy(requiredRole: ExactName(decomposed)).admits(caller))
    }

    @Test(
        "a user name that cannot be used says which rule it breaks",
        arguments: [
            ("", .empty), (1, .notText), (["ada"], .notText), ("a\u{0}b", .controlCharacters),
            ("a\nb", .controlCharacters), ("a\u{85}b", .controlCharacters),
            (.string(String(repeating: "ë", count: 256)), .tooLong(charactersMax: 255)),
        ] as [(JSONValue, UserNameProblem)])
    func userNames(_ name: JSONValue, _ problem: UserNameProblem) throws {
        let refusal = bench.refusal(try signer.token { $0["preferred_username"] = name })
        #expect(refusal?.check == .username && refusal?.userNameProblem == problem)
    }

    @Test(
        "a user name that 3scale does not take is no reason to refuse a token",
        arguments: ["zoë", "CORP\\ada", "a b", "x", String(repeating: "ë", count: 255)])
    func longNames(_ name: String) throws {
        let token = try signer.token { $0["preferred_username"] = .string(name) }
        #expect(try #require(bench.caller(token)).username == name)
    }

    @Test("an e-mail address is verified only where the token says so with a boolean")
    func verifiedEmail() throws {
        for (value, expected) in [(true, true), (false, false), ("true", false), (1, false), (nil, false)]
            as [(JSONValue, Bool)]
        {
            let caller = bench.caller(
                try signer.token {
                    $0["email"] = "ada@example.com"
                    $0["email_verified"] = value.isNull ? Optional<JSONValue>.none : value
                })
            #expect(caller?.email == "ada@example.com" && caller?.isEmailVerified == expected)
        }
    }

    @Test("the identity issuer stands in for the token's, so that a realm may change its host name")
    func identityIssuer() async throws {
        let old = "https://old.example.com/realms/mlaas"
        let bench = Bench(source, change: { $0.identityIssuers = [ExactName(issuer): old] })
        _ = await bench.ask(try signer.token())
        let caller = try #require(bench.caller(try signer.token()))
        #expect(caller.issuer == old && caller.ownerMark == OwnerMark(issuer: old, subject: "c1f6"))
    }

    @Test("twenty first requests by a brand-new key share one slow fetch")
    func slowFetch() async throws {
        let slow = SlowKeySource(source)
        let bench = Bench(MemoryKeySource(), over: slow)
        _ = await bench.ask(try signer.token())
        let fresh = try Signer("k2")
        source.publish(signer.jwk, fresh.jwk)
        let tokens = try (0..<20).map { number in try fresh.token { $0["sub"] = .string("s\(number)") } }
        let before = source.keyFetches
        slow.hold()
        let verdicts = await withTaskGroup(of: String.self) { group in
            for (index, token) in tokens.enumerated() {
                group.addTask {
                    // All but the first come while the fetch is under way.
                    if index > 0 { await slow.hasBegun() }
                    if index < 2, bench.check(token) != "undecided" { return "not asked for" }
                    if index == tokens.count - 1 { slow.release() }
                    return await bench.ask(token)
                }
            }
            return await group.reduce(into: Set<String>()) { $0.insert($1) }
        }
        #expect(verdicts == ["accepted ada"])
        #expect(source.keyFetches - before <= 3)
    }

    @Test("a token that joins a fetch which began before its key was made waits for the next one")
    func joinedTooEarly() async throws {
        let slow = SlowKeySource(source)
        let bench = Bench(MemoryKeySource(), over: slow)
        _ = await bench.ask(try signer.token())
        let fresh = try Signer("k2")
        let token = try fresh.token()
        slow.hold()
        async let stranger = bench.ask(try fresh.token(header: { $0["kid"] = "made-up" }))
        await slow.hasBegun()
        // The answer under way was made before the rotation.
        source.publish(signer.jwk, fresh.jwk)
        async let good = bench.ask(token, from: "192.0.2.2")
        try await Task.sleep(for: .milliseconds(50))
        slow.release()
        #expect(try await stranger == "unknown_key")
        #expect(await good == "accepted ada")
    }

    @Test("roles of the realm and of our client count, another client's do not, and what decides nothing is forgotten")
    func roles() async throws {
        let bench = Bench(source, change: { $0.roles = ["realm", "own", "foreign"] })
        _ = await bench.ask(try signer.token())
        let token = try signer.token {
            $0["realm_access"] = ["roles": ["realm", "offline_access"]]
            $0["resource_access"] = [
                "mlaas-client": ["roles": ["own", "else"]], "other": ["roles": ["foreign"]],
            ]
        }
        #expect(try #require(bench.caller(token)).roles == ["realm", "own"])
    }
}
