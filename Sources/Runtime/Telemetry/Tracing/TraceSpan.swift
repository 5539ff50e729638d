import Synchronization

/// Which side of a call a span is (OpenTelemetry `SpanKind`).
package enum SpanKind: Int, Sendable {
    case `internal` = 1
    case server = 2
    case client = 3
}

/// What a span says of its work. Never a secret, and nothing that a caller may choose freely: spans leave the house.
package enum SpanAttribute: Sendable, Equatable, ExpressibleByStringLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByBooleanLiteral
{
    case string(String)
    case integer(Int)
    case bool(Bool)

    package init(stringLiteral value: String) { self = .string(value) }
    package init(integerLiteral value: Int) { self = .integer(value) }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
}

/// What became of the work (OpenTelemetry `Status`).
package struct SpanStatus: Sendable, Equatable {
    package enum Code: Int, Sendable {
        case unset = 0
        case ok = 1
        case error = 2
    }

    package let code: Code
    package let message: String?

    package init(code: Code, message: String? = nil) {
        self.code = code
        self.message = message
    }
}

/// One piece of work with a beginning and an end, spelled as swift-distributed-tracing's but for its own name, which
/// the standard library has since taken. One that is not recorded costs its name and nothing else.
package final class TraceSpan: Sendable {
    private struct State: Sendable {
        var attributes: [(key: String, value: SpanAttribute)] = []
        var status = SpanStatus(code: .unset)
        var hasEnded = false
    }

    private static let attributesMax = 32

    package let operationName: String
    /// The context with this span in it, for the work and those it calls.
    package let context: ServiceContext
    package let isRecording: Bool
    private let kind: SpanKind
    private let parent: SpanID?
    private let startTime: Int
    private let tracer: Tracer
    private let state = Mutex(State())

    init(
        _ operationName: String, context: ServiceContext, kind: SpanKind, parent: SpanID?, isRecording: Bool,
        startTime: Int, tracer: Tracer
    ) {
        self.operationName = operationName
        self.context = context
        self.kind = kind
        self.parent = parent
        self.isRecording = isRecording
        self.startTime = startTime
        self.tracer = tracer
    }

    /// Setting nil changes nothing; more than 32 attributes are not kept.
    package func setAttribute(_ key: String, _ value: SpanAttribute?) {
        guard isRecording, let value else { return }
        state.withLock { if $0.attributes.count < Self.attributesMax { $0.attributes.append((key, value)) } }
    }

    package func setStatus(_ status: SpanStatus) {
        if isRecording { state.withLock { $0.status = status } }
    }

    /// Notes the kind of an error; never its text, which may quote what must not be told.
    package func recordError(_ error: any Error) {
        setAttribute("error.type", .string(String(describing: type(of: error))))
        setStatus(SpanStatus(code: .error))
    }

    /// Hands the span over; what comes after the first call is ignored.
    package func end() {
        guard isRecording else { return }
        let ended: State? = state.withLock { state in
            guard !state.hasEnded else { return nil }
            state.hasEnded = true
            return state
        }
        guard let ended, let spanContext = context.spanContext else { return }
        tracer.record(
            FinishedSpan(
                name: operationName, kind: kind, context: spanContext, parent: parent, startTime: startTime,
                endTime: max(startTime, tracer.now()), attributes: ended.attributes, status: ended.status))
    }
}

/// A span that has ended.
package struct FinishedSpan: Sendable {
    package let name: String
    package let kind: SpanKind
    package let context: SpanContext
    package let parent: SpanID?
    /// Nanoseconds since 1970-01-01T00:00:00Z.
    package let startTime: Int
    package let endTime: Int
    package let attributes: [(key: String, value: SpanAttribute)]
    package let status: SpanStatus
}
