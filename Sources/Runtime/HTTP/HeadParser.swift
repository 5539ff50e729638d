/// Reads a request head line by line (RFC 9112 §2–§3, §5), so that a head that drips in costs no more than one that
/// comes at once: no byte is searched twice. Offsets count from the first byte of the head.
struct HeadParser: Sendable {
    private enum Stage { case start, afterEmptyLine, fields }

    private let limits: MessageLimits
    private var stage = Stage.start
    private var lineStart = 0
    private var scanned = 0

    private(set) var method = HTTPMethod.get
    private(set) var version = RequestHead.Version.http11
    private(set) var pathRange = 0..<0
    private(set) var queryRange: Range<Int>?
    private(set) var fields: [RequestHead.FieldSlot] = []
    private(set) var framing = Framing()
    /// The target names its own authority, which then counts instead of `Host` (RFC 9112 §3.2.2).
    private var isAbsoluteForm = false

    init(limits: MessageLimits) {
        self.limits = limits
        fields.reserveCapacity(16)
    }

    /// Whether nothing of a head has been seen but perhaps an empty line.
    var isUntouched: Bool { stage != .fields && scanned <= 2 }

    /// Starts over for the next request; keeps its memory.
    mutating func reset() {
        stage = .start
        lineStart = 0
        scanned = 0
        queryRange = nil
        fields.removeAll(keepingCapacity: true)
        framing = Framing()
        isAbsoluteForm = false
    }

    /// Reads what is there of the head that starts at `base`.
    /// - Returns: the head's length once its last line is there, else nil.
    mutating func parse(_ buffer: [UInt8], from base: Int) throws(ProtocolError) -> Int? {
        let available = buffer.count - base
        while scanned < available {
            guard buffer[base + scanned] == ASCII.lineFeed else {
                scanned += 1
                try checkLength(scanned)
                continue
            }
            try checkLength(scanned)
            let end = scanned
            scanned += 1
            guard end > lineStart, buffer[base + end - 1] == ASCII.carriageReturn else { throw .lineEnding }
            let line = lineStart..<(end - 1)
            lineStart = scanned
            if try take(line, buffer, base) { return scanned }
        }
        return nil
    }

    private func checkLength(_ length: Int) throws(ProtocolError) {
        if stage != .fields, length - lineStart > limits.requestLineBytes + 1 { throw .targetTooLong }
        if length >= limits.headBytes { throw .headTooLarge }
    }

    /// One line without its CRLF. True when it was the empty line that ends the head.
    private mutating func take(_ line: Range<Int>, _ buffer: [UInt8], _ base: Int) throws(ProtocolError) -> Bool {
        switch stage {
        case .start where line.isEmpty:
            // A robust server skips one empty line before a request (RFC 9112 §2.2).
            stage = .afterEmptyLine
        case .start, .afterEmptyLine:
            try requestLine(line, buffer, base)
            stage = .fields
        case .fields where line.isEmpty:
            try framing.finish(version: version, isAbsoluteForm: isAbsoluteForm)
            return true
        case .fields:
            try field(line, buffer, base)
        }
        return false
    }

    // MARK: Request line

    private mutating func requestLine(_ line: Range<Int>, _ buffer: [UInt8], _ base: Int) throws(ProtocolError) {
        let table = ByteClass.table
        var index = line.lowerBound
        while index < line.upperBound, table[Int(buffer[base + index])] & ByteClass.token != 0 { index += 1 }
        let methodRange = line.lowerBound..<index
        guard !methodRange.isEmpty, index < line.upperBound, buffer[base + index] == ASCII.space else {
            throw .requestLine
        }
        let targetStart = index + 1
        index = targetStart
        while index < line.upperBound, buffer[base + index] != ASCII.space { index += 1 }
        let target = targetStart..<index
        guard !target.isEmpty, index < line.upperBound else { throw .requestLine }
        try readVersion((index + 1)..<line.upperBound, buffer, base)
        method = Self.method(buffer, (base + methodRange.lowerBound)..<(base + methodRange.upperBound))
        try readTarget(target, buffer, base)
    }

    private mutating func readVersion(_ range: Range<Int>, _ buffer: [UInt8], _ base: Int) throws(ProtocolError) {
        // HTTP-version = "HTTP/" DIGIT "." DIGIT (RFC 9112 §2.3), case-sensitive.
        guard range.count == 8, buffer[(base + range.lowerBound)..<(base + range.lowerBound + 5)] == Self.httpSlash[...]
        else { throw .requestLine }
        let major = buffer[base + range.lowerBound + 5]
        let minor = buffer[base + range.lowerBound + 7]
        guard buffer[base + range.lowerBound + 6] == 0x2E, (0x30...0x39).contains(major), (0x30...0x39).contains(minor)
        else { throw .requestLine }
        switch (major, minor) {
        case (0x31, 0x31): version = .http11
        case (0x31, 0x30): version = .http10
        default: throw .version
        }
    }

    private mutating func readTarget(_ range: Range<Int>, _ buffer: [UInt8], _ base: Int) throws(ProtocolError) {
        let table = ByteClass.table
        var index = range.lowerBound
        var question: Int?
        while index < range.upperBound {
            let byte = buffer[base + index]
            guard table[Int(byte)] & ByteClass.uri != 0 else { throw .target }
            if byte == ASCII.question, question == nil { question = index }
            if byte == ASCII.percent {
                guard index + 2 < range.upperBound, ASCII.hexValue(buffer[base + index + 1]) != nil,
                    ASCII.hexValue(buffer[base + index + 2]) != nil
                else { throw .target }
            }
            index += 1
        }
        var start = range.lowerBound
        switch buffer[base + start] {
        case ASCII.slash: break
        case ASCII.asterisk where range.count == 1 && method == .options: break
        default: start = try skipAuthority(range, buffer, base, question ?? range.upperBound)
        }
        pathRange = start..<(question ?? range.upperBound)
        queryRange = question.map { ($0 + 1)..<range.upperBound }
    }

    /// absolute-form: `http://host[:port]/path` (RFC 9112 §3.2.2). Returns where the path starts.
    private mutating func skipAuthority(
        _ range: Range<Int>, _ buffer: [UInt8], _ base: Int, _ end: Int
    ) throws(ProtocolError) -> Int {
        for scheme in [Self.http, Self.https] where range.count > scheme.count {
            let prefix = buffer[(base + range.lowerBound)..<(base + range.lowerBound + scheme.count)]
            guard prefix.elementsEqual(scheme, by: { ASCII.lowercased($0) == $1 }) else { continue }
            let host = range.lowerBound + scheme.count
            var index = host
            while index < end, buffer[base + index] != ASCII.slash { index += 1 }
            // An absolute form without a path is one for "/", which is not in the bytes: refused as of no use here.
            guard index < end, Framing.isHost(buffer, (base + host)..<(base + index)) else { throw .target }
            isAbsoluteForm = true
            return index
        }
        throw .target
    }

    private static let httpSlash = Array("HTTP/".utf8)
    private static let http = Array("http://".utf8)
    private static let https = Array("https://".utf8)
    private static let known: [(bytes: [UInt8], method: HTTPMethod)] = [
        HTTPMethod.get, .post, .head, .put, .delete, .patch, .options, .trace, .connect,
    ].map { (Array($0.rawValue.utf8), $0) }

    private static func method(_ buffer: [UInt8], _ range: Range<Int>) -> HTTPMethod {
        for entry in known where entry.bytes.count == range.count && buffer[range].elementsEqual(entry.bytes) {
            return entry.method
        }
        return .other(String(decoding: buffer[range], as: UTF8.self))
    }

    // MARK: Fields

    private mutating func field(_ line: Range<Int>, _ buffer: [UInt8], _ base: Int) throws(ProtocolError) {
        let table = ByteClass.table
        var index = line.lowerBound
        while index < line.upperBound, table[Int(buffer[base + index])] & ByteClass.token != 0 { index += 1 }
        // Also refuses a folded line, an empty name, and a space before the colon.
        guard index > line.lowerBound, index < line.upperBound, buffer[base + index] == ASCII.colon else {
            throw .field
        }
        let name = line.lowerBound..<index
        index += 1
        while index < line.upperBound, Self.isBlank(buffer[base + index]) { index += 1 }
        let valueStart = index
        var allowed = ByteClass.fieldValue
        while index < line.upperBound {
            allowed &= table[Int(buffer[base + index])]
            index += 1
        }
        guard allowed != 0 else { throw .field }
        var valueEnd = line.upperBound
        while valueEnd > valueStart, Self.isBlank(buffer[base + valueEnd - 1]) { valueEnd -= 1 }
        guard fields.count < limits.fieldCount else { throw .headTooLarge }
        fields.append(RequestHead.FieldSlot(name: name, value: valueStart..<valueEnd))
        try framing.take(
            name: (base + name.lowerBound)..<(base + name.upperBound),
            value: (base + valueStart)..<(base + valueEnd), in: buffer, version: version)
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == ASCII.space || byte == ASCII.tab }
}
