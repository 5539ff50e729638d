/// The metadata keys that this module writes or reads. A program adds its own in an extension.
package enum LogKey {
    package static let user = "user"
    package static let error = "error"
    /// The error's code, of a closed set.
    package static let code = "code"
    package static let requestID = "request_id"
    package static let traceID = "trace_id"
    /// Lines of this kind that were left out.
    package static let suppressed = "suppressed"
}

/// Keys whose values never reach a line, even when they are passed by mistake.
struct Redaction: Sendable {
    static let replacement = "<redacted>"

    private static let usual: Set<String> = [
        "authorization", "token", "access_token", "refresh_token", "id_token", "api_key", "client_secret", "password",
        "secret", "cookie", "query",
    ]

    private let names: Set<String>

    /// - Parameter names: of the program's own secrets, in lower case.
    init(_ names: Set<String>) { self.names = Self.usual.union(names) }

    func covers(_ key: String) -> Bool { names.contains(key.lowercased()) }
}
