import EventLoop
import HTTPServer
import HelperCore
import Telemetry

/// Takes a request through the middleware to its handler, and the response back. The only place of the HTTP face that
/// knows whether an answer is there at once or has to be waited for.
struct Pipeline: Sendable {
    let middleware: [any Middleware]
    let errors: ErrorAnswers
    /// For one request that waits, everything behind it included.
    let deadline: Duration

    /// Goes as far as it can without waiting; what remains becomes the answer's work.
    func answer(_ exchange: consuming Exchange) -> Answer {
        var exchange = exchange
        EventLoop.current?.note(exchange.endpoint.activity)
        do {
            for index in middleware.indices {
                guard let wait = try middleware[index].prepare(&exchange) else { continue }
                return later(exchange, wait, remaining: index + 1)
            }
            if let response = try exchange.endpoint.handler.immediateResponse(to: exchange) {
                return .now(complete(response, &exchange))
            }
            return later(exchange, nil, remaining: middleware.count)
        } catch {
            return .now(complete(errors.response(to: error, exchange), &exchange))
        }
    }

    /// The response to a request that is refused before its handler. Its endpoint is open and not counted, so that no
    /// middleware waits.
    func refuse(_ exchange: consuming Exchange, _ error: HelperError) -> Response {
        var exchange = exchange
        do {
            for index in middleware.indices { _ = try middleware[index].prepare(&exchange) }
            throw error
        } catch {
            return complete(errors.response(to: error, exchange), &exchange)
        }
    }

    /// - Parameter remaining: the index of the first middleware that has not run.
    private func later(_ exchange: Exchange, _ wait: Wait?, remaining: Int) -> Answer {
        let work: @Sendable () async -> Response = {
            var exchange = exchange
            let response: Response
            do {
                // The clock starts here: a wait for a slot does not count.
                response = try await Deadline.$current.withValue(.now + deadline) {
                    try await finish(&exchange, wait, remaining: remaining)
                }
            } catch {
                response = errors.response(to: error, exchange)
            }
            return complete(response, &exchange)
        }
        return exchange.endpoint.isOperational ? .operational(work) : .later(work)
    }

    private func finish(_ exchange: inout Exchange, _ wait: Wait?, remaining: Int) async throws -> Response {
        if let wait { try await run(wait, &exchange) }
        for index in remaining..<middleware.count {
            if let wait = try middleware[index].prepare(&exchange) { try await run(wait, &exchange) }
        }
        // From here on the work is done for a caller who is known.
        return try await ServiceContext.$current.withValue(exchange.trace) {
            try await exchange.endpoint.handler.response(to: exchange)
        }
    }

    private func run(_ wait: Wait, _ exchange: inout Exchange) async throws {
        try await ServiceContext.$current.withValue(exchange.trace) { try await wait(&exchange) }
    }

    private func complete(_ response: consuming Response, _ exchange: inout Exchange) -> Response {
        exchange.nanoseconds = EventLoop.nanoseconds() &- exchange.began
        for index in middleware.indices.reversed() { middleware[index].complete(&response, exchange) }
        return response
    }
}
