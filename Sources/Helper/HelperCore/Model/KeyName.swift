/// The name that an owner gives to an API key of a service: 1 to 40 of `[a-z0-9-]`, starting with a letter.
package struct KeyName: Sendable, Hashable, CustomStringConvertible {
    /// The key that `init` answers, and that an application without a name in its mark belongs to.
    package static let standard = KeyName(unchecked: "default")

    package static let lengthMax = 40

    package let description: String

    /// - Returns: nil for a text that is no name.
    package init?(_ text: some StringProtocol) {
        guard let first = text.utf8.first, Self.isLetter(first), text.utf8.count <= Self.lengthMax,
            text.utf8.allSatisfy({ Self.isLetter($0) || (0x30...0x39).contains($0) || $0 == UInt8(ascii: "-") })
        else { return nil }
        description = String(text)
    }

    private init(unchecked text: String) { description = text }

    private static func isLetter(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte) }
}
