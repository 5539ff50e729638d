import COpenSSL

/// A SHA-256 value (FIPS 180-4) that is compared and kept without an allocation: a name for content.
package struct SHA256Digest: Sendable, Hashable {
    private let words: (UInt64, UInt64, UInt64, UInt64)

    /// Hashes bytes where they are.
    package init(of bytes: ArraySlice<UInt8>) {
        var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        let status = unsafe withUnsafeMutableBytes(of: &words) { out in
            unsafe bytes.withUnsafeBufferPointer { input in
                unsafe EVP_Digest(
                    input.baseAddress, input.count, out.baseAddress, nil, Digest.sha256.raw, nil)
            }
        }
        precondition(status == 1, "EVP_Digest failed")
        self.words = words
    }

    /// A small number that spreads evenly.
    package var spread: Int { Int(words.3 & 0xFFFF) }

    package static func == (left: SHA256Digest, right: SHA256Digest) -> Bool { left.words == right.words }

    /// The digest's own bits are as good as random; the hasher adds a seed that no peer knows.
    package func hash(into hasher: inout Hasher) { hasher.combine(words.0) }
}
