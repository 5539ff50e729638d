import Bytes

/// Base64 with the URL-safe alphabet and no padding (RFC 4648 §5, RFC 7515 §2).
package enum Base64URL {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
    private static let values = Base64.inverse(alphabet)

    package static func encode(_ bytes: [UInt8]) -> String {
        String(decoding: Base64.encode(bytes, alphabet), as: UTF8.self)
    }

    /// The bytes, or nil for anything that `encode` would not have written: padding, another alphabet, blanks, a length
    /// no bytes have, trailing bits that are not zero.
    package static func decode(_ text: some Collection<UInt8>) -> [UInt8]? { Base64.decode(Array(text).span, values) }

    /// The same for bytes that stand in an array already.
    package static func decode(_ text: ArraySlice<UInt8>) -> [UInt8]? { Base64.decode(text.span, values) }
}

/// Base64 with the standard alphabet and padding (RFC 4648 §4).
package enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    private static let values = inverse(alphabet)

    package static func encode(_ bytes: [UInt8]) -> String {
        var text = encode(bytes, alphabet)
        while text.count % 4 != 0 { text.append(0x3D) }
        return String(decoding: text, as: UTF8.self)
    }

    /// The bytes, or nil for anything that `encode` would not have written.
    package static func decode(_ text: String) -> [UInt8]? {
        let bytes = Array(text.utf8)
        guard bytes.count % 4 == 0 else { return nil }
        let padding = bytes.reversed().prefix { $0 == 0x3D }.count
        guard padding <= 2 else { return nil }
        return decode(bytes.span.extracting(droppingLast: padding), values)
    }

    fileprivate static func inverse(_ alphabet: [UInt8]) -> [UInt8] {
        var values = [UInt8](repeating: 0xFF, count: 256)
        for (value, byte) in alphabet.enumerated() { values[Int(byte)] = UInt8(value) }
        return values
    }

    fileprivate static func encode(_ bytes: [UInt8], _ alphabet: [UInt8]) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count * 4 + 2) / 3)
        var bits: UInt32 = 0
        var count = 0
        for byte in bytes {
            bits = bits << 8 | UInt32(byte)
            count += 8
            while count >= 6 {
                count -= 6
                text.append(alphabet[Int(bits >> UInt32(count) & 63)])
            }
        }
        if count > 0 { text.append(alphabet[Int(bits << UInt32(6 - count) & 63)]) }
        return text
    }

    fileprivate static func decode(_ text: Span<UInt8>, _ values: [UInt8]) -> [UInt8]? {
        guard text.count % 4 != 1 else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count * 3 / 4)
        guard text.decodeBase64(values, to: &bytes) else { return nil }
        let rest = text.extracting((text.count & ~3)...)
        guard rest.count > 0 else { return bytes }
        let first = values[Int(rest[0])]
        let second = values[Int(rest[1])]
        let third = rest.count == 3 ? values[Int(rest[2])] : 0
        // The bits beyond the last whole byte must be zero, or two texts would mean the same bytes.
        guard first | second | third < 64, rest.count == 3 ? third & 3 == 0 : second & 15 == 0 else { return nil }
        bytes.append(first << 2 | second >> 4)
        if rest.count == 3 { bytes.append(second << 4 | third >> 2) }
        return bytes
    }
}
