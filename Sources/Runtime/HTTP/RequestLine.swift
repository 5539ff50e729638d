import Bytes

/// request-line = method SP request-target SP HTTP-version (RFC 9112 §3).
enum RequestLine {
    /// Reads a line without its CRLF into the head.
    static func read(
        _ line: Range<Int>, _ bytes: Span<UInt8>, into head: inout RequestHead
    ) throws(ProtocolError) {
        var index = line.lowerBound
        while index < line.upperBound, ByteClass.isToken(bytes[index]) { index &+= 1 }
        let methodRange = line.lowerBound..<index
        guard !methodRange.isEmpty, index < line.upperBound, bytes[index] == ASCII.space else { throw .requestLine }
        let targetStart = index + 1
        index = targetStart
        while index < line.upperBound, bytes[index] != ASCII.space { index &+= 1 }
        let target = targetStart..<index
        guard !target.isEmpty, index < line.upperBound else { throw .requestLine }
        head.version = try version((index + 1)..<line.upperBound, bytes)
        head.method = method(methodRange, bytes)
        try readTarget(target, bytes, into: &head)
    }

    /// HTTP-version = "HTTP/" DIGIT "." DIGIT (RFC 9112 §2.3), case-sensitive.
    private static func version(_ range: Range<Int>, _ bytes: Span<UInt8>) throws(ProtocolError) -> RequestHead.Version
    {
        let start = range.lowerBound
        guard range.count == 8, bytes[start] == 0x48, bytes[start + 1] == 0x54, bytes[start + 2] == 0x54,
            bytes[start + 3] == 0x50, bytes[start + 4] == ASCII.slash, bytes[start + 6] == 0x2E
        else { throw .requestLine }
        let major = bytes[start + 5]
        let minor = bytes[start + 7]
        guard ASCII.isDigit(major), ASCII.isDigit(minor) else { throw .requestLine }
        switch (major, minor) {
        case (0x31, 0x31): return .http11
        case (0x31, 0x30): return .http10
        default: throw .version
        }
    }

    private static func method(_ range: Range<Int>, _ bytes: Span<UInt8>) -> HTTPMethod {
        let start = range.lowerBound
        // The two that nearly every request has cost no search.
        if range.count == 3, bytes[start] == 0x47, bytes[start + 1] == 0x45, bytes[start + 2] == 0x54 { return .get }
        if range.count == 4, bytes[start] == 0x50, bytes[start + 1] == 0x4F, bytes[start + 2] == 0x53,
            bytes[start + 3] == 0x54
        {
            return .post
        }
        var name = ""
        for index in range { name.unicodeScalars.append(Unicode.Scalar(bytes[index])) }
        return HTTPMethod(name)
    }

    // MARK: Target

    /// origin-form, absolute-form, or the asterisk-form of OPTIONS (RFC 9112 §3.2). CONNECT takes an authority and nothing
    /// else (§3.2.3), and nothing here tunnels.
    private static func readTarget(
        _ range: Range<Int>, _ bytes: Span<UInt8>, into head: inout RequestHead
    ) throws(ProtocolError) {
        guard head.method != .connect else { throw .target }
        switch bytes[range.lowerBound] {
        case ASCII.slash: try readPath(range, bytes, into: &head)
        case ASCII.asterisk where range.count == 1 && head.method == .options: head.pathRange = range
        default:
            let authority = try authority(range, bytes)
            head.authorityRange = authority
            try readPath(authority.upperBound..<range.upperBound, bytes, into: &head)
            // Without a path it is one for "/" (RFC 9110 §4.2.3): the scheme's own second slash stands for it.
            if head.pathRange.isEmpty { head.pathRange = (authority.lowerBound - 1)..<authority.lowerBound }
        }
    }

    /// absolute-path [ "?" query ].
    private static func readPath(
        _ range: Range<Int>, _ bytes: Span<UInt8>, into head: inout RequestHead
    ) throws(ProtocolError) {
        var question = range.upperBound
        var index = range.lowerBound
        while index < range.upperBound {
            let byte = bytes[index]
            guard ByteClass.isPathOrQuery(byte) else { throw .target }
            if byte == ASCII.question, question == range.upperBound { question = index }
            if byte == ASCII.percent {
                guard index + 2 < range.upperBound, Hex.value(bytes[index + 1]) != nil,
                    Hex.value(bytes[index + 2]) != nil
                else { throw .target }
            }
            index &+= 1
        }
        head.pathRange = range.lowerBound..<question
        head.queryRange = question < range.upperBound ? (question + 1)..<range.upperBound : nil
    }

    /// Where the authority of `http://host[:port]/path` stands (RFC 9112 §3.2.2); it counts instead of `Host`.
    private static func authority(_ range: Range<Int>, _ bytes: Span<UInt8>) throws(ProtocolError) -> Range<Int> {
        for scheme in [http, https] where range.count > scheme.count {
            let host = range.lowerBound + scheme.count
            guard bytes.equals(range.lowerBound..<host, lowercased: scheme) else { continue }
            var end = host
            while end < range.upperBound, bytes[end] != ASCII.slash, bytes[end] != ASCII.question { end &+= 1 }
            guard Framing.isHost(bytes, host..<end) else { throw .target }
            return host..<end
        }
        throw .target
    }

    private static let http = Array("http://".utf8)
    private static let https = Array("https://".utf8)
}
