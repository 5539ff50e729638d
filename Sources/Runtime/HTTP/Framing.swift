/// What the fields of a head say about the message's length and the connection's future. One place decides the body's
/// length, by the numbered rules of RFC 9112 §6.3.
struct Framing: Sendable {
    private var hosts = 0
    private var declaredLength: Int?
    private var isChunked = false
    private var wantsClose = false
    private var wantsKeepAlive = false
    private(set) var expectsContinue = false
    private(set) var keepsAlive = true

    enum Body: Sendable, Equatable {
        /// Bytes; 0 without a body.
        case length(Int)
        case chunked
    }

    /// RFC 9112 §6.3 rules 3 to 7 for requests. Valid after `finish`.
    var body: Body { isChunked ? .chunked : .length(declaredLength ?? 0) }

    /// Notes one field.
    mutating func take(
        name: Range<Int>, value: Range<Int>, in buffer: [UInt8], version: RequestHead.Version
    ) throws(ProtocolError) {
        switch name.count {
        case 4 where equals(buffer, name, FieldName.host):
            hosts += 1
            guard hosts == 1, Self.isHost(buffer, value) else { throw .host }
        case 6 where equals(buffer, name, FieldName.expect):
            guard equals(buffer, value, Self.hundredContinue) else { throw .expectation }
            // An HTTP/1.0 client cannot mean it (RFC 9110 §10.1.1).
            expectsContinue = version == .http11
        case 10 where equals(buffer, name, FieldName.connection):
            noteOptions(buffer, value)
        case 14 where equals(buffer, name, FieldName.contentLength):
            guard declaredLength == nil, !isChunked, !value.isEmpty else { throw .contentLength }
            declaredLength = try decimal(buffer, value)
        case 17 where equals(buffer, name, FieldName.transferEncoding):
            try noteCoding(buffer, value, version)
        default: break
        }
    }

    /// Checks what only the whole head can tell.
    mutating func finish(version: RequestHead.Version, isAbsoluteForm: Bool) throws(ProtocolError) {
        if version == .http11, hosts != 1 { throw .host }
        if isChunked, declaredLength != nil { throw .contentLength }
        keepsAlive = !wantsClose && (version == .http11 || wantsKeepAlive)
    }

    private func decimal(_ buffer: [UInt8], _ range: Range<Int>) throws(ProtocolError) -> Int {
        var length = 0
        for index in range {
            let digit = buffer[index] &- 0x30
            guard digit < 10 else { throw .contentLength }
            let (product, overflow) = length.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(Int(digit))
            guard !overflow, !carry else { throw .contentLength }
            length = sum
        }
        return length
    }

    private mutating func noteCoding(
        _ buffer: [UInt8], _ range: Range<Int>, _ version: RequestHead.Version
    ) throws(ProtocolError) {
        guard version == .http11, !isChunked else { throw .transferEncoding }
        if equals(buffer, range, Self.chunked) {
            isChunked = true
            return
        }
        let codings = elements(buffer, range)
        let chunkedCount = codings.filter { equals(buffer, $0, Self.chunked) }.count
        guard let last = codings.last, equals(buffer, last, Self.chunked), chunkedCount == 1 else {
            throw .transferEncoding
        }
        throw .transferCoding
    }

    private mutating func noteOptions(_ buffer: [UInt8], _ range: Range<Int>) {
        for option in elements(buffer, range) {
            if equals(buffer, option, Self.close) { wantsClose = true }
            if equals(buffer, option, Self.keepAlive) { wantsKeepAlive = true }
        }
    }

    /// The elements of a comma-separated list without blanks around them (RFC 9110 §5.6.1).
    private func elements(_ buffer: [UInt8], _ range: Range<Int>) -> [Range<Int>] {
        buffer[range].split(separator: ASCII.comma).map { part in
            var part = part
            while let first = part.first, first == ASCII.space || first == ASCII.tab { part = part.dropFirst() }
            while let last = part.last, last == ASCII.space || last == ASCII.tab { part = part.dropLast() }
            return part.startIndex..<part.endIndex
        }.filter { !$0.isEmpty }
    }

    /// uri-host [ ":" port ] (RFC 9110 §7.2), not empty.
    static func isHost(_ buffer: [UInt8], _ range: Range<Int>) -> Bool {
        guard !range.isEmpty else { return false }
        var index = range.lowerBound
        if buffer[index] == 0x5B {
            index += 1
            while index < range.upperBound, buffer[index] != 0x5D {
                guard ASCII.hexValue(buffer[index]) != nil || buffer[index] == ASCII.colon || buffer[index] == 0x2E
                else { return false }
                index += 1
            }
            guard index < range.upperBound, index > range.lowerBound + 1 else { return false }
            index += 1
        } else {
            while index < range.upperBound, buffer[index] != ASCII.colon {
                let byte = buffer[index]
                guard ByteClass.table[Int(byte)] & ByteClass.host != 0, byte != 0x5B, byte != 0x5D else { return false }
                if byte == ASCII.percent {
                    guard index + 2 < range.upperBound, ASCII.hexValue(buffer[index + 1]) != nil,
                        ASCII.hexValue(buffer[index + 2]) != nil
                    else { return false }
                }
                index += 1
            }
            guard index > range.lowerBound else { return false }
        }
        guard index < range.upperBound else { return true }
        guard buffer[index] == ASCII.colon, range.upperBound - index <= 6 else { return false }
        return buffer[(index + 1)..<range.upperBound].allSatisfy { (0x30...0x39).contains($0) }
    }

    private func equals(_ buffer: [UInt8], _ range: Range<Int>, _ name: FieldName) -> Bool {
        guard range.count == name.bytes.count else { return false }
        var index = range.lowerBound
        for byte in name.bytes {
            if ASCII.lowercased(buffer[index]) != byte { return false }
            index += 1
        }
        return true
    }

    private static let hundredContinue: FieldName = "100-continue"
    private static let chunked: FieldName = "chunked"
    private static let close: FieldName = "close"
    private static let keepAlive: FieldName = "keep-alive"
}
