/// A request method (RFC 9110 §9). Methods are case-sensitive tokens.
package enum HTTPMethod: Hashable, Sendable {
    case get, head, post, put, patch, delete, options, trace, connect
    /// Any other well-formed token.
    case other(String)

    package init(_ token: String) {
        self = Self.known[token] ?? .other(token)
    }

    /// The method as it stands in a request line.
    package var rawValue: String {
        switch self {
        case .get: "GET"
        case .head: "HEAD"
        case .post: "POST"
        case .put: "PUT"
        case .patch: "PATCH"
        case .delete: "DELETE"
        case .options: "OPTIONS"
        case .trace: "TRACE"
        case .connect: "CONNECT"
        case .other(let token): token
        }
    }

    private static let known: [String: HTTPMethod] = [
        "GET": .get, "HEAD": .head, "POST": .post, "PUT": .put, "PATCH": .patch, "DELETE": .delete,
        "OPTIONS": .options, "TRACE": .trace, "CONNECT": .connect,
    ]
}
