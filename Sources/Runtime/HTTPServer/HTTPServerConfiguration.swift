import EventLoop
package import HTTP

/// How a server listens and what stands on each of its answers.
package struct HTTPServerConfiguration: Sendable {
    /// A name or numeric address; `0.0.0.0` and `::` mean every address.
    package var host: String
    /// 0...65535; 0 lets the kernel choose.
    package var port: Int
    package var limits = ServerLimits()
    /// What may be held for clients; servers of one program share it.
    package var memory = MemoryBudget()
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
    /// The answer to a request that cannot be read to its end, or not worked on to its end, since the memory for clients is
    /// used up (RFC 9110 §15.6.4). The request says what of it could be read.
    package var outOfMemory: @Sendable (Request) -> Response = { _ in
        var response = Response.text("The server is overloaded. Try again.\n", status: .serviceUnavailable)
        response.fields["retry-after"] = "1"
        return response
    }

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
