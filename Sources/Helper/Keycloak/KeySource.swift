/// Fetches key sets and discovery documents.
package protocol KeySource: Sendable {
    /// The body of a 200 answer.
    /// - Parameter issuer: whose document it is. Failures of one issuer hold up no other.
    func fetch(_ url: String, for issuer: String) async throws(KeySourceError) -> [UInt8]
}

/// Asks an issuer about a token (RFC 7662 §2).
package protocol IntrospectionSource: Sendable {
    /// The body of a 200 answer.
    func introspect(
        _ token: ArraySlice<UInt8>, at url: String, for issuer: String
    ) async throws(KeySourceError) -> [UInt8]
}

/// Exchanges a code for tokens (RFC 6749 §4.1.3).
package protocol CodeSource: Sendable {
    /// The body of a 200 answer.
    /// - Parameter form: the request's parameters, in a form's encoding.
    func exchange(_ form: String, at url: String, for issuer: String) async throws(KeySourceError) -> [UInt8]
}

/// Why there is no document.
package struct KeySourceError: Error, Sendable, CustomStringConvertible {
    package enum Kind: Sendable {
        /// The issuer cannot be reached, or answers nothing of use for any token.
        case issuer
        /// The issuer refused this program: its client id, its secret or its rights.
        case credentials
        /// This one request failed; another may well succeed.
        case request
    }

    package let kind: Kind
    /// Operation, URL without secrets, and status or reason.
    package let description: String
    /// What an operator can check or change.
    package let hint: String?

    package init(_ description: String, kind: Kind = .issuer, hint: String? = nil) {
        self.hint = hint
        self.kind = kind
        self.description = description
    }
}
