package import HTTPClient
package import HelperCore

extension UpstreamOutcome {
    /// The outcome of a call that got no answer of use.
    package init(_ error: HTTPClientError) {
        self =
            switch error {
            case .connectFailed: .unreachable
            case .tlsFailed: .untrusted
            case .timeout: .timeout
            case .queueTimeout: .noSlot
            case .cancelled, .shutDown: .cancelled
            case .responseTooLarge, .malformedResponse, .invalidRequest: .malformed
            case .connectionLost: .unavailable
            }
    }
}
