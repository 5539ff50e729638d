import HelperCore

/// A user of a developer account, as far as the doctor looks at it.
package struct AccountUser: Sendable, Equatable {
    package let id: Int
    package let username: String
    package let account: Int

    package init(id: Int, username: String, account: Int) {
        self.id = id
        self.username = username
        self.account = account
    }
}

/// Whether two accounts have a user of one name. 3scale then finds now the one and now the other, and refuses every change
/// of both users.
package struct AccountNamesCheck: Check {
    private static let name = "3scale.account_names"

    private let users: [AccountUser]
    private let isComplete: Bool

    /// - Parameters:
    ///   - users: of the accounts that share their `org_name`, which is what a lost signup race leaves behind, or hold keys
    ///     that were made for one name.
    ///   - isComplete: false when not all of these accounts were looked at.
    package init(users: [AccountUser], isComplete: Bool) {
        self.users = users
        self.isComplete = isComplete
    }

    package var findings: [Finding] {
        let groups = Dictionary(grouping: users, by: \.username).filter { Set($0.value.map(\.account)).count > 1 }
        var findings = groups.sorted { $0.key < $1.key }.map { username, users in
            let accounts = Set(users.map(\.account)).sorted().map(String.init).joined(separator: ", ")
            return Finding(
                Self.name, .warning, "accounts \(accounts) each have a user named '\(username)'",
                advice: "Keep the account that holds the keys in use, and delete the others in 3scale")
        }
        if !isComplete {
            findings.append(Finding(Self.name, .info, "not all accounts were looked at for users of one name"))
        }
        return findings.isEmpty
            ? [Finding(Self.name, .ok, "no two accounts were found with a user of one name")] : findings
    }
}

/// Which 3scale account belongs to a Keycloak name.
package struct AccountOfNameCheck: Check {
    private static let name = "who"

    /// A user with the account and what it holds.
    package struct Match: Sendable {
        package let user: AccountUser
        package let organization: String
        package let accountState: String
        /// Of ours, those made for this name.
        package let applications: [Int]

        package init(user: AccountUser, organization: String, accountState: String, applications: [Int]) {
            self.user = user
            self.organization = organization
            self.accountState = accountState
            self.applications = applications
        }
    }

    private let username: String
    private let matches: [Match]
    private let isComplete: Bool

    /// - Parameters:
    ///   - username: as tokens have it.
    ///   - matches: users whose name is the person's own or derived from it.
    ///   - isComplete: false when not all of 3scale was looked through.
    package init(_ username: String, matches: [Match], isComplete: Bool) {
        self.username = username
        self.matches = matches
        self.isComplete = isComplete
    }

    package var findings: [Finding] {
        var findings = matches.map { match in
            let keys =
                match.applications.isEmpty
                ? "no application of ours"
                : "applications \(match.applications.map(String.init).joined(separator: ", "))"
            return Finding(
                Self.name, matches.count > 1 ? .warning : .ok,
                "'\(username)' is user '\(match.user.username)' (\(match.user.id)) of account \(match.user.account) "
                    + "'\(match.organization)', state \(match.accountState), with \(keys)",
                advice: matches.count > 1 ? severalAdvice : nil)
        }
        if matches.isEmpty {
            let form =
                AccountName.isAccepted(username)
                ? "'\(username)'" : "'\(AccountName.prefix(for: username))' and 12 digits"
            findings = [
                Finding(
                    Self.name, .info,
                    "3scale has no account for '\(username)': the first key makes one, with a user named \(form)")
            ]
        }
        if !isComplete {
            findings.append(
                Finding(
                    Self.name, .warning, "not all accounts could be looked at",
                    advice: "Check the admin token's permissions and 3scale's logs"))
        }
        return findings
    }

    private var severalAdvice: String {
        AccountName.isAccepted(username)
            ? "Keep the account that holds the keys in use, and delete the others in 3scale"
            : "People of several realms may have this name; each account is named by its owner's mark"
    }
}
