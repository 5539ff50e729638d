package import JSON

/// Whether two applications of a service have one key or one `application_id`. 3scale then refuses every later change of
/// both, so that neither can be suspended or rotated until one of them is deleted.
package struct TwinsCheck: Check {
    private static let name = "3scale.twins"

    /// What may be in 3scale only once for a service.
    private struct Credential: Hashable {
        let service: Int
        let member: String
        let value: String
    }

    private let applications: [JSONValue]

    /// - Parameter applications: elements of `GET applications`.
    package init(applications: [JSONValue]) { self.applications = applications }

    package var findings: [Finding] {
        var groups: [Credential: [(id: Int, account: Int)]] = [:]
        for application in applications {
            guard let id = application["id"]?.int(in: 0 ... .max),
                let service = application["service_id"]?.int(in: 0 ... .max)
            else { continue }
            let account = application["account_id"]?.int(in: 0 ... .max) ?? 0
            for member in ["application_id", "user_key"] {
                guard let value = application[member]?.string else { continue }
                groups[Credential(service: service, member: member, value: value), default: []].append((id, account))
            }
        }
        let twins = groups.filter { $0.value.count > 1 }.map { credential, holders in
            (credential: credential, holders: holders.sorted { $0.id < $1.id })
        }.sorted { $0.holders[0].id < $1.holders[0].id }
        guard !twins.isEmpty else { return [Finding(Self.name, .ok, "no two applications have one key")] }
        return Finding.warnings(Self.name, of: twins) { twin in
            let holders = twin.holders.map { "\($0.id) of account \($0.account)" }.joined(separator: ", ")
            // The value itself is a credential and stays out.
            return Finding(
                Self.name, .warning,
                "service \(twin.credential.service) has \(twin.holders.count) applications with one "
                    + "\(twin.credential.member): \(holders); 3scale refuses every change of them",
                advice: "Find out which of them is in use, and delete the others in 3scale")
        }
    }
}
