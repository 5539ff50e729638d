import CCurl

/// Why there is no answer.
package enum HTTPClientError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The time was up. The request may have been processed when it had been sent.
    case timeout(mayHaveBeenSent: Bool)
    /// The time was up before a connection to the host was free: nothing was sent, and the peer was not even tried.
    case queueTimeout
    /// No name, no route, refused: nothing was sent.
    case connectFailed(String)
    /// The peer could not prove who it is, or speaks no TLS: nothing was sent.
    case tlsFailed(String)
    /// The connection ended before the answer did.
    case connectionLost(String)
    /// The answer's body is longer than the request allowed.
    case responseTooLarge
    /// What came back is not HTTP.
    case malformedResponse(String)
    /// The request cannot be sent: a defect of the caller.
    case invalidRequest(String)
    case cancelled
    /// The client has been shut down.
    case shutDown

    /// Whether the peer may have acted on the request. A write must then be looked up, not repeated.
    package var requestMayHaveBeenProcessed: Bool {
        switch self {
        case .queueTimeout, .connectFailed, .tlsFailed, .invalidRequest: false
        case .timeout(let mayHaveBeenSent): mayHaveBeenSent
        case .connectionLost, .responseTooLarge, .malformedResponse, .cancelled, .shutDown: true
        }
    }

    package var description: String {
        switch self {
        case .timeout: "timed out"
        case .queueTimeout: "no connection became free in time"
        case .connectFailed(let reason): "cannot connect: \(reason)"
        case .tlsFailed(let reason): "TLS failed: \(reason)"
        case .connectionLost(let reason): "connection lost: \(reason)"
        case .responseTooLarge: "the answer is too large"
        case .malformedResponse(let reason): "malformed answer: \(reason)"
        case .invalidRequest(let reason): "invalid request: \(reason)"
        case .cancelled: "cancelled"
        case .shutDown: "the client is shut down"
        }
    }

    /// Whether the time was up, wherever it was spent.
    package var isTimeout: Bool {
        switch self {
        case .timeout, .queueTimeout: true
        default: false
        }
    }

    /// Whether it speaks against the peer, rather than against the request or our own end.
    package var isPeersFault: Bool {
        switch self {
        case .timeout, .connectFailed, .tlsFailed, .connectionLost, .malformedResponse: true
        case .queueTimeout, .responseTooLarge, .invalidRequest, .cancelled, .shutDown: false
        }
    }

    /// Whether what was asked may have caused it: another request to the same peer may well succeed.
    package var mayBeOfOneRequest: Bool {
        switch self {
        case .connectFailed, .tlsFailed, .timeout(mayHaveBeenSent: false): false
        default: true
        }
    }

    /// Returns libcurl's words without ` after 12 ms`, so that one cause has one text.
    static func withoutDuration(_ detail: String) -> String {
        guard let start = detail.firstRange(of: " after "), let end = detail[start.upperBound...].firstRange(of: " ms"),
            detail[start.upperBound..<end.lowerBound].allSatisfy(\.isNumber)
        else { return detail }
        return String(detail[..<start.lowerBound] + detail[end.upperBound...])
    }

    /// Maps libcurl's result.
    /// - Parameters:
    ///   - mayHaveBeenSent: whether any byte of the request may have reached the peer.
    ///   - detail: libcurl's words for this one failure; empty when it has none.
    init(_ code: CURLcode, mayHaveBeenSent: Bool, detail: String) {
        let reason =
            detail.isEmpty ? unsafe String(cString: curl_easy_strerror(code)) : Self.withoutDuration(detail)
        switch code {
        case CURLE_OPERATION_TIMEDOUT: self = .timeout(mayHaveBeenSent: mayHaveBeenSent)
        case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY, CURLE_COULDNT_CONNECT, CURLE_PROXY:
            self = .connectFailed(reason)
        case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_CIPHER,
            CURLE_SSL_ISSUER_ERROR, CURLE_SSL_CERTPROBLEM, CURLE_SSL_INVALIDCERTSTATUS, CURLE_USE_SSL_FAILED:
            self = .tlsFailed(reason)
        case CURLE_WEIRD_SERVER_REPLY, CURLE_UNSUPPORTED_PROTOCOL, CURLE_BAD_CONTENT_ENCODING, CURLE_HTTP2,
            CURLE_HTTP2_STREAM:
            self = .malformedResponse(reason)
        case CURLE_FILESIZE_EXCEEDED: self = .responseTooLarge
        case CURLE_URL_MALFORMAT: self = .invalidRequest(reason)
        // Our own refusal to send a write again that may have arrived.
        case CURLE_ABORTED_BY_CALLBACK: self = .connectionLost("a pooled connection had died")
        default: self = mayHaveBeenSent ? .connectionLost(reason) : .connectFailed(reason)
        }
    }
}
