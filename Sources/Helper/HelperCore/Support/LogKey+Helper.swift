package import Telemetry

extension LogKey {
    package static let ip = "ip"
    /// The check that an access token failed.
    package static let check = "check"
    package static let method = "method"
    package static let route = "route"
    package static let status = "status"
    package static let duration = "duration_ms"

    /// Keys that 3scale's secrets would have.
    package static let secrets: Set<String> = ["user_key", "app_key", "provider_key"]
    /// Keys whose texts tell the causes of a line apart.
    package static let causes = [error, check]
}
