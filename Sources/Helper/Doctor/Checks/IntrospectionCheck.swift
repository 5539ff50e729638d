import JSON

/// Whether Keycloak answers our questions about tokens (RFC 7662). Without an answer every caller is refused with 503.
package struct IntrospectionCheck: Check {
    private static let name = "keycloak.introspection"

    private let url: String
    private let observation: Observation

    /// - Parameters:
    ///   - url: that was asked.
    ///   - observation: of the question whether a text that is no token is active.
    package init(url: String, _ observation: Observation) {
        self.url = url
        self.observation = observation
    }

    package var findings: [Finding] {
        switch observation.outcome {
        case .failed(let reason):
            [
                error(
                    "the introspection endpoint \(url) is unreachable: \(reason)",
                    "Check KEYCLOAK_INTROSPECTION_URL and network policies, or turn KEYCLOAK_INTROSPECTION off")
            ]
        case .answered(200, let body, _) where body?["active"]?.bool == false:
            [Finding(Self.name, .ok, "Keycloak answers questions about tokens")]
        case .answered(401, _, _):
            [
                error(
                    "Keycloak refuses the client's credentials at \(url) (401), so that every caller gets 503",
                    "Set KEYCLOAK_CLIENT_SECRET to the secret of KEYCLOAK_CLIENT_ID")
            ]
        case .answered(403, _, _):
            [
                error(
                    "Keycloak does not let the client ask about tokens (403), so that every caller gets 503",
                    "Turn 'Client authentication' on for KEYCLOAK_CLIENT_ID, or turn KEYCLOAK_INTROSPECTION off")
            ]
        case .answered(let status, _, _):
            [
                error(
                    "the introspection endpoint \(url) answers \(status) and no introspection response",
                    "Check KEYCLOAK_INTROSPECTION_URL, or what the discovery document says of 'introspection_endpoint'")
            ]
        }
    }

    private func error(_ message: String, _ advice: String) -> Finding {
        Finding(Self.name, .error, message, advice: advice)
    }
}
