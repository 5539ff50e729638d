import Bytes
import HTTP
import HTTPServer

/// Which pages of other origins may call the API from a browser (the CORS protocol of the Fetch standard §3.2). Only
/// origins that were listed get an answer their scripts may read; cookies play no part.
package struct CORSPolicy: Middleware {
    private let origins: [[UInt8]]

    /// - Parameter origins: serialised origins, as a browser sends them. Empty: the policy does nothing.
    package init(origins: [String]) { self.origins = origins.map { Array($0.utf8) } }

    /// How long a browser may remember a preflight, in seconds.
    private static let maxAge = "600"
    private static let requestFields = "Authorization, Content-Type, If-None-Match, Traceparent, X-Request-ID"
    /// What scripts may read beyond the few that they always may.
    private static let responseFields =
        "Age, Allow, ETag, RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate, X-MLaaS-Key-Expires, X-MLaaS-Stale, X-Request-ID"

    func complete(_ response: inout Response, _ exchange: Exchange) { apply(to: &response, for: exchange.request) }

    /// Adds what the browser asks for. The answer to a preflight is the route's answer to OPTIONS: its `Allow` says which
    /// methods there are.
    func apply(to response: inout Response, for request: Request) {
        guard !origins.isEmpty else { return }
        response.fields.append("vary", "Origin")
        guard let range = request.head.range(of: .origin), request.head.count(of: .origin) == 1 else { return }
        let origin = request.head.bytes[range]
        guard origins.contains(where: { $0.elementsEqual(origin) }) else { return }
        response.fields["access-control-allow-origin"] = String(decoding: origin, as: UTF8.self)
        if request.method == .options, request.head.range(of: .accessControlRequestMethod) != nil {
            response.fields["access-control-allow-methods"] = response.fields["allow"]
            response.fields["access-control-allow-headers"] = Self.requestFields
            response.fields["access-control-max-age"] = Self.maxAge
        } else {
            response.fields["access-control-expose-headers"] = Self.responseFields
        }
    }

    /// Whether a text is an origin as browsers serialise it (RFC 6454 §6.2): scheme, lower-case host, and a port that is
    /// not the scheme's own.
    package static func isOrigin(_ text: String) -> Bool {
        guard let url = WebURL(text), url.origin == text else { return false }
        // RFC 3986 allows more in a host, such as `*`, which no browser sends.
        return url.host.utf8.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x61...0x7A, 0x2D, 0x2E, 0x3A, 0x5B, 0x5D: true
            default: false
            }
        }
    }
}

extension FieldName {
    fileprivate static let accessControlRequestMethod: FieldName = "access-control-request-method"
}
