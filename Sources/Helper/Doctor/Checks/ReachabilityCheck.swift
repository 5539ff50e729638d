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

    /// By OpenSSL's words, which have not changed in 3.0: what is wrong with the certificate decides who can mend it.
    private static func tlsAdvice(_ reason: String, _ variable: String) -> String {
        let reason = reason.lowercased()
        func says(_ words: String...) -> Bool { words.contains { reason.contains($0) } }
        if says("wrong version number", "http request", "packet length", "unknown protocol", "record layer") {
            return "The port speaks no TLS: use http:// in \(variable), or the port that speaks TLS"
        }
        if says("has expired", "not yet valid") {
            return "Have its certificate renewed, and compare the clocks"
        }
        if says("does not match", "no alternative certificate subject name", "hostname mismatch") {
            return "Use a host name in \(variable) that stands in its certificate, or have one issued for that name"
        }
        if says("issuer certificate", "self-signed", "self signed", "unable to verify") {
            return "Name the issuer of its certificate in CA_BUNDLE"
        }
        return "Name the issuer of its certificate in CA_BUNDLE, or have an expired or misnamed certificate replaced"
    }

    private func advice(_ error: HTTPClientError) -> String {
        switch error {
        case .connectFailed:
            "Check \(variable), name resolution, network policies, and HTTPS_PROXY and NO_PROXY"
        case .tlsFailed(let reason): Self.tlsAdvice(reason, variable)
        case .timeout, .queueTimeout: "Check that a firewall does not drop the packets, and API_TIMEOUT"
        case .connectionLost, .malformedResponse:
            "Check that \(variable) names an HTTP port and the right scheme: a port that speaks TLS needs https://"
        case .responseTooLarge, .invalidRequest, .cancelled, .shutDown: "Check \(variable)"
        }
    }
}
