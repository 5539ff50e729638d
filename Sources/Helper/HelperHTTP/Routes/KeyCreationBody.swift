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
        let serviceID = JSONBody.identifier("service_id", of: object, &details)
        planID = JSONBody.identifier("plan_id", of: object, &details)
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
        guard let serviceID, let name else { throw InitBody.missingServiceID }
        self.serviceID = serviceID
        self.name = name
    }
}
