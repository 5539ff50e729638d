import Glibc

/// An IPv4 or IPv6 address, read and written by the C library. An IPv4 address in the form of IPv6 (`::ffff:192.0.2.1`) is the
/// IPv4 address.
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

    /// Numeric text in the usual forms (RFC 4291 §2.2), without brackets, port or zone. Numbers of an IPv4 address have no
    /// leading zeros, which some read as octal.
    package init?(_ text: some StringProtocol) {
        let bytes = Array(text.utf8)
        self.init(bytes: bytes.span)
    }

    /// The same of text as it was received. Allocates nothing.
    package init?(bytes text: Span<UInt8>) {
        if let address = Self.parse(text, AF_INET6) {
            self.init(high: Self.number(address, 0), low: Self.number(address, 8))
        } else if let address = Self.parse(text, AF_INET) {
            self.init(high: 0, low: 0xFFFF << 32 | Self.number(address, 0) >> 32)
        } else {
            return nil
        }
    }

    /// Whether text is an address in a form of IPv6.
    package static func isIPv6(_ text: Span<UInt8>) -> Bool { parse(text, AF_INET6) != nil }

    private typealias Address = InlineArray<16, UInt8>
    /// Enough for the longest address with the NUL behind it.
    private typealias Text = InlineArray<46, UInt8>

    /// inet_pton(3).
    /// - Returns: the bytes of the address in network order, 4 or 16 of them.
    private static func parse(_ text: Span<UInt8>, _ family: Int32) -> Address? {
        var copy = Text(repeating: 0)
        guard text.count < copy.count else { return nil }
        for index in text.indices {
            // The library would take a NUL for the end.
            guard text[index] != 0 else { return nil }
            copy[index] = text[index]
        }
        var address = Address(repeating: 0)
        var bytes = address.mutableSpan
        let isAddress = unsafe copy.span.withUnsafeBytes { copy in
            unsafe bytes.withUnsafeMutableBytes { bytes in
                unsafe inet_pton(family, copy.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.baseAddress) == 1
            }
        }
        return isAddress ? address : nil
    }

    /// Eight bytes of an address as a number.
    private static func number(_ address: Address, _ start: Int) -> UInt64 {
        (start..<start + 8).reduce(0) { $0 << 8 | UInt64(address[$1]) }
    }

    /// The address with all but its first bits cleared.
    /// - Parameter length: 0...128, counted in the 128 bits.
    func prefix(_ length: Int) -> (high: UInt64, low: UInt64) {
        (
            length >= 64 ? high : high & ~(UInt64.max >> UInt64(length)),
            length >= 128 ? low : length <= 64 ? 0 : low & ~(UInt64.max >> UInt64(length - 64))
        )
    }

    /// Dotted numbers, or the form of RFC 5952: inet_ntop(3).
    package var description: String {
        var address = Address(repeating: 0)
        if isIPv4 {
            for index in 0..<4 { address[index] = UInt8(truncatingIfNeeded: low >> UInt64(24 - 8 * index)) }
        } else {
            for index in 0..<16 {
                address[index] = UInt8(truncatingIfNeeded: (index < 8 ? high : low) >> UInt64(56 - 8 * (index % 8)))
            }
        }
        var text = InlineArray<46, CChar>(repeating: 0)
        var characters = text.mutableSpan
        unsafe address.span.withUnsafeBytes { address in
            unsafe characters.withUnsafeMutableBufferPointer { text in
                _ = unsafe inet_ntop(
                    isIPv4 ? AF_INET : AF_INET6, address.baseAddress, text.baseAddress, socklen_t(text.count))
            }
        }
        let end = text.indices.first { text[$0] == 0 } ?? 0
        return String(decoding: (0..<end).map { UInt8(bitPattern: text[$0]) }, as: UTF8.self)
    }

    /// What requests from there are counted under. The holder of one IPv6 address has 2^64 of them, so the first 64 bits
    /// count.
    package var countedSubject: String {
        isIPv4 ? description : IPAddress(high: high, low: 0).description + "/64"
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
