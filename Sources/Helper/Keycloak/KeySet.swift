import Crypto
import JSON

/// The signing keys of an issuer by key id, parsed once.
struct KeySet: Sendable {
    private static let keysMax = 100
    static let bytesMax = 1024 * 1024

    struct Key: Sendable {
        let key: PublicKey
        /// Nil when the set does not say; the header's algorithm must then fit the kind of key.
        let algorithm: SignatureAlgorithm?
    }

    let keys: [String: Key]

    /// Reads a JSON Web Key Set (RFC 7517 §5). What we cannot use is skipped: one strange key must not cost the others.
    /// A key id that stands twice names no key at all.
    /// - Returns: nil when it is not a key set.
    init?(_ bytes: [UInt8]) {
        guard
            let set = try? JSONValue(
                parsing: bytes, limits: JSONLimits(maxDepth: 16, maxBytes: Self.bytesMax, maxValues: 100_000)),
            let entries = set["keys"]?.array, entries.count <= Self.keysMax
        else { return nil }
        var keys: [String: Key] = [:]
        var repeated: Set<String> = []
        for entry in entries {
            guard let id = entry["kid"]?.string, Self.maySign(entry), let key = Self.key(entry) else { continue }
            if keys[id] != nil { repeated.insert(id) }
            keys[id] = key
        }
        for id in repeated { keys[id] = nil }
        self.keys = keys
    }

    /// RFC 7517 §4.2, §4.3.
    private static func maySign(_ entry: JSONValue) -> Bool {
        if let use = entry["use"], use.string != "sig" { return false }
        if let operations = entry["key_ops"] {
            return operations.array?.contains { $0.string == "verify" } == true
        }
        return true
    }

    private static func key(_ entry: JSONValue) -> Key? {
        var algorithm: SignatureAlgorithm?
        if let name = entry["alg"] {
            guard let known = name.string.flatMap(SignatureAlgorithm.init) else { return nil }
            algorithm = known
        }
        guard let key = publicKey(entry) else { return nil }
        if let algorithm, algorithm.keyKind != key.kind { return nil }
        return Key(key: key, algorithm: algorithm)
    }

    private static func publicKey(_ entry: JSONValue) -> PublicKey? {
        func bytes(_ name: String) -> [UInt8]? { entry[name]?.string.flatMap { Base64URL.decode($0.utf8) } }
        switch entry["kty"]?.string {
        case "RSA":
            guard let modulus = bytes("n"), let exponent = bytes("e") else { return nil }
            return try? .rsa(modulus: modulus, exponent: exponent)
        case "EC":
            guard let curve = entry["crv"]?.string.flatMap(Curve.init), let x = bytes("x"), let y = bytes("y")
            else { return nil }
            return try? .ec(curve: curve, x: x, y: y)
        case "OKP":
            guard entry["crv"]?.string == "Ed25519", let x = bytes("x") else { return nil }
            return try? .ed25519(x)
        default: return nil
        }
    }
}
