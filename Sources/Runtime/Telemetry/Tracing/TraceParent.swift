import Bytes

/// The fields `traceparent` and `tracestate` (W3C Trace Context, Recommendation of 23 November 2021). A field that is not exactly
/// as written there counts as absent: a trace then starts anew.
package enum TraceParent {
    package static let fieldName = "traceparent"
    package static let stateFieldName = "tracestate"

    /// Characters of `tracestate` that are kept (§3.3.1.5 asks for at least 512).
    private static let stateBytesMax = 512
    /// §3.3.1.1.
    private static let stateMembersMax = 32

    /// - Parameters:
    ///   - bytes: the value of the one `traceparent` field.
    ///   - states: the values of all `tracestate` fields, in order.
    /// - Returns: what the caller's span says; nil for a malformed value.
    package static func parse(_ bytes: ArraySlice<UInt8>, states: [String] = []) -> SpanContext? {
        let start = bytes.startIndex
        // §3.2.2: 2-32-16-2 digits; a later version may add more after another dash.
        guard bytes.count >= 55, bytes[start + 2] == 0x2D, bytes[start + 35] == 0x2D, bytes[start + 52] == 0x2D,
            let version = Hex.number(bytes[start..<start + 2]), version != 0xFF,
            version == 0 ? bytes.count == 55 : (bytes.count == 55 || bytes[start + 55] == 0x2D),
            let high = Hex.number(bytes[start + 3..<start + 19]), let low = Hex.number(bytes[start + 19..<start + 35]),
            let parent = Hex.number(bytes[start + 36..<start + 52]),
            let flags = Hex.number(bytes[start + 53..<start + 55]), let traceID = TraceID(high: high, low: low),
            let spanID = SpanID(parent)
        else { return nil }
        return SpanContext(traceID: traceID, spanID: spanID, isSampled: flags & 1 == 1, traceState: state(states))
    }

    /// The value of a `traceparent` field for the next callee.
    package static func format(_ context: SpanContext) -> String {
        "00-\(context.traceID)-\(context.spanID)-\(context.isSampled ? "01" : "00")"
    }

    /// The members of all fields in order, as many whole ones as there is room for; nil when there is none, or when one is
    /// malformed or there are too many (§3.3.1, §4.3).
    private static func state(_ fields: [String]) -> String? {
        guard !fields.isEmpty else { return nil }
        var kept: [UInt8] = []
        var keys: Set<ArraySlice<UInt8>> = []
        // By bytes: the characters of a header field cost a hundred times as much to tell apart.
        for field in fields {
            for element in Array(field.utf8).split(separator: 0x2C) {
                let member = trimmed(element)
                if member.isEmpty { continue }
                guard let equals = member.firstIndex(of: 0x3D), isKey(member[..<equals]),
                    isValue(member[(equals + 1)...]), keys.insert(member[..<equals]).inserted,
                    keys.count <= stateMembersMax
                else { return nil }
                if kept.count + member.count + 1 <= stateBytesMax {
                    if !kept.isEmpty { kept.append(0x2C) }
                    kept.append(contentsOf: member)
                }
            }
        }
        return kept.isEmpty ? nil : String(decoding: kept, as: UTF8.self)
    }

    private static func trimmed(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var start = bytes.startIndex
        var end = bytes.endIndex
        while start < end, bytes[start] == 0x20 || bytes[start] == 0x09 { start += 1 }
        while end > start, bytes[end - 1] == 0x20 || bytes[end - 1] == 0x09 { end -= 1 }
        return bytes[start..<end]
    }

    /// §3.3.1.3.1: up to 256 characters, starting with a lower-case letter or a digit, with at most one `@`.
    private static func isKey(_ key: ArraySlice<UInt8>) -> Bool {
        guard (1...256).contains(key.count), let first = key.first, isLowerOrDigit(first), key.last != 0x40 else {
            return false
        }
        var marks = 0
        for byte in key {
            switch byte {
            case 0x61...0x7A, 0x30...0x39, 0x5F, 0x2D, 0x2A, 0x2F: break
            case 0x40: marks += 1
            default: return false
            }
        }
        return marks <= 1
    }

    private static func isLowerOrDigit(_ byte: UInt8) -> Bool {
        (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte)
    }

    /// §3.3.1.3.2: up to 256 printable characters but comma and equals sign.
    private static func isValue(_ value: ArraySlice<UInt8>) -> Bool {
        (1...256).contains(value.count)
            && value.allSatisfy { (0x20...0x7E).contains($0) && $0 != 0x2C && $0 != 0x3D }
    }
}

extension SpanContext {
    /// The fields by which a callee learns of this span.
    package var propagationFields: [(name: String, value: String)] {
        let parent = (name: TraceParent.fieldName, value: TraceParent.format(self))
        return traceState.map { [parent, (name: TraceParent.stateFieldName, value: $0)] } ?? [parent]
    }
}
