import Crypto
import JSON

/// The realm's keys: the newest signs, all are published until they are removed.
struct KeyRing: Sendable {
    struct Entry: Sendable {
        let id: String
        let key: PrivateKey
        let algorithm: String
        let use: String
        let certificate: [UInt8]?
    }

    private(set) var entries: [Entry] = []
    /// Signs refresh tokens; its id is in no key set.
    let internalKey = SecureRandom.bytes(64)
    let internalKeyID = Identifiers.uuid()

    init() throws(CryptoError) {
        try addRSA(algorithm: "RS256", use: "sig")
        try addRSA(algorithm: "RSA-OAEP", use: "enc")
        let key = try PrivateKey.ec(.p256)
        entries.append(Entry(id: Identifiers.code(), key: key, algorithm: "ES256", use: "sig", certificate: nil))
    }

    /// A new signing key, which signs from now on; the old one stays published.
    mutating func rotate() throws(CryptoError) -> String {
        try addRSA(algorithm: "RS256", use: "sig", first: true)
        return entries[0].id
    }

    /// Withdraws a key, or every signing key but the newest.
    mutating func remove(_ id: String?) {
        let newest = entries.first { $0.algorithm == "RS256" }?.id
        entries.removeAll { id == nil ? $0.algorithm == "RS256" && $0.id != newest : $0.id == id }
    }

    func signer(_ algorithm: String) -> Entry? { entries.first { $0.algorithm == algorithm && $0.use == "sig" } }

    private mutating func addRSA(algorithm: String, use: String, first: Bool = false) throws(CryptoError) {
        let key = try PrivateKey.rsa()
        let certificate = try key.selfSignedCertificate(commonName: RealmSeed.realm)
        let entry = Entry(id: Identifiers.code(), key: key, algorithm: algorithm, use: use, certificate: certificate)
        entries.insert(entry, at: first ? 0 : entries.count)
    }

    /// RFC 7517 §5, with the members that Keycloak writes.
    var keySet: JSONValue {
        .object(["keys": .array(entries.map(Self.json))])
    }

    private static func json(_ entry: Entry) -> JSONValue {
        var object = JSONObject()
        object["kid"] = .string(entry.id)
        switch entry.key.parameters {
        case .rsa(let modulus, let exponent):
            object["kty"] = "RSA"
            object["alg"] = .string(entry.algorithm)
            object["use"] = .string(entry.use)
            if let certificate = entry.certificate {
                object["x5c"] = .array([.string(Base64.encode(certificate))])
                object["x5t"] = .string(Base64URL.encode(SHA1.hash(certificate)))
                object["x5t#S256"] = .string(Base64URL.encode(SHA256.hash(certificate)))
            }
            object["n"] = .string(Base64URL.encode(modulus))
            object["e"] = .string(Base64URL.encode(exponent))
        case .ec(let curve, let x, let y):
            object["kty"] = "EC"
            object["alg"] = .string(entry.algorithm)
            object["use"] = .string(entry.use)
            object["crv"] = .string(curve.rawValue)
            object["x"] = .string(Base64URL.encode(x))
            object["y"] = .string(Base64URL.encode(y))
        case .ed25519(let x):
            object["kty"] = "OKP"
            object["crv"] = "Ed25519"
            object["x"] = .string(Base64URL.encode(x))
        }
        return .object(object)
    }
}
