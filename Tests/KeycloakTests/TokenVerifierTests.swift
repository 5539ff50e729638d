import Crypto
import HelperCore
import JSON
import Keycloak
import Synchronization
import Telemetry
import Testing

private let issuer = "https://sso.example.com/realms/mlaas"
private let now = 1_790_000_000

/// Answers key sets from memory and counts who asks for what.
private final class MemoryKeySource: KeySource {
    let state = Mutex<(answer: [UInt8]?, fetched: [String])>((nil, []))

    func fetch(_ url: String) async throws(KeySourceError) -> [UInt8] {
        let answer: [UInt8]? = state.withLock { state in
            state.fetched.append(url)
            return url.hasSuffix("/certs") ? state.answer : nil
        }
        guard let answer else { throw KeySourceError("no answer") }
        return answer
    }

    var keyFetches: Int { state.withLock { $0.fetched.count { $0.hasSuffix("/certs") } } }
}

/// A realm's key and the tokens it makes.
private struct Signer {
    let key: PrivateKey
    let id: String

    init(_ id: String = "k1") throws {
        key = try .rsa()
        self.id = id
    }

    var jwk: JSONValue {
        guard case .rsa(let modulus, let exponent) = key.parameters else { return nil }
        return [
            "kid": .string(id), "kty": "RSA", "alg": "RS256", "use": "sig", "n": .string(Base64URL.encode(modulus)),
            "e": .string(Base64URL.encode(exponent)),
        ]
    }

    static var claims: JSONObject {
        [
            "exp": .int(now + 300), "iat": .int(now), "iss": .string(issuer), "aud": ["mlaas-client", "account"],
            "sub": "c1f6", "typ": "Bearer", "azp": "portal", "preferred_username": "ada", "scope": "openid",
            "realm_access": ["roles": ["ml-users"]],
        ]
    }

    func token(
        _ change: (inout JSONObject) -> Void = { _ in }, header: (inout JSONObject) -> Void = { _ in }
    ) throws -> [UInt8] {
        var claims = Self.claims
        change(&claims)
        var head: JSONObject = ["alg": "RS256", "typ": "JWT", "kid": .string(id)]
        header(&head)
        return try raw(JSONValue.object(head).encoded(), JSONValue.object(claims).encoded())
    }

    func raw(_ header: [UInt8], _ payload: [UInt8]) throws -> [UInt8] {
        let signed = Base64URL.encode(header) + "." + Base64URL.encode(payload)
        let signature = try key.sign(Array(signed.utf8), algorithm: .rs256)
        return Array((signed + "." + Base64URL.encode(signature)).utf8)
    }
}

@Suite("The token verifier")
struct TokenVerifierTests {
    private let signer: Signer
    private let source = MemoryKeySource()
    private let verifier: KeycloakTokenVerifier

    init() async throws {
        signer = try Signer()
        let document: JSONValue = ["keys": [signer.jwk, ["kty": "AKP", "kid": "x", "alg": "ML-DSA-65"]]]
        source.state.withLock { $0.answer = document.encoded() }
        verifier = Self.make(source)
        _ = await verifier.verifyAfterRefresh(try signer.token())
    }

    private static func make(
        _ source: MemoryKeySource, change: (inout TokenPolicy) -> Void = { _ in }
    ) -> KeycloakTokenVerifier {
        var policy = TokenPolicy(issuers: [issuer], audiences: ["mlaas-client"], clientID: "mlaas-client")
        change(&policy)
        let logger = Logger(label: "test", handler: JSONLogHandler(sink: InMemoryLogSink(), level: .trace, now: { 0 }))
        return KeycloakTokenVerifier(
            policy: policy, realmURL: issuer, keySetURL: nil, settings: .init(), source: source,
            spawn: { work in Task { await work() } }, logger: logger, now: { Double(now) })
    }

    private func check(_ token: [UInt8], by verifier: KeycloakTokenVerifier? = nil) -> String {
        switch (verifier ?? self.verifier).verify(token) {
        case .accepted(let caller): "accepted \(caller.username)"
        case .refused(let refusal): refusal.check
        case .keysNeeded: "keys needed"
        case .keysUnavailable: "unavailable"
        }
    }

    @Test("accepts an access token of the realm")
    func good() throws {
        guard case .accepted(let caller) = verifier.verify(try signer.token()) else {
            Issue.record("refused")
            return
        }
        #expect(caller.subject == "c1f6" && caller.username == "ada" && caller.realmRoles == ["ml-users"])
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
        source.state.withLock { $0.answer = JSONValue.object(["keys": [fresh.jwk]]).encoded() }
        #expect(check(try fresh.token()) == "keys needed")
        guard case .accepted = await verifier.verifyAfterRefresh(try fresh.token()) else {
            Issue.record("a token by a new key was refused")
            return
        }
        // The old key was withdrawn by that answer.
        #expect(check(try signer.token()) == "unknown_key")
        for _ in 0..<100 {
            let stranger = try fresh.token(header: { $0["kid"] = .string("s\(Int.random(in: 0..<1 << 40))") })
            _ = await verifier.verifyAfterRefresh(stranger)
        }
        #expect(source.keyFetches == before + 1)
    }

    @Test("without keys nothing can be said", arguments: ["<html>", "{}", "{\"keys\":null}", "{\"keys\":[]}"])
    func noKeys(_ answer: String) async throws {
        let source = MemoryKeySource()
        source.state.withLock { $0.answer = Array(answer.utf8) }
        let verifier = Self.make(source)
        guard case .keysUnavailable = await verifier.verifyAfterRefresh(try signer.token()) else {
            Issue.record("expected no verdict")
            return
        }
        #expect(verifier.keysAge == nil && verifier.lastLoadFailed)
    }

    @Test("keys for encryption, of unknown kinds or under a repeated id are no keys")
    func unusableKeys() async throws {
        let other = try Signer("k1")
        var encryption = signer.jwk.object ?? [:]
        encryption["use"] = "enc"
        let source = MemoryKeySource()
        for keys: JSONValue in [
            [.object(encryption)], [signer.jwk, other.jwk], [["kty": "oct", "kid": "k1", "k": "eA"]],
        ] {
            source.state.withLock { $0.answer = JSONValue.object(["keys": keys]).encoded() }
            guard case .keysUnavailable = await Self.make(source).verifyAfterRefresh(try signer.token()) else {
                Issue.record("a key was used")
                return
            }
        }
    }

    @Test("a token issued to our client is accepted when that is switched on")
    func authorizedParty() async throws {
        let token = try signer.token {
            $0["aud"] = "account"
            $0["azp"] = "mlaas-client"
        }
        #expect(check(token) == "audience")
        let lenient = Self.make(source) { $0.allowsAuthorizedParty = true }
        guard case .accepted = await lenient.verifyAfterRefresh(token) else {
            Issue.record("refused")
            return
        }
    }
}
