import Bytes

/// Decodes a chunked body (RFC 9112 §7.1). Trailer fields are checked and dropped.
struct ChunkedDecoder: Sendable {
    private enum Stage: Equatable { case size, data(Int), dataEnd, trailers, done }

    private let limits: MessageLimits
    private var stage = Stage.size
    private var trailerBytes = 0
    /// Bytes of the line under way that have been searched, counted from its first.
    private var searched = 0

    init(limits: MessageLimits) { self.limits = limits }

    /// Takes what is there from `offset` on, appends data to `body` and moves `offset` behind what was used.
    /// - Returns: true when the last line of the body has been read.
    mutating func decode(
        _ buffer: [UInt8], _ offset: inout Int, into body: inout [UInt8]
    ) throws(ProtocolError) -> Bool {
        while stage != .done {
            switch stage {
            case .size:
                guard let line = try line(buffer, &offset, limit: limits.chunkLineBytes) else { return false }
                let size = try Self.size(buffer, line)
                guard size <= limits.bodyBytes - body.count else { throw .bodyTooLarge }
                stage = size == 0 ? .trailers : .data(size)
            case .data(let left):
                let take = min(left, buffer.count - offset)
                body.append(contentsOf: buffer[offset..<(offset + take)])
                offset += take
                guard take == left else {
                    stage = .data(left - take)
                    return false
                }
                stage = .dataEnd
            case .dataEnd:
                guard let line = try line(buffer, &offset, limit: 0) else { return false }
                guard line.isEmpty else { throw .chunk }
                stage = .size
            case .trailers:
                guard let line = try line(buffer, &offset, limit: limits.trailerBytes - trailerBytes) else {
                    return false
                }
                trailerBytes += line.count + 2
                if line.isEmpty { stage = .done } else { try Self.checkTrailer(buffer, line) }
            case .done: break
            }
        }
        return true
    }

    /// A line of at most `limit` bytes without its CRLF; nil while it is incomplete.
    private mutating func line(
        _ buffer: [UInt8], _ offset: inout Int, limit: Int
    ) throws(ProtocolError) -> Range<Int>? {
        while offset + searched < buffer.count {
            guard searched <= limit + 1 else { throw .chunk }
            let position = offset + searched
            guard buffer[position] == ASCII.lineFeed else {
                // CR is a line's end or nothing (RFC 9112 §2.2).
                if searched > 0, buffer[position - 1] == ASCII.carriageReturn { throw .chunk }
                searched += 1
                continue
            }
            guard searched > 0, buffer[position - 1] == ASCII.carriageReturn else { throw .chunk }
            defer {
                offset = position + 1
                searched = 0
            }
            return offset..<(position - 1)
        }
        return nil
    }

    /// chunk-size [ chunk-ext ]; extensions are skipped, but hold no controls.
    private static func size(_ buffer: [UInt8], _ line: Range<Int>) throws(ProtocolError) -> Int {
        var index = line.lowerBound
        var size = 0
        while index < line.upperBound, let digit = Hex.value(buffer[index]) {
            // Leading zeros are legal in any number (RFC 9112 §7.1); a size beyond `Int` is larger than every limit.
            size = size > Int.max >> 4 ? Int.max : size << 4 | Int(digit)
            index += 1
        }
        guard index > line.lowerBound else { throw .chunk }
        guard index < line.upperBound else { return size }
        // BWS before ";" is what old senders write (RFC 9112 §7.1.1); nothing is read from it, so it is refused.
        guard buffer[index] == ASCII.semicolon,
            buffer[index..<line.upperBound].allSatisfy(ByteClass.isFieldValue)
        else { throw .chunk }
        return size
    }

    private static func checkTrailer(_ buffer: [UInt8], _ line: Range<Int>) throws(ProtocolError) {
        guard let colon = buffer[line].firstIndex(of: ASCII.colon), colon > line.lowerBound,
            buffer[line.lowerBound..<colon].allSatisfy(ByteClass.isToken),
            buffer[colon..<line.upperBound].allSatisfy(ByteClass.isFieldValue)
        else { throw .field }
    }
}
