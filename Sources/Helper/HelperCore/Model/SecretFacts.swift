/// What may be shown of a secret so that its owner can tell it from others.
package struct SecretFacts: Sendable, Equatable {
    /// The first 8 hexadecimal digits of SHA-256.
    package let fingerprint: String
    /// The first 9 and the last 4 characters of a secret that the helper made, whose first ones are its prefix; the first 4 and
    /// the last 4 of any other. Nil for a secret of which that would show most.
    package let hint: String?

    /// What a hint leaves unsaid, at least.
    private static let hiddenMin = 16

    package init(_ secret: String) {
        fingerprint = HelperCore.fingerprint(secret)
        let shown = KeySecret(parsing: secret) == nil ? 4 : 9
        hint = secret.count >= shown + 4 + Self.hiddenMin ? "\(secret.prefix(shown))…\(secret.suffix(4))" : nil
    }
}
