import Bytes
import HTTP
import HTTPClient
import HelperCore
import JSON

/// Reads what 3scale answers, errors of every shape included.
enum ThreeScaleAnswer {
    private static let detailsMax = 20
    /// Characters of one message for a caller, and of its field's name.
    private static let issueMax = 500
    private static let fieldMax = 100
    /// Characters of 3scale's words in the log.
    private static let textMax = 200
    /// Bytes of a body that are searched for its words, and for secrets in them.
    private static let searchedMax = 2_048

    /// Longer waits than this help no caller, and would overflow a Duration's arithmetic.
    private static let retryAfterMax = 1_000_000_000

    /// What was asked for, which tells how 3scale says that it is not there.
    enum Kind {
        case record
        /// An account in XML.
        case accountXML
        /// A list that every tenant has: a 404 comes from another host or path.
        case collection
        /// Of the Analytics API.
        case statistics
        /// What older versions of 3scale have no route for.
        case optional
    }

    /// The document of a success; `null` for an empty body.
    /// - Parameters:
    ///   - kind: of what was asked for.
    ///   - now: seconds since 1970, for a `Retry-After` that is a date.
    ///   - secrets: what the request held and no log may hold.
    static func value(
        of response: HTTPClientResponse, isWrite: Bool, kind: Kind = .record, now: Int, hiding secrets: [String] = []
    ) throws(APIManagerError) -> JSONValue {
        let status = response.status.code
        switch status {
        case 200...299:
            if response.body.isEmpty { return .null }
            guard
                let value = kind == .accountXML
                    ? AccountXML.value(of: response.body) : try? JSONValue(parsing: response.body)
            else {
                throw .malformed(
                    cause: "3scale answered \(status): \(summary(response, hiding: secrets))", outcomeUnknown: isWrite)
            }
            return value
        case 403:
            // A refused DELETE is a 403 with an `errors` map; every other 403 is about our token.
            let details = details(response)
            if !details.isEmpty { throw .rejected(status: 403, details: details) }
            let hint = response.body.isEmpty ? " (is the tenant suspended?)" : ""
            throw .accessDenied(cause: "3scale answered 403: \(summary(response, hiding: secrets))\(hint)")
        case 404 where saysNotFound(response, kind): throw .notFound
        case 401, 404:
            // 3scale's API has no 401, and a 404 of another form is not its own: something else answers, and nothing was done.
            throw .malformed(
                cause: "3scale answered \(status): \(summary(response, hiding: secrets))", outcomeUnknown: false)
        case 429, 500...599:
            throw .unavailable(
                retryAfter: retryAfter(response, now: now),
                cause: "3scale answered \(status): \(summary(response, hiding: secrets))",
                outcomeUnknown: isWrite && status != 429)
        case 400...499:
            let details = details(response)
            throw .rejected(
                status: status, details: details, words: details.isEmpty ? summary(response, hiding: secrets) : nil)
        default:
            // A redirect would take our token somewhere else.
            throw .malformed(
                cause: "3scale answered \(status), which is not followed; check THREESCALE_ADMIN_API_URL",
                outcomeUnknown: isWrite)
        }
    }

    /// The messages of `{"errors": {field: [message, …]}}`, which may hold nulls. No other text of 3scale is meant for callers.
    static func details(_ response: HTTPClientResponse) -> [FieldIssue] {
        guard let value = try? JSONValue(parsing: response.body) else { return [] }
        var details: [FieldIssue] = []
        for (field, messages) in value["errors"]?.object?.members ?? [] {
            for message in messages.array ?? [messages] {
                guard let text = message.string else { continue }
                details.append(.init(field: String(field.prefix(fieldMax)), issue: String(text.prefix(issueMax))))
            }
        }
        return Array(details.prefix(detailsMax))
    }

    /// One short line of an error body for the log: the `errors` map, `error`, `status` or plain text; else the body's kind.
    /// - Parameter secrets: replaced wherever the body repeats them, as an intermediary that quotes the request does.
    static func summary(_ response: HTTPClientResponse, hiding secrets: [String] = []) -> String {
        if response.body.isEmpty { return "an empty body" }
        if hasType("text/plain", response) {
            return line(String(decoding: response.body.prefix(searchedMax), as: UTF8.self), hiding: secrets)
        }
        guard let value = try? JSONValue(parsing: response.body) else {
            return isPage(response) ? "a page of HTML" : "a body that is not JSON"
        }
        let details = details(response)
        if !details.isEmpty {
            return line(details.map { "\($0.field) \($0.issue)" }.joined(separator: "; "), hiding: secrets)
        }
        let reason = value["error"]?["error"]?.string ?? value["error"]?.string ?? value["status"]?.string
        return line(reason ?? "", hiding: secrets)
    }

    /// Whether a 404 has the form in which 3scale says that what was asked for is missing.
    private static func saysNotFound(_ response: HTTPClientResponse, _ kind: Kind) -> Bool {
        let value = try? JSONValue(parsing: response.body)
        let isRecord = value?["status"]?.string == "Not found"
        return switch kind {
        case .record: isRecord
        // `{"status":404,…}` says that there is no such route.
        case .optional: isRecord || value?["status"]?.int(in: 404...404) != nil
        case .statistics: ["Application not found", "Service not found"].contains(value?["error"]?.string)
        case .accountXML: response.body.isEmpty && hasType("application/xml", response)
        case .collection: false
        }
    }

    /// Whether the answer is a page for people.
    static func isPage(_ response: HTTPClientResponse) -> Bool {
        !response.body.isEmpty && hasType("text/html", response)
    }

    private static func hasType(_ type: String, _ response: HTTPClientResponse) -> Bool {
        response.fields["content-type"]?.lowercased().hasPrefix(type) == true
    }

    /// The words on one line of at most `textMax` characters.
    private static func line(_ words: String, hiding secrets: [String]) -> String {
        var words = words
        for secret in secrets { words = words.redacting(secret) }
        let blanks = words.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? " " : $0 }
        let line = String(String.UnicodeScalarView(blanks)).split(separator: " ").joined(separator: " ")
        return line.isEmpty ? "no reason given" : String(line.prefix(textMax))
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
