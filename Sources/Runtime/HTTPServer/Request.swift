package import HTTP

/// One whole request: head and body have been read, and both were well formed.
package struct Request: Sendable {
    package let head: RequestHead
    /// At most the server's body limit; empty when there was none.
    package let body: [UInt8]
    /// The request's name in logs and answers: the caller's `X-Request-ID` where usable, else a new one.
    package let id: RequestID
    /// The peer's address without a port, such as `127.0.0.1` or `::1`. A server behind proxies replaces it by the client's.
    package var remoteAddress: String

    package init(head: RequestHead, body: [UInt8], id: RequestID, remoteAddress: String) {
        self.head = head
        self.body = body
        self.id = id
        self.remoteAddress = remoteAddress
    }

    package var method: HTTPMethod { head.method }
    /// The path as received, percent-encoding untouched; starts with `/`, or is `*`.
    package var path: String { head.path }
    /// What follows the first `?`, without it, as received.
    package var query: String? { head.query }
}
