import HelperCore
package import JSON

/// Whether somebody has more than one application of ours for one service: what a lost race leaves behind when nobody has
/// come by since.
package struct DuplicatesCheck: Check {
    private static let name = "3scale.duplicates"
    private static let shownMax = 20

    private struct Key: Hashable {
        let account: Int
        let service: Int
        let owner: OwnerMark
        let name: KeyName
        let generation: Int
    }

    private let applications: [JSONValue]?
    private let isComplete: Bool

    /// - Parameters:
    ///   - applications: elements of `GET applications`; nil when they could not be listed.
    ///   - isComplete: false when there are more.
    package init(applications: [JSONValue]?, isComplete: Bool) {
        self.applications = applications
        self.isComplete = isComplete
    }

    package var findings: [Finding] {
        guard let applications else {
            return [
                Finding(
                    Self.name, .info, "the applications could not be listed, so duplicates were not looked for",
                    advice: "Use a token whose owner sees all applications")
            ]
        }
        var groups: [Key: [Int]] = [:]
        for application in applications {
            guard let id = application["id"]?.int(in: 0 ... .max),
                let account = application["account_id"]?.int(in: 0 ... .max),
                let service = application["service_id"]?.int(in: 0 ... .max),
                let mark = ApplicationMark(readingFrom: application["description"]?.string)
            else { continue }
            let key = Key(
                account: account, service: service, owner: mark.owner, name: mark.name, generation: mark.generation)
            groups[key, default: []].append(id)
        }
        let duplicates = groups.filter { $0.value.count > 1 }.sorted { ($0.value.min() ?? 0) < ($1.value.min() ?? 0) }
        var findings = duplicates.prefix(Self.shownMax).map { key, ids in
            let ids = ids.sorted()
            return Finding(
                Self.name, .warning,
                "account \(key.account) has \(ids.count) applications of ours for service \(key.service): "
                    + ids.map(String.init).joined(separator: ", "),
                advice: "The owner's next call of init keeps \(ids[0]) and deletes the rest; or delete them yourself")
        }
        if duplicates.count > Self.shownMax {
            findings.append(
                Finding(Self.name, .warning, "and \(duplicates.count - Self.shownMax) more of the kind"))
        }
        if !isComplete {
            findings.append(
                Finding(Self.name, .info, "only the first \(applications.count) applications were looked at"))
        }
        if duplicates.isEmpty, isComplete {
            findings.append(Finding(Self.name, .ok, "no application of ours is there twice"))
        }
        return findings
    }
}
