import Bytes

/// An IPv4 or IPv6 address. An IPv4 address in IPv6 clothes (`::ffff:192.0.2.1`) is the IPv4 address.
package struct IPAddress: Sendable, Hashable, CustomStringConvertible {
    /// The 128 bits; of an IPv4 address the last 32.
    let high: UInt64
    let low: UInt64
    package let isIPv4: Bool

    private init(high: UInt64, low: UInt64) {
        isIPv4 = high == 0 && low >> 32 == 0xFFFF
        self.high = high
        self.low = low
    }

    private init(ipv4: UInt32) { self.init(high: 0, low: 0xFFFF << 32 | UInt64(ipv4)) }

    /// Numeric text in the usual forms (RFC 4291 §2.2), without brackets, port or zone.
    package init?(_ text: some StringProtocol) {
        let bytes = Array(text.utf8)
        self.init(bytes: bytes.span)
    }

    /// The same of text as it was received. Allocates nothing, and looks at no more than the longest form has.
    init?(bytes: Span<UInt8>) {
        guard (2...45).contains(bytes.count) else { return nil }
        var hasColon = false
        for index in bytes.indices where bytes[index] == 0x3A { hasColon = true }
        if hasColon {
            guard let (high, low) = Self.ipv6(bytes) else { return nil }
            self.init(high: high, low: low)
        } else {
            guard let value = Self.ipv4(bytes) else { return nil }
            self.init(ipv4: value)
        }
    }

    /// Four decimal numbers without leading zeros, which some read as octal.
    private static func ipv4(_ bytes: Span<UInt8>) -> UInt32? {
        var value: UInt32 = 0
        var number: UInt32 = 0
        var digits = 0
        var dots = 0
        for index in bytes.indices {
            let byte = bytes[index]
            switch byte {
            case 0x30...0x39:
                guard digits == 0 || number != 0 else { return nil }
                number = number * 10 + UInt32(byte - 0x30)
                digits += 1
                guard number <= 255 else { return nil }
            case 0x2E:
                guard digits > 0, dots < 3 else { return nil }
                value = value << 8 | number
                (number, digits) = (0, 0)
                dots += 1
            default: return nil
            }
        }
        return dots == 3 && digits > 0 ? value << 8 | number : nil
    }

    private static func ipv6(_ bytes: Span<UInt8>) -> (UInt64, UInt64)? {
        var groups = InlineArray<8, UInt16>(repeating: 0)
        var count = 0
        var gap: Int?
        var index = 0
        let end = bytes.count
        if bytes.count >= 2, bytes[index] == 0x3A, bytes[index + 1] == 0x3A {
            gap = 0
            index += 2
        }
        while index < end {
            let start = index
            var group: UInt16 = 0
            while index < end, index - start < 4, let digit = hexadecimal(bytes[index]) {
                group = group << 4 | digit
                index += 1
            }
            if index < end, bytes[index] == 0x2E {
                guard count <= 6, let value = ipv4(bytes.extracting(start...)) else { return nil }
                groups[count] = UInt16(truncatingIfNeeded: value >> 16)
                groups[count + 1] = UInt16(truncatingIfNeeded: value)
                count += 2
                break
            }
            guard index > start, count < 8 else { return nil }
            groups[count] = group
            count += 1
            guard index < end else { break }
            guard bytes[index] == 0x3A, index + 1 < end else { return nil }
            index += 1
            if bytes[index] == 0x3A {
                guard gap == nil else { return nil }
                gap = count
                index += 1
            }
        }
        // What the gap stands for is zeros, at least one group of them.
        let missing = 8 - count
        guard gap == nil ? missing == 0 : missing > 0 else { return nil }
        var words: (high: UInt64, low: UInt64) = (0, 0)
        let head = gap ?? 8
        for position in 0..<8 {
            let isGap = position >= head && position < head + missing
            let group = position < head ? groups[position] : isGap ? 0 : groups[position - missing]
            if position < 4 {
                words.high = words.high << 16 | UInt64(group)
            } else {
                words.low = words.low << 16 | UInt64(group)
            }
        }
        return words
    }

    private static func hexadecimal(_ byte: UInt8) -> UInt16? {
        switch byte {
        case 0x30...0x39: UInt16(byte - 0x30)
        case 0x41...0x46, 0x61...0x66: UInt16((byte | 0x20) - 0x61 + 10)
        default: nil
        }
    }

    /// The address with all but its first bits cleared.
    /// - Parameter length: 0...128, counted in the 128 bits.
    func prefix(_ length: Int) -> (high: UInt64, low: UInt64) {
        (
            length >= 64 ? high : high & ~(UInt64.max >> UInt64(length)),
            length >= 128 ? low : length <= 64 ? 0 : low & ~(UInt64.max >> UInt64(length - 64))
        )
    }

    /// Dotted numbers, or the form of RFC 5952.
    package var description: String {
        if isIPv4 {
            return (0..<4).map { String(UInt8(truncatingIfNeeded: low >> (24 - 8 * $0))) }.joined(separator: ".")
        }
        let groups = (0..<8).map { UInt16(truncatingIfNeeded: ($0 < 4 ? high : low) >> UInt64(48 - 16 * ($0 % 4))) }
        // The first of the longest runs of at least two zeros is left out.
        var best = 0..<0
        var start = 0
        for index in 0...8 where index == 8 || groups[index] != 0 {
            if index - start > max(1, best.count) { best = start..<index }
            start = index + 1
        }
        func text(_ part: ArraySlice<UInt16>) -> String { part.map { String($0, radix: 16) }.joined(separator: ":") }
        return best.isEmpty
            ? text(groups[...]) : text(groups[..<best.lowerBound]) + "::" + text(groups[best.upperBound...])
    }

    /// What requests from there are counted under. The holder of one IPv6 address has 2^64 of them, so the first 64 bits
    /// count.
    package var rateSubject: String {
        if isIPv4 { return description }
        return IPAddress(high: high, low: 0).description + "/64"
    }
}

/// A block of addresses: `10.0.0.0/8`, `2001:db8::/32`, or one address.
package struct AddressRange: Sendable, Hashable {
    private let high: UInt64
    private let low: UInt64
    /// Counted in the 128 bits.
    private let length: Int

    /// Nil when it is none; bits beyond the length must be zero, since one of both would be a mistake.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, let address = IPAddress(first) else { return nil }
        let bits = address.isIPv4 ? 32 : 128
        var length = bits
        if parts.count == 2 {
            guard let number = ForeignNumber(parts[1])?.within(0...bits), parts[1] == String(number) else {
                return nil
            }
            length = number
        }
        self.length = address.isIPv4 ? length + 96 : length
        (high, low) = address.prefix(self.length)
        guard high == address.high, low == address.low else { return nil }
    }

    package func contains(_ address: IPAddress) -> Bool { address.prefix(length) == (high, low) }
}
