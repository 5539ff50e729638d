/// The fields `traceparent` and `tracestate` (W3C Trace Context, Recommendation of 23 November 2021). What is not exactly
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

    /// The value of a `traceparent` field for whoever is called next.
    package static func format(_ context: SpanContext) -> String {
        "00-\(context.traceID)-\(context.spanID)-\(context.isSampled ? "01" : "00")"
    }

    /// The members of all fields in order, as many whole ones as there is room for; nil when there is none, or when one is
    /// malformed or there are too many (§3.3.1, §4.3).
    private static func state(_ fields: [String]) -> String? {
        guard !fields.isEmpty else { return nil }
        var kept = ""
        var keys: Set<Substring> = []
        for member in fields.flatMap({ $0.split(separator: ",") }) {
            let member = trimmed(member)
            if member.isEmpty { continue }
            guard let equals = member.firstIndex(of: "="), isKey(member[..<equals]),
                isValue(member[member.index(after: equals)...]), keys.insert(member[..<equals]).inserted,
                keys.count <= stateMembersMax
            else { return nil }
            if kept.utf8.count + member.utf8.count + 1 <= stateBytesMax {
                kept += kept.isEmpty ? member : "," + member
            }
        }
        return kept.isEmpty ? nil : kept
    }

    private static func trimmed(_ text: Substring) -> Substring {
        var text = text.drop { $0 == " " || $0 == "\t" }
        while let last = text.last, last == " " || last == "\t" { text.removeLast() }
        return text
    }

    /// §3.3.1.3.1: up to 256 characters, starting with a lower-case letter or a digit, with at most one `@`.
    private static func isKey(_ key: Substring) -> Bool {
        guard (1...256).contains(key.utf8.count), let first = key.utf8.first, isLowerOrDigit(first) else {
            return false
        }
        let marks = key.utf8.count { $0 == 0x40 }
        return marks <= 1 && key.utf8.last != 0x40
            && key.utf8.allSatisfy { isLowerOrDigit($0) || [0x5F, 0x2D, 0x2A, 0x2F, 0x40].contains($0) }
    }

    private static func isLowerOrDigit(_ byte: UInt8) -> Bool {
        (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte)
    }

    /// §3.3.1.3.2: up to 256 printable characters but comma and equals sign.
    private static func isValue(_ value: Substring) -> Bool {
        (1...256).contains(value.utf8.count)
            && value.utf8.allSatisfy { (0x20...0x7E).contains($0) && $0 != 0x2C && $0 != 0x3D }
    }
}

extension SpanContext {
    /// The fields by which whoever is called learns of this span.
    package var propagationFields: [(name: String, value: String)] {
        let parent = (name: TraceParent.fieldName, value: TraceParent.format(self))
        return traceState.map { [parent, (name: TraceParent.stateFieldName, value: $0)] } ?? [parent]
    }
}
