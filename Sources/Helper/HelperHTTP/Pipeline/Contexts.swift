package import HTTPServer
package import HelperCore

/// What a handler of an open route knows.
package struct EdgeContext: Sendable {
    package let request: Request
    /// The segments that stand for the template's parameters, decoded.
    package let parameters: [String]

    init(_ exchange: Exchange) {
        request = exchange.request
        parameters = exchange.parameters
    }
}

/// What a handler behind authentication knows. It cannot exist without a caller.
package struct CallerContext: Sendable {
    package let request: Request
    /// The segments that stand for the template's parameters, decoded.
    package let parameters: [String]
    package let caller: Caller

    /// - Throws: why authentication refused the request.
    init(_ exchange: Exchange) throws(AuthenticationError) {
        request = exchange.request
        parameters = exchange.parameters
        caller = try exchange.requireCaller()
    }
}

/// What a handler of the portal's pages knows. Who is signed in is in the cookie; a page decides itself what it shows without.
package struct PageContext: Sendable {
    package let request: Request
    /// The segments that stand for the template's parameters, decoded.
    package let parameters: [String]
    let session: SessionReading
    /// The client's network address, as limits count it.
    let client: String

    init(_ exchange: Exchange) {
        request = exchange.request
        parameters = exchange.parameters
        session = exchange.session
        client = RateLimiting.address(of: exchange).description
    }
}
