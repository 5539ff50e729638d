package import HTTP

/// One outgoing request.
package struct HTTPClientRequest: Sendable {
    package var method: HTTPMethod
    /// Absolute `http:` or `https:` URL, sent as it is.
    package var url: String
    package var fields: HTTPFields
    /// Nil sends none; an empty body is sent as one.
    package var body: [UInt8]?
    /// Sent as HTTP Basic (RFC 7617), never in the URL.
    package var basicCredentials: BasicCredentials?
    /// From the look-up of the name to the last byte of the answer.
    package var timeout: Duration
    /// Bytes of the answer's body after decompression.
    package var maxResponseBytes: Int
    /// Ask for the server's certificate too, which takes a connection of its own.
    package var wantsCertificate = false
    /// Send on a connection made for this request. A kept connection may have been closed by the peer in silence; a write
    /// that meets one cannot be repeated, as it may have arrived.
    package var needsNewConnection = false

    package init(
        method: HTTPMethod = .get, url: String, fields: HTTPFields = HTTPFields(), body: [UInt8]? = nil,
        basicCredentials: BasicCredentials? = nil, timeout: Duration = .seconds(10),
        maxResponseBytes: Int = 1024 * 1024
    ) {
        self.method = method
        self.url = url
        self.fields = fields
        self.body = body
        self.basicCredentials = basicCredentials
        self.timeout = timeout
        self.maxResponseBytes = maxResponseBytes
    }
}

/// A user name and password.
package struct BasicCredentials: Sendable {
    package let user: String
    package let password: String

    package init(user: String, password: String) {
        self.user = user
        self.password = password
    }
}

/// A whole answer.
package struct HTTPClientResponse: Sendable {
    package let status: HTTPStatus
    package let fields: HTTPFields
    package let body: [UInt8]
    /// The server's own certificate as PEM, where it was asked for and there is one.
    package let certificate: [UInt8]?

    package init(status: HTTPStatus, fields: HTTPFields, body: [UInt8], certificate: [UInt8]? = nil) {
        self.status = status
        self.fields = fields
        self.body = body
        self.certificate = certificate
    }
}
