import HTTP
import HTTPServer
import HelperCore

/// The query of a request, checked name by name, so that one answer lists everything that is wrong.
struct QueryValues {
    private var values: [String: String] = [:]
    private var details: [FieldIssue] = []

    /// - Parameter names: those that the route knows.
    init(_ request: Request, names: [String]) {
        // `URLSearchParams` and forms write blanks as `+`.
        for pair in (request.query ?? "").utf8.split(separator: UInt8(ascii: "&")) {
            let parts = pair.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            let texts = parts.map { part in
                PercentEncoding.decode(part.map { $0 == UInt8(ascii: "+") ? UInt8(ascii: " ") : $0 })
            }
            guard let first = texts.first, let name = first else {
                details.append(.init(field: "query", issue: "is not percent-encoded UTF-8"))
                continue
            }
            guard names.contains(name) else {
                details.append(.init(field: String(name.prefix(100)), issue: "is not a parameter of this request"))
                continue
            }
            guard let text = texts.count == 2 ? texts[1] : "" else {
                details.append(.init(field: name, issue: "is not percent-encoded UTF-8"))
                continue
            }
            if values.updateValue(text, forKey: name) != nil {
                details.append(.init(field: name, issue: "is there twice"))
            }
        }
    }

    /// The value of a parameter as `read` makes it of the text; nil when it is absent or wrong.
    /// - Parameter expected: completes "must be …".
    mutating func value<Value>(_ name: String, expected: String, _ read: (String) -> Value?) -> Value? {
        guard let text = values[name] else { return nil }
        guard let value = read(text) else {
            details.append(.init(field: name, issue: "must be \(expected)"))
            return nil
        }
        return value
    }

    /// - Throws: `INVALID_REQUEST` with everything that was wrong.
    func check() throws(HelperError) {
        guard details.isEmpty else {
            throw HelperError(.invalidRequest, "The query is not as expected.", details: details)
        }
    }
}
