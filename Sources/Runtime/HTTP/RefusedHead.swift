/// Reads what can be told of a head that was refused, so that the answer fits its request: whether it was HEAD (RFC 9110
/// §9.3.2), the client's name for it, and the origin of the page that sent it. Malformed lines are passed over. Nothing
/// but the form of the answer may depend on what is read here.
enum RefusedHead {
    /// - Parameters:
    ///   - bytes: what has arrived of the request, from its first byte on, and perhaps of those behind it.
    ///   - limits: bound how much is looked at.
    /// - Returns: a head without a target, whose method is GET where none can be told.
    static func read(_ bytes: ArraySlice<UInt8>, limits: MessageLimits) -> RequestHead {
        let bytes = Array(bytes.prefix(limits.headBytes))
        let (method, fields) = read(bytes.span, fieldsMax: limits.fieldCount)
        var head = RequestHead(
            method: method, version: .http11, bytes: bytes, pathRange: 0..<0, queryRange: nil, fields: fields)
        head.lowercaseNames()
        return head
    }

    private static func read(
        _ bytes: Span<UInt8>, fieldsMax: Int
    ) -> (method: HTTPMethod, fields: [RequestHead.FieldSlot]) {
        var fields: [RequestHead.FieldSlot] = []
        var method = HTTPMethod.get
        var isFirst = true
        var start = 0
        while start < bytes.count, fields.count < fieldsMax {
            var feed = start
            while feed < bytes.count, bytes[feed] != ASCII.lineFeed { feed &+= 1 }
            let end = feed > start && bytes[feed - 1] == ASCII.carriageReturn ? feed - 1 : feed
            let isWhole = feed < bytes.count
            if isFirst {
                // One empty line may come before a request (RFC 9112 §2.2).
                isFirst = start == end && start == 0
                if !isFirst { method = Self.method(start..<end, bytes) }
            } else if start == end {
                break
            } else if isWhole, let slot = field(start..<end, bytes) {
                fields.append(slot)
            }
            start = feed + 1
        }
        return (method, fields)
    }

    private static func method(_ line: Range<Int>, _ bytes: Span<UInt8>) -> HTTPMethod {
        var end = line.lowerBound
        while end < line.upperBound, end - line.lowerBound < 32, ByteClass.isToken(bytes[end]) { end &+= 1 }
        guard end < line.upperBound, bytes[end] == ASCII.space else { return .get }
        var name = ""
        for index in line.lowerBound..<end { name.unicodeScalars.append(Unicode.Scalar(bytes[index])) }
        return HTTPMethod(name)
    }

    private static func field(_ line: Range<Int>, _ bytes: Span<UInt8>) -> RequestHead.FieldSlot? {
        var colon = line.lowerBound
        while colon < line.upperBound, ByteClass.isToken(bytes[colon]) { colon &+= 1 }
        guard colon > line.lowerBound, colon < line.upperBound, bytes[colon] == ASCII.colon else { return nil }
        var start = colon + 1
        var end = line.upperBound
        while start < end, ASCII.isBlank(bytes[start]) { start &+= 1 }
        while end > start, ASCII.isBlank(bytes[end - 1]) { end &-= 1 }
        for index in start..<end where !ByteClass.isFieldValue(bytes[index]) { return nil }
        return RequestHead.FieldSlot(name: line.lowerBound..<colon, value: start..<end)
    }
}
