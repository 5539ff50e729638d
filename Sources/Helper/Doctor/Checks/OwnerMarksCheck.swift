import HelperCore
package import JSON

/// The tenant's applications by account, as far as the checks of owner marks look at them.
package struct MarkedApplications: Sendable {
    struct Account: Sendable {
        let id: Int
        /// Application ids by the owner that their mark names, ascending.
        var owned: [OwnerMark: [Int]] = [:]
        var unmarked: [Int] = []

        /// The owners, the one of the lowest application id first.
        var owners: [OwnerMark] { owned.keys.sorted { (owned[$0]?.first ?? 0) < (owned[$1]?.first ?? 0) } }
    }

    /// Accounts that hold an application, ascending by id.
    let accounts: [Account]

    /// - Parameter elements: of `GET applications`.
    package init(_ elements: [JSONValue]) {
        var accounts: [Int: Account] = [:]
        for element in elements {
            guard let id = element["id"]?.int(in: 0 ... .max),
                let account = element["account_id"]?.int(in: 0 ... .max)
            else { continue }
            var entry = accounts[account] ?? Account(id: account)
            if let owner = OwnerMark(readingFrom: element["description"]?.string) {
                entry.owned[owner, default: []].append(id)
            } else {
                entry.unmarked.append(id)
            }
            accounts[account] = entry
        }
        self.accounts = accounts.values.map { account in
            var account = account
            account.owned = account.owned.mapValues { $0.sorted() }
            account.unmarked.sort()
            return account
        }.sorted { $0.id < $1.id }
    }

    /// `3, 4 of account 7; …`, cut off after a few.
    static func text(_ applications: [(account: Int, ids: [Int])]) -> String {
        let shownMax = 10
        let shown = applications.prefix(shownMax).map { "\(list($0.ids)) of account \($0.account)" }
        return shown.joined(separator: "; ") + (applications.count > shownMax ? "; …" : "")
    }

    static func list(_ ids: [Int]) -> String {
        let shownMax = 5
        return ids.prefix(shownMax).map(String.init).joined(separator: ", ") + (ids.count > shownMax ? ", …" : "")
    }
}

/// Whether each account carries the marks of one owner at most. Where it carries those of two, `init` creates nothing for
/// either.
package struct AccountOwnersCheck: Check {
    private static let name = "3scale.account_owners"

    private let shared: [MarkedApplications.Account]

    package init(_ applications: MarkedApplications) {
        shared = applications.accounts.filter { $0.owned.count > 1 }
    }

    package var findings: [Finding] {
        guard !shared.isEmpty else {
            return [Finding(Self.name, .ok, "no account carries the marks of two owners")]
        }
        return Finding.warnings(Self.name, of: shared) { account in
            let owners = account.owners.map { "\(MarkedApplications.list(account.owned[$0] ?? [])) of owner \($0)" }
            return Finding(
                Self.name, .warning,
                "account \(account.id) carries the marks of \(owners.count) owners, so that init creates nothing there "
                    + "(409 IDENTITY_CONFLICT): applications \(owners.joined(separator: "; "))",
                advice:
                    "Where one person's realm got another name, run owners move until it changes nothing more; else delete "
                    + "the applications of the owner who has the account's user name no more")
        }
    }
}

/// Which applications without a mark stand beside marked ones.
package struct UnmarkedApplicationsCheck: Check {
    private static let name = "3scale.unmarked"

    private let applications: MarkedApplications
    private let adoptsUnmarked: Bool

    /// - Parameter adoptsUnmarked: `MLAAS_ADOPT_UNMARKED`.
    package init(_ applications: MarkedApplications, adoptsUnmarked: Bool) {
        self.applications = applications
        self.adoptsUnmarked = adoptsUnmarked
    }

    package var findings: [Finding] {
        let beside = applications.accounts.filter { !$0.unmarked.isEmpty && !$0.owned.isEmpty }
        guard !beside.isEmpty else {
            return [Finding(Self.name, .ok, "no account mixes applications with and without an owner mark")]
        }
        let adopted = beside.filter { adoptsUnmarked && $0.owned.count == 1 }
        let hidden = beside.filter { !adoptsUnmarked || $0.owned.count > 1 }
        var findings: [Finding] = []
        if !adopted.isEmpty {
            findings.append(
                Finding(
                    Self.name, .info,
                    "\(count(adopted)) on accounts with marks: \(text(adopted)). They count as the "
                        + "account owner's, and init marks them when it answers them",
                    advice: "Delete those that the portal or another tool made for another person"))
        }
        if !hidden.isEmpty {
            findings.append(
                Finding(
                    Self.name, .info,
                    "\(count(hidden)) on accounts with marks: \(text(hidden)). The helper neither lists nor answers them, "
                        + (adoptsUnmarked
                            ? "since two owners share the account" : "since MLAAS_ADOPT_UNMARKED is false"),
                    advice: "Their keys work all the same: delete those that are not in use"))
        }
        return findings
    }

    private func count(_ accounts: [MarkedApplications.Account]) -> String {
        let count = accounts.reduce(0) { $0 + $1.unmarked.count }
        return count == 1 ? "1 application without a mark is" : "\(count) applications without a mark are"
    }

    private func text(_ accounts: [MarkedApplications.Account]) -> String {
        MarkedApplications.text(accounts.map { ($0.id, $0.unmarked) })
    }
}

/// Whether the marks are those of people of the configured identity issuers. A mark is a hash of issuer and subject, so that
/// only a list of subjects shows it.
package struct MarkIssuersCheck: Check {
    /// Whose people the helper knows by which name.
    package struct Issuers: Sendable, Equatable {
        /// What marks are made of.
        package var identities: [String]
        /// Other names of these realms, with the identity that takes the place of each. An earlier version, or a replica with
        /// other settings, has made marks of them.
        package var aliases: [Alias]

        package init(identities: [String], aliases: [Alias] = []) {
            self.identities = identities
            self.aliases = aliases
        }

        func identity(of issuer: String) -> String { aliases.first { $0.issuer == issuer }?.identity ?? issuer }
    }

    package struct Alias: Sendable, Equatable {
        package let issuer: String
        package let identity: String

        package init(issuer: String, identity: String) {
            self.issuer = issuer
            self.identity = identity
        }
    }

    private static let name = "3scale.mark_issuers"

    private let applications: MarkedApplications
    private let issuers: Issuers
    private let subjects: [String]?

    /// - Parameter subjects: the `sub` of everybody in the realms; nil where they are not known.
    package init(_ applications: MarkedApplications, issuers: Issuers, subjects: [String]?) {
        self.applications = applications
        self.issuers = issuers
        self.subjects = subjects
    }

    package var findings: [Finding] {
        let marked = applications.accounts.filter { !$0.owned.isEmpty }
        guard !marked.isEmpty else { return [Finding(Self.name, .ok, "no application carries an owner mark")] }
        guard let subjects else {
            let owners = Set(marked.flatMap(\.owned.keys)).count
            return [
                Finding(
                    Self.name, .info,
                    "the marks name \(owners) \(owners == 1 ? "owner" : "owners"); whether these are people of the configured "
                        + "issuers was not looked at",
                    advice: "Give the sub of everybody in the realm, one to a line: doctor --subjects PATH")
            ]
        }
        var known = Set<OwnerMark>()
        for identity in issuers.identities {
            known.formUnion(subjects.map { OwnerMark(issuer: identity, subject: $0) })
        }
        var findings: [Finding] = []
        for alias in issuers.aliases {
            let people = Set(subjects.map { OwnerMark(issuer: alias.issuer, subject: $0) }).subtracting(known)
            known.formUnion(people)
            let theirs = applications(of: people.contains)
            guard !theirs.isEmpty else { continue }
            findings.append(
                Finding(
                    Self.name, .warning,
                    "\(count(theirs)) of people of \(alias.issuer), who are known as \(alias.identity) now and do not get them: "
                        + MarkedApplications.text(theirs),
                    advice: "Run owners move --from \(alias.issuer) --to \(alias.identity)"))
        }
        let strangers = applications { !known.contains($0) }
        if !strangers.isEmpty {
            findings.append(
                Finding(
                    Self.name, .warning,
                    "\(count(strangers)) of no listed person of \(issuers.identities.joined(separator: ", ")): "
                        + MarkedApplications.text(strangers),
                    advice: "See that the list is whole, service accounts included. Of people who left, suspend the "
                        + "applications, whose keys work all the same. If the realm had another name, run owners move"))
        }
        return findings.isEmpty
            ? [Finding(Self.name, .ok, "every mark is that of a listed person of the configured issuers")] : findings
    }

    private func applications(of isMatch: (OwnerMark) -> Bool) -> [(account: Int, ids: [Int])] {
        applications.accounts.compactMap { account in
            let ids = account.owned.filter { isMatch($0.key) }.flatMap(\.value).sorted()
            return ids.isEmpty ? nil : (account.id, ids)
        }
    }

    private func count(_ applications: [(account: Int, ids: [Int])]) -> String {
        let count = applications.reduce(0) { $0 + $1.ids.count }
        return count == 1 ? "1 application carries the mark" : "\(count) applications carry marks"
    }
}
