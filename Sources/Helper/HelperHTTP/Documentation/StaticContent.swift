import Bytes
import Crypto
import HTTP
import HTTPServer
import HelperCore

/// Content that stays the same for the life of the process, named by an entity tag, so that who has it already is sent
/// no copy of it (RFC 9110 §13.1.2).
struct StaticContent: Sendable {
    private let whole: Response
    private let unchanged: Response
    private let tag: [UInt8]

    init(_ body: [UInt8], contentType: String) {
        let tag = "\"\(Hex.encode(SHA256.hash(body).prefix(8)))\""
        self.tag = Array(tag.utf8)
        // May be kept, and is asked for again before it is used: another version of the helper has other content.
        let fields = HTTPFields([("etag", tag), ("cache-control", "no-cache")])
        unchanged = Self.cacheable(Response(status: .notModified, fields: fields))
        whole = Self.cacheable(
            Response(
                fields: HTTPFields(fields.all.map { ($0.name, $0.value) } + [("content-type", contentType)]), body: body
            ))
    }

    init(_ text: String, contentType: String) { self.init(Array(text.utf8), contentType: contentType) }

    init(_ page: HTML) { self.init(page.markup, contentType: "text/html; charset=utf-8") }

    /// The content, or that it has not changed, or that it is not what the request requires. `If-Match` is evaluated first
    /// (RFC 9110 §13.2.2).
    func answer(to request: Request) -> Response {
        guard isRequired(by: request) else { return mismatch(request) }
        return isKnown(to: request) ? unchanged : whole
    }

    private func mismatch(_ request: Request) -> Response {
        let error = HelperError(.preconditionFailed, "If-Match names another version of this document.")
        var response = ErrorResponse.make(error, requestID: request.id)
        response.fields["etag"] = String(decoding: tag, as: UTF8.self)
        return response
    }

    private static func cacheable(_ response: Response) -> Response {
        var response = response
        response.isCacheable = true
        return response
    }

    /// Whether `If-None-Match` names it. The comparison is the weak one (RFC 9110 §13.1.2).
    private func isKnown(to request: Request) -> Bool { isNamed(in: .ifNoneMatch, of: request, acceptsWeak: true) }

    /// Whether there is no `If-Match`, or it names the content. The comparison is the strong one (RFC 9110 §13.1.1).
    private func isRequired(by request: Request) -> Bool {
        request.head.range(of: .ifMatch) == nil || isNamed(in: .ifMatch, of: request, acceptsWeak: false)
    }

    private func isNamed(in field: FieldName, of request: Request, acceptsWeak: Bool) -> Bool {
        let bytes = request.head.bytes.span
        for range in request.head.ranges(of: field) {
            var start = range.lowerBound
            while start < range.upperBound {
                var comma = start
                while comma < range.upperBound, bytes[comma] != 0x2C { comma &+= 1 }
                if names(bytes, start..<comma, acceptsWeak: acceptsWeak) { return true }
                start = comma + 1
            }
        }
        return false
    }

    /// Whether an element of a list is `*` or our tag.
    private func names(_ bytes: Span<UInt8>, _ element: Range<Int>, acceptsWeak: Bool) -> Bool {
        var start = element.lowerBound
        var end = element.upperBound
        while start < end, bytes[start] == 0x20 || bytes[start] == 0x09 { start &+= 1 }
        while end > start, bytes[end - 1] == 0x20 || bytes[end - 1] == 0x09 { end &-= 1 }
        if end - start == 1, bytes[start] == 0x2A { return true }
        if acceptsWeak, end - start == tag.count + 2, bytes[start] == 0x57, bytes[start + 1] == 0x2F { start += 2 }
        guard end - start == tag.count else { return false }
        for index in tag.indices where bytes[start + index] != tag[index] { return false }
        return true
    }
}

extension FieldName {
    fileprivate static let ifMatch: FieldName = "if-match"
    fileprivate static let ifNoneMatch: FieldName = "if-none-match"
}
