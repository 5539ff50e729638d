/// The metadata keys of this product's log lines.
package enum LogKey {
    package static let user = "user"
    package static let ip = "ip"
    package static let error = "error"
    /// The check that an access token failed.
    package static let check = "check"
    package static let requestID = "request_id"
    package static let traceID = "trace_id"
    package static let method = "method"
    package static let route = "route"
    package static let status = "status"
    package static let duration = "duration_ms"
    /// The error's code, of a closed set.
    package static let code = "code"
    /// Lines of this kind that were left out.
    package static let suppressed = "suppressed"
}

/// Values that never reach a line, whichever caller passes them by mistake.
enum Redaction {
    static let replacement = "<redacted>"

    private static let names: Set<String> = [
        "authorization", "token", "access_token", "refresh_token", "id_token", "api_key", "app_key", "user_key",
        "client_secret", "password", "secret", "provider_key", "cookie", "query",
    ]

    static func covers(_ key: String) -> Bool { names.contains(key.lowercased()) }
}
