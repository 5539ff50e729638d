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
        guard bytes.count <= 45 else { return nil }
        if bytes.contains(0x3A) {
            guard let (high, low) = Self.ipv6(bytes[...]) else { return nil }
            self.init(high: high, low: low)
        } else {
            guard let value = Self.ipv4(bytes[...]) else { return nil }
            self.init(ipv4: value)
        }
    }

    /// Four decimal numbers without leading zeros, which some read as octal.
    private static func ipv4(_ bytes: ArraySlice<UInt8>) -> UInt32? {
        let parts = bytes.split(separator: 0x2E, omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var value: UInt32 = 0
        for part in parts {
            guard (1...3).contains(part.count), part.allSatisfy({ (0x30...0x39).contains($0) }),
                part.count == 1 || part.first != 0x30,
                let number = UInt8(String(decoding: part, as: UTF8.self))
            else { return nil }
            value = value << 8 | UInt32(number)
        }
        return value
    }

    private static func ipv6(_ bytes: ArraySlice<UInt8>) -> (UInt64, UInt64)? {
        var groups: [UInt16] = []
        var gap: Int?
        var rest = bytes
        if rest.starts(with: [0x3A, 0x3A]) {
            gap = 0
            rest = rest.dropFirst(2)
        }
        while !rest.isEmpty {
            let part = rest.prefix { $0 != 0x3A }
            if part.contains(0x2E) {
                guard part.endIndex == rest.endIndex, let value = ipv4(part) else { return nil }
                groups += [UInt16(value >> 16), UInt16(truncatingIfNeeded: value)]
                break
            }
            guard (1...4).contains(part.count), part.allSatisfy(isHexadecimal),
                let group = UInt16(String(decoding: part, as: UTF8.self), radix: 16)
            else { return nil }
            groups.append(group)
            rest = rest[part.endIndex...]
            if rest.isEmpty { break }
            rest = rest.dropFirst()
            if rest.first == 0x3A {
                guard gap == nil else { return nil }
                gap = groups.count
                rest = rest.dropFirst()
            } else if rest.isEmpty {
                return nil
            }
        }
        if let gap {
            guard groups.count < 8 else { return nil }
            groups.insert(contentsOf: repeatElement(0, count: 8 - groups.count), at: gap)
        }
        guard groups.count == 8 else { return nil }
        return (
            groups[..<4].reduce(0) { $0 << 16 | UInt64($1) }, groups[4...].reduce(0) { $0 << 16 | UInt64($1) }
        )
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x46).contains(byte) || (0x61...0x66).contains(byte)
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

    /// What requests from there are counted under. Whoever has one IPv6 address has 2^64 of them, so the first 64 bits
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
            guard let number = Int(parts[1]), (0...bits).contains(number), parts[1] == String(number) else {
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
