import Bytes

/// Reads a request head line by line (RFC 9112 §2–§3, §5), so that a head that drips in costs no more than one that
/// comes at once: no byte is searched twice for a line's end. Offsets count from the first byte of the head.
struct HeadParser: Sendable {
    private enum Stage { case start, afterEmptyLine, fields }

    private let limits: MessageLimits
    private var stage = Stage.start
    private var lineStart = 0
    /// No line ends before this.
    private var scanned = 0
    /// A control other than a tab stands in the line that is being read, or in one before it.
    private var hasControl = false

    private(set) var framing = Framing()

    init(limits: MessageLimits) { self.limits = limits }

    /// Whether of so many bytes nothing is a head's: there are none, or one empty line (RFC 9112 §2.2).
    func isUntouched(by bytes: Int) -> Bool { stage != .fields && bytes == lineStart }

    /// Starts over for the next request.
    mutating func reset() {
        stage = .start
        lineStart = 0
        scanned = 0
        hasControl = false
        framing = Framing()
    }

    /// Reads what is there of a head into `head`, all but its bytes.
    /// - Parameter base: the head's first byte; what follows the head is not looked at.
    /// - Returns: the head's length once its last line is there, else nil.
    mutating func parse(
        _ buffer: [UInt8], from base: Int, into head: inout RequestHead
    ) throws(ProtocolError) -> Int? {
        let bytes = buffer.span.extracting(base...)
        if stage == .start, lineStart == 0, scanned == 0 {
            head.fields.removeAll(keepingCapacity: true)
            head.queryRange = nil
            head.authorityRange = nil
        }
        while let line = try nextLine(bytes) {
            switch stage {
            case .start where line.isEmpty:
                // A robust server skips one empty line before a request (RFC 9112 §2.2).
                stage = .afterEmptyLine
            case .start, .afterEmptyLine:
                try RequestLine.read(line, bytes, into: &head)
                stage = .fields
            case .fields where line.isEmpty:
                try framing.finish(version: head.version)
                return scanned
            case .fields:
                try readField(line, bytes, into: &head)
            }
        }
        return nil
    }

    /// The next line without its CRLF; nil while it is incomplete.
    private mutating func nextLine(_ bytes: Span<UInt8>) throws(ProtocolError) -> Range<Int>? {
        let lineMax = stage == .fields ? Int.max : lineStart + limits.requestLineBytes
        while true {
            let index = scanned + bytes.extracting(scanned...).firstControl
            scanned = index
            // The line's end stands behind its last byte, so the limit may be reached and not passed.
            if index > lineMax { throw .targetTooLong }
            if index >= limits.headBytes { throw .headTooLarge }
            guard index < bytes.count else { return nil }
            switch bytes[index] {
            case ASCII.tab: scanned = index + 1
            case ASCII.lineFeed: throw .lineEnding
            case ASCII.carriageReturn where index + 1 == bytes.count: return nil
            case ASCII.carriageReturn where bytes[index + 1] == ASCII.lineFeed:
                guard index + 1 < limits.headBytes else { throw .headTooLarge }
                defer {
                    scanned = index + 2
                    lineStart = index + 2
                }
                return lineStart..<index
            default:
                // A fault is reported when the line's end is there, so that it does not depend on how bytes arrive.
                hasControl = true
                scanned = index + 1
            }
        }
    }

    /// field-line = field-name ":" OWS field-value OWS (RFC 9112 §5).
    private mutating func readField(
        _ line: Range<Int>, _ bytes: Span<UInt8>, into head: inout RequestHead
    ) throws(ProtocolError) {
        var index = line.lowerBound
        while index < line.upperBound, ByteClass.isToken(bytes[index]) { index &+= 1 }
        // Also refuses a folded line, an empty name, and a space before the colon.
        guard index > line.lowerBound, index < line.upperBound, bytes[index] == ASCII.colon, !hasControl
        else { throw .field }
        let name = line.lowerBound..<index
        var valueStart = index + 1
        var valueEnd = line.upperBound
        while valueStart < valueEnd, ASCII.isBlank(bytes[valueStart]) { valueStart &+= 1 }
        while valueEnd > valueStart, ASCII.isBlank(bytes[valueEnd - 1]) { valueEnd &-= 1 }
        guard head.fields.count < limits.fieldCount else { throw .headTooLarge }
        head.fields.append(RequestHead.FieldSlot(name: name, value: valueStart..<valueEnd))
        try framing.take(name: name, value: valueStart..<valueEnd, in: bytes, version: head.version)
    }
}
