import Crypto
import JSON

/// The signing keys of an issuer by key id, parsed once.
struct KeySet: Sendable, Equatable {
    private static let keysMax = 100
    static let bytesMax = 1024 * 1024
    /// What only the owner of a key may know (RFC 7518 §6.2.2, §6.3.2, §6.4.1).
    private static let privateMembers = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"]

    struct Key: Sendable, Equatable {
        let key: PublicKey
        /// Nil when the set does not say; the header's algorithm must then fit the kind of key.
        let algorithm: SignatureAlgorithm?
        /// The parameters as the set writes them, by which two keys are the same.
        private let parameters: [String]

        fileprivate init(_ key: PublicKey, _ algorithm: SignatureAlgorithm?, _ parameters: [String]) {
            self.key = key
            self.algorithm = algorithm
            self.parameters = parameters
        }

        static func == (left: Key, right: Key) -> Bool {
            left.parameters == right.parameters && left.algorithm == right.algorithm
        }
    }

    let keys: [String: Key]
    /// Ids of keys that are not used because their private half is published.
    let exposed: [String]

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
        var seen: Set<String> = []
        var repeated: Set<String> = []
        var exposed: [String] = []
        for entry in entries {
            guard let id = entry["kid"]?.string, CompactJWS.isKeyID(id), Self.maySign(entry) else { continue }
            if Self.privateMembers.contains(where: { entry[$0] != nil }) {
                exposed.append(id)
                continue
            }
            guard let key = Self.key(entry) else { continue }
            if !seen.insert(id).inserted { repeated.insert(id) }
            keys[id] = key
        }
        for id in repeated + exposed { keys[id] = nil }
        self.keys = keys
        self.exposed = exposed
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
        guard let (key, parameters) = publicKey(entry) else { return nil }
        if let algorithm, algorithm.keyKind != key.kind { return nil }
        return Key(key, algorithm, parameters)
    }

    private static func publicKey(_ entry: JSONValue) -> (PublicKey, [String])? {
        func bytes(_ name: String) -> [UInt8]? { entry[name]?.string.flatMap { Base64URL.decode($0.utf8) } }
        let parameters = ["kty", "crv", "n", "e", "x", "y"].map { entry[$0]?.string ?? "" }
        let key: PublicKey?
        switch entry["kty"]?.string {
        case "RSA":
            guard let modulus = bytes("n"), let exponent = bytes("e") else { return nil }
            key = try? .rsa(modulus: modulus, exponent: exponent)
        case "EC":
            guard let curve = entry["crv"]?.string.flatMap(Curve.init), let x = bytes("x"), let y = bytes("y")
            else { return nil }
            key = try? .ec(curve: curve, x: x, y: y)
        case "OKP":
            guard entry["crv"]?.string == "Ed25519", let x = bytes("x") else { return nil }
            key = try? .ed25519(x)
        default: return nil
        }
        return key.map { ($0, parameters) }
    }
}
