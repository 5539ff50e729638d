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
        name: Range<Int>, value: Range<Int>, in bytes: Span<UInt8>, version: RequestHead.Version
    ) throws(ProtocolError) {
        switch name.count {
        case 4 where bytes.equals(name, lowercased: FieldName.host.bytes):
            hosts += 1
            guard hosts == 1, Self.isHost(bytes, value) else { throw .host }
        case 6 where bytes.equals(name, lowercased: FieldName.expect.bytes):
            guard bytes.equals(value, lowercased: Self.hundredContinue) else { throw .expectation }
            // An HTTP/1.0 client cannot mean it (RFC 9110 §10.1.1).
            expectsContinue = version == .http11
        case 10 where bytes.equals(name, lowercased: FieldName.connection.bytes):
            noteOptions(bytes, value)
        case 14 where bytes.equals(name, lowercased: FieldName.contentLength.bytes):
            guard declaredLength == nil, !isChunked, !value.isEmpty else { throw .contentLength }
            declaredLength = try decimal(bytes, value)
        case 17 where bytes.equals(name, lowercased: FieldName.transferEncoding.bytes):
            try noteCoding(bytes, value, version)
        default: break
        }
    }

    /// Checks what only the whole head can tell.
    mutating func finish(version: RequestHead.Version) throws(ProtocolError) {
        if version == .http11, hosts != 1 { throw .host }
        if isChunked, declaredLength != nil { throw .contentLength }
        keepsAlive = !wantsClose && (version == .http11 || wantsKeepAlive)
    }

    private func decimal(_ bytes: Span<UInt8>, _ range: Range<Int>) throws(ProtocolError) -> Int {
        var length = 0
        for index in range {
            let digit = bytes[index] &- 0x30
            guard digit < 10 else { throw .contentLength }
            let (product, overflow) = length.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(Int(digit))
            guard !overflow, !carry else { throw .contentLength }
            length = sum
        }
        return length
    }

    private mutating func noteCoding(
        _ bytes: Span<UInt8>, _ range: Range<Int>, _ version: RequestHead.Version
    ) throws(ProtocolError) {
        guard version == .http11, !isChunked else { throw .transferEncoding }
        if bytes.equals(range, lowercased: Self.chunked) {
            isChunked = true
            return
        }
        let codings = elements(bytes, range)
        let chunkedCount = codings.filter { bytes.equals($0, lowercased: Self.chunked) }.count
        guard let last = codings.last, bytes.equals(last, lowercased: Self.chunked), chunkedCount == 1,
            codings.count > 1
        else {
            throw .transferEncoding
        }
        throw .transferCoding
    }

    private mutating func noteOptions(_ bytes: Span<UInt8>, _ range: Range<Int>) {
        for option in elements(bytes, range) {
            if bytes.equals(option, lowercased: Self.close) { wantsClose = true }
            if bytes.equals(option, lowercased: Self.keepAlive) { wantsKeepAlive = true }
        }
    }

    /// The elements of a comma-separated list without blanks around them (RFC 9110 §5.6.1).
    private func elements(_ bytes: Span<UInt8>, _ range: Range<Int>) -> [Range<Int>] {
        var elements: [Range<Int>] = []
        var start = range.lowerBound
        while start < range.upperBound {
            var comma = start
            while comma < range.upperBound, bytes[comma] != ASCII.comma { comma &+= 1 }
            var end = comma
            while start < end, ASCII.isBlank(bytes[start]) { start &+= 1 }
            while end > start, ASCII.isBlank(bytes[end - 1]) { end &-= 1 }
            if start < end { elements.append(start..<end) }
            start = comma + 1
        }
        return elements
    }

    /// uri-host [ ":" port ] (RFC 9110 §7.2), not empty.
    static func isHost(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
        guard !range.isEmpty else { return false }
        var index = range.lowerBound
        if bytes[index] == 0x5B {
            while index < range.upperBound, bytes[index] != 0x5D { index &+= 1 }
            guard index < range.upperBound, IPLiteral.isIPv6(bytes, (range.lowerBound + 1)..<index) else {
                return false
            }
            index += 1
        } else {
            while index < range.upperBound, bytes[index] != ASCII.colon {
                let byte = bytes[index]
                guard ByteClass.isHost(byte) else { return false }
                if byte == ASCII.percent {
                    guard index + 2 < range.upperBound, ASCII.hexValue(bytes[index + 1]) != nil,
                        ASCII.hexValue(bytes[index + 2]) != nil
                    else { return false }
                }
                index &+= 1
            }
            guard index > range.lowerBound else { return false }
        }
        guard index < range.upperBound else { return true }
        guard bytes[index] == ASCII.colon, range.upperBound - index <= 6 else { return false }
        index += 1
        while index < range.upperBound, ASCII.isDigit(bytes[index]) { index &+= 1 }
        return index == range.upperBound
    }

    private static let hundredContinue = Array("100-continue".utf8)
    private static let chunked = Array("chunked".utf8)
    private static let close = Array("close".utf8)
    private static let keepAlive = Array("keep-alive".utf8)
}
