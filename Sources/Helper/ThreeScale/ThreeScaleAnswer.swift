import HTTP
import HTTPClient
import HelperCore
import JSON

/// Reads what 3scale answers, errors of every shape included.
enum ThreeScaleAnswer {
    private static let detailsMax = 20
    private static let textMax = 200

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
            let details = details(response)
            if !details.isEmpty, isWrite { throw .rejected(status: 403, details: details) }
            let hint = response.body.isEmpty ? " (is the tenant suspended?)" : ""
            throw .accessDenied(cause: "3scale answered 403: \(summary(response.body))\(hint)")
        case 404: throw .notFound
        case 429, 500...599:
            throw .unavailable(
                retryAfter: retryAfter(response),
                cause: "3scale answered \(response.status.code): \(summary(response.body))",
                outcomeUnknown: isWrite && response.status.code != 429)
        case 400...499: throw .rejected(status: response.status.code, details: details(response))
        default:
            // A redirect would take our token somewhere else.
            throw .malformed(
                cause: "3scale answered \(response.status.code), which is not followed; check THREESCALE_ADMIN_API_URL",
                outcomeUnknown: isWrite)
        }
    }

    /// What a refusal says, field by field: `{"errors": {field: [message, …]}}`; a single `{"error": message}`, or the same
    /// as an object that names a transition; `{"status": …}`; or one line of plain text. Pages of HTML say nothing.
    static func details(_ response: HTTPClientResponse) -> [HelperError.Detail] {
        guard let value = try? JSONValue(parsing: response.body) else { return text(response) }
        var details: [HelperError.Detail] = []
        for (field, messages) in value["errors"]?.object?.members ?? [] {
            for message in messages.array ?? [messages] {
                if let text = message.string { details.append(.init(field: field, issue: text)) }
            }
        }
        if details.isEmpty, let text = value["error"]?["error"]?.string ?? value["error"]?.string {
            details.append(.init(field: "base", issue: text))
        }
        return Array(details.prefix(detailsMax))
    }

    private static func text(_ response: HTTPClientResponse) -> [HelperError.Detail] {
        guard response.fields["content-type"]?.lowercased().hasPrefix("text/plain") == true,
            let text = String(validating: response.body.prefix(textMax), as: UTF8.self), !text.isEmpty,
            text.utf8.allSatisfy({ $0 >= 0x20 })
        else { return [] }
        return [.init(field: "base", issue: text)]
    }

    /// One short text of an error body: `error`, then `status`, else its kind.
    private static func summary(_ body: [UInt8]) -> String {
        if body.isEmpty { return "an empty body" }
        guard let value = try? JSONValue(parsing: body) else { return "a body that is not JSON" }
        let reason = value["error"]?["error"]?.string ?? value["error"]?.string ?? value["status"]?.string
        return String((reason ?? "no reason given").prefix(textMax))
    }

    /// Seconds, or a date, of which only the former is worth understanding here (RFC 9110 §10.2.3).
    private static func retryAfter(_ response: HTTPClientResponse) -> Duration? {
        response.fields["retry-after"].flatMap(Int.init).flatMap { (0...3_600).contains($0) ? .seconds($0) : nil }
    }
}
