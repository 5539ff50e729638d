import EventLoop
import HTTP
import HTTPServer
import Telemetry

/// A request's place in its trace: the caller's, where it sent a well-formed `traceparent`, else a new one.
struct RequestTracing: Sendable {
    let tracer: Tracer

    /// The request's own context and its caller's span.
    struct Trace: Sendable {
        let context: ServiceContext
        let parent: SpanContext?
    }

    func begin(_ request: Request) -> Trace {
        let parent = Self.parent(request.head)
        return Trace(context: tracer.context(continuing: parent, requestID: request.id), parent: parent)
    }

    /// Hands over the request's span, if it is recorded. The path itself stays in the house: callers may write anything
    /// into it.
    /// - Parameter nanoseconds: how long the request took until now.
    func end(_ trace: Trace, _ request: Request, route: String, status: Int, nanoseconds: UInt64) {
        guard
            let span = tracer.serverSpan(
                "\(Self.name(request.method)) \(route)", context: trace.context, parent: trace.parent,
                startedAgo: Int(clamping: nanoseconds))
        else { return }
        span.setAttribute("http.request.method", .string(Self.name(request.method)))
        span.setAttribute("http.route", .string(route))
        span.setAttribute("http.response.status_code", .integer(status))
        span.setAttribute("url.scheme", "http")
        if status >= 500 {
            span.setAttribute("error.type", .string(String(status)))
            span.setStatus(SpanStatus(code: .error))
        }
        span.end()
    }

    /// A method that nobody has defined is the caller's free choice.
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
