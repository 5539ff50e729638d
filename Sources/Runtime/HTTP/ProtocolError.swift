/// Why received bytes are not one well-formed request. Final: the connection closes after the answer.
package enum ProtocolError: Error, Sendable, Equatable, CaseIterable {
    /// A line that does not end in CRLF, or white space before the first field (RFC 9112 §2.2).
    case lineEnding
    /// Not `method SP target SP version` (RFC 9112 §3).
    case requestLine
    /// A target that is neither origin- nor absolute-form nor `OPTIONS *`, or has bytes no URI has (RFC 9112 §3.2).
    case target
    /// `HTTP/` with a version other than 1.0 or 1.1 (RFC 9110 §15.6.6).
    case version
    /// The request line is longer than the limit (RFC 9112 §3).
    case targetTooLong
    /// A name that is no token, a folded line, a space before the colon, a control in a value (RFC 9112 §5).
    case field
    /// More fields or head bytes than the limit (RFC 6585 §5).
    case headTooLarge
    /// `Host` missing, repeated or malformed (RFC 9112 §3.2, RFC 9110 §7.2).
    case host
    /// `Content-Length` repeated, not digits, or beside `Transfer-Encoding` (RFC 9112 §6.3).
    case contentLength
    /// `Transfer-Encoding` not ending in `chunked`, twice chunked, or in HTTP/1.0 (RFC 9112 §6.1).
    case transferEncoding
    /// A transfer coding we do not have (RFC 9112 §6.1).
    case transferCoding
    /// A chunk that is not `size [;extension] CRLF data CRLF`, or trailers over the limit (RFC 9112 §7.1).
    case chunk
    /// The body is longer than the limit (RFC 9110 §15.5.14).
    case bodyTooLarge
    /// An expectation other than `100-continue` (RFC 9110 §10.1.1).
    case expectation
    /// A request without TLS on a port that speaks TLS only (RFC 9110 §4.2.2).
    case tlsExpected
    /// Head or body took longer than allowed (RFC 9110 §15.5.9).
    case timeout

    package var status: HTTPStatus {
        switch self {
        case .lineEnding, .requestLine, .target, .field, .host, .contentLength, .transferEncoding, .chunk, .tlsExpected:
            .badRequest
        case .version: .httpVersionNotSupported
        case .targetTooLong: .uriTooLong
        case .headTooLarge: .requestHeaderFieldsTooLarge
        case .transferCoding: .notImplemented
        case .bodyTooLarge: .contentTooLarge
        case .expectation: .expectationFailed
        case .timeout: .requestTimeout
        }
    }

    /// One sentence for the client; nothing of the request is repeated in it.
    package var explanation: String {
        switch self {
        case .lineEnding: "Lines of a request end in CRLF."
        case .requestLine: "The request line is not 'METHOD target HTTP/1.1'."
        case .target: "The request target is not a path or an absolute URL."
        case .version: "Only HTTP/1.1 and HTTP/1.0 are spoken here."
        case .targetTooLong: "The request target is too long."
        case .field: "A header field is malformed."
        case .headTooLarge: "The request has too many or too large header fields."
        case .host: "Exactly one well-formed Host field is needed."
        case .contentLength: "The Content-Length field is malformed, repeated or beside Transfer-Encoding."
        case .transferEncoding: "The Transfer-Encoding field must be 'chunked'."
        case .transferCoding: "Only the chunked transfer coding is understood."
        case .chunk: "The chunked body is malformed."
        case .bodyTooLarge: "The request body is too large."
        case .expectation: "Only the expectation '100-continue' is understood."
        case .tlsExpected: "This port speaks HTTPS: send the request to https://."
        case .timeout: "The request did not arrive in time."
        }
    }
}
