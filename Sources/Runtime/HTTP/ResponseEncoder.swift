/// Writes response heads (RFC 9112 §4). The output is checked too: a value that could end its line is refused, since
/// it would split the response (RFC 9112 §11.1).
package enum ResponseEncoder {
    /// A field that must not be sent: a defect of the caller.
    package struct InvalidField: Error, Sendable {
        package let name: String
    }

    /// How the connection goes on, where that must be said.
    package enum Connection: Sendable { case unsaid, close, keepAlive }

    /// Appends the rest of an answer whose first lines are there: the fields, the length and, where the status and method
    /// allow one, the body.
    /// - Parameters:
    ///   - fields: checked one by one, before anything is appended.
    ///   - ready: checked before, as are the numbered ones.
    ///   - isHead: the request was HEAD: the length is sent, the body is not (RFC 9110 §9.3.2).
    package static func finish(
        status: HTTPStatus, fields: HTTPFields, ready: EncodedFields? = nil, numbered: NumberedFields.Filled? = nil,
        body: [UInt8], isHead: Bool, connection: Connection, into out: inout [UInt8]
    ) throws(InvalidField) {
        if let ready { out.append(contentsOf: ready.bytes) }
        numbered?.append(to: &out)
        if !fields.all.isEmpty { try append(fields, to: &out) }
        switch connection {
        case .unsaid: break
        case .close: out.append(contentsOf: closeLine)
        case .keepAlive: out.append(contentsOf: keepAliveLine)
        }
        let mayHaveBody = status.code != 204 && status.code != 304 && status.code >= 200
        guard mayHaveBody else {
            out.append(contentsOf: lineEnd)
            return
        }
        out.append(contentsOf: lengthName)
        Decimal.append(body.count, to: &out)
        out.append(contentsOf: headEnd)
        if !isHead { out.append(contentsOf: body) }
    }

    private static func append(_ fields: HTTPFields, to out: inout [UInt8]) throws(InvalidField) {
        for field in fields.all where !isValid(field) { throw InvalidField(name: field.name) }
        for field in fields.all {
            out.append(contentsOf: field.name.utf8)
            out.append(contentsOf: separator)
            out.append(contentsOf: field.value.utf8)
            out.append(contentsOf: lineEnd)
        }
    }

    /// One field line, checked.
    package static func line(_ name: String, _ value: String) throws(InvalidField) -> [UInt8] {
        let field = HTTPFields.Field(name: name, value: value)
        guard isValid(field) else { throw InvalidField(name: name) }
        return Array(name.utf8) + separator + Array(value.utf8) + lineEnd
    }

    /// A line for each field, checked.
    package static func lines(_ fields: HTTPFields) throws(InvalidField) -> [UInt8] {
        var lines: [UInt8] = []
        for field in fields.all { lines += try line(field.name, field.value) }
        return lines
    }

    /// The interim answer that lets a waiting client send its body.
    package static let continueResponse = Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)

    private static let separator = Array(": ".utf8)
    private static let lineEnd = Array("\r\n".utf8)
    private static let headEnd = Array("\r\n\r\n".utf8)
    private static let lengthName = Array("content-length: ".utf8)
    private static let closeLine = Array("connection: close\r\n".utf8)
    private static let keepAliveLine = Array("connection: keep-alive\r\n".utf8)

    private static func isValid(_ field: HTTPFields.Field) -> Bool {
        guard !field.name.isEmpty else { return false }
        for byte in field.name.utf8 where !ByteClass.isToken(byte) { return false }
        for byte in field.value.utf8 where !ByteClass.isFieldValue(byte) { return false }
        return true
    }

    /// status-line (RFC 9112 §4) with its CRLF.
    package static func statusLine(_ status: HTTPStatus) -> [UInt8] {
        guard statusLines.indices.contains(status.code), !statusLines[status.code].isEmpty else {
            return makeStatusLine(status)
        }
        return statusLines[status.code]
    }

    private static func makeStatusLine(_ status: HTTPStatus) -> [UInt8] {
        Array("HTTP/1.1 \(status.code) \(status.reason)\r\n".utf8)
    }

    /// Those of the registered statuses, by their code.
    private static let statusLines: [[UInt8]] = {
        var lines = [[UInt8]](repeating: [], count: 600)
        for status in HTTPStatus.allRegistered { lines[status.code] = makeStatusLine(status) }
        return lines
    }()

}
