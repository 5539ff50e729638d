/// A whole number that a peer, a file or a person chose. It has no arithmetic, which could trap: its reader says which range
/// makes sense and gets an `Int` of that range.
///
/// The only way from foreign text to an `Int`: `scripts/check-structure.py` refuses every other.
package struct ForeignNumber: Sendable, Hashable, ExpressibleByIntegerLiteral, CustomStringConvertible {
    private let value: Int64

    package init(_ value: Int64) { self.value = value }
    package init(integerLiteral value: Int64) { self.value = value }

    /// Reads decimal digits with at most a minus before them. A number beyond 64 bits becomes the last one in its direction.
    /// - Returns: nil for every other text.
    package init?(_ text: some StringProtocol) {
        let isNegative = text.utf8.first == 0x2D
        let digits = text.utf8.dropFirst(isNegative ? 1 : 0)
        guard !digits.isEmpty, digits.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        value = Int64(text) ?? (isNegative ? .min : .max)
    }

    /// Rounds to the nearest number; one beyond 64 bits becomes the last one in its direction.
    /// - Returns: nil for what is not a number.
    package init?(rounding number: Double) {
        guard !number.isNaN else { return nil }
        value = Int64(exactly: number.rounded()) ?? (number < 0 ? .min : .max)
    }

    /// The number when it is in the range, else nil.
    package func within(_ range: ClosedRange<Int>) -> Int? {
        Int(exactly: value).flatMap { range.contains($0) ? $0 : nil }
    }

    /// The number of a text that is written as the number itself is: ids are texts to clients, and `007` is the id of nothing.
    /// - Returns: nil for every other text, and for a number out of the range.
    package static func canonical(_ text: some StringProtocol, in range: ClosedRange<Int> = 0 ... .max) -> Int? {
        ForeignNumber(text)?.within(range).flatMap { String($0) == text ? $0 : nil }
    }

    /// The number, or the end of the range that is nearest to it.
    package func clamped(to range: ClosedRange<Int>) -> Int {
        min(max(Int(clamping: value), range.lowerBound), range.upperBound)
    }

    package var description: String { String(value) }
}
