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

/// Hexadecimal digits in lower case.
enum Hex {
    static func digits(_ number: UInt64) -> String {
        let text = String(number, radix: 16)
        return String(repeating: "0", count: 16 - text.utf8.count) + text
    }

    /// The number that the bytes write in lower-case digits; nil for anything else.
    static func number(_ bytes: ArraySlice<UInt8>) -> UInt64? {
        var number: UInt64 = 0
        for byte in bytes {
            let digit: UInt8
            switch byte {
            case 0x30...0x39: digit = byte - 0x30
            case 0x61...0x66: digit = byte - 0x57
            default: return nil
            }
            number = number << 4 | UInt64(digit)
        }
        return number
    }
}
