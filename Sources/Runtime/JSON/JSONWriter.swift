import Bytes

/// Writes JSON text piece by piece, for answers that need no tree. The caller keeps the order right: a name before each
/// value inside an object.
package struct JSONWriter: Sendable {
    /// UTF-8 text so far.
    package private(set) var bytes: [UInt8] = []
    private let isPretty: Bool
    private var depth = 0
    private var needsComma = false
    private var followsName = false

    /// - Parameter capacity: bytes that the text will take, about.
    package init(pretty: Bool = false, capacity: Int = 0) {
        isPretty = pretty
        if capacity > 0 { bytes.reserveCapacity(capacity) }
    }

    package mutating func beginObject() { open(0x7B) }
    package mutating func endObject() { close(0x7D) }
    package mutating func beginArray() { open(0x5B) }
    package mutating func endArray() { close(0x5D) }

    package mutating func name(_ name: String) {
        beginValue()
        append(string: name)
        bytes.append(0x3A)
        if isPretty { bytes.append(0x20) }
        followsName = true
        needsComma = false
    }

    package mutating func string(_ text: String) {
        beginValue()
        append(string: text)
    }

    package mutating func int(_ number: Int) { raw(Array(String(number).utf8)) }
    package mutating func bool(_ flag: Bool) { raw(Array((flag ? "true" : "false").utf8)) }
    package mutating func null() { raw(Array("null".utf8)) }

    /// A value that is JSON text already.
    package mutating func raw(_ text: [UInt8]) {
        beginValue()
        bytes.append(contentsOf: text)
    }

    package mutating func value(_ value: JSONValue) {
        switch value {
        case .null: null()
        case .bool(let flag): bool(flag)
        case .number(let number): raw(Array(number.text.utf8))
        case .string(let text): string(text)
        case .array(let elements):
            beginArray()
            for element in elements { self.value(element) }
            endArray()
        case .object(let object):
            beginObject()
            for member in object.members {
                name(member.name)
                self.value(member.value)
            }
            endObject()
        }
    }

    // MARK: Punctuation

    private mutating func beginValue() {
        if followsName {
            followsName = false
        } else {
            if needsComma { bytes.append(0x2C) }
            if isPretty, depth > 0 { newLine() }
        }
        needsComma = true
    }

    private mutating func open(_ byte: UInt8) {
        beginValue()
        bytes.append(byte)
        depth += 1
        needsComma = false
    }

    private mutating func close(_ byte: UInt8) {
        depth -= 1
        if isPretty, needsComma { newLine() }
        bytes.append(byte)
        needsComma = true
    }

    private mutating func newLine() {
        bytes.append(0x0A)
        bytes.append(contentsOf: repeatElement(0x20, count: depth * 2))
    }

    private mutating func append(string text: String) { Self.append(string: text, to: &bytes) }

    /// Appends one string with its quotes, for text that is put together by hand.
    package static func append(string text: String, to bytes: inout [UInt8]) {
        bytes.append(0x22)
        // Hardly any text needs an escape: it is copied whole then.
        let span = text.utf8Span.span
        if span.firstOutsideJSONText == span.count {
            bytes.append(contentsOf: text.utf8)
        } else {
            append(escaping: text, to: &bytes)
        }
        bytes.append(0x22)
    }

    private static func append(escaping text: String, to bytes: inout [UInt8]) {
        for byte in text.utf8 {
            switch byte {
            case 0x22:
                bytes.append(0x5C)
                bytes.append(0x22)
            case 0x5C:
                bytes.append(0x5C)
                bytes.append(0x5C)
            case 0..<0x20:
                bytes.append(contentsOf: controls[Int(byte)])
            default: bytes.append(byte)
            }
        }
    }

    /// The escapes of the 32 control characters (RFC 8259 §7).
    private static let controls: [[UInt8]] = (0..<32).map { code in
        switch code {
        case 0x08: Array(#"\b"#.utf8)
        case 0x09: Array(#"\t"#.utf8)
        case 0x0A: Array(#"\n"#.utf8)
        case 0x0C: Array(#"\f"#.utf8)
        case 0x0D: Array(#"\r"#.utf8)
        default: Array((#"\u00"# + (code < 16 ? "0" : "") + String(code, radix: 16)).utf8)
        }
    }
}
