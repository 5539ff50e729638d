import Bytes
import JSON

/// Reads an account in 3scale's XML form, which shows the account's users where its JSON shows none. Of everything else in it, plans
/// above all, nothing is kept.
///
/// It reads what 3scale writes: elements, attributes and text. Comments, CDATA sections and document types are refused.
struct AccountXML {
    private static let depthMax = 32
    /// Bytes of a text that is kept.
    private static let textMax = 4_096
    private static let entities: [String: Unicode.Scalar] = [
        "amp": "&", "lt": "<", "gt": ">", "quot": "\"", "apos": "'",
    ]

    private let bytes: [UInt8]
    private var position = 0
    /// The names of the open elements.
    private var path: [String] = []
    /// The text of the innermost one so far; nil within one that is not kept.
    private var text: [UInt8]?
    private var account: [(String, JSONValue)] = []
    private var user: [(String, JSONValue)] = []
    private var users: [JSONValue] = []

    private init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// The account as 3scale's JSON has it, with its users beside its other members: id, state, times and the users' names.
    /// - Returns: nil where the bytes are no such document.
    static func value(of bytes: [UInt8]) -> JSONValue? {
        var reader = AccountXML(bytes)
        return reader.read()
    }

    private mutating func read() -> JSONValue? {
        skipBlanks()
        if starts(with: "<?xml") { guard skip(past: "?>") else { return nil } }
        skipBlanks()
        guard element() else { return nil }
        while !path.isEmpty { guard content() else { return nil } }
        skipBlanks()
        guard position == bytes.count else { return nil }
        return ["account": .object(JSONObject(account + [("users", .array(users))]))]
    }

    /// What stands next within an element: text, an element's begin, or the element's end.
    private mutating func content() -> Bool {
        guard position < bytes.count else { return false }
        if bytes[position] == UInt8(ascii: "<") { return starts(with: "</") ? end() : element() }
        let begin = position
        while position < bytes.count, bytes[position] != UInt8(ascii: "<") { position += 1 }
        if let text, text.count + position - begin <= Self.textMax { self.text = text + bytes[begin..<position] }
        return true
    }

    /// The begin of an element, and its end where it is empty.
    private mutating func element() -> Bool {
        guard take("<"), let name = name(), path.count < Self.depthMax else { return false }
        var quote: UInt8?
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            if let open = quote {
                if byte == open { quote = nil }
            } else if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
                quote = byte
            } else if byte == UInt8(ascii: ">") {
                open(name)
                return position >= 2 && bytes[position - 2] == UInt8(ascii: "/") ? close() : true
            } else if byte == UInt8(ascii: "<") {
                return false
            }
        }
        return false
    }

    private mutating func end() -> Bool {
        guard take("</"), let name = name(), name == path.last, take(">") else { return false }
        return close()
    }

    private mutating func open(_ name: String) {
        path.append(name)
        text = isKept ? [] : nil
        if path == ["account", "users", "user"] { user = [] }
    }

    /// - Returns: false where the text of an element that is kept cannot be read, and where the outermost element is no account.
    private mutating func close() -> Bool {
        guard path.first == "account", let name = path.last else { return false }
        if let text {
            guard let value = value(name, text) else { return false }
            if path.count == 2 { account.append((name, value)) } else { user.append((name, value)) }
        } else if path == ["account", "users", "user"] {
            users.append(["user": .object(JSONObject(user))])
        }
        path.removeLast()
        text = nil
        return true
    }

    private var isKept: Bool {
        switch path.count {
        case 2: path[0] == "account" && ["id", "state", "created_at"].contains(path[1])
        case 4: path[...2] == ["account", "users", "user"] && ["id", "username"].contains(path[3])
        default: false
        }
    }

    private func value(_ name: String, _ text: [UInt8]) -> JSONValue? {
        guard let raw = String(validating: text, as: UTF8.self), let decoded = Self.decoded(raw) else { return nil }
        guard name == "id" else { return .string(decoded) }
        return ForeignNumber.canonical(decoded).map { .int($0) }
    }

    /// The text with its references replaced; nil where one is unknown.
    private static func decoded(_ text: String) -> String? {
        guard text.utf8.contains(UInt8(ascii: "&")) else { return text }
        var decoded = String.UnicodeScalarView()
        var rest = text.unicodeScalars[...]
        while let scalar = rest.popFirst() {
            guard scalar == "&" else {
                decoded.append(scalar)
                continue
            }
            guard let end = rest.firstIndex(of: ";"), let replaced = Self.scalar(String(rest[..<end])) else {
                return nil
            }
            decoded.append(replaced)
            rest = rest[rest.index(after: end)...]
        }
        return String(decoded)
    }

    private static func scalar(_ reference: String) -> Unicode.Scalar? {
        if let entity = entities[reference] { return entity }
        guard reference.first == "#" else { return nil }
        let digits = reference.dropFirst()
        let code =
            digits.first == "x" ? hexadecimal(digits.dropFirst()) : ForeignNumber(digits)?.within(0...0x10_FFFF)
        return code.flatMap { UInt32(exactly: $0) }.flatMap(Unicode.Scalar.init)
    }

    /// The number of one to six hexadecimal digits.
    private static func hexadecimal(_ digits: Substring) -> Int? {
        guard (1...6).contains(digits.utf8.count) else { return nil }
        var number = 0
        for digit in digits {
            guard digit.isASCII, let value = digit.hexDigitValue else { return nil }
            number = number << 4 | value
        }
        return number
    }

    // MARK: Bytes

    private mutating func name() -> String? {
        let begin = position
        while position < bytes.count, Self.isName(bytes[position]) { position += 1 }
        return position == begin ? nil : String(validating: bytes[begin..<position], as: UTF8.self)
    }

    private static func isName(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."),
            UInt8(ascii: ":"), 0x80...0xFF:
            true
        default: false
        }
    }

    private func starts(with text: String) -> Bool { bytes[position...].starts(with: text.utf8) }

    private mutating func take(_ text: String) -> Bool {
        guard starts(with: text) else { return false }
        position += text.utf8.count
        return true
    }

    private mutating func skip(past text: String) -> Bool {
        while position < bytes.count {
            if take(text) { return true }
            position += 1
        }
        return false
    }

    private mutating func skipBlanks() {
        while position < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[position]) { position += 1 }
    }
}
