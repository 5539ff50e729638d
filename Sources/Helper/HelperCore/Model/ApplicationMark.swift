import Bytes

/// The end of what we write into a description: `[mlaas owner=… attempt=… key=… gen=… expires=… grace=… paused=… ended=… ok]`.
/// Members come in any order, and unknown ones are kept. Earlier versions wrote `attempt … [mlaas owner=…]`.
///
/// People may edit descriptions in 3scale's developer portal: a value that cannot be read counts as absent.
package struct ApplicationMark: Sendable, Hashable {
    package let owner: OwnerMark
    /// The call that created the application; nil for one that an earlier version created.
    package let attempt: String?
    /// 3scale accepted a second write, so that the application is the only one with its id.
    package let isConfirmed: Bool
    /// Which of the owner's API keys for the service it is: `key`, and `default` without one.
    package let name: KeyName
    /// How often that key has been rotated, plus 1: `gen`, and 1 without one.
    package let generation: Int
    /// What stands before the mark.
    private let text: String
    private let members: [String]

    package static let generations = 1...1_000_000
    /// Seconds since 1970 that a mark may hold.
    package static let times = 0...253_402_300_799
    private static let standardText = "Requested through MLaaS Helper"

    /// A mark for a new application.
    package init(
        owner: OwnerMark, attempt: String, name: KeyName = .standard, generation: Int = 1, expiresAt: Int? = nil,
        graceSeconds: Int? = nil, note: String? = nil
    ) {
        var members = ["owner=\(owner)", "attempt=\(attempt)"]
        if name != .standard { members.append("key=\(name)") }
        if generation != 1 { members.append("gen=\(generation)") }
        if let expiresAt { members.append("expires=\(expiresAt)") }
        if let graceSeconds { members.append("grace=\(graceSeconds)") }
        self.init(owner, text: "\(note ?? Self.standardText) ", members)
    }

    /// A mark for an application that has none.
    /// - Parameter attempt: the call whose signup made the application; nil where others may mark it as well.
    package init(adopting description: String?, owner: OwnerMark, attempt: String? = nil) {
        self.init(
            owner, text: description.map { $0.isEmpty ? "" : "\($0) " } ?? "",
            ["owner=\(owner)"] + (attempt.map { ["attempt=\($0)"] } ?? []) + ["ok"])
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
        self.init(owner, text: String(description[..<open]), members)
    }

    private init(_ owner: OwnerMark, text: String, _ members: [String]) {
        self.owner = owner
        self.text = text
        self.members = members
        attempt = Self.value("attempt", in: members).map(String.init)
        isConfirmed = members.contains("ok")
        name = Self.value("key", in: members).flatMap { KeyName($0) } ?? .standard
        generation =
            Self.value("gen", in: members).flatMap { ForeignNumber($0)?.within(Self.generations) } ?? 1
    }

    /// The description that ends in this mark.
    package var description: String { "\(text)[mlaas \(members.joined(separator: " "))]" }

    /// A call created it and may still be deciding whether it stays.
    package var isProvisional: Bool { attempt != nil && !isConfirmed }

    // MARK: Members

    /// When the key ends, in seconds since 1970.
    package var expiresAt: Int? { number("expires", within: Self.times) }

    /// How long the generation before this one works after this one went live.
    package var graceSeconds: Int? { number("grace", within: Self.times) }

    /// When this generation went live, where 3scale's `updated_at` does not tell any more, in seconds since 1970.
    package var liveSince: Int? { number("live", within: Self.times) }

    /// That the helper suspended the key, as `PauseSeal` writes it.
    package func seal(for purpose: PauseSeal.Purpose) -> String? {
        Self.value(Self.member(purpose), in: members).map(String.init)
    }

    /// What the owner wrote about the key, or what the portal's form held; nil for the text that every key gets.
    package var note: String? {
        let note = text.last == " " ? text.dropLast() : text[...]
        let isOldForm = attempt == nil && note.hasPrefix("attempt ")
        return note.isEmpty || note == Self.standardText || isOldForm ? nil : String(note)
    }

    // MARK: Changes

    /// The same mark with `ok`.
    package var confirmed: ApplicationMark {
        isConfirmed ? self : ApplicationMark(owner, text: text, members + ["ok"])
    }

    /// The same mark of another owner.
    package func moved(to owner: OwnerMark) -> ApplicationMark { setting("owner", owner.description, owner) }

    /// - Parameter time: nil for a key that does not end.
    package func expiring(at time: Int?) -> ApplicationMark { setting("expires", time.map(String.init)) }

    package func granting(graceSeconds: Int) -> ApplicationMark { setting("grace", String(graceSeconds)) }

    package func live(since time: Int) -> ApplicationMark { setting("live", String(time)) }

    /// - Parameter value: nil takes the seal away.
    package func sealed(_ value: String?, for purpose: PauseSeal.Purpose) -> ApplicationMark {
        setting(Self.member(purpose), value)
    }

    /// - Parameter note: nil for the text that every key gets.
    package func noted(_ note: String?) -> ApplicationMark {
        ApplicationMark(owner, text: "\(note ?? Self.standardText) ", members)
    }

    private func setting(_ name: String, _ value: String?, _ newOwner: OwnerMark? = nil) -> ApplicationMark {
        var changed: [String] = []
        var isWritten = false
        for member in members {
            guard member.hasPrefix("\(name)=") else {
                changed.append(member)
                continue
            }
            if let value, !isWritten { changed.append("\(name)=\(value)") }
            isWritten = true
        }
        if let value, !isWritten { changed.append("\(name)=\(value)") }
        return ApplicationMark(newOwner ?? owner, text: text, changed)
    }

    // MARK: Reading

    private static func member(_ purpose: PauseSeal.Purpose) -> String {
        switch purpose {
        case .pause: "paused"
        case .end: "ended"
        }
    }

    private func number(_ name: String, within range: ClosedRange<Int>) -> Int? {
        Self.value(name, in: members).flatMap { ForeignNumber($0)?.within(range) }
    }

    /// The value of the first member of that name.
    private static func value(_ name: String, in members: [String]) -> Substring? {
        members.first { $0.hasPrefix("\(name)=") }?.dropFirst(name.utf8.count + 1)
    }
}
