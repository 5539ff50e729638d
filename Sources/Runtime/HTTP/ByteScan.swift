/// Eight bytes at a time: what is looked for in every byte of a head is worth more than the plainest loop.
extension Span<UInt8> {
    /// The first byte in `start..<end` that is a control (RFC 5234: CTL), tabs and line ends among them, or `end`.
    func firstControl(from start: Int, below end: Int) -> Int {
        var index = start
        while index &+ 8 <= end, !Self.hasControl(word(at: index)) { index &+= 8 }
        while index < end, !Self.isControl(self[index]) { index &+= 1 }
        return index
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

    @inline(__always) private func word(at index: Int) -> UInt64 {
        // One check for all eight; the compiler makes one load of the rest.
        let bytes = extracting(index..<(index &+ 8))
        let low =
            UInt64(bytes[0]) | UInt64(bytes[1]) << 8 | UInt64(bytes[2]) << 16 | UInt64(bytes[3]) << 24
        let high =
            UInt64(bytes[4]) | UInt64(bytes[5]) << 8 | UInt64(bytes[6]) << 16 | UInt64(bytes[7]) << 24
        return low | high << 32
    }

    /// Whether one of eight bytes is below 0x20 or is 0x7F: a borrow reaches the top bit of a byte that is less than what is
    /// taken from it. Exact as to whether there is one, not as to which.
    @inline(__always) private static func hasControl(_ word: UInt64) -> Bool {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let tops: UInt64 = 0x8080_8080_8080_8080
        let delete = word ^ (ones &* 0x7F)
        return ((word &- ones &* 0x20) & ~word | (delete &- ones) & ~delete) & tops != 0
    }

    @inline(__always) private static func isControl(_ byte: UInt8) -> Bool { byte < 0x20 || byte == 0x7F }
}
