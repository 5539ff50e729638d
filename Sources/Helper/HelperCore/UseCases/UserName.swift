/// What 3scale takes as a user name (signup validation: 3 to 40 characters, `\A\w[\w.\-_@+]+\z` with ASCII word
/// characters).
package enum UserName {
    /// The rule a name breaks, in words for its owner; nil for a good name.
    package static func problem(_ name: String) -> String? {
        let bytes = Array(name.utf8)
        if name.unicodeScalars.count < 3 { return "is shorter than 3 characters" }
        if name.unicodeScalars.count > 40 { return "is longer than 40 characters" }
        guard let first = bytes.first, isWord(first) else { return "does not start with a letter, digit or underscore" }
        guard bytes.allSatisfy({ isWord($0) || [0x2E, 0x2D, 0x40, 0x2B].contains($0) }) else {
            return "has characters other than letters, digits and .-_@+"
        }
        return nil
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x5F: true
        default: false
        }
    }
}
