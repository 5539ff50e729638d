import HTTP
import HTTPServer
import HelperCore
import JSON

/// The JSON object that a request carries.
enum JSONBody {
    private static let limits = JSONLimits(maxDepth: 8, maxBytes: 64 * 1024, maxValues: 1_000)

    /// - Throws: `HelperError`, or `UnsupportedContentCoding`.
    static func object(_ request: Request) throws -> JSONObject {
        guard !request.body.isEmpty else {
            throw HelperError(
                .invalidRequest, "A JSON body is needed.", details: [.init(field: "body", issue: "is missing")])
        }
        guard isPlain(request.head) else { throw UnsupportedContentCoding() }
        guard request.head.count(of: .contentType) == 1, isJSON(request.head.value(of: .contentType)) else {
            throw HelperError(.unsupportedMediaType, "Send the body as one Content-Type: application/json.")
        }
        let value: JSONValue
        do throws(JSONError) {
            value = try JSONValue(parsing: request.body, limits: limits)
        } catch {
            throw HelperError(
                .invalidRequest, "The body is not JSON.", details: [.init(field: "body", issue: error.description)])
        }
        guard let object = value.object else {
            throw HelperError(
                .invalidRequest, "The body is not a JSON object.",
                details: [.init(field: "body", issue: "must be an object")])
        }
        return object
    }

    /// Members that a request does not know.
    static func unknown(_ object: JSONObject, _ members: Set<String>) -> [FieldIssue] {
        object.members.filter { !members.contains($0.name) }.map {
            FieldIssue(field: String($0.name.prefix(100)), issue: "is not a member of this request")
        }
    }

    /// The integers that every reader of JSON keeps exactly (RFC 7493 §2.2).
    private static let integers = -9_007_199_254_740_991...9_007_199_254_740_991

    /// A member that names something: a string, or an integer for leniency. Null and blanks count as absent.
    /// - Parameter details: gets what is wrong.
    static func identifier(_ name: String, of object: JSONObject, _ details: inout [FieldIssue]) -> String? {
        switch object[name] {
        case nil, .null: return nil
        case .string(let text): return text.allSatisfy(\.isWhitespace) ? nil : text
        case .number(let number):
            if let integer = number.int(in: integers) { return String(integer) }
        default: break
        }
        details.append(.init(field: name, issue: "must be a string"))
        return nil
    }

    /// - Throws: `INVALID_REQUEST` where anything is wrong.
    static func check(_ details: [FieldIssue]) throws(HelperError) {
        guard details.isEmpty else {
            throw HelperError(.invalidRequest, "The request body is not as expected.", details: details)
        }
    }

    /// For a route that takes no members: no body, or an empty object.
    static func none(_ request: Request) throws {
        guard !request.body.isEmpty else { return }
        try check(unknown(try object(request), []))
    }

    /// `application/json`, in any case, with or without parameters (RFC 9110 §8.3.1).
    private static func isJSON(_ contentType: String?) -> Bool {
        guard let contentType else { return false }
        var type = contentType.utf8.prefix { $0 != 0x3B }
        while let last = type.last, last == 0x20 || last == 0x09 { type.removeLast() }
        return type.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 } == Array("application/json".utf8)
    }

    /// Whether the body is sent as it is (RFC 9110 §8.4): no coding, or `identity` by name.
    private static func isPlain(_ head: RequestHead) -> Bool {
        head.values(of: .contentEncoding).allSatisfy { $0.isEmpty || $0.lowercased() == "identity" }
    }
}

/// A body with a content coding, none of which we decode. Its answer names what we take instead (RFC 9110 §15.5.16), which
/// other refusals of a media type must not.
struct UnsupportedContentCoding: Error {
    let error = HelperError(
        .unsupportedMediaType, "Send the body without a Content-Encoding.",
        details: [.init(field: "content-encoding", issue: "must be absent or identity")])
}

extension FieldName {
    fileprivate static let contentEncoding: FieldName = "content-encoding"
}
