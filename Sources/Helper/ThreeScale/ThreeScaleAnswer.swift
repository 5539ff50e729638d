import Bytes
import HTTP
import HTTPClient
import HelperCore
import JSON

/// Reads what 3scale answers, errors of every shape included.
enum ThreeScaleAnswer {
    private static let detailsMax = 20
    private static let textMax = 200

    /// Longer waits than this are no use to anybody, and would overflow a Duration's arithmetic.
    private static let retryAfterMax = 1_000_000_000

    /// The document of a success; `null` for an empty body.
    /// - Parameter now: seconds since 1970, for a `Retry-After` that is a date.
    static func value(of response: HTTPClientResponse, isWrite: Bool, now: Int) throws(APIManagerError) -> JSONValue {
        let status = response.status.code
        switch status {
        case 200...299:
            if response.body.isEmpty { return .null }
            guard let value = try? JSONValue(parsing: response.body) else {
                throw .malformed(
                    cause: "3scale answered \(status): \(summary(response))", outcomeUnknown: isWrite)
            }
            return value
        case 403:
            // A refused DELETE is a 403 with an `errors` map; every other 403 is about our token.
            let details = details(response)
            if !details.isEmpty { throw .rejected(status: 403, details: details) }
            let hint = response.body.isEmpty ? " (is the tenant suspended?)" : ""
            throw .accessDenied(cause: "3scale answered 403: \(summary(response))\(hint)")
        case 404: throw .notFound
        case 429, 500...599:
            throw .unavailable(
                retryAfter: retryAfter(response, now: now),
                cause: "3scale answered \(status): \(summary(response))",
                outcomeUnknown: isWrite && status != 429)
        case 400...499: throw .rejected(status: status, details: details(response))
        default:
            // A redirect would take our token somewhere else.
            throw .malformed(
                cause: "3scale answered \(status), which is not followed; check THREESCALE_ADMIN_API_URL",
                outcomeUnknown: isWrite)
        }
    }

    /// The messages of `{"errors": {field: [message, …]}}`, which may hold nulls. No other text of 3scale is meant for callers.
    static func details(_ response: HTTPClientResponse) -> [HelperError.Detail] {
        guard let value = try? JSONValue(parsing: response.body) else { return [] }
        var details: [HelperError.Detail] = []
        for (field, messages) in value["errors"]?.object?.members ?? [] {
            for message in messages.array ?? [messages] {
                if let text = message.string { details.append(.init(field: field, issue: text)) }
            }
        }
        return Array(details.prefix(detailsMax))
    }

    /// One short text of an error body for the log: the `errors` map, `error`, `status` or a line of plain text; else the
    /// body's kind.
    static func summary(_ response: HTTPClientResponse) -> String {
        if response.body.isEmpty { return "an empty body" }
        guard let value = try? JSONValue(parsing: response.body) else {
            let type = response.fields["content-type"]?.lowercased() ?? ""
            guard type.hasPrefix("text/plain"),
                let text = String(validating: response.body.prefix(textMax), as: UTF8.self)
            else { return isPage(response) ? "a page of HTML" : "a body that is not JSON" }
            return text
        }
        let details = details(response)
        if !details.isEmpty {
            return String(details.map { "\($0.field) \($0.issue)" }.joined(separator: "; ").prefix(textMax))
        }
        let reason = value["error"]?["error"]?.string ?? value["error"]?.string ?? value["status"]?.string
        return String((reason ?? "no reason given").prefix(textMax))
    }

    /// Whether the answer says that it is a page for people.
    static func isPage(_ response: HTTPClientResponse) -> Bool {
        response.fields["content-type"]?.lowercased().hasPrefix("text/html") == true
    }

    /// `Retry-After` as seconds or as a date (RFC 9110 §10.2.3).
    private static func retryAfter(_ response: HTTPClientResponse, now: Int) -> Duration? {
        guard let text = response.fields["retry-after"], !text.isEmpty else { return nil }
        if let seconds = ForeignNumber(text) {
            return text.hasPrefix("-") ? nil : .seconds(seconds.clamped(to: 0...retryAfterMax))
        }
        return HTTPDate.seconds(text).map { .seconds(min(max(0, $0 - now), retryAfterMax)) }
    }
}
