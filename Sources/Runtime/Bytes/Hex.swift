/// Hexadecimal digits (RFC 4648 §8), written in lower case.
package enum Hex {
    /// The value of a digit of either case; nil for every other byte.
    package static func value(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46, 0x61...0x66: (byte | 0x20) - 0x61 + 10
        default: nil
        }
    }

    /// Two digits a byte.
    package static func encode(_ bytes: some Sequence<UInt8>) -> String {
        var text: [UInt8] = []
        for byte in bytes {
            text.append(digit(byte >> 4))
            text.append(digit(byte & 15))
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// The bytes that digits stand for; nil for an odd number of digits, and for every byte that `encode` does not write.
    package static func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
        guard text.count.isMultiple(of: 2) else { return nil }
        var bytes: [UInt8] = []
        var digits = text.makeIterator()
        while let first = digits.next(), let second = digits.next() {
            guard let high = lowerCaseValue(first), let low = lowerCaseValue(second) else { return nil }
            bytes.append(high << 4 | low)
        }
        return bytes
    }

    /// The number that at most 16 digits stand for; nil for every byte that `encode` does not write.
    package static func number(_ text: some Sequence<UInt8>) -> UInt64? {
        var number: UInt64 = 0
        for byte in text {
            guard let digit = lowerCaseValue(byte) else { return nil }
            number = number << 4 | UInt64(digit)
        }
        return number
    }

    /// The sixteen digits of a number.
    package static func digits(_ number: UInt64) -> String {
        encode((0..<8).map { UInt8(truncatingIfNeeded: number >> UInt64(56 - 8 * $0)) })
    }

    /// Appends the sixteen digits of a number.
    package static func append(_ number: UInt64, to span: inout OutputSpan<UInt8>) {
        var rest = number
        for _ in 0..<16 {
            rest = rest << 4 | rest >> 60
            span.append(digit(UInt8(truncatingIfNeeded: rest & 15)))
        }
    }

    private static func digit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x57 + value }

    private static func lowerCaseValue(_ byte: UInt8) -> UInt8? { (0x41...0x46).contains(byte) ? nil : value(byte) }
}
