/// A name that is compared byte for byte. Swift's strings are equal when Unicode calls them equivalent, which would make
/// one role, audience or issuer of two that an identity provider tells apart.
package struct ExactName: Sendable, Hashable, ExpressibleByStringLiteral, CustomStringConvertible {
    package let description: String

    package init(_ text: String) { description = text }

    package init(stringLiteral value: String) { description = value }

    package static func == (left: ExactName, right: ExactName) -> Bool {
        left.description.utf8.elementsEqual(right.description.utf8)
    }

    package func hash(into hasher: inout Hasher) {
        for byte in description.utf8 { hasher.combine(byte) }
    }
}
