import Bytes
import HTTPServer
import HelperCore
import JSON

/// The body of `POST /api/services/init`, checked member by member, so that one answer lists everything that is wrong.
struct InitBody {
    private static let members: Set<String> = ["service_id", "plan_id"]

    let serviceID: String
    let planID: String?

    /// - Throws: `HelperError`, or `UnsupportedContentCoding`.
    init(_ request: Request) throws {
        let object = try JSONBody.object(request)
        var details = JSONBody.unknown(object, Self.members)
        let serviceID = Self.identifier(object["service_id"])
        if case .wrongType = serviceID { details.append(.init(field: "service_id", issue: "must be a string")) }
        let planID = Self.identifier(object["plan_id"])
        if case .wrongType = planID { details.append(.init(field: "plan_id", issue: "must be a string")) }
        try JSONBody.check(details)
        guard case .text(let text) = serviceID else {
            throw HelperError(
                .missingServiceID, "service_id is required.",
                details: [.init(field: "service_id", issue: "is required")])
        }
        self.serviceID = text
        if case .text(let text) = planID { self.planID = text } else { self.planID = nil }
    }

    /// - Throws: `PLAN_NOT_FOUND` for a text that no plan has as its id.
    func planNumber() throws(HelperError) -> Int? { try Self.planNumber(planID) }

    static func planNumber(_ planID: String?) throws(HelperError) -> Int? {
        guard let planID else { return nil }
        guard let number = ForeignNumber(planID)?.within(0 ... .max), String(number) == planID else {
            throw HelperError(
                .planNotFound, "The service has no such plan.",
                details: [.init(field: "plan_id", issue: "is not a plan of this service that you may have")])
        }
        return number
    }

    enum Identifier {
        case absent
        case text(String)
        case wrongType
    }

    /// The integers that every reader of JSON keeps exactly (RFC 7493 §2.2).
    private static let integers = -9_007_199_254_740_991...9_007_199_254_740_991

    /// A string, or an integer for leniency; null and blanks count as absent.
    static func identifier(_ value: JSONValue?) -> Identifier {
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
}
