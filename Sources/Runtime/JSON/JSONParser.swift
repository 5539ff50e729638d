import Bytes

/// A recursive-descent reader whose depth is bounded by its limits.
struct JSONParser {
    private let bytes: [UInt8]
    private let limits: JSONLimits
    private var index = 0
    private var depth = 0
    private var values = 0
    private let selection: JSONSelection?
    /// Inside a value that is not selected: it is checked and not kept.
    private var isSkipping = false

    init(bytes: [UInt8], limits: JSONLimits, keeping selection: JSONSelection?) {
        self.bytes = bytes
        self.limits = limits
        self.selection = selection
    }

    mutating func parseDocument() throws(JSONError) -> JSONValue {
        skipBlanks()
        let value = try parseValue()
        skipBlanks()
        guard index == bytes.count else { throw JSONError(.trailing, at: index) }
        return value
    }

    // MARK: Values

    private mutating func parseValue() throws(JSONError) -> JSONValue {
        values += 1
        guard values <= limits.maxValues else { throw JSONError(.tooLarge, at: index) }
        switch try peek() {
        case 0x7B: return try parseObject()
        case 0x5B: return try parseArray()
        case 0x22: return .string(try parseString(isKept: !isSkipping))
        case 0x74: return try literal(Self.trueText, .bool(true))
        case 0x66: return try literal(Self.falseText, .bool(false))
        case 0x6E: return try literal(Self.nullText, .null)
        case 0x2D, 0x30...0x39: return .number(try parseNumber())
        default: throw JSONError(.unexpectedByte, at: index)
        }
    }

    private mutating func parseObject() throws(JSONError) -> JSONValue {
        try enter()
        skipBlanks()
        if try peek() == 0x7D {
            leave()
            return .object(JSONObject())
        }
        // The outermost has the most members in what is read here, such as tokens: it should not grow by steps.
        var object = JSONObject(expecting: depth == 1 ? 24 : 4)
        repeat {
            guard try peek() == 0x22 else { throw JSONError(.unexpectedByte, at: index) }
            let start = index
            // Names are kept in any case: they must differ.
            let name = try parseString(isKept: true)
            skipBlanks()
            guard try peek() == 0x3A else { throw JSONError(.unexpectedByte, at: index) }
            index += 1
            skipBlanks()
            let value = try parseMember(name)
            guard object.insert(name, value) else { throw JSONError(.duplicateName, at: start) }
        } while try goesOn(until: 0x7D)
        return .object(object)
    }

    /// The value of a member, or `null` for one that is not wanted.
    private mutating func parseMember(_ name: String) throws(JSONError) -> JSONValue {
        guard depth == 1, let selection, !selection.includes(name) else { return try parseValue() }
        isSkipping = true
        defer { isSkipping = false }
        _ = try parseValue()
        return .null
    }

    private mutating func parseArray() throws(JSONError) -> JSONValue {
        try enter()
        var elements: [JSONValue] = []
        skipBlanks()
        if try peek() == 0x5D {
            leave()
            return .array(elements)
        }
        repeat {
            let element = try parseValue()
            if !isSkipping { elements.append(element) }
        } while try goesOn(until: 0x5D)
        return .array(elements)
    }

    /// Reads what stands behind a member or an element: a comma, or the byte that ends the object or array, which is left then.
    private mutating func goesOn(until end: UInt8) throws(JSONError) -> Bool {
        skipBlanks()
        let byte = try peek()
        if byte == end {
            leave()
            return false
        }
        guard byte == 0x2C else { throw JSONError(.unexpectedByte, at: index) }
        index += 1
        skipBlanks()
        return true
    }

    private mutating func enter() throws(JSONError) {
        depth += 1
        guard depth <= limits.maxDepth else { throw JSONError(.tooDeep, at: index) }
        index += 1
    }

    private mutating func leave() {
        depth -= 1
        index += 1
    }

    private mutating func literal(_ text: [UInt8], _ value: JSONValue) throws(JSONError) -> JSONValue {
        for expected in text {
            guard try peek() == expected else { throw JSONError(.unexpectedByte, at: index) }
            index += 1
        }
        return value
    }

    // MARK: Numbers (RFC 8259 §6)

    private mutating func parseNumber() throws(JSONError) -> JSONNumber {
        let start = index
        if bytes[index] == 0x2D { index += 1 }
        if try peek() == 0x30 { index += 1 } else { try digits() }
        if index < bytes.count, bytes[index] == 0x2E {
            index += 1
            try digits()
        }
        if index < bytes.count, bytes[index] | 0x20 == 0x65 {
            index += 1
            if let sign = at(index), sign == 0x2B || sign == 0x2D { index += 1 }
            try digits()
        }
        return JSONNumber(checked: isSkipping ? "0" : String(decoding: bytes[start..<index], as: UTF8.self))
    }

    private mutating func digits() throws(JSONError) {
        let start = index
        while let byte = at(index), (0x30...0x39).contains(byte) { index += 1 }
        guard index > start else {
            throw index == bytes.count ? JSONError(.unexpectedEnd, at: index) : JSONError(.number, at: index)
        }
    }

    // MARK: Strings (RFC 8259 §7)

    /// - Parameter isKept: false yields an empty text for a good one.
    private mutating func parseString(isKept: Bool) throws(JSONError) -> String {
        index += 1
        let start = index
        index += bytes.span.extracting(start...).firstOutsideJSONText
        switch try peek() {
        case 0x22:
            let text = try text(bytes.span.extracting(start..<index), at: start, isKept: isKept)
            index += 1
            return text
        case 0x5C: return try parseEscapedString(from: start)
        default: throw JSONError(.control, at: index)
        }
    }

    /// The slow way, for strings with an escape in them.
    private mutating func parseEscapedString(from start: Int) throws(JSONError) -> String {
        var decoded = Array(bytes[start..<index])
        while let byte = at(index) {
            switch byte {
            case 0x22:
                index += 1
                return try text(decoded.span, at: start, isKept: true)
            case 0x5C: try parseEscape(into: &decoded)
            case 0..<0x20: throw JSONError(.control, at: index)
            default:
                decoded.append(byte)
                index += 1
            }
        }
        throw JSONError(.unexpectedEnd, at: index)
    }

    private mutating func parseEscape(into decoded: inout [UInt8]) throws(JSONError) {
        let start = index
        index += 1
        let byte = try peek()
        index += 1
        switch byte {
        case 0x22, 0x5C, 0x2F: decoded.append(byte)
        case 0x62: decoded.append(0x08)
        case 0x66: decoded.append(0x0C)
        case 0x6E: decoded.append(0x0A)
        case 0x72: decoded.append(0x0D)
        case 0x74: decoded.append(0x09)
        case 0x75:
            var code = try hexDigits(start)
            if (0xD800...0xDBFF).contains(code) {
                // Only a pair names a character; half of one has no UTF-8 form.
                guard at(index) == 0x5C, at(index + 1) == 0x75 else { throw JSONError(.escape, at: start) }
                index += 2
                let low = try hexDigits(start)
                guard (0xDC00...0xDFFF).contains(low) else { throw JSONError(.escape, at: start) }
                code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
            }
            guard let scalar = Unicode.Scalar(code) else { throw JSONError(.escape, at: start) }
            Unicode.UTF8.encode(scalar)?.forEach { decoded.append($0) }
        default: throw JSONError(.escape, at: start)
        }
    }

    private mutating func hexDigits(_ start: Int) throws(JSONError) -> UInt32 {
        var code: UInt32 = 0
        for _ in 0..<4 {
            guard let digit = Hex.value(try peek()) else { throw JSONError(.escape, at: start) }
            code = code << 4 | UInt32(digit)
            index += 1
        }
        return code
    }

    private func text(_ bytes: Span<UInt8>, at offset: Int, isKept: Bool) throws(JSONError) -> String {
        guard let text = try? UTF8Span(validating: bytes) else { throw JSONError(.utf8, at: offset) }
        return isKept ? String(copying: text) : ""
    }

    // MARK: Bytes

    private mutating func skipBlanks() {
        while let byte = at(index), byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { index += 1 }
    }

    private func at(_ position: Int) -> UInt8? { position < bytes.count ? bytes[position] : nil }

    private func peek() throws(JSONError) -> UInt8 {
        guard index < bytes.count else { throw JSONError(.unexpectedEnd, at: index) }
        return bytes[index]
    }

    private static let trueText = Array("true".utf8)
    private static let falseText = Array("false".utf8)
    private static let nullText = Array("null".utf8)
}
