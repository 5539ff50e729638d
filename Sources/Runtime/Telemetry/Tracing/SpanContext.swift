import Bytes

/// The name of a trace: 128 bits, not all zero, written as 32 hexadecimal digits in lower case.
package struct TraceID: Sendable, Hashable, CustomStringConvertible {
    package let high: UInt64
    package let low: UInt64

    package init?(high: UInt64, low: UInt64) {
        guard high != 0 || low != 0 else { return nil }
        self.high = high
        self.low = low
    }

    package var description: String { Hex.digits(high) + Hex.digits(low) }
}

/// The name of a span within its trace: 64 bits, not all zero, written as 16 hexadecimal digits in lower case.
package struct SpanID: Sendable, Hashable, CustomStringConvertible {
    package let value: UInt64

    package init?(_ value: UInt64) {
        guard value != 0 else { return nil }
        self.value = value
    }

    package var description: String { Hex.digits(value) }
}

/// What a span tells those it calls: where in which trace they are (W3C Trace Context).
package struct SpanContext: Sendable, Equatable {
    package let traceID: TraceID
    package let spanID: SpanID
    /// Whether the first caller of the trace wants it recorded.
    package let isSampled: Bool
    /// What tracing systems of others have to say; passed on as it is.
    package let traceState: String?

    package init(traceID: TraceID, spanID: SpanID, isSampled: Bool, traceState: String? = nil) {
        self.traceID = traceID
        self.spanID = spanID
        self.isSampled = isSampled
        self.traceState = traceState
    }
}
