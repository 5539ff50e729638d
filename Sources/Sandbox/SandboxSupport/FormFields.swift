import HTTP

/// Fields of a query or of an `application/x-www-form-urlencoded` body, in order.
package struct FormFields: Sendable, Equatable {
    package private(set) var pairs: [(name: String, value: String)]

    package init(_ pairs: [(String, String)] = []) { self.pairs = pairs.map { (name: $0.0, value: $0.1) } }

    /// What cannot be decoded is taken as it stands.
    package init(decoding text: String) {
        pairs = text.split(separator: "&").map { pair in
            let halves = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return (Self.decode(halves[0]), halves.count > 1 ? Self.decode(halves[1]) : "")
        }
    }

    /// The last value of that name.
    package subscript(name: String) -> String? { pairs.last { $0.name == name }?.value }

    /// Every value of that name.
    package func values(_ name: String) -> [String] { pairs.filter { $0.name == name }.map(\.value) }

    package static func == (left: FormFields, right: FormFields) -> Bool {
        left.pairs.elementsEqual(right.pairs) { $0 == $1 }
    }

    private static func decode(_ text: Substring) -> String {
        let spaced = text.utf8.map { $0 == 0x2B ? 0x20 : $0 }
        return PercentEncoding.decode(spaced) ?? String(decoding: decodeBytes(spaced), as: UTF8.self)
    }

    /// Escapes that are none stay; bytes that are not UTF-8 become replacement characters.
    private static func decodeBytes(_ bytes: [UInt8]) -> [UInt8] {
        var decoded: [UInt8] = []
        var rest = bytes[...]
        while let byte = rest.popFirst() {
            let digits = String(decoding: rest.prefix(2), as: UTF8.self)
            if byte == 0x25, rest.count >= 2, digits.utf8.count == 2, let value = UInt8(digits, radix: 16) {
                decoded.append(value)
                rest = rest.dropFirst(2)
            } else {
                decoded.append(byte)
            }
        }
        return decoded
    }
}
