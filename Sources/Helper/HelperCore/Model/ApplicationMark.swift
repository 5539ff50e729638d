/// The last line of what we write into a description: `[mlaas owner=… attempt=… ok]`. Members come in any order, and
/// unknown ones are kept. Earlier versions wrote `attempt … [mlaas owner=…]`.
package struct ApplicationMark: Sendable, Hashable {
    package let owner: OwnerMark
    /// The call that created the application; nil for one that an earlier version created.
    package let attempt: String?
    /// 3scale accepted a second write, so that the application is the only one with its id.
    package let isConfirmed: Bool
    /// What stands before the mark.
    private let text: String
    private let members: [String]

    /// A mark for a new application.
    package init(owner: OwnerMark, attempt: String) {
        self.owner = owner
        self.attempt = attempt
        isConfirmed = false
        text = "Requested through MLaaS Helper "
        members = ["owner=\(owner)", "attempt=\(attempt)"]
    }

    /// A mark for an application that has none.
    /// - Parameter attempt: the call whose signup made the application; nil where others may mark it as well.
    package init(adopting description: String?, owner: OwnerMark, attempt: String? = nil) {
        self.owner = owner
        self.attempt = attempt
        isConfirmed = true
        text = description.map { $0.isEmpty ? "" : "\($0) " } ?? ""
        members = ["owner=\(owner)"] + (attempt.map { ["attempt=\($0)"] } ?? []) + ["ok"]
    }

    /// The mark at the end of a description; nil when it has none.
    package init?(readingFrom description: String?) {
        guard let description, description.utf8.last == UInt8(ascii: "]"),
            let open = description.utf8.lastIndex(of: UInt8(ascii: "["))
        else { return nil }
        let inner = description[open...].dropFirst().dropLast()
        var members = inner.split(separator: " ", omittingEmptySubsequences: true).map(String.init)
        guard members.first == "mlaas" else { return nil }
        members.removeFirst()
        let owners = members.filter { $0.hasPrefix("owner=") }
        guard owners.count == 1, let owner = OwnerMark(digits: String(owners[0].dropFirst(6))) else { return nil }
        self.owner = owner
        self.members = members
        attempt = members.first { $0.hasPrefix("attempt=") }.map { String($0.dropFirst(8)) }
        isConfirmed = members.contains("ok")
        text = String(description[..<open])
    }

    /// The same mark with `ok`.
    package var confirmed: ApplicationMark { isConfirmed ? self : ApplicationMark(confirming: self) }

    /// The same mark of another owner.
    package func moved(to owner: OwnerMark) -> ApplicationMark { ApplicationMark(moving: self, to: owner) }

    /// The description that ends in this mark.
    package var description: String { "\(text)[mlaas \(members.joined(separator: " "))]" }

    /// A call created it and may still be deciding whether it stays.
    package var isProvisional: Bool { attempt != nil && !isConfirmed }

    private init(moving mark: ApplicationMark, to owner: OwnerMark) {
        self.owner = owner
        attempt = mark.attempt
        isConfirmed = mark.isConfirmed
        text = mark.text
        members = mark.members.map { $0.hasPrefix("owner=") ? "owner=\(owner)" : $0 }
    }

    private init(confirming mark: ApplicationMark) {
        owner = mark.owner
        attempt = mark.attempt
        isConfirmed = true
        text = mark.text
        members = mark.members + ["ok"]
    }
}
