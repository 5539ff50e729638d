import HelperCore
package import JSON

/// Whether an owner has more than one application of ours for one service: what a lost race leaves behind when the owner has not
/// called since.
package struct DuplicatesCheck: Check {
    private static let name = "3scale.duplicates"

    private struct Key: Hashable {
        let account: Int
        let service: Int
        let owner: OwnerMark
        let name: KeyName
        let generation: Int
    }

    private struct Duplicate {
        let id: Int
        /// No call confirmed it, so that `init` may delete it.
        let isProvisional: Bool
    }

    private let applications: [JSONValue]?
    private let isComplete: Bool
    private let status: Int?

    /// - Parameters:
    ///   - applications: elements of `GET applications`; nil when they could not be listed.
    ///   - isComplete: false when there are more.
    ///   - status: of the first page; nil when there was no answer.
    package init(applications: [JSONValue]?, isComplete: Bool, status: Int? = nil) {
        self.applications = applications
        self.isComplete = isComplete
        self.status = status
    }

    package var findings: [Finding] {
        guard let applications else { return [unlisted] }
        var groups: [Key: [Duplicate]] = [:]
        for application in applications {
            guard let id = application["id"]?.int(in: 0 ... .max),
                let account = application["account_id"]?.int(in: 0 ... .max),
                let service = application["service_id"]?.int(in: 0 ... .max),
                let mark = ApplicationMark(readingFrom: application["description"]?.string)
            else { continue }
            let key = Key(
                account: account, service: service, owner: mark.owner, name: mark.name, generation: mark.generation)
            groups[key, default: []].append(Duplicate(id: id, isProvisional: mark.isProvisional))
        }
        let duplicates = groups.mapValues { $0.sorted { $0.id < $1.id } }.filter { $0.value.count > 1 }
            .sorted { $0.value[0].id < $1.value[0].id }
        var findings = Finding.warnings(Self.name, of: duplicates) { key, found in
            let ids = found.map(\.id)
            return Finding(
                Self.name, .warning,
                "account \(key.account) has \(ids.count) applications of ours for service \(key.service): "
                    + ids.map(String.init).joined(separator: ", "),
                advice: Self.advice(found))
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

    /// A refusal is the token's; any other failure stops the helper's own scan too, so that keys work after their end.
    private var unlisted: Finding {
        if status == 403 {
            return Finding(
                Self.name, .info, "the applications could not be listed, so duplicates were not looked for",
                advice: "Use a token whose owner sees all applications")
        }
        let answer =
            switch status {
            case nil: "3scale does not answer"
            case 200: "a later page failed, or an answer cannot be read"
            case .some(let status): "3scale answers \(status)"
            }
        return Finding(
            Self.name, .error,
            "the applications could not be listed (\(answer)), so that keys may work after their end",
            advice: "Look into the logs of 3scale's system-app for GET /admin/api/applications.json")
    }

    private static func advice(_ found: [Duplicate]) -> String {
        let kept = found.filter { !$0.isProvisional }
        guard kept.count > 1 else {
            let answered = kept.first ?? found[0]
            return "The owner's next call of init keeps \(answered.id) and deletes the rest; or delete them yourself"
        }
        let ids = kept.map { String($0.id) }.joined(separator: ", ")
        return "The helper deletes none of \(ids), since each may be in use: find out which is, and delete the others"
    }
}
