import EventLoop
import HTTP
import HTTPServer
import Telemetry

/// A request's place in its trace: the caller's, where it sent a well-formed `traceparent`, else a new one.
struct RequestTracing: Middleware {
    let tracer: Tracer

    func prepare(_ exchange: inout Exchange) -> Wait? {
        let parent = Self.parent(exchange.request.head)
        exchange.parent = parent
        exchange.trace = tracer.context(continuing: parent, requestID: exchange.request.id)
        return nil
    }

    /// Hands over the request's span, if it is recorded. The span does not hold the path: callers may write anything
    /// into it.
    func complete(_ response: inout Response, _ exchange: Exchange) {
        let method = Self.name(exchange.request.method)
        let status = response.status.code
        guard
            let span = tracer.serverSpan(
                "\(method) \(exchange.route)", context: exchange.trace, parent: exchange.parent,
                startedAgo: Int(clamping: exchange.nanoseconds))
        else { return }
        span.setAttribute("http.request.method", .string(method))
        span.setAttribute("http.route", .string(exchange.route))
        span.setAttribute("http.response.status_code", .integer(status))
        span.setAttribute("url.scheme", "http")
        if status >= 500 {
            span.setAttribute("error.type", .string(String(status)))
            span.setStatus(SpanStatus(code: .error))
        }
        span.end()
    }

    /// A method that HTTP does not define is the caller's free choice.
    private static func name(_ method: HTTPMethod) -> String {
        if case .other = method { "_OTHER" } else { method.rawValue }
    }

    /// Two `traceparent` fields contradict each other: neither counts.
    private static func parent(_ head: RequestHead) -> SpanContext? {
        guard let range = head.range(of: traceParent), head.count(of: traceParent) == 1 else { return nil }
        return TraceParent.parse(head.bytes[range], states: head.values(of: traceState))
    }

    private static let traceParent = FieldName(stringLiteral: TraceParent.fieldName)
    private static let traceState = FieldName(stringLiteral: TraceParent.stateFieldName)
}
