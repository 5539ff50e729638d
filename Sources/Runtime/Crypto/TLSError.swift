import COpenSSL

/// Why a TLS session cannot begin or go on. Final: the session is of no use afterwards. Never holds key material.
package enum TLSError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The peer's first bytes are an HTTP request without TLS.
    case plainHTTP
    /// The peer's first bytes are not TLS at all.
    case notTLS
    /// No version, cipher suite, group or application protocol that both sides accept.
    case nothingInCommon(String)
    /// The peer's certificate does not prove that it is who we want to talk to.
    case certificateRefused(String)
    /// The peer ended the session with that alert (RFC 8446 §6).
    case alert(String)
    /// The peer closed the connection in the middle of the handshake.
    case closedEarly
    /// The handshake took longer than allowed.
    case timedOut
    /// A record or message that is malformed, too large, out of turn or forged.
    case protocolViolation(String)

    package var description: String {
        switch self {
        case .plainHTTP: "an HTTP request without TLS"
        case .notTLS: "the first bytes are not TLS"
        case .nothingInCommon(let reason): "nothing in common: \(reason)"
        case .certificateRefused(let reason): "the certificate is refused: \(reason)"
        case .alert(let reason): "the peer refused: \(reason)"
        case .closedEarly: "closed during the handshake"
        case .timedOut: "the handshake took too long"
        case .protocolViolation(let reason): "protocol violation: \(reason)"
        }
    }

    /// The case without its reason; the raw value is the name in metrics.
    package enum Outcome: String, Sendable, CaseIterable {
        case plainHTTP = "plain_http"
        case notTLS = "not_tls"
        case nothingInCommon = "nothing_in_common"
        case certificateRefused = "certificate_refused"
        case alert
        case closedEarly = "closed_early"
        case timedOut = "timed_out"
        case protocolViolation = "protocol_violation"
    }

    package var outcome: Outcome {
        switch self {
        case .plainHTTP: .plainHTTP
        case .notTLS: .notTLS
        case .nothingInCommon: .nothingInCommon
        case .certificateRefused: .certificateRefused
        case .alert: .alert
        case .closedEarly: .closedEarly
        case .timedOut: .timedOut
        case .protocolViolation: .protocolViolation
        }
    }

    /// Reads and empties this thread's error queue after a call that failed.
    /// - Parameter verification: what the check of the peer's certificate said.
    init(draining verification: Int) {
        let code = ERR_peek_error()
        ERR_clear_error()
        let reason = ERR_GET_REASON(code)
        let words = code == 0 ? "no reason given" : Self.words(code)
        switch reason {
        case SSL_R_HTTP_REQUEST: self = .plainHTTP
        case SSL_R_HTTPS_PROXY_REQUEST, SSL_R_WRONG_VERSION_NUMBER: self = .notTLS
        case SSL_R_NO_SHARED_CIPHER, SSL_R_UNSUPPORTED_PROTOCOL, SSL_R_NO_APPLICATION_PROTOCOL, SSL_R_VERSION_TOO_LOW,
            SSL_R_NO_SUITABLE_KEY_SHARE, SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS, SSL_R_NO_PROTOCOLS_AVAILABLE,
            SSL_R_INAPPROPRIATE_FALLBACK, SSL_R_NO_SHARED_GROUPS, SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
            self = .nothingInCommon(words)
        case SSL_R_CERTIFICATE_VERIFY_FAILED:
            self = .certificateRefused(unsafe String(cString: X509_verify_cert_error_string(verification)))
        case SSL_AD_REASON_OFFSET...(SSL_AD_REASON_OFFSET + 255) where ERR_GET_LIB(code) == ERR_LIB_SSL:
            self = .alert(words)
        default: self = .protocolViolation(words)
        }
    }

    /// OpenSSL's words for a code, without its numbers.
    static func words(_ code: UInt) -> String {
        guard let reason = unsafe ERR_reason_error_string(code) else { return "error \(code)" }
        return unsafe String(cString: reason)
    }
}
