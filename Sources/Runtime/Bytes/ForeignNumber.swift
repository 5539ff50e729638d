/// A whole number that a peer chose. It has no arithmetic, which could trap: its reader says which range makes sense and gets
/// an `Int` of that range, or nothing.
package struct ForeignNumber: Sendable, Hashable, ExpressibleByIntegerLiteral, CustomStringConvertible {
    private let value: Int64

    package init(_ value: Int64) { self.value = value }
    package init(integerLiteral value: Int64) { self.value = value }

    /// The number when it is in the range, else nil.
    package func within(_ range: ClosedRange<Int>) -> Int? {
        Int(exactly: value).flatMap { range.contains($0) ? $0 : nil }
    }

    package var description: String { String(value) }
}
