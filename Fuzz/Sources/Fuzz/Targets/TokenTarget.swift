import Crypto
import HelperCore
import JSON

@testable import Keycloak

/// An access token. The first byte chooses: the bytes as they are, or header and payload, divided by NUL, put into the
/// form of a token. What is read is exactly what would be written of it, and its header says nothing that we do not do.
enum TokenTarget: FuzzTarget {
    static let name = "token"
    private static let algorithms = Set(SignatureAlgorithm.allCases)

    static func run(_ input: UnsafeBufferPointer<UInt8>) {
        let (choice, rest) = input.steered
        var token = Array(rest)
        if choice & 1 == 1 {
            let parts = rest.split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false)
            let payload = parts.count > 1 ? Base64URL.encode(Array(parts[1])) : "e30"
            token = Array("\(Base64URL.encode(Array(parts[0]))).\(payload).c2ln".utf8)
        }
        guard let read = try? CompactJWS(token[...], algorithms: algorithms) else { return }
        require(token.count <= CompactJWS.bytesMax, "a token of \(token.count) bytes")
        let written = read.signedBytes + [0x2E] + Array(Base64URL.encode(read.signature).utf8)
        require(written == token, "\(String(decoding: token, as: UTF8.self)) is written in another way")
        require(CompactJWS.isKeyID(read.keyID), "the key id \(read.keyID)")
        require(read.payload.object != nil && !read.signature.isEmpty, "a part is missing")
        checkHeader(read)
        checkPayload(read)
    }

    /// That only some claims are kept must change nothing of what is refused, nor of those.
    private static func checkPayload(_ token: CompactJWS) {
        let encoded = token.signedBytes.drop { $0 != 0x2E }.dropFirst()
        guard let bytes = Base64URL.decode(encoded), let whole = try? JSONValue(parsing: bytes) else {
            require(false, "the payload cannot be read as a whole")
            return
        }
        for name in ["iss", "sub", "aud", "exp", "azp", "typ", "realm_access"] {
            require(whole[name] == token.payload[name], "another \(name)")
        }
        require(whole.object?.members.count == token.payload.object?.members.count, "claims are missing")
    }

    private static func checkHeader(_ token: CompactJWS) {
        let encoded = token.signedBytes.prefix { $0 != 0x2E }
        guard let bytes = Base64URL.decode(encoded), let header = try? JSONValue(parsing: bytes) else {
            require(false, "the header cannot be read again")
            return
        }
        require(header["alg"]?.string == token.algorithm.rawValue, "another algorithm")
        for name in ["crit", "b64", "zip", "enc", "cty"] { require(header[name] == nil, "\(name) was passed over") }
    }
}

/// A payload whose signature was good.
enum TokenClaimsTarget: FuzzTarget {
    static let name = "token-claims"
    private static let now = 1_790_000_000.0
    private static let policy = TokenPolicy(issuers: ["i"], audiences: ["gw"], clientID: "gw", roles: ["a", "admin"])

    static func run(_ input: UnsafeBufferPointer<UInt8>) {
        let limits = JSONLimits(maxDepth: 32, maxBytes: CompactJWS.bytesMax, maxValues: 4_096)
        guard let claims = try? JSONValue(parsing: Array(input), limits: limits) else { return }
        let checks = ClaimChecks(policy: policy, now: now)
        guard let caller = try? checks.caller(claims, issuer: "i") else { return }
        let audiences = claims["aud"]?.array?.compactMap(\.string) ?? [claims["aud"]?.string ?? ""]
        require(audiences.contains("gw"), "an audience of others: \(audiences)")
        require(checks.end(of: claims) > now, "it has ended")
        require(claims["cnf"] == nil, "it is bound")
        require(["", "bearer"].contains(claims["typ"]?.string?.lowercased() ?? ""), "another kind of token")
        require(caller.issuer == "i" && caller.subject == claims["sub"]?.string, "another subject")
        require((1...256).contains(caller.subject.utf8.count), "a subject of \(caller.subject.utf8.count) bytes")
        require(!caller.username.unicodeScalars.contains { $0.value < 0x20 }, "a control character in the name")
        let granted = [claims["realm_access"], claims["resource_access"]?["gw"]].flatMap {
            $0?["roles"]?.array?.compactMap(\.string) ?? []
        }
        require(
            caller.roles.allSatisfy { role in granted.contains { ExactName($0) == role } && policy.roles.contains(role)
            },
            "roles of nobody's: \(caller.roles)")
    }
}

/// A key set as an issuer publishes it.
enum KeySetTarget: FuzzTarget {
    static let name = "key-set"

    static func run(_ input: UnsafeBufferPointer<UInt8>) {
        guard let set = KeySet(Array(input)) else { return }
        // OpenSSL's check of a modulus that is no product of two primes goes by chance: such a key may come and go.
        let again = KeySet(Array(input))
        require(
            again?.exposed == set.exposed
                && set.keys.allSatisfy { id, key in
                    again?.keys[id] == key || key.key.kind == .rsa && again?.keys[id] == nil
                },
            "the same text is another set")
        for (id, entry) in set.keys {
            require(CompactJWS.isKeyID(id) && !set.exposed.contains(id), "the key id \(id)")
            if entry.key.kind == .rsa { require(entry.key.bits >= 2_048, "\(entry.key.bits) bits") }
            for algorithm in SignatureAlgorithm.allCases {
                for length in [0, 64, 96, 132, 256] {
                    let signature = [UInt8](repeating: 0, count: length)
                    let isValid = entry.key.isValidSignature(signature, for: [1, 2, 3], algorithm: algorithm)
                    // The points of small order make every message's signature; nobody publishes those.
                    require(!isValid || algorithm == .edDSA, "zeros are a signature of \(algorithm)")
                }
            }
        }
    }
}
