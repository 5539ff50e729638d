/// Addresses in brackets (RFC 3986 §3.2.2). No other kind than IPv6 has been defined.
enum IPLiteral {
    /// Whether the bytes are an IPv6address: eight groups of one to four hexadecimal digits, of which one run may be left out
    /// as `::`, and the last two may be an IPv4 address.
    static func isIPv6(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
        var index = range.lowerBound
        var groups = 0
        var hasGap = false
        if range.count >= 2, bytes[index] == ASCII.colon, bytes[index + 1] == ASCII.colon {
            hasGap = true
            index += 2
        }
        while index < range.upperBound {
            if groups <= 6, isIPv4(bytes, index..<range.upperBound) {
                groups += 2
                break
            }
            let start = index
            while index < range.upperBound, ASCII.hexValue(bytes[index]) != nil { index &+= 1 }
            guard (1...4).contains(index - start) else { return false }
            groups += 1
            guard index < range.upperBound else { break }
            guard bytes[index] == ASCII.colon else { return false }
            index += 1
            if index < range.upperBound, bytes[index] == ASCII.colon {
                guard !hasGap else { return false }
                hasGap = true
                index += 1
            } else if index == range.upperBound {
                return false
            }
        }
        return hasGap ? groups <= 7 : groups == 8
    }

    /// Four decimal numbers up to 255 without leading zeros.
    private static func isIPv4(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
        var index = range.lowerBound
        for part in 0..<4 {
            let start = index
            var number = 0
            while index < range.upperBound, ASCII.isDigit(bytes[index]), index - start < 3 {
                number = number * 10 + Int(bytes[index] - 0x30)
                index &+= 1
            }
            guard index > start, number <= 255, index - start == 1 || bytes[start] != 0x30 else { return false }
            if part == 3 { return index == range.upperBound }
            guard index < range.upperBound, bytes[index] == 0x2E else { return false }
            index += 1
        }
        return false
    }
}
