/// Fetches key sets and discovery documents.
package protocol KeySource: Sendable {
    /// The body of a 200 answer.
    func fetch(_ url: String) async throws(KeySourceError) -> [UInt8]
}

/// Asks an issuer about a token (RFC 7662 §2).
package protocol IntrospectionSource: Sendable {
    /// The body of a 200 answer.
    func introspect(_ token: ArraySlice<UInt8>, at url: String) async throws(KeySourceError) -> [UInt8]
}

/// Why there is no document.
package struct KeySourceError: Error, Sendable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}
