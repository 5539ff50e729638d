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
        let serviceID = JSONBody.identifier("service_id", of: object, &details)
        planID = JSONBody.identifier("plan_id", of: object, &details)
        try JSONBody.check(details)
        guard let serviceID else { throw Self.missingServiceID }
        self.serviceID = serviceID
    }

    static let missingServiceID = HelperError(
        .missingServiceID, "service_id is required.", details: [.init(field: "service_id", issue: "is required")])

    /// - Throws: `PLAN_NOT_FOUND` for a text that no plan has as its id.
    func planNumber() throws(HelperError) -> Int? { try Self.planNumber(planID) }

    static func planNumber(_ planID: String?) throws(HelperError) -> Int? {
        guard let planID else { return nil }
        guard let number = ForeignNumber.canonical(planID) else {
            throw HelperError(
                .planNotFound, "The service has no such plan.",
                details: [.init(field: "plan_id", issue: "is not a plan of this service that you may have")])
        }
        return number
    }
}
