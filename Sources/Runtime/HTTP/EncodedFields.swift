/// Field lines as they are sent, checked once, for answers that are given often.
package struct EncodedFields: Sendable {
    private(set) var bytes: [UInt8]

    /// - Throws: for a name that is no token, or a value with a control in it.
    package init(_ fields: HTTPFields) throws(ResponseEncoder.InvalidField) {
        var bytes: [UInt8] = []
        for field in fields.all { bytes += try ResponseEncoder.line(field.name, field.value) }
        self.bytes = bytes
    }

    /// No lines.
    package init() { bytes = [] }

    /// Fields that are ours and known to be well formed; traps on others.
    package init(literal pairs: (String, String)...) {
        do throws(ResponseEncoder.InvalidField) {
            self = try EncodedFields(HTTPFields(pairs))
        } catch {
            preconditionFailure("Invalid field: \(error.name)")
        }
    }

    /// `content-type: application/json`.
    package static let json = EncodedFields(literal: ("content-type", "application/json"))

    /// These lines and those of a pattern behind them.
    package func appending(_ pattern: NumberedFields, _ first: Int, _ second: Int) -> EncodedFields {
        var fields = self
        fields.bytes.reserveCapacity(bytes.count + pattern.bytesMax)
        pattern.append(first, second, to: &fields.bytes)
        return fields
    }
}

/// Field lines of which the last has two numbers in it, checked once, for fields that say something else on every answer.
package struct NumberedFields: Sendable {
    private let start: [UInt8]
    private let middle: [UInt8]
    private static let lineEnd = Array("\r\n".utf8)

    /// - Parameters:
    ///   - fields: stand before the line with the numbers.
    ///   - pieces: of its value: what stands before the first number and between the two.
    /// Traps on fields that are not well formed: they are ours.
    package init(after fields: HTTPFields, name: String, pieces: (String, String)) {
        do throws(ResponseEncoder.InvalidField) {
            let line = try ResponseEncoder.line(name, pieces.0 + pieces.1)
            start = try ResponseEncoder.lines(fields) + line.dropLast(pieces.1.utf8.count + Self.lineEnd.count)
            middle = Array(pieces.1.utf8)
        } catch {
            preconditionFailure("Invalid field: \(error.name)")
        }
    }

    /// Two numbers of at most 20 digits among them.
    var bytesMax: Int { start.count + middle.count + Self.lineEnd.count + 40 }

    func append(_ first: Int, _ second: Int, to out: inout [UInt8]) {
        out.append(contentsOf: start)
        Decimal.append(first, to: &out)
        out.append(contentsOf: middle)
        Decimal.append(second, to: &out)
        out.append(contentsOf: Self.lineEnd)
    }
}
