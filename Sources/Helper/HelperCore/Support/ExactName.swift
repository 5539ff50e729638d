import Bytes

/// A name that is compared byte for byte. Swift's strings are equal when Unicode calls them equivalent, which would make
/// one role, audience or issuer of two that an identity provider tells apart.
package struct ExactName: Sendable, Hashable, ExpressibleByStringLiteral, CustomStringConvertible {
    package let description: String

    package init(_ text: String) { description = text }

    package init(stringLiteral value: String) { description = value }

    package static func == (left: ExactName, right: ExactName) -> Bool {
        left.description.hasSameBytes(as: right.description)
    }

    package func hash(into hasher: inout Hasher) {
        // Eight bytes at a time: to hash each by itself costs ten times as much.
        var word: UInt64 = 0
        let bytes = description.utf8Span.span
        for index in bytes.indices {
            word = word << 8 | UInt64(bytes[index])
            if index & 7 == 7 { hasher.combine(word) }
        }
        if bytes.count & 7 != 0 { hasher.combine(word) }
        hasher.combine(bytes.count)
    }
}
