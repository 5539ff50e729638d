import Bytes
import HTTPServer
import HelperCore
import JSON

/// The body of `POST /api/keys`.
struct KeyCreationBody {
    private static let members: Set<String> = ["service_id", "name", "plan_id", "expires_in", "note"]

    let serviceID: String
    let name: KeyName
    let planID: String?
    /// Seconds.
    let expiresIn: Int?
    let note: String?

    init(_ request: Request) throws {
        let object = try JSONBody.object(request)
        var details = JSONBody.unknown(object, Self.members)
        let serviceID = InitBody.identifier(object["service_id"])
        if case .wrongType = serviceID { details.append(.init(field: "service_id", issue: "must be a string")) }
        let planID = InitBody.identifier(object["plan_id"])
        if case .wrongType = planID { details.append(.init(field: "plan_id", issue: "must be a string")) }
        let name = object["name"]?.string.flatMap { KeyName($0) }
        if name == nil {
            details.append(
                .init(
                    field: "name",
                    issue: "must be 1 to \(KeyName.lengthMax) characters of a-z, 0-9 and -, starting with a letter"))
        }
        expiresIn = KeyChangeBody.lifetime(object["expires_in"], &details)
        note = KeyChangeBody.note(object["note"], &details)
        try JSONBody.check(details)
        guard case .text(let service) = serviceID, let name else {
            throw HelperError(
                .missingServiceID, "service_id is required.",
                details: [.init(field: "service_id", issue: "is required")])
        }
        self.serviceID = service
        self.name = name
        if case .text(let text) = planID { self.planID = text } else { self.planID = nil }
    }
}
