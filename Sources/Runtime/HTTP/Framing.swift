import Bytes

/// What the fields of a head say about the message's length and the connection's future. One place decides the body's
/// length, by the numbered rules of RFC 9112 §6.3.
struct Framing: Sendable {
    private var hosts = 0
    private var declaredLength: Int?
    private var hasTransferEncoding = false
    /// `chunked` is the last coding so far, over all `Transfer-Encoding` lines.
    private var isChunked = false
    /// A coding other than `chunked` was applied first.
    private var hasOtherCoding = false
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
            // The field is a list, and an empty one expects nothing (RFC 9110 §5.6.1, §10.1.1).
            if value.isEmpty { break }
            guard bytes.equals(value, lowercased: Self.hundredContinue) else { throw .expectation }
            // An HTTP/1.0 client cannot mean it (RFC 9110 §10.1.1).
            expectsContinue = version == .http11
        case 10 where bytes.equals(name, lowercased: FieldName.connection.bytes):
            noteOptions(bytes, value)
        case 14 where bytes.equals(name, lowercased: FieldName.contentLength.bytes):
            guard declaredLength == nil, !value.isEmpty else { throw .contentLength }
            declaredLength = try decimal(bytes, value)
        case 17 where bytes.equals(name, lowercased: FieldName.transferEncoding.bytes):
            try noteCoding(bytes, value, version)
        default: break
        }
    }

    /// Checks what only the whole head can tell.
    mutating func finish(version: RequestHead.Version) throws(ProtocolError) {
        if version == .http11, hosts != 1 { throw .host }
        if hasTransferEncoding {
            guard isChunked else { throw .transferEncoding }
            if declaredLength != nil { throw .contentLength }
            if hasOtherCoding { throw .transferCoding }
        }
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

    /// Adds the codings of one line to those of the lines before it: several lines mean what one would (RFC 9110 §5.3).
    private mutating func noteCoding(
        _ bytes: Span<UInt8>, _ range: Range<Int>, _ version: RequestHead.Version
    ) throws(ProtocolError) {
        guard version == .http11 else { throw .transferEncoding }
        hasTransferEncoding = true
        var start = range.lowerBound
        repeat {
            var comma = start
            while comma < range.upperBound, bytes[comma] != ASCII.comma { comma &+= 1 }
            let coding = trimmed(bytes, start..<comma)
            // An empty element is legal, but no sender has a reason for one beside `chunked`.
            guard !isChunked, !coding.isEmpty else { throw .transferEncoding }
            if bytes.equals(coding, lowercased: Self.chunked) { isChunked = true } else { hasOtherCoding = true }
            start = comma + 1
        } while start <= range.upperBound
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
            let element = trimmed(bytes, start..<comma)
            if !element.isEmpty { elements.append(element) }
            start = comma + 1
        }
        return elements
    }

    private func trimmed(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Range<Int> {
        var start = range.lowerBound
        var end = range.upperBound
        while start < end, ASCII.isBlank(bytes[start]) { start &+= 1 }
        while end > start, ASCII.isBlank(bytes[end - 1]) { end &-= 1 }
        return start..<end
    }

    /// uri-host [ ":" port ] (RFC 9110 §7.2), not empty.
    static func isHost(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
        guard !range.isEmpty else { return false }
        var index = range.lowerBound
        if bytes[index] == 0x5B {
            while index < range.upperBound, bytes[index] != 0x5D { index &+= 1 }
            guard index < range.upperBound, IPAddress.isIPv6(bytes.extracting((range.lowerBound + 1)..<index)) else {
                return false
            }
            index += 1
        } else {
            while index < range.upperBound, bytes[index] != ASCII.colon {
                let byte = bytes[index]
                guard ByteClass.isHost(byte) else { return false }
                if byte == ASCII.percent {
                    guard index + 2 < range.upperBound, Hex.value(bytes[index + 1]) != nil,
                        Hex.value(bytes[index + 2]) != nil
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
