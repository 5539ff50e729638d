extension HTTPClientError {
    /// Returns what an operator can check or change, as one sentence without a full stop.
    /// - Parameter setting: the name of the setting that holds the peer's URL.
    package func advice(setting: String) -> String {
        switch self {
        case .connectFailed(let reason): Self.connectionAdvice(reason, setting)
        case .tlsFailed(let reason): Self.certificateAdvice(reason, setting)
        case .timeout: "Look at its load, and at firewalls that drop packets; API_TIMEOUT bounds the call"
        case .queueTimeout: "Look at the peer's duration of calls: all connections to it are in use"
        case .connectionLost, .malformedResponse:
            "Check that \(setting) names an HTTP port and the right scheme: a port that speaks TLS needs https://"
        case .responseTooLarge, .invalidRequest, .cancelled, .shutDown: "Check \(setting)"
        }
    }

    /// Returns what to check, by libcurl's words for what a proxy answers to CONNECT.
    private static func connectionAdvice(_ reason: String, _ setting: String) -> String {
        let reason = reason.lowercased()
        if reason.contains("resolve proxy") { return "Check the host's name in HTTPS_PROXY and HTTP_PROXY" }
        guard reason.contains("connect tunnel failed") || reason.contains("from proxy after connect") else {
            return "Check \(setting), name resolution, network policies, and HTTPS_PROXY and NO_PROXY"
        }
        return reason.contains("407")
            ? "The proxy does not accept us: check user and password in HTTPS_PROXY"
            : "The proxy refuses the connection: have it allow this host and port, or except the host in NO_PROXY"
    }

    /// Returns whom to ask, by OpenSSL's words, which have not changed since 3.0.
    private static func certificateAdvice(_ reason: String, _ setting: String) -> String {
        let reason = reason.lowercased()
        func says(_ words: String...) -> Bool { words.contains { reason.contains($0) } }
        if says("wrong version number", "http request", "packet length", "unknown protocol", "record layer") {
            return "The port speaks no TLS: use http:// in \(setting), or the port that speaks TLS"
        }
        if says("has expired", "not yet valid") {
            return "Have its certificate renewed, and compare the clocks"
        }
        if says("does not match", "no alternative certificate subject name", "hostname mismatch") {
            return "Use a host name in \(setting) that stands in its certificate, or have one issued for that name"
        }
        if says("issuer certificate", "self-signed", "self signed", "unable to verify") {
            return "Name the issuer of its certificate in CA_BUNDLE"
        }
        return "Name the issuer of its certificate in CA_BUNDLE, or have an expired or misnamed certificate replaced"
    }
}
