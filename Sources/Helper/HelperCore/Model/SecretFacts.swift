/// What may be shown of a secret so that its owner can tell it from others.
package struct SecretFacts: Sendable, Equatable {
    /// The first 8 hexadecimal digits of SHA-256.
    package let fingerprint: String
    /// The first 9 and the last 4 characters; nil for a secret of which that would show most.
    package let hint: String?

    /// What a hint leaves unsaid, at least.
    private static let hiddenMin = 16

    package init(_ secret: String) {
        fingerprint = HelperCore.fingerprint(secret)
        hint = secret.count >= 13 + Self.hiddenMin ? "\(secret.prefix(9))…\(secret.suffix(4))" : nil
    }
}
