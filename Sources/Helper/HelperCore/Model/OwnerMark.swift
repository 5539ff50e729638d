import Crypto

/// Whose application it is, whatever the user name says today: the first 24 hexadecimal digits of SHA-256 over the
/// issuer, a zero byte and the subject.
package struct OwnerMark: Sendable, Hashable, CustomStringConvertible {
    package let description: String

    private static let prefix = "[mlaas owner="
    private static let length = 24

    package init(issuer: String, subject: String) {
        let digest = SHA256.hash(Array(issuer.utf8) + [0] + Array(subject.utf8))
        description = hexEncoded(digest.prefix(Self.length / 2))
    }

    /// The mark at the end of an application's description, if it carries one.
    package init?(readingFrom text: String?) {
        guard let text, text.hasSuffix("]"), let start = text.range(ofLast: Self.prefix) else { return nil }
        let mark = text[start...].dropFirst(Self.prefix.count).dropLast()
        guard mark.utf8.count == Self.length, mark.utf8.allSatisfy(Self.isDigit) else { return nil }
        description = String(mark)
    }

    /// What a description ends in.
    package var suffix: String { "\(Self.prefix)\(description)]" }

    /// The name under which 3scale takes one application for this owner and service and refuses the second.
    package func applicationID(service: Int) -> String {
        let digest = SHA256.hash(Array(description.utf8) + [0] + Array(String(service).utf8))
        return "mlaas-" + hexEncoded(digest.prefix(12))
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte) }
}

extension String {
    /// Where the last occurrence of `needle` starts.
    fileprivate func range(ofLast needle: String) -> String.Index? {
        var start = endIndex
        while start > startIndex {
            start = index(before: start)
            if self[start...].hasPrefix(needle) { return start }
        }
        return nil
    }
}
