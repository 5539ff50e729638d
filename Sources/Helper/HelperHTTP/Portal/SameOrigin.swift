import HTTP
import HTTPServer

/// Whether a browser sent a request from a page of our own origin.
enum SameOrigin {
    /// Browsers say so in `Sec-Fetch-Site`, which no script can set (Fetch Metadata §2.4); those that do not know it name the
    /// page's origin. Ours send `Origin: null`, since pages with `Referrer-Policy: no-referrer` do. A request that has neither is refused.
    static func sent(_ request: Request, origin: String) -> Bool {
        guard request.head.count(of: .origin) <= 1, request.head.count(of: .secFetchSite) <= 1 else { return false }
        let named = request.head.value(of: .origin)
        if let site = request.head.value(of: .secFetchSite) {
            return site == "same-origin" && (named == nil || named == "null" || named == origin)
        }
        return named == origin
    }

    /// Whether the request asks for HTML by name, as browsers do when a person follows a link or sends a form.
    static func wantsHTML(_ request: Request) -> Bool {
        request.head.values(of: .accept).contains { value in
            value.split(separator: ",").contains { range in
                let parts = range.split(separator: ";").map { $0.filter { $0 != " " && $0 != "\t" }.lowercased() }
                let isHTML = parts.first == "text/html" || parts.first == "application/xhtml+xml"
                let weight = parts.dropFirst().first { $0.hasPrefix("q=") }?.dropFirst(2)
                return isHTML && !(weight.map { $0.allSatisfy { $0 == "0" || $0 == "." } } ?? false)
            }
        }
    }
}

extension FieldName {
    fileprivate static let secFetchSite: FieldName = "sec-fetch-site"
}
