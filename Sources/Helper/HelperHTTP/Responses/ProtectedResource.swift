import Bytes
import HTTP
import HTTPServer
import JSON

/// What a client needs to know to get a token for us: the challenges of refused credentials (RFC 6750 §3) and the
/// document they point at (RFC 9728).
package struct ProtectedResource: Sendable {
    private static let wellKnown = "/.well-known/oauth-protected-resource"

    private let realm: String
    private let issuers: [String]
    /// Scheme and authority of the configured public URL, and its path without a trailing slash.
    private let configured: (origin: String, path: String)?

    /// - Parameters:
    ///   - realm: named in challenges.
    ///   - issuers: whose tokens are accepted.
    ///   - publicURL: the URL by which clients reach us; nil takes the host that each request names.
    package init(realm: String, issuers: [String], publicURL: String?) {
        // Quotes and backslashes would end the challenge's parameter.
        self.realm = Self.quotable(realm)
        self.issuers = issuers
        configured = publicURL.flatMap { WebURL($0) }.map { ($0.base, String($0.path)) }
    }

    /// Where the document is: for a public URL with a path the path follows the well-known name (RFC 9728 §3.1).
    var paths: [String] {
        guard let path = configured?.path, !path.isEmpty else { return [Self.wellKnown] }
        return [Self.wellKnown, Self.wellKnown + path]
    }

    /// The document (RFC 9728 §2). Members that would be empty are left out.
    func document(for request: Request) -> Response {
        var writer = JSONWriter()
        writer.beginObject()
        if let resource = resource(request) {
            writer.name("resource")
            writer.string(resource.origin + resource.path)
        }
        writer.name("resource_name")
        writer.string("MLaaS Helper")
        writer.name("authorization_servers")
        writer.beginArray()
        for issuer in issuers { writer.string(issuer) }
        writer.endArray()
        writer.name("bearer_methods_supported")
        writer.beginArray()
        writer.string("header")
        writer.endArray()
        writer.name("dpop_bound_access_tokens_required")
        writer.bool(false)
        writer.endObject()
        return .json(writer.bytes)
    }

    /// The value of `WWW-Authenticate`.
    func challenge(_ challenge: Challenge, for request: Request) -> String {
        var text = "Bearer realm=\"\(realm)\""
        if let (error, description) = challenge.parameters {
            text += ", error=\"\(error)\""
            if let description { text += ", error_description=\"\(Self.quotable(description))\"" }
        }
        if let (origin, path) = resource(request) {
            text += ", resource_metadata=\"\(origin)\(Self.wellKnown)\(path)\""
        }
        return text
    }

    private func resource(_ request: Request) -> (origin: String, path: String)? {
        if let configured { return configured }
        guard let host = request.head.authority, !host.isEmpty, host.utf8.allSatisfy(Self.isHostByte) else {
            return nil
        }
        // A proxy that ends TLS does not say so, and only loopback may carry tokens over plain HTTP.
        return ((Self.isLoopback(host) ? "http://" : "https://") + host, "")
    }

    /// - Parameter host: a `Host` field. The server has checked its form, and this is asked for each token that is refused.
    private static func isLoopback(_ host: String) -> Bool {
        ["localhost", "127.0.0.1", "[::1]"].contains { host == $0 || host.hasPrefix($0 + ":") }
    }

    private static func isHostByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x3A, 0x5B, 0x5D, 0x5F: true
        default: false
        }
    }

    /// The characters that RFC 6750 §3 allows in a parameter, but for the quote and the backslash.
    private static func quotable(_ text: String) -> String {
        String(
            text.unicodeScalars.filter { (0x20...0x7E).contains($0.value) && $0 != "\"" && $0 != "\\" }
                .map(Character.init))
    }
}

/// Why a credential was not enough (RFC 6750 §3.1).
enum Challenge: Sendable, Equatable {
    /// None was sent: no error is named.
    case noCredential
    case invalidRequest(String)
    case invalidToken(String)
    case insufficientScope

    var parameters: (error: String, description: String?)? {
        switch self {
        case .noCredential: nil
        case .invalidRequest(let description): ("invalid_request", description)
        case .invalidToken(let description): ("invalid_token", description)
        case .insufficientScope: ("insufficient_scope", nil)
        }
    }
}
