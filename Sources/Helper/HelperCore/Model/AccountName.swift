/// The name of a caller's user in 3scale.
///
/// 3scale takes 3 to 40 ASCII word characters and `.-@+`, the first of them a word character. A user name that keeps these
/// rules is taken as it is. Any other becomes what is left of it in ASCII, a hyphen and 12 digits of the owner mark, so that
/// two people whose names fold alike get two accounts, and one person always gets the same one.
package enum AccountName {
    private static let lengthMin = 3
    private static let lengthMax = 40
    /// With a hyphen and `markDigits` more, the longest name that 3scale takes.
    private static let foldedMax = 27
    private static let markDigits = 12

    /// Returns the 3scale user name for a caller. Pure: equal arguments give equal names, in every process and version.
    package static func name(for username: String, owner: OwnerMark) -> String {
        if isAccepted(username) { return username }
        return "\(folded(username))-\(owner.description.prefix(markDigits))"
    }

    /// Returns the beginning of every derived name for a username, the same for all owners: all but the digits of the mark.
    package static func prefix(for username: String) -> String { "\(folded(username))-" }

    /// Whether a 3scale user name is the one that `name(for:owner:)` gives a username, for some owner.
    package static func isName(_ name: String, of username: String) -> Bool {
        if isAccepted(username) { return name == username }
        let prefix = prefix(for: username)
        let digits = name.utf8.dropFirst(prefix.utf8.count)
        return name.hasPrefix(prefix) && digits.count == markDigits
            && digits.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    }

    /// Returns the `org_name` of a caller's account: the username itself, or what is made of it where the username has no ASCII
    /// letter or digit, which 3scale asks for.
    package static func organization(for username: String, owner: OwnerMark) -> String {
        if hasLetterOrDigit(username) { return username }
        let name = name(for: username, owner: owner)
        return hasLetterOrDigit(name) ? name : "\(name)-\(owner.description.prefix(markDigits))"
    }

    private static func hasLetterOrDigit(_ name: String) -> Bool {
        name.utf8.contains { isWord($0) && $0 != underscore }
    }

    /// Returns what a derived name becomes when its owner gets another mark; nil for a name that is not derived from the mark.
    package static func moved(_ name: String, from owner: OwnerMark, to newOwner: OwnerMark) -> String? {
        guard isDerived(name, of: owner) else { return nil }
        return "\(name.dropLast(markDigits))\(newOwner.description.prefix(markDigits))"
    }

    /// Whether a 3scale user name ends in the digits of an owner's mark, as `name(for:owner:)` gives them to a name that 3scale does
    /// not take.
    static func isDerived(_ name: String, of owner: OwnerMark) -> Bool {
        name.hasSuffix("-\(owner.description.prefix(markDigits))")
    }

    /// Whether 3scale accepts the name as it is (signup validation: `\A\w[\w.\-_@+]+\z` with ASCII word characters).
    package static func isAccepted(_ name: String) -> Bool {
        guard (lengthMin...lengthMax).contains(name.utf8.count), let first = name.utf8.first else { return false }
        return isWord(first) && name.utf8.allSatisfy(isAllowed)
    }

    /// Drops accents, replaces what is not allowed by `-`, and keeps the first 27 characters. A first character that 3scale
    /// does not take there becomes `_`.
    private static func folded(_ name: String) -> String {
        var bytes: [UInt8] = []
        for scalar in name.unicodeScalars where !isAccent(scalar) {
            if bytes.count == foldedMax { break }
            let byte = asciiBase(scalar)
            bytes.append(isAllowed(byte) ? byte : hyphen)
        }
        guard let first = bytes.first else { return "_" }
        if !isWord(first) { bytes[0] = underscore }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static let hyphen: UInt8 = 0x2D
    private static let underscore: UInt8 = 0x5F

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x2B, 0x2D, 0x2E, 0x40: true
        default: isWord(byte)
        }
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, underscore: true
        default: false
        }
    }

    // MARK: Folding

    /// An accent that stands by itself, as in decomposed text.
    private static func isAccent(_ scalar: Unicode.Scalar) -> Bool {
        !scalar.isASCII && scalar.properties.generalCategory == .nonspacingMark
    }

    /// The ASCII letter that a letter's canonical decomposition begins with; `-` where there is none.
    private static func asciiBase(_ scalar: Unicode.Scalar) -> UInt8 {
        let value = Int(scalar.value)
        switch value {
        case ..<0x80: return UInt8(value)
        case latin.range: return latin.bases[value - latin.range.lowerBound]
        case latinAdditional.range: return latinAdditional.bases[value - latinAdditional.range.lowerBound]
        case 0x212A: return 0x4B  // the Kelvin sign, K
        case 0x212B: return 0x41  // the ångström sign, A
        default: return hyphen
        }
    }

    // Decompositions of the Unicode Character Database, which the standard library does not offer. They cannot change
    // between versions of Unicode (its normalisation stability policy).

    private static let latin = block(
        from: 0xC0,
        """
        AAAAAA-CEEEEIIII-NOOOOO--UUUUY--aaaaaa-ceeeeiiii-nooooo--uuuuy-y\
        AaAaAaCcCcCcCcDd--EeEeEeEeEeGgGgGgGgHh--IiIiIiIiI---JjKk-LlLlLl-\
        ---NnNnNn---OoOoOo--RrRrRrSsSsSsSsTtTt--UuUuUuUuUuUuWwYyYZzZzZz-\
        --------------------------------Oo-------------Uu---------------\
        -------------AaIiOoUuUuUuUuUu-AaAa----GgKkOoOo--j---Gg--NnAa----\
        AaAaEeEeIiIiOoOoRrRrUuUuSsTt--Hh------AaEeOoOoOoOoYy------------\
        ----------------
        """)

    private static let latinAdditional = block(
        from: 0x1E00,
        """
        AaBbBbBbCcDdDdDdDdDdEeEeEeEeEeFfGgHhHhHhHhHhIiIiKkKkKkLlLlLlLlMm\
        MmMmNnNnNnNnOoOoOoOoPpPpRrRrRrRrSsSsSsSsSsTtTtTtTtUuUuUuUuUuVvVv\
        WwWwWwWwWwXxXxYyZzZzZzhtwy------AaAaAaAaAaAaAaAaAaAaAaAaEeEeEeEe\
        EeEeEeEeIiIiOoOoOoOoOoOoOoOoOoOoOoOoUuUuUuUuUuUuUuYyYyYyYy------
        """)

    private static func block(from start: Int, _ text: String) -> (range: Range<Int>, bases: [UInt8]) {
        let bases = Array(text.utf8)
        return (start..<(start + bases.count), bases)
    }
}
