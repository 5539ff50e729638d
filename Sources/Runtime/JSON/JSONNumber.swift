/// A number as it was written: no digit is lost before a reader says what type it should have.
package struct JSONNumber: Sendable, Equatable {
    /// RFC 8259 §6.
    package let text: String

    /// The caller has checked the grammar.
    init(checked text: String) { self.text = text }

    package init(_ value: Int) { text = String(value) }

    /// A value that is not finite has no JSON form and becomes 0.
    package init(_ value: Double) {
        text = value.isFinite ? (value == value.rounded() && abs(value) < 1e15 ? "\(value)" : "\(value)") : "0"
    }

    /// Exactly that integer, also for `1.0` and `1e3`; nil when it has a fraction or does not fit.
    package var int: Int? {
        if let value = Int(text) { return value }
        // Beyond 2^53 a Double no longer tells integers apart.
        guard let value = double, value == value.rounded(), abs(value) <= 9_007_199_254_740_992 else { return nil }
        return Int(value)
    }

    /// That integer when it is in the range, else nil.
    package func int(in range: ClosedRange<Int>) -> Int? { int.flatMap { range.contains($0) ? $0 : nil } }

    /// Nil when it is too large for a `Double`.
    package var double: Double? {
        guard let value = Double(text), value.isFinite else { return nil }
        return value
    }

    package static func == (left: JSONNumber, right: JSONNumber) -> Bool {
        left.text == right.text || (left.double != nil && left.double == right.double)
    }
}
