extension Span<UInt8> {
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
}
