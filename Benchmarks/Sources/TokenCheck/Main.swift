import Crypto
import HelperCore
import JSON
import Keycloak
import Telemetry

// How many access tokens a second one thread checks: by each algorithm from nothing, by its signature alone, and from the
// cache. Prints a Markdown table. Usage: TokenCheck [SECONDS a line]

let issuer = "https://sso.example.com/realms/mlaas"
let now = 1_790_000_000

/// The keys of one algorithm, from memory.
struct MemorySource: KeySource {
    let keySet: [UInt8]

    func fetch(_ url: String, for issuer: String) async throws(KeySourceError) -> [UInt8] {
        guard url.hasSuffix("/certs") else { throw KeySourceError("none") }
        return keySet
    }
}

/// A key and the tokens it makes, with the claims that Keycloak writes.
struct Signer {
    let key: PrivateKey
    let algorithm: SignatureAlgorithm

    init(_ algorithm: SignatureAlgorithm) throws {
        self.algorithm = algorithm
        switch algorithm.keyKind {
        case .rsa: key = try .rsa()
        case .ec(let curve): key = try .ec(curve)
        case .ed25519: key = try .ed25519()
        }
    }

    var keySet: [UInt8] {
        var jwk: JSONObject = ["kid": "k", "alg": .string(algorithm.rawValue), "use": "sig"]
        switch key.parameters {
        case .rsa(let modulus, let exponent):
            jwk["kty"] = "RSA"
            jwk["n"] = .string(Base64URL.encode(modulus))
            jwk["e"] = .string(Base64URL.encode(exponent))
        case .ec(let curve, let x, let y):
            jwk["kty"] = "EC"
            jwk["crv"] = .string(curve.rawValue)
            jwk["x"] = .string(Base64URL.encode(x))
            jwk["y"] = .string(Base64URL.encode(y))
        case .ed25519(let x):
            jwk["kty"] = "OKP"
            jwk["crv"] = "Ed25519"
            jwk["x"] = .string(Base64URL.encode(x))
        }
        return JSONValue.object(["keys": [.object(jwk)]]).encoded()
    }

    func token(_ number: Int) throws -> [UInt8] {
        let claims: JSONObject = [
            "exp": .int(now + 300), "iat": .int(now), "auth_time": .int(now - 10),
            "jti": .string("onrtac:6f0b1c0e-8a0e-4f0a-9f6e-\(number)"), "iss": .string(issuer),
            "aud": ["mlaas-client", "account"], "sub": .string("c1f6a3de-5c7e-4f3b-8c1b-\(number)"), "typ": "Bearer",
            "azp": "portal", "sid": "kq3Yt0mC1vQy7uXw2rJd8aZb", "acr": "1",
            "allowed-origins": ["https://portal.example.com"],
            "realm_access": ["roles": ["default-roles-mlaas", "offline_access", "uma_authorization", "ml-users"]],
            "resource_access": ["account": ["roles": ["manage-account", "manage-account-links", "view-profile"]]],
            "scope": "openid email profile", "email_verified": true, "name": "Jane Doe", "groups": ["/ml-team"],
            "preferred_username": .string("jdoe\(number)"), "given_name": "Jane", "family_name": "Doe",
            "email": .string("jdoe\(number)@example.com"),
        ]
        let header: JSONObject = ["alg": .string(algorithm.rawValue), "typ": "JWT", "kid": "k"]
        let signed =
            Base64URL.encode(JSONValue.object(header).encoded()) + "."
            + Base64URL.encode(JSONValue.object(claims).encoded())
        let signature = try key.sign(Array(signed.utf8), algorithm: algorithm)
        return Array("\(signed).\(Base64URL.encode(signature))".utf8)
    }

    func verifier() -> KeycloakTokenVerifier {
        let policy = TokenPolicy(
            issuers: [issuer], audiences: ["mlaas-client"], clientID: "mlaas-client", algorithms: [algorithm])
        let handler = JSONLogHandler(sink: InMemoryLogSink(), level: .critical, now: { 0 })
        return KeycloakTokenVerifier(
            policy: policy, places: IssuerPlaces(realmURL: issuer), settings: KeySettings(),
            parts: .init(
                source: MemorySource(keySet: keySet), spawn: { work in Task { await work() } },
                logger: Logger(label: "bench", handler: handler), metrics: PrometheusRegistry(), now: { Double(now) }))
    }
}

/// Runs `work` on one number after another for that long, and says how often a second and how long one took.
func rate(seconds: Double, _ work: (Int) -> Bool) -> String {
    let began = ContinuousClock.now
    var count = 0
    while count & 63 != 0 || began.duration(to: .now) < .seconds(seconds) {
        guard work(count) else { fatalError("a good token was refused") }
        count += 1
    }
    let spent = began.duration(to: .now) / .seconds(1)
    let perSecond = (Double(count) / spent / 100).rounded() * 100
    return "\(Int(perSecond)) | \((spent / Double(count) * 1e8).rounded() / 100) µs"
}

func isAccepted(_ verdict: TokenVerdict) -> Bool { if case .accepted = verdict { true } else { false } }

let seconds = CommandLine.arguments.dropFirst().first.flatMap(Double.init) ?? 1
print("| check | a second, one thread | one |")
print("| --- | --- | --- |")
for algorithm in [SignatureAlgorithm.rs256, .ps256, .es256, .edDSA] {
    let signer = try Signer(algorithm)
    let verifier = signer.verifier()
    let tokens = try (0..<512).map(signer.token)
    guard isAccepted(await verifier.verifyByAsking(tokens[0][...])) else { fatalError("a good token was refused") }
    // Another verifier each time round, so that no token is found in its cache.
    var fresh: [KeycloakTokenVerifier] = []
    for _ in 0..<64 {
        fresh.append(signer.verifier())
        _ = await fresh[fresh.count - 1].verifyByAsking(tokens[0][...])
    }
    let uncached = min(seconds, 0.5)
    print(
        "| \(algorithm.rawValue), never seen before | "
            + rate(seconds: uncached) { number in
                let verifier = fresh[(number / 511) % fresh.count]
                return isAccepted(verifier.verify(tokens[1 + number % 511][...]))
            } + " |")
    let publicKey = try signer.key.publicKey()
    let token = tokens[1]
    let parts = token.split(separator: 0x2E)
    let (message, signature) = (Array(token[..<parts[1].endIndex]), Base64URL.decode(parts[2]) ?? [])
    print(
        "| \(algorithm.rawValue), the signature alone | "
            + rate(seconds: seconds) { _ in publicKey.isValidSignature(signature, for: message, algorithm: algorithm) }
            + " |")
    guard algorithm == .rs256 else { continue }
    for token in tokens { _ = verifier.verify(token[...]) }
    print("| cached, one token | " + rate(seconds: seconds) { _ in isAccepted(verifier.verify(token[...])) } + " |")
    print(
        "| cached, 512 tokens | "
            + rate(seconds: seconds) { number in isAccepted(verifier.verify(tokens[number % 512][...])) } + " |")
    print(
        "| SHA-256 of the token alone | " + rate(seconds: seconds) { _ in SHA256Digest(of: token[...]).spread >= 0 }
            + " |")
}
