/// Eight bytes at a time: what is looked for in every byte of a head is worth more than the plainest loop.
extension Span<UInt8> {
    /// The first byte in `start..<end` that is a control (RFC 5234: CTL), tabs and line ends among them, or `end`.
    func firstControl(from start: Int, below end: Int) -> Int {
        var rest = extracting(start..<end)
        // That eight bytes are there is all the compiler needs to know to make one load of them, without checks.
        while rest.count >= 8, !Self.hasControl(rest.firstWord) { rest = rest.extracting(droppingFirst: 8) }
        var index = 0
        while index < rest.count, !Self.isControl(rest[index]) { index &+= 1 }
        return end &- rest.count &+ index
    }

    /// Whether the bytes in `range` are those of a name in lower case, whatever their case here.
    func equals(_ range: Range<Int>, lowercased name: [UInt8]) -> Bool {
        guard range.count == name.count else { return false }
        var index = range.lowerBound
        for byte in name {
            if ASCII.lowercased(self[index]) != byte { return false }
            index &+= 1
        }
        return true
    }

    /// The first eight bytes, of which there are as many.
    @inline(__always) private var firstWord: UInt64 {
        UInt64(self[0]) | UInt64(self[1]) << 8 | UInt64(self[2]) << 16 | UInt64(self[3]) << 24
            | UInt64(self[4]) << 32 | UInt64(self[5]) << 40 | UInt64(self[6]) << 48 | UInt64(self[7]) << 56
    }

    private static var ones: UInt64 { 0x0101_0101_0101_0101 }
    private static var tops: UInt64 { 0x8080_8080_8080_8080 }

    /// Whether one of eight bytes is zero: a borrow reaches the top bit of a byte that is less than what is taken from it.
    /// Exact as to whether there is one, not as to which.
    @inline(__always) private static func hasZero(_ word: UInt64) -> Bool { (word &- ones) & ~word & tops != 0 }

    /// Whether one of eight bytes is below 0x20 or is 0x7F, by the same means.
    @inline(__always) private static func hasControl(_ word: UInt64) -> Bool {
        (word &- ones &* 0x20) & ~word & tops != 0 || hasZero(word ^ (ones &* 0x7F))
    }

    @inline(__always) private static func isControl(_ byte: UInt8) -> Bool { byte < 0x20 || byte == 0x7F }
}
