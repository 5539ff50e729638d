import HTTP
import HTTPClient
import HelperCore
import JSON

/// Reads what 3scale answers, errors of every shape included.
enum ThreeScaleAnswer {
    private static let detailsMax = 20

    /// The document of a success; `null` for an empty body.
    static func value(of response: HTTPClientResponse, isWrite: Bool) throws(APIManagerError) -> JSONValue {
        switch response.status.code {
        case 200...299:
            if response.body.isEmpty { return .null }
            guard let value = try? JSONValue(parsing: response.body) else {
                throw .malformed(
                    cause: "3scale answered \(response.status.code) with what is not JSON", outcomeUnknown: isWrite)
            }
            return value
        case 403:
            // A refused DELETE is a 403 as well, with the reasons in it.
            let details = details(response.body)
            if !details.isEmpty, isWrite { throw .rejected(status: 403, details: details) }
            throw .accessDenied(cause: "3scale answered 403: \(summary(response.body))")
        case 404: throw .notFound
        case 429, 500...599:
            throw .unavailable(
                retryAfter: retryAfter(response), cause: "3scale answered \(response.status.code)",
                outcomeUnknown: isWrite && response.status.code != 429)
        case 400...499: throw .rejected(status: response.status.code, details: details(response.body))
        default:
            // A redirect would take our token somewhere else.
            throw .malformed(cause: "3scale answered \(response.status.code)", outcomeUnknown: isWrite)
        }
    }

    /// `{"errors": {field: [message, …]}}`, field by field.
    static func details(_ body: [UInt8]) -> [HelperError.Detail] {
        guard let value = try? JSONValue(parsing: body) else { return [] }
        var details: [HelperError.Detail] = []
        for (field, messages) in value["errors"]?.object?.members ?? [] {
            for message in messages.array ?? [messages] {
                if let text = message.string { details.append(.init(field: field, issue: text)) }
            }
        }
        if details.isEmpty, let text = value["error"]?.string { details.append(.init(field: "base", issue: text)) }
        return Array(details.prefix(detailsMax))
    }

    /// One short text of an error body: `error`, then `status`, else its kind.
    private static func summary(_ body: [UInt8]) -> String {
        if body.isEmpty { return "empty body (is the tenant suspended?)" }
        guard let value = try? JSONValue(parsing: body) else { return "a body that is not JSON" }
        return String((value["error"]?.string ?? value["status"]?.string ?? "no reason given").prefix(200))
    }

    /// Seconds, or a date, of which only the former is worth understanding here (RFC 9110 §10.2.3).
    private static func retryAfter(_ response: HTTPClientResponse) -> Duration? {
        response.fields["retry-after"].flatMap(Int.init).flatMap { (0...3_600).contains($0) ? .seconds($0) : nil }
    }
}
