/// Field lines of which the last has two numbers in it, checked once, for fields that say something else on every answer.
/// A reference, so that an answer carries them for one count.
package final class NumberedFields: Sendable {
    /// The lines with their numbers.
    package struct Filled: Sendable {
        private let pattern: NumberedFields
        private let first: Int
        private let second: Int

        /// - Parameters:
        ///   - first: 0 or more, like the second.
        package init(_ pattern: NumberedFields, _ first: Int, _ second: Int) {
            self.pattern = pattern
            self.first = first
            self.second = second
        }

        func append(to out: inout [UInt8]) {
            out.append(contentsOf: pattern.start)
            Decimal.append(first, to: &out)
            out.append(contentsOf: pattern.middle)
            Decimal.append(second, to: &out)
            out.append(contentsOf: NumberedFields.lineEnd)
        }
    }

    private let start: [UInt8]
    private let middle: [UInt8]
    private static let lineEnd = Array("\r\n".utf8)

    /// Traps on fields that are not well formed: they are ours.
    /// - Parameters:
    ///   - fields: stand before the line with the numbers.
    ///   - pieces: of its value: what stands before the first number and between the two.
    package init(after fields: HTTPFields, name: String, pieces: (String, String)) {
        do throws(ResponseEncoder.InvalidField) {
            let line = try ResponseEncoder.line(name, pieces.0 + pieces.1)
            start = try ResponseEncoder.lines(fields) + line.dropLast(pieces.1.utf8.count + Self.lineEnd.count)
            middle = Array(pieces.1.utf8)
        } catch {
            preconditionFailure("Invalid field: \(error.name)")
        }
    }
}
