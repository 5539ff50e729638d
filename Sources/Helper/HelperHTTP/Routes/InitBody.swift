import Bytes
import HTTP
import HTTPServer
import HelperCore
import JSON

/// The body of `POST /api/services/init`, checked member by member, so that one answer lists everything that is wrong.
struct InitBody {
    private static let limits = JSONLimits(maxDepth: 8, maxBytes: 64 * 1024, maxValues: 1_000)
    private static let members: Set<String> = ["service_id", "plan_id"]

    let serviceID: String
    let planID: String?

    /// - Throws: `HelperError`, or `UnsupportedContentCoding`.
    init(_ request: Request) throws {
        let object = try Self.object(request)
        var details = object.members.filter { !Self.members.contains($0.name) }.map {
            HelperError.Detail(field: String($0.name.prefix(100)), issue: "is not a member of this request")
        }
        let serviceID = Self.identifier(object["service_id"])
        if case .wrongType = serviceID { details.append(.init(field: "service_id", issue: "must be a string")) }
        let planID = Self.identifier(object["plan_id"])
        if case .wrongType = planID { details.append(.init(field: "plan_id", issue: "must be a string")) }
        guard details.isEmpty else {
            throw HelperError(.invalidRequest, "The request body is not as expected.", details: details)
        }
        guard case .text(let text) = serviceID else {
            throw HelperError(
                .missingServiceID, "service_id is required.",
                details: [.init(field: "service_id", issue: "is required")])
        }
        self.serviceID = text
        if case .text(let text) = planID { self.planID = text } else { self.planID = nil }
    }

    /// - Throws: `PLAN_NOT_FOUND` for a text that no plan has as its id.
    func planNumber() throws(HelperError) -> Int? {
        guard let planID else { return nil }
        guard let number = ForeignNumber(planID)?.within(0 ... .max), String(number) == planID else {
            throw HelperError(
                .planNotFound, "The service has no such plan.",
                details: [.init(field: "plan_id", issue: "is not a plan of this service that you may have")])
        }
        return number
    }

    private enum Identifier {
        case absent
        case text(String)
        case wrongType
    }

    /// The integers that every reader of JSON keeps exactly (RFC 7493 §2.2).
    private static let integers = -9_007_199_254_740_991...9_007_199_254_740_991

    /// A string, or an integer for leniency; null and blanks count as absent.
    private static func identifier(_ value: JSONValue?) -> Identifier {
        switch value {
        case nil, .null: return .absent
        case .string(let text):
            return text.allSatisfy(\.isWhitespace) ? .absent : .text(text)
        case .number(let number):
            guard let integer = number.int(in: integers) else { return .wrongType }
            return .text(String(integer))
        default: return .wrongType
        }
    }

    private static func object(_ request: Request) throws -> JSONObject {
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
