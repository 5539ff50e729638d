import EventLoop
package import HTTP

/// How a server listens and what stands on each of its answers.
package struct HTTPServerConfiguration: Sendable {
    /// A name or numeric address; `0.0.0.0` and `::` mean every address.
    package var host: String
    /// 0...65535; 0 lets the kernel choose.
    package var port: Int
    package var limits = ServerLimits()
    /// Nil serves plain HTTP.
    package var tls: TLSListenerConfiguration?
    /// Whether an address is a proxy's that speaks for many clients: the limit per address does not hold for it.
    package var isTrustedProxy: @Sendable (String) -> Bool = { _ in false }
    /// Fields on every answer, refusals included. Checked when the server starts.
    package var commonFields: HTTPFields
    /// Fields on every answer that does not say itself how it may be cached.
    package var uncachedFields: HTTPFields
    /// Whether `X-Request-ID` is sent.
    package var sendsRequestID: Bool
    /// Seconds since 1970-01-01T00:00:00Z, for `Date`.
    package var now: @Sendable () -> Int = { wallClockSeconds() }
    /// The answer to bytes that are not a well-formed request. The request says what of it could be read; its head is not
    /// to be relied on.
    package var refusal: @Sendable (ProtocolError, Request) -> Response

    package init(
        host: String, port: Int, commonFields: HTTPFields = HTTPFields(), uncachedFields: HTTPFields = HTTPFields(),
        sendsRequestID: Bool = true,
        refusal: @escaping @Sendable (ProtocolError, Request) -> Response = { error, _ in
            .text(error.explanation + "\n", status: error.status)
        }
    ) {
        self.host = host
        self.port = port
        self.commonFields = commonFields
        self.uncachedFields = uncachedFields
        self.sendsRequestID = sendsRequestID
        self.refusal = refusal
    }
}
