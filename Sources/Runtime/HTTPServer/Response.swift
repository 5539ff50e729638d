package import HTTP

/// An answer. The server adds `Date`, `Content-Length`, `X-Request-ID`, `Connection` where needed and the fields of its
/// configuration, and leaves the body out of answers to HEAD.
package struct Response: Sendable {
    package var status: HTTPStatus
    package var fields: HTTPFields
    /// Fields besides those, checked and put into bytes when the program started.
    package var readyFields: EncodedFields?
    /// And those with numbers that were not known then.
    package var numberedFields: NumberedFields.Filled?
    package var body: [UInt8]
    /// Sends the answer instead of the server. Returns nil where nothing is left to be sent.
    package var makeWriter: (@Sendable (OutgoingResponse) -> (any ResponseWriter)?)?
    /// The answer says itself how it may be cached: the server's `uncachedFields` do not stand on it.
    package var isCacheable = false

    package init(
        status: HTTPStatus = .ok, fields: HTTPFields = HTTPFields(), readyFields: EncodedFields? = nil,
        body: [UInt8] = []
    ) {
        self.status = status
        self.fields = fields
        self.readyFields = readyFields
        self.body = body
    }

    /// An answer whose body is JSON text.
    package static func json(_ body: [UInt8], status: HTTPStatus = .ok) -> Response {
        Response(status: status, readyFields: .json, body: body)
    }

    /// An answer with a text body of that media type.
    package static func text(
        _ body: String, status: HTTPStatus = .ok, contentType: String = "text/plain; charset=utf-8"
    ) -> Response {
        Response(status: status, fields: HTTPFields([("content-type", contentType)]), body: Array(body.utf8))
    }

    /// Says what the body is, instead of what was said before.
    package mutating func setContentType(_ type: String) {
        // The only ready fields of an answer that is still being made are those of `json`.
        readyFields = nil
        fields["content-type"] = type
    }
}
