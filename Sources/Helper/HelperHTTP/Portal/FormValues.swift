import HTTP
import HTTPServer
import HelperCore

/// The values of a form or of a query, each name at most once.
struct FormValues {
    private var values: [String: String] = [:]

    /// - Returns: nil for what is not `application/x-www-form-urlencoded` in UTF-8 (URL standard §5.1), or has a name twice.
    init?(_ bytes: some Collection<UInt8>) {
        for pair in bytes.split(separator: UInt8(ascii: "&")) {
            let parts = pair.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            let texts = parts.map { part in
                PercentEncoding.decode(part.map { $0 == UInt8(ascii: "+") ? UInt8(ascii: " ") : $0 })
            }
            guard let name = texts[0], let value = texts.count == 2 ? texts[1] : "",
                values.updateValue(value, forKey: name) == nil
            else { return nil }
        }
    }

    /// The query of a request.
    static func query(_ request: Request) throws(HelperError) -> FormValues {
        guard let values = FormValues((request.query ?? "").utf8) else {
            throw HelperError(
                .invalidRequest, "The query is not as expected.",
                details: [.init(field: "query", issue: "is not percent-encoded UTF-8, or has a name twice")])
        }
        return values
    }

    /// The form that a request carries.
    static func body(_ request: Request) throws(HelperError) -> FormValues {
        let type = request.head.value(of: .contentType)?.lowercased() ?? ""
        let isForm = type.prefix { $0 != ";" && $0 != " " } == "application/x-www-form-urlencoded"
        guard isForm, request.head.count(of: .contentType) == 1 else {
            throw HelperError(.unsupportedMediaType, "Send the form as application/x-www-form-urlencoded.")
        }
        guard let values = FormValues(request.body) else {
            throw HelperError(
                .invalidRequest, "The form is not as expected.",
                details: [.init(field: "body", issue: "is not percent-encoded UTF-8, or has a name twice")])
        }
        return values
    }

    /// The value; an empty one counts as absent, as an input that was left empty is sent.
    subscript(name: String) -> String? { values[name].flatMap { $0.isEmpty ? nil : $0 } }
}
