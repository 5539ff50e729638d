import HTTPServer

/// One concern of every request. The pipeline calls `prepare` in the order of its list and `complete` in the reverse
/// order.
protocol Middleware: Sendable {
    /// Looks at the request before its handler does.
    /// - Returns: what must be waited for before the next middleware; nil, as nearly always, to go on at once.
    /// - Throws: to refuse the request.
    func prepare(_ exchange: inout Exchange) throws -> Wait?

    /// Adds to the response, or records it. Called for every response, also for one that an error became.
    func complete(_ response: inout Response, _ exchange: Exchange)
}

/// The part of a middleware that suspends. Runs on the request's loop.
typealias Wait = @Sendable (inout Exchange) async throws -> Void

extension Middleware {
    func prepare(_ exchange: inout Exchange) throws -> Wait? { nil }
    func complete(_ response: inout Response, _ exchange: Exchange) {}
}
