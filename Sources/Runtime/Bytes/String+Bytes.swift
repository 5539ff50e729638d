/// Texts as the bytes of their UTF-8: no canonical equivalence, and nothing generic in between, which would look up metadata
/// for every text.
extension String {
    /// Whether both are the same bytes.
    package func hasSameBytes(as other: String) -> Bool {
        let mine = utf8Span.span
        let theirs = other.utf8Span.span
        guard mine.count == theirs.count else { return false }
        for index in mine.indices where mine[index] != theirs[index] { return false }
        return true
    }

    /// FNV-1a of the bytes: for short texts whose writers gain nothing by making two meet.
    package var fnv1a: UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        let bytes = utf8Span.span
        for index in bytes.indices { hash = (hash ^ UInt64(bytes[index])) &* 0x100_0000_01B3 }
        return hash
    }
}
