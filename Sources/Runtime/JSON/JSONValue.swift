/// A JSON document as a tree (RFC 8259).
///
/// The toolchain's decoder would do for most documents, but not for tokens: it hides repeated members, of which another
/// reader may believe the other one. One strict reader therefore serves everything.
package enum JSONValue: Sendable, Equatable {
    case null
    case bool(Bool)
    case number(JSONNumber)
    case string(String)
    case array([JSONValue])
    case object(JSONObject)

    /// Reads one document that fills the whole input.
    /// - Throws: `JSONError` for anything RFC 8259 does not allow, for repeated member names, unpaired surrogates, a
    ///   byte order mark, and whatever exceeds the limits.
    /// - Parameter selection: of the outermost object's members those whose values are kept; the others' are `null`.
    package init(
        parsing bytes: [UInt8], limits: JSONLimits = .standard, keeping selection: JSONSelection? = nil
    ) throws(JSONError) {
        guard bytes.count <= limits.maxBytes else { throw JSONError(.tooLarge, at: limits.maxBytes) }
        var parser = JSONParser(bytes: bytes, limits: limits, keeping: selection)
        self = try parser.parseDocument()
    }

    /// A member of an object; nil for anything else.
    package subscript(name: String) -> JSONValue? { object?[name] }

    package var string: String? { if case .string(let text) = self { text } else { nil } }
    package var bool: Bool? { if case .bool(let flag) = self { flag } else { nil } }
    package var array: [JSONValue]? { if case .array(let elements) = self { elements } else { nil } }
    package var object: JSONObject? { if case .object(let object) = self { object } else { nil } }
    package var isNull: Bool { self == .null }
    /// A number that is exactly an `Int`, whatever way it is written. A peer may have chosen any: the product reads numbers by
    /// `int(in:)`.
    package var int: Int? { if case .number(let number) = self { number.int } else { nil } }
    /// A number that is exactly an `Int` of the range.
    package func int(in range: ClosedRange<Int>) -> Int? {
        if case .number(let number) = self { number.int(in: range) } else { nil }
    }

    /// The nearest finite `Double`; nil when the number is too large for one.
    package var double: Double? { if case .number(let number) = self { number.double } else { nil } }

    /// UTF-8 text; with `pretty`, indented by two spaces.
    package func encoded(pretty: Bool = false) -> [UInt8] {
        var writer = JSONWriter(pretty: pretty)
        writer.value(self)
        return writer.bytes
    }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
    ExpressibleByBooleanLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral, ExpressibleByNilLiteral
{
    package init(stringLiteral value: String) { self = .string(value) }
    package init(integerLiteral value: Int) { self = .number(JSONNumber(value)) }
    package init(floatLiteral value: Double) { self = .number(JSONNumber(value)) }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
    package init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    package init(dictionaryLiteral elements: (String, JSONValue)...) { self = .object(JSONObject(elements)) }
    package init(nilLiteral: ()) { self = .null }

    package static func int(_ value: Int) -> JSONValue { .number(JSONNumber(value)) }
    package static func double(_ value: Double) -> JSONValue { .number(JSONNumber(value)) }
}
