/// What can be read off a certificate without trusting it.
package struct CertificateFacts: Sendable, Equatable {
    /// In one line such as `CN=helper.example.com`.
    package let subject: String
    /// Seconds since 1970-01-01T00:00:00Z after which it is no longer valid.
    package let notAfter: Int

    /// The facts of every certificate in PEM text, in its order.
    /// - Throws: when one is damaged.
    package static func reading(pem text: [UInt8]) throws(CryptoError) -> [CertificateFacts] {
        try PEM.certificates(text).map { CertificateFacts(subject: $0.subject, notAfter: $0.notAfter) }
    }
}
