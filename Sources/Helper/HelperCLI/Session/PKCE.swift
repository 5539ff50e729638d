import Crypto

/// A secret of one sign-in, and what is shown of it beforehand (RFC 7636).
struct PKCE: Sendable {
    private static let randomBytes = 32

    let verifier: String
    let challenge: String

    init() {
        verifier = Base64URL.encode(SecureRandom.bytes(Self.randomBytes))
        challenge = Base64URL.encode(SHA256.hash(Array(verifier.utf8)))
    }
}
