import HTTP
import HTTPServer
import HelperCore

/// The query of `GET /api/keys/{id}/usage`.
enum UsageQuery {
    private static let expected = "a time such as 2026-03-02T09:15:00Z, or a date such as 2026-03-02"

    static func period(_ request: Request, now: Int) throws(HelperError) -> UsagePeriod {
        var query = QueryValues(request, names: ["since", "until", "granularity"])
        let names = UsagePeriod.Granularity.allCases.map(\.rawValue).joined(separator: ", ")
        let granularity = query.value("granularity", expected: "one of \(names)") {
            UsagePeriod.Granularity(rawValue: $0)
        }
        let since = query.value("since", expected: expected, time)
        let until = query.value("until", expected: expected, time)
        try query.check()
        do throws(UsagePeriod.Problem) {
            return try UsagePeriod(granularity ?? .day, since: since, until: until, now: now)
        } catch {
            throw HelperError(
                .invalidRequest, "The query is not as expected.",
                details: [.init(field: error.field, issue: error.issue)])
        }
    }

    /// RFC 3339 with any offset and with or without a fraction, or a date, which means its midnight in UTC.
    private static func time(_ text: String) -> Int? {
        var text = text
        if text.utf8.count == 10 { text += "T00:00:00Z" }
        if let point = text.firstIndex(of: ".") {
            let fraction = text[text.index(after: point)...].prefix { ("0"..."9").contains($0) }
            guard !fraction.isEmpty else { return nil }
            text = String(text[..<point]) + String(text[fraction.endIndex...])
        }
        // The `+` of an offset that was not encoded has become a blank.
        if text.utf8.count == 25, text.utf8.dropFirst(19).first == UInt8(ascii: " ") {
            text = "\(text.prefix(19))+\(text.suffix(5))"
        }
        return HTTPDate.timestampSeconds(text).flatMap { UsagePeriod.times.contains($0) ? $0 : nil }
    }
}
