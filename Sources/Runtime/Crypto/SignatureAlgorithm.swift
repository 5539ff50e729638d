/// Asymmetric signature algorithms of JSON Web Signature (RFC 7518 §3.1, RFC 8037 §3.1).
package enum SignatureAlgorithm: String, CaseIterable, Sendable {
    case RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA

    /// What kind of key it takes.
    package var keyKind: KeyKind {
        switch self {
        case .RS256, .RS384, .RS512, .PS256, .PS384, .PS512: .rsa
        case .ES256: .ec(.p256)
        case .ES384: .ec(.p384)
        case .ES512: .ec(.p521)
        case .EdDSA: .ed25519
        }
    }

    /// Nil for EdDSA, which hashes by itself.
    var digest: Digest? {
        switch self {
        case .RS256, .PS256, .ES256: .sha256
        case .RS384, .PS384, .ES384: .sha384
        case .RS512, .PS512, .ES512: .sha512
        case .EdDSA: nil
        }
    }

    var usesPSS: Bool {
        switch self {
        case .PS256, .PS384, .PS512: true
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
