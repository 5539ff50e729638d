import JSON
import Keycloak
import Synchronization
import Telemetry
import Testing

@Suite("Where issuers are reached")
struct IssuerPlaceTests {
    private let signer: Signer
    private let source = MemoryKeySource()
    private let certs = "/protocol/openid-connect/certs"

    init() throws {
        signer = try Signer()
        source.publish(signer.jwk)
    }

    private var fetched: [String] { source.state.withLock { $0.fetched } }

    @Test("discovery says where keys are, and is not asked again for an unknown key")
    func discovery() async throws {
        source.state.withLock { $0.discovery = ["issuer": .string(issuer), "jwks_uri": "https://sso/keys"] }
        let bench = Bench(source)
        #expect(await bench.ask(try signer.token()) == "accepted ada")
        #expect(fetched == [issuer + "/.well-known/openid-configuration", "https://sso/keys"])
        #expect(await bench.ask(try signer.token(header: { $0["kid"] = "new" })) == "unknown_key")
        #expect(fetched.count == 3 && fetched.last == "https://sso/keys")
    }

    @Test("a place that gives no keys is followed by the usual one")
    func fallback() async throws {
        // A set without keys at the first place.
        source.state.withLock { $0.discovery = ["jwks_uri": "https://elsewhere/openid-configuration"] }
        let bench = Bench(source)
        #expect(await bench.ask(try signer.token()) == "accepted ada")
        #expect(fetched.last == issuer + certs)
    }

    @Test(
        "a place with less protection than the issuer's, or that is no URL, is not used",
        arguments: [
            "http://evil.example.com/certs", "https://user@evil.example.com/certs", "https://evil.example.com:x/certs",
        ])
    func downgrade(_ place: String) async throws {
        source.state.withLock { $0.discovery = ["jwks_uri": .string(place)] }
        let bench = Bench(source)
        #expect(await bench.ask(try signer.token()) == "accepted ada")
        #expect(fetched.last == issuer + certs)
        #expect(bench.log.lines.contains { $0.contains("without https") })
    }

    @Test("one key set URL serves all issuers, with one fetch")
    func shared() async throws {
        let second = "https://sso.example.org/realms/mlaas"
        let bench = Bench(
            source, places: .init(realmURL: issuer, keySetURL: "https://keys" + certs),
            change: { $0.issuers = [issuer, second] })
        #expect(await bench.ask(try signer.token()) == "accepted ada")
        #expect(bench.check(try signer.token { $0["iss"] = .string(second) }) == "accepted ada")
        #expect(fetched == ["https://keys" + certs])
    }

    @Test("each issuer has its own keys: those of one do not vouch for another (row 60)")
    func separate() async throws {
        let second = "https://sso.example.org/realms/mlaas"
        let source = SplitSource(first: signer.jwk, second: try Signer("k1").jwk)
        let bench = Bench(MemoryKeySource(), change: { $0.issuers = [issuer, second] }, over: source)
        #expect(await bench.ask(try signer.token()) == "accepted ada")
        #expect(await bench.ask(try signer.token { $0["iss"] = .string(second) }) == "signature")
    }

    @Test("discovery that names another issuer is logged, unless the issuer was configured apart")
    func otherName() async throws {
        source.state.withLock { $0.discovery = ["issuer": "http://internal/realms/mlaas"] }
        let bench = Bench(source)
        _ = await bench.ask(try signer.token())
        #expect(bench.log.lines.contains { $0.contains("http://internal/realms/mlaas") && $0.contains(issuer) })
        let split = Bench(source, places: .init(realmURL: "http://internal/realms/mlaas"))
        #expect(await split.ask(try signer.token()) == "accepted ada")
        #expect(!split.log.lines.contains { $0.contains("names another issuer") })
        #expect(fetched.last == "http://internal/realms/mlaas" + certs)
    }

    @Test("an issuer that is away does not keep the others from being ready")
    func oneAway() async throws {
        let second = "https://away.example.org/realms/mlaas"
        let source = SplitSource(first: signer.jwk, second: nil)
        let bench = Bench(MemoryKeySource(), change: { $0.issuers = [issuer, second] }, over: source)
        await bench.verifier.run { _ in false }
        #expect(bench.verifier.keysAge != nil && bench.verifier.lastLoadFailed)
        #expect(bench.check(try signer.token()) == "accepted ada")
        #expect(bench.check(try signer.token { $0["iss"] = .string(second) }) == "unavailable")
    }
}

/// Two issuers, each with its own key set, told apart by host name.
private struct SplitSource: KeySource {
    let first: JSONValue
    let second: JSONValue?

    func fetch(_ url: String, for name: String) async throws(KeySourceError) -> [UInt8] {
        guard url.hasSuffix("/certs"), let key = url.hasPrefix(issuer) ? first : second else {
            throw KeySourceError("no answer")
        }
        return JSONValue.object(["keys": [key]]).encoded()
    }
}
