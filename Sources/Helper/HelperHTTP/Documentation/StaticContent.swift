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
        let tag = "\"\(hexEncoded(SHA256.hash(body).prefix(8)))\""
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
        request.head.ranges(of: field).contains { range in
            request.head.bytes[range].split(separator: 0x2C).contains { element in
                var candidate = element.drop { $0 == 0x20 || $0 == 0x09 }
                while let last = candidate.last, last == 0x20 || last == 0x09 { candidate.removeLast() }
                if candidate.elementsEqual([0x2A]) { return true }
                if acceptsWeak, candidate.starts(with: [0x57, 0x2F]) { candidate.removeFirst(2) }
                return candidate.elementsEqual(tag)
            }
        }
    }
}

extension FieldName {
    fileprivate static let ifMatch: FieldName = "if-match"
    fileprivate static let ifNoneMatch: FieldName = "if-none-match"
}
