import HTTPClient

/// Whether a system answers at all. Says nothing of an answer's content.
package struct ReachabilityCheck: Check {
    private let check: String
    private let system: String
    private let url: String
    private let variable: String
    private let observation: Observation

    /// - Parameters:
    ///   - system: its name in words.
    ///   - variable: the setting that says where it is.
    package init(_ check: String, system: String, url: String, variable: String, _ observation: Observation) {
        self.check = check
        self.system = system
        self.url = url
        self.variable = variable
        self.observation = observation
    }

    package var findings: [Finding] {
        guard case .failed(let error) = observation.outcome else {
            return [Finding(check, .ok, "\(system) answers at \(url)")]
        }
        return [Finding(check, .error, "\(system) does not answer at \(url): \(error)", advice: advice(error))]
    }

    private func advice(_ error: HTTPClientError) -> String {
        switch error {
        case .connectFailed:
            "Check \(variable), name resolution, network policies, and HTTPS_PROXY and NO_PROXY"
        case .tlsFailed:
            "Name the issuer of its certificate in CA_BUNDLE, or have an expired or misnamed certificate replaced"
        case .timeout: "Check that a firewall does not drop the packets, and API_TIMEOUT"
        case .connectionLost, .malformedResponse: "Check that \(variable) names an HTTP port and the right scheme"
        case .responseTooLarge, .invalidRequest, .cancelled, .shutDown: "Check \(variable)"
        }
    }
}
