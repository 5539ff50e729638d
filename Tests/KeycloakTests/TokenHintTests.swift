import HelperCore
import JSON
import Testing

@Suite("The hints of refused tokens")
struct TokenHintTests {
    private let signer: Signer
    private let bench: Bench

    init() async throws {
        signer = try Signer()
        bench = Bench()
        bench.source.publish(signer.jwk)
        _ = await bench.ask(try signer.token())
    }

    @Test(
        "say how to mend what is usually wrong",
        arguments: [
            ("aud", "account", "audience mapper"), ("aud", ["x", "y"], "it holds: x, y"),
            ("iss", .string(issuer + "/"), "slash"), ("iss", .string(issuer + "x"), "two realms"),
            ("iss", "http://keycloak:8080/realms/mlaas", "another host name"),
            ("typ", "ID", "ID token"), ("sub", nil, "lightweight"), ("iat", .int(now + 60), "clocks"),
        ] as [(String, JSONValue, String)])
    func claims(_ claim: String, _ value: JSONValue, _ words: String) throws {
        let token = try signer.token { $0[claim] = value.isNull ? Optional<JSONValue>.none : value }
        let hint = try #require(bench.refusal(token)?.hint)
        #expect(hint.contains(words), "\(hint)")
    }

    @Test("do not take a slash at the end for another realm")
    func slash() throws {
        let hint = try #require(bench.refusal(try signer.token { $0["iss"] = .string(issuer + "/") })?.hint)
        #expect(hint.contains("KEYCLOAK_ISSUERS") && !hint.contains("realms' users"), "\(hint)")
    }

    @Test(
        "name a refresh token and an algorithm that is not listed",
        arguments: [("HS512", "refresh"), ("ES256", "KEYCLOAK_ALGORITHMS")])
    func algorithms(_ name: String, _ words: String) throws {
        let token = try signer.token(header: { $0["alg"] = .string(name) })
        #expect(bench.refusal(token)?.hint?.contains(words) == true)
    }

    @Test(
        "repeat nothing that a stranger could have written",
        arguments: ["https://evil.example.com", "\r\nfake log line", "https://x/realms/mlaas\u{1B}[31m"])
    func strangers(_ text: String) throws {
        #expect(bench.refusal(try signer.token { $0["iss"] = .string(text) })?.hint == nil)
        #expect(bench.refusal(try signer.token(header: { $0["alg"] = .string(text) }))?.hint == nil)
    }
}
