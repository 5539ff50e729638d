import HTTP
import HelperCore
import JSON

extension Doctor {
    /// Accounts whose users are asked for, at most: a call each.
    private static let askedMax = 200

    /// Finds the 3scale account of a Keycloak name, under its own or a derived user name.
    ///
    /// A derived name holds digits of the owner mark, which the name alone does not tell. So the account is looked for by
    /// what else carries the name: `org_name`, and the names of our applications.
    package func who(_ username: String) async -> Report {
        let first = await ask("services", page: 1)
        let token = AdminTokenCheck(first)
        guard token.isAccepted else {
            return Report(
                ReachabilityCheck(
                    "3scale.reachable", system: "3scale", url: plan.threeScaleURL,
                    variable: "THREESCALE_ADMIN_API_URL", first
                ).findings + token.findings)
        }
        let accounts = await pages("accounts", "account")
        let applications = await pages("applications", "application")
        var isComplete = accounts?.isComplete == true && applications?.isComplete == true
        let ours = (applications?.elements ?? []).filter { Self.isMade($0, for: username) }
        let named = { (isName: (String) -> Bool) -> Set<Int> in
            Set(
                (accounts?.elements ?? []).filter { $0["org_name"]?.string.map(isName) == true }.compactMap {
                    $0["id"]?.int(in: 0 ... .max)
                })
        }
        var ids = named { $0 == username }
        ids.formUnion(ours.compactMap { $0["account_id"]?.int(in: 0 ... .max) })
        if AccountName.isAccepted(username), let id = await account(named: username) { ids.insert(id) }
        // An organisation's name that was made of the username is that of other people too, whose names fold alike.
        if ids.isEmpty { ids = named { AccountName.isName($0, of: username) } }
        let marked = (applications?.elements ?? []).compactMap { application in
            OwnerMark(readingFrom: application["description"]?.string).map { (owner: $0, application: application) }
        }
        if ids.isEmpty, !AccountName.isAccepted(username) {
            // A person who was renamed after the last key: only the marks lead to the name.
            let names = Set(marked.map { AccountName.name(for: username, owner: $0.owner) })
            if names.count > Self.askedMax { isComplete = false }
            for name in names.sorted().prefix(Self.askedMax) {
                if let id = await account(named: name) { ids.insert(id) }
            }
        }
        let known = Dictionary(
            (accounts?.elements ?? []).compactMap { account in account["id"]?.int(in: 0 ... .max).map { ($0, account) }
            },
            uniquingKeysWith: { first, _ in first })
        var matches: [AccountOfNameCheck.Match] = []
        if ids.count > Self.askedMax { isComplete = false }
        for id in ids.sorted().prefix(Self.askedMax) {
            guard let users = await users(of: id) else {
                isComplete = false
                continue
            }
            for user in users where AccountName.isName(user.username, of: username) {
                matches.append(
                    AccountOfNameCheck.Match(
                        user: user, organization: known[id]?["org_name"]?.string ?? "",
                        accountState: known[id]?["state"]?.string ?? "unknown",
                        applications: marked.filter { $0.application["account_id"]?.int(in: 0 ... .max) == id }
                            .compactMap { $0.application["id"]?.int(in: 0 ... .max) }.sorted())
                )
            }
        }
        return Report(AccountOfNameCheck(username, matches: matches, isComplete: isComplete).findings)
    }

    /// Looks for accounts with a user of one name among those that share their `org_name`, or hold keys made for one name.
    /// - Parameter applications: elements of `GET applications`.
    func accountNames(applications: [JSONValue]) async -> AccountNamesCheck {
        let accounts = await pages("accounts", "account")
        var groups: [String: Set<Int>] = [:]
        for account in accounts?.elements ?? [] {
            guard let id = account["id"]?.int(in: 0 ... .max) else { continue }
            groups[account["org_name"]?.string ?? "", default: []].insert(id)
        }
        for application in applications {
            guard let id = application["account_id"]?.int(in: 0 ... .max), let name = Self.madeFor(application) else {
                continue
            }
            groups[name, default: []].insert(id)
        }
        let suspects = Set(groups.values.filter { $0.count > 1 }.joined()).sorted()
        var isComplete = accounts?.isComplete == true && suspects.count <= Self.askedMax
        var all: [AccountUser] = []
        for id in suspects.prefix(Self.askedMax) {
            if let users = await users(of: id) { all += users } else { isComplete = false }
        }
        return AccountNamesCheck(users: all, isComplete: isComplete)
    }

    /// Nil when they could not be listed.
    private func users(of account: Int) async -> [AccountUser]? {
        Self.elements(await ask("accounts/\(account)/users"), "users", "user")?.compactMap { user in
            guard let id = user["id"]?.int(in: 0 ... .max), let name = user["username"]?.string else { return nil }
            return AccountUser(id: id, username: name, account: account)
        }
    }

    /// The account of a user name, as 3scale finds it.
    private func account(named name: String) async -> Int? {
        let found = await ask("accounts/find", query: "username=\(PercentEncoding.encode(name))")
        return found.document?["account"]?["id"]?.int(in: 0 ... .max)
    }

    /// Whether we made an application for that name.
    private static func isMade(_ application: JSONValue, for username: String) -> Bool {
        application["name"]?.string?.hasPrefix("mlaas:\(username):") == true
            && OwnerMark(readingFrom: application["description"]?.string) != nil
    }

    /// The name that we made an application for: what stands between `mlaas:` and the service.
    private static func madeFor(_ application: JSONValue) -> String? {
        guard let name = application["name"]?.string, name.hasPrefix("mlaas:"), let end = name.lastIndex(of: ":"),
            OwnerMark(readingFrom: application["description"]?.string) != nil
        else { return nil }
        let start = name.index(name.startIndex, offsetBy: 6)
        return start < end ? String(name[start..<end]) : nil
    }
}
