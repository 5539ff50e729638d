/// The escapes and sets of byte values in which the corpus is written (`Tests/Corpus/README.md`).
enum CorpusText {
    struct FormError: Error, CustomStringConvertible {
        let description: String
    }

    /// The bytes that a text stands for.
    /// - Parameter value: takes the place of `\?`.
    static func decode(_ text: some Sequence<UInt8>, value: UInt8?) throws -> [UInt8] {
        var decoded: [UInt8] = []
        var bytes = Array(text)[...]
        while let byte = bytes.popFirst() {
            guard byte == UInt8(ascii: "\\") else {
                decoded.append(byte)
                continue
            }
            switch bytes.popFirst() {
            case UInt8(ascii: "r"): decoded.append(0x0D)
            case UInt8(ascii: "n"): decoded.append(0x0A)
            case UInt8(ascii: "t"): decoded.append(0x09)
            case UInt8(ascii: "\\"): decoded.append(UInt8(ascii: "\\"))
            case UInt8(ascii: "x"):
                guard bytes.count >= 2, let code = UInt8(String(decoding: bytes.prefix(2), as: UTF8.self), radix: 16)
                else { throw FormError(description: "a malformed \\x") }
                decoded.append(code)
                bytes = bytes.dropFirst(2)
            case UInt8(ascii: "{"):
                let parts = bytes.prefix { $0 != UInt8(ascii: "}") }.split(separator: 0x20, maxSplits: 1)
                guard parts.count == 2, let count = Int(String(decoding: parts[0], as: UTF8.self)) else {
                    throw FormError(description: "a malformed \\{…}")
                }
                let repeated = try decode(parts[1], value: nil)
                for _ in 0..<count { decoded += repeated }
                bytes = bytes[(parts[1].endIndex + 1)...]
            case UInt8(ascii: "?"):
                guard let value else { throw FormError(description: "\\? in a case without sets of values") }
                decoded.append(value)
            default: throw FormError(description: "an unknown escape")
            }
        }
        return decoded
    }

    /// The byte values that the text between brackets names.
    static func values(_ text: String) throws -> Set<UInt8> {
        if let named = sets[text] { return named }
        var tokens = try tokens(Array(text.utf8)[...])[...]
        var values: Set<UInt8> = []
        while let first = tokens.popFirst() {
            // A hyphen between two bytes makes a range; its own code differs in how it was written.
            if tokens.count >= 2, tokens.first == .hyphen {
                tokens.removeFirst()
                values.formUnion(first.byte...tokens.removeFirst().byte)
            } else {
                values.insert(first.byte)
            }
        }
        return values
    }

    private enum Token: Equatable {
        case hyphen
        case plain(UInt8)

        var byte: UInt8 { if case .plain(let byte) = self { byte } else { UInt8(ascii: "-") } }
    }

    private static func tokens(_ text: ArraySlice<UInt8>) throws -> [Token] {
        var rest = text
        var tokens: [Token] = []
        while let byte = rest.first {
            let length = byte != UInt8(ascii: "\\") ? 1 : rest.dropFirst().first == UInt8(ascii: "x") ? 4 : 2
            let written = rest.prefix(length)
            let decoded = try decode(written, value: nil)
            guard decoded.count == 1 else { throw FormError(description: "a set of more than bytes") }
            tokens.append(length == 1 && byte == UInt8(ascii: "-") ? .hyphen : .plain(decoded[0]))
            rest = rest.dropFirst(length)
        }
        return tokens
    }

    private static let digits = Set(UInt8(ascii: "0")...UInt8(ascii: "9"))
    private static let alpha = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)
    private static let sets: [String: Set<UInt8>] = [
        "tchar": alpha.union(digits).union("!#$%&'*+-.^_`|~".utf8),
        "digit": digits,
        "hexdig": digits.union("abcdefABCDEF".utf8),
        "alpha": alpha,
        "ows": [0x20, 0x09],
        "ctl": Set(0...0x1F).union([0x7F]),
        "vchar": Set(0x21...0x7E),
        "obs": Set(0x80...0xFF),
        "uri": alpha.union(digits).union("-._~:/?@!$&'()*+,;=".utf8),
        "else": Set(0...0xFF),
    ]
}
