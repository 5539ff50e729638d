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

    /// SipHash of the bytes under a key that is random in each process: no peer can make many texts meet, as with
    /// FNV-1a or with texts that are canonically equivalent, which `String` hashes alike.
    package var keyedHash: UInt64 {
        var hasher = Hasher()
        let bytes = utf8Span.span
        var index = 0
        while index + 8 <= bytes.count {
            var word: UInt64 = 0
            for offset in 0..<8 { word = word << 8 | UInt64(bytes[index &+ offset]) }
            hasher.combine(word)
            index &+= 8
        }
        // The length tells a short rest from one with zeros before it.
        var rest = UInt64(truncatingIfNeeded: bytes.count)
        while index < bytes.count {
            rest = rest << 8 | UInt64(bytes[index])
            index &+= 1
        }
        hasher.combine(rest)
        return UInt64(bitPattern: Int64(hasher.finalize()))
    }
}

/// Secrets in what is logged. By bytes: a secret with a combining mark behind it is another text to `Character`, and is still
/// there to be read.
extension String {
    /// Whether the bytes of another text stand in this one.
    package func containsBytes(of other: String) -> Bool { utf8.firstRange(of: other.utf8) != nil }

    /// Returns the text with `<redacted>` where the bytes of a secret stand.
    package func redacting(_ secret: String) -> String {
        guard !secret.isEmpty else { return self }
        let kept = Array(utf8).replacing(Array(secret.utf8), with: Array("<redacted>".utf8))
        return String(decoding: kept, as: UTF8.self)
    }
}
