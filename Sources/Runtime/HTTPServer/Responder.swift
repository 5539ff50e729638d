import HTTP

/// What a server asks for each well-formed request. Called on the connection's loop; must not block.
package protocol Responder: Sendable {
    /// Answers at once, or hands back work that will. A `.later` closure runs as a task on the same loop and is cancelled
    /// when the connection closes first.
    func respond(to request: Request) -> Answer

    /// The answer to a request whose work cannot be begun, since too much is under way (RFC 9110 §15.6.4).
    func overloaded(_ request: Request) -> Response
}

extension Responder {
    package func overloaded(_ request: Request) -> Response {
        var response = Response.text("Too much is under way. Try again.\n", status: .serviceUnavailable)
        response.fields["retry-after"] = "1"
        return response
    }
}

/// A response now, or work on the same loop that yields it: an answer that needs no waiting costs no task.
package enum Answer: Sendable {
    case now(Response)
    case later(@Sendable () async -> Response)
    /// The same for what operators need most while the server is overloaded, such as metrics: it waits for none of the
    /// slots that other requests hold. It has few of its own, so it must be cheap.
    case operational(@Sendable () async -> Response)

    /// The same answer with its response changed, when it comes.
    package func map(_ transform: @escaping @Sendable (Response) -> Response) -> Answer {
        switch self {
        case .now(let response): .now(transform(response))
        case .later(let work): .later { transform(await work()) }
        case .operational(let work): .operational { transform(await work()) }
        }
    }

    /// The response, waited for if need be.
    package func response() async -> Response {
        switch self {
        case .now(let response): response
        case .later(let work), .operational(let work): await work()
        }
    }
}
