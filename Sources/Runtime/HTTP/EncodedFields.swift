/// Field lines as they are sent, checked once, for answers that are given often.
package struct EncodedFields: Sendable {
    let bytes: [UInt8]

    /// - Throws: for a name that is no token, or a value with a control in it.
    package init(_ fields: HTTPFields) throws(ResponseEncoder.InvalidField) {
        var bytes: [UInt8] = []
        for field in fields.all { bytes += try ResponseEncoder.line(field.name, field.value) }
        self.bytes = bytes
    }

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
}
