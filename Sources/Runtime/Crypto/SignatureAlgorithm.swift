/// Asymmetric signature algorithms of JSON Web Signature (RFC 7518 §3.1, RFC 8037 §3.1).
package enum SignatureAlgorithm: String, CaseIterable, Sendable {
    case rs256 = "RS256"
    case rs384 = "RS384"
    case rs512 = "RS512"
    case ps256 = "PS256"
    case ps384 = "PS384"
    case ps512 = "PS512"
    case es256 = "ES256"
    case es384 = "ES384"
    case es512 = "ES512"
    case edDSA = "EdDSA"

    /// What kind of key it takes.
    package var keyKind: KeyKind {
        switch self {
        case .rs256, .rs384, .rs512, .ps256, .ps384, .ps512: .rsa
        case .es256: .ec(.p256)
        case .es384: .ec(.p384)
        case .es512: .ec(.p521)
        case .edDSA: .ed25519
        }
    }

    /// Nil for EdDSA, which hashes by itself.
    var digest: Digest? {
        switch self {
        case .rs256, .ps256, .es256: .sha256
        case .rs384, .ps384, .es384: .sha384
        case .rs512, .ps512, .es512: .sha512
        case .edDSA: nil
        }
    }

    /// The left half of a text's digest by the algorithm's own hash function, in base64url: what an ID token says of the access
    /// token beside it (OpenID Connect Core 1.0 §3.1.3.6). Nil for EdDSA, which names no function for it.
    package func halfHash(of text: [UInt8]) -> String? {
        guard let hash = digest?.hash(text) else { return nil }
        return Base64URL.encode(Array(hash.prefix(hash.count / 2)))
    }

    var usesPSS: Bool {
        switch self {
        case .ps256, .ps384, .ps512: true
        default: false
        }
    }
}

/// What a key is.
package enum KeyKind: Sendable, Hashable {
    case rsa
    case ec(Curve)
    case ed25519
}

/// The curves of RFC 7518 §6.2.1.1.
package enum Curve: String, Sendable, CaseIterable {
    case p256 = "P-256"
    case p384 = "P-384"
    case p521 = "P-521"

    /// Bytes of a coordinate, and of each half of a signature (RFC 7518 §3.4).
    package var width: Int {
        switch self {
        case .p256: 32
        case .p384: 48
        case .p521: 66
        }
    }

    var group: String {
        switch self {
        case .p256: "prime256v1"
        case .p384: "secp384r1"
        case .p521: "secp521r1"
        }
    }
}
