import Bytes
import Crypto

/// The secret of an API key, where the helper chooses it: a prefix, `_`, 30 random characters of base 62, and 6 that are the
/// CRC-32 of all that stands before them.
///
/// People and scanners recognise it by its prefix, and a program tells a mistyped one without asking 3scale. Its strength is that
/// of the 30 characters alone: 178 bits.
package struct KeySecret: Sendable, Equatable {
    /// What all secrets of an installation begin with: 1 to 20 of `[a-z0-9]`, starting with a letter.
    package struct Prefix: Sendable, Equatable, CustomStringConvertible {
        package static let standard = Prefix(unchecked: "mlaas")

        private static let lengthMax = 20

        package let description: String

        /// - Returns: nil for a text that is no prefix.
        package init?(_ text: some StringProtocol) {
            let letters = UInt8(ascii: "a")...UInt8(ascii: "z")
            let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
            guard let first = text.utf8.first, letters.contains(first), text.utf8.count <= Self.lengthMax,
                text.utf8.allSatisfy({ letters.contains($0) || digits.contains($0) })
            else { return nil }
            description = String(text)
        }

        private init(unchecked text: String) { description = text }
    }

    private static let digits = Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)
    private static let randomCount = 30
    private static let checksumCount = 6

    package let prefix: Prefix
    /// The whole secret; never logged.
    package let text: String

    /// Makes a new secret.
    /// - Parameter uniform: draws a number below a bound, each equally likely: from the system's secure random source.
    package init(
        _ prefix: Prefix = .standard, uniform: (Int) -> Int = { SecureRandom.uniform(below: $0) }
    ) {
        var bytes = Array("\(prefix)_".utf8)
        for _ in 0..<Self.randomCount { bytes.append(Self.digits[uniform(Self.digits.count)]) }
        bytes += Self.checksum(bytes)
        self.prefix = prefix
        text = String(decoding: bytes, as: UTF8.self)
    }

    /// Reads a secret of this form.
    /// - Returns: nil for any other text, a mistyped secret included.
    package init?(parsing text: String) {
        let parts = text.split(separator: "_", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let prefix = Prefix(parts[0]) else { return nil }
        let tail = Array(parts[1].utf8)
        guard tail.count == Self.randomCount + Self.checksumCount, tail.allSatisfy({ Self.digits.contains($0) }),
            Self.checksum(Array("\(prefix)_".utf8) + tail.prefix(Self.randomCount))
                == Array(tail.suffix(Self.checksumCount))
        else { return nil }
        self.prefix = prefix
        self.text = text
    }

    /// Six digits, the highest first; 62^6 is more than 2^32.
    private static func checksum(_ bytes: [UInt8]) -> [UInt8] {
        var rest = Int(crc32(bytes))
        var reversed: [UInt8] = []
        for _ in 0..<checksumCount {
            reversed.append(digits[rest % digits.count])
            rest /= digits.count
        }
        return reversed.reversed()
    }
}
