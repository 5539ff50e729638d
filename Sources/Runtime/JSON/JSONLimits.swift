/// What a reader takes before it gives up.
package struct JSONLimits: Sendable, Equatable {
    /// Arrays and objects inside one another; 1 allows `[]`.
    package var maxDepth: Int
    /// Bytes of the document.
    package var maxBytes: Int
    /// Values in the whole document.
    package var maxValues: Int

    package init(maxDepth: Int, maxBytes: Int, maxValues: Int) {
        self.maxDepth = maxDepth
        self.maxBytes = maxBytes
        self.maxValues = maxValues
    }

    package static let standard = JSONLimits(maxDepth: 64, maxBytes: 16 * 1024 * 1024, maxValues: 1_000_000)
}

/// Why a document was refused. Says nothing of its content.
package struct JSONError: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Reason: String, Sendable, Equatable {
        case unexpectedEnd = "the text ends too early"
        case unexpectedByte = "a character is not allowed here"
        case number = "a number is malformed"
        case escape = "an escape is malformed"
        case control = "a control character is not escaped"
        case utf8 = "the text is not UTF-8"
        case duplicateName = "a member name is repeated"
        case tooDeep = "it is nested too deeply"
        case tooLarge = "it is too large"
        case trailing = "something follows the value"
    }

    package let reason: Reason
    /// Byte offset from the start.
    package let offset: Int

    init(_ reason: Reason, at offset: Int) {
        self.reason = reason
        self.offset = offset
    }

    package var description: String { "\(reason.rawValue) (byte \(offset))" }
}
