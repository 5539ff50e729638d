import Doctor
import HelperCore
import JSON
import Testing

@Suite("The doctor's checks of signups, twins and accounts")
struct AccountCheckTests {
    private func elements(_ text: String) throws -> [JSONValue] {
        try #require(JSONValue(parsing: Array(text.utf8)).array)
    }

    private func plan(_ service: Int, isDefault: Bool, state: String = "hidden") -> String {
        #"{"default":\#(isDefault),"state":"\#(state)","system_name":"basic","links":[{"rel":"service","href":"https://h/admin/api/services/\#(service)"}]}"#
    }

    @Test("count the keys that a signup makes, and say what to set instead")
    func signupPlans() throws {
        let services = try elements(#"[{"id":1,"name":"One"},{"id":2,"name":"Two"},{"id":3,"name":"Three"}]"#)
        let plans = [plan(1, isDefault: true), plan(2, isDefault: true), plan(3, isDefault: false)]
        // The second service has no service plan that a signup would take.
        let servicePlans = [
            plan(1, isDefault: false, state: "published"), plan(2, isDefault: false), plan(3, isDefault: true),
        ]
        let check = SignupPlansCheck(
            services: services, plans: try elements("[\(plans.joined(separator: ","))]"),
            servicePlans: try elements("[\(servicePlans.joined(separator: ","))]"))
        #expect(check.severities == [.warning])
        #expect(check.words.contains("makes 1 live") && check.words.contains("'One' (1)"))
        #expect(check.words.contains("MLAAS_DEFAULT_PLAN") && !check.words.contains("Two"))
        let none = SignupPlansCheck(services: services, plans: [], servicePlans: [])
        #expect(none.severities == [.ok])
        #expect(SignupPlansCheck(services: services, plans: nil, servicePlans: []).findings.isEmpty)
    }

    @Test("find twins within a service, and print no key")
    func twins() throws {
        let check = TwinsCheck(
            applications: try elements(
                #"""
                [{"id":9,"service_id":1,"account_id":5,"user_key":"secret-key"},
                 {"id":3,"service_id":1,"account_id":4,"user_key":"secret-key"},
                 {"id":4,"service_id":2,"account_id":4,"user_key":"secret-key"},
                 {"id":5,"service_id":2,"account_id":4,"application_id":"id-1"},
                 {"id":6,"service_id":2,"account_id":4,"application_id":"id-1"}]
                """#))
        #expect(check.severities == [.warning, .warning])
        #expect(check.words.contains("3 of account 4, 9 of account 5") && check.words.contains("5 of account 4, 6"))
        #expect(!check.words.contains("secret-key") && !check.words.contains("id-1"))
        #expect(TwinsCheck(applications: []).severities == [.ok])
    }

    @Test("find two accounts with a user of one name")
    func accountNames() {
        let users = [
            AccountUser(id: 1, username: "ada", account: 10), AccountUser(id: 2, username: "ada", account: 11),
            AccountUser(id: 3, username: "Ada", account: 12),
        ]
        let check = AccountNamesCheck(users: users, isComplete: true)
        #expect(check.severities == [.warning] && check.words.contains("10, 11") && check.words.contains("'ada'"))
        #expect(AccountNamesCheck(users: [users[0], users[2]], isComplete: true).severities == [.ok])
        #expect(AccountNamesCheck(users: [], isComplete: false).severities == [.info])
    }

    private typealias Row = (id: Int, account: Int, owner: OwnerMark?)

    private func marked(_ rows: [Row]) throws -> MarkedApplications {
        let texts = rows.map { row in
            let description = row.owner.map { "[mlaas owner=\($0) ok]" } ?? "by hand"
            return #"{"id":\#(row.id),"account_id":\#(row.account),"description":"\#(description)"}"#
        }
        return MarkedApplications(try elements("[\(texts.joined(separator: ","))]"))
    }

    @Test("find accounts with the marks of two owners, and unmarked applications beside marked ones")
    func owners() throws {
        let (ada, bob) = (OwnerMark(issuer: "i", subject: "ada"), OwnerMark(issuer: "i", subject: "bob"))
        let shared = try marked([
            (9, 1, ada), (3, 1, bob), (4, 1, bob), (5, 1, nil), (6, 2, ada), (7, 2, nil), (8, 3, nil),
        ])
        let owners = AccountOwnersCheck(shared)
        #expect(owners.severities == [.warning])
        #expect(
            owners.words.contains("account 1 carries")
                && owners.words.contains("3, 4 of owner \(bob); 9 of owner \(ada)"))
        let unmarked = UnmarkedApplicationsCheck(shared, adoptsUnmarked: true)
        #expect(unmarked.severities == [.info, .info])
        #expect(
            unmarked.findings[0].message.contains(
                "1 application without a mark is on accounts with marks: 7 of account 2"))
        #expect(unmarked.findings[1].message.contains("5 of account 1"))
        let hidden = UnmarkedApplicationsCheck(shared, adoptsUnmarked: false)
        #expect(hidden.severities == [.info] && hidden.words.contains("5 of account 1; 7 of account 2"))
        let plain = try marked([(1, 1, ada), (2, 1, ada), (3, 2, nil)])
        #expect(AccountOwnersCheck(plain).severities == [.ok])
        #expect(UnmarkedApplicationsCheck(plain, adoptsUnmarked: true).severities == [.ok])
        // Many are counted and cut off.
        let many = try marked(
            (1...50).flatMap { account -> [Row] in [(2 * account, account, ada), (2 * account + 1, account, bob)] })
        #expect(AccountOwnersCheck(many).findings.count == 21 && AccountOwnersCheck(many).words.contains("30 more"))
    }

    @Test("tell marks of a realm's other name and of no listed person from those of the people listed")
    func markIssuers() throws {
        let issuers = MarkIssuersCheck.Issuers(
            identities: ["https://a"], aliases: [MarkIssuersCheck.Alias(issuer: "https://b", identity: "https://a")])
        let (known, alias, stranger) = (
            OwnerMark(issuer: "https://a", subject: "ada"), OwnerMark(issuer: "https://b", subject: "ada"),
            OwnerMark(issuer: "https://c", subject: "ada")
        )
        let all = try marked([(1, 1, known), (2, 1, alias), (3, 2, stranger), (4, 3, nil)])
        let check = MarkIssuersCheck(all, issuers: issuers, subjects: ["ada", "bob"])
        #expect(check.severities == [.warning, .warning])
        #expect(
            check.findings[0].message.contains("2 of account 1")
                && check.words.contains("--from https://b --to https://a"))
        #expect(
            check.findings[1].message.contains("3 of account 2") && !check.findings[1].message.contains("account 1"))
        #expect(MarkIssuersCheck(all, issuers: issuers, subjects: nil).severities == [.info])
        #expect(
            MarkIssuersCheck(try marked([(1, 1, known)]), issuers: issuers, subjects: ["ada"]).severities == [.ok])
        #expect(MarkIssuersCheck(try marked([(1, 1, nil)]), issuers: issuers, subjects: nil).severities == [.ok])
    }

    @Test("find two names of one realm by its signing key")
    func sharedKeys() throws {
        func issuer(_ name: String, _ identity: String, _ key: String?) throws -> SharedKeysCheck.Issuer {
            let text = key.map { #"{"keys":[{"kid":"1","n":"\#($0)"}]}"# }
            return SharedKeysCheck.Issuer(
                name, identity: identity, keySet: try text.map { try JSONValue(parsing: Array($0.utf8)) })
        }
        let two = SharedKeysCheck([try issuer("a", "a", "k"), try issuer("b", "b", "k"), try issuer("c", "c", "other")])
        #expect(two.severities == [.warning] && two.words.contains("b=a"))
        #expect(SharedKeysCheck([try issuer("a", "a", "k"), try issuer("b", "a", "k")]).severities == [.ok])
        #expect(SharedKeysCheck([try issuer("a", "a", nil), try issuer("b", "b", nil)]).severities == [.ok])
        #expect(SharedKeysCheck([try issuer("a", "a", "k")]).findings.isEmpty)
    }

    @Test("say whose account a name has")
    func who() {
        let match = AccountOfNameCheck.Match(
            user: AccountUser(id: 7, username: "zoe-0123456789ab", account: 10), organization: "zoë",
            accountState: "approved", applications: [51])
        let one = AccountOfNameCheck("zoë", matches: [match], isComplete: true)
        #expect(one.severities == [.ok] && one.words.contains("account 10") && one.words.contains("51"))
        #expect(
            AccountOfNameCheck("zoë", matches: [match, match], isComplete: true).severities == [.warning, .warning])
        let none = AccountOfNameCheck("zoë", matches: [], isComplete: true)
        #expect(none.severities == [.info] && none.words.contains("'zoe-' and 12 digits"))
        #expect(AccountOfNameCheck("ada", matches: [], isComplete: false).severities == [.info, .warning])
    }

    @Test(
        "know derived names from others",
        arguments: [
            ("ada", "ada", true), ("ada", "ada-0123456789ab", false), ("zoë", "zoe-0123456789ab", true),
            ("zoë", "zoe-0123456789", false), ("zoë", "zoe-0123456789zz", false), ("zoë", "zoe", false),
            ("CORP\\ada", "CORP-ada-0123456789ab", true),
        ])
    func derivedNames(_ username: String, _ name: String, _ isOne: Bool) {
        #expect(AccountName.isName(name, of: username) == isOne)
        let owner = OwnerMark(issuer: "https://sso.example.com", subject: "1")
        #expect(AccountName.isName(AccountName.name(for: username, owner: owner), of: username))
    }
}
