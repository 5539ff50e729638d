import HTTP
import Testing

@testable import ThreeScaleSandbox

@Suite("Tables of the imitated 3scale")
struct TableTests {
    private func user(_ id: Int, _ name: String, account: Int = 1) -> UserRecord {
        UserRecord(
            id: id, accountID: account, username: name, email: nil, role: "admin", state: "active", createdAt: 0,
            updatedAt: 0)
    }

    @Test("find rows by what they are looked up under, lowest id first, through every change")
    func lookups() {
        var table = Table(of: UserRecord.self)
        for id in [3, 1, 2] { table[id] = user(id, "ada") }
        #expect(table.rows("name:ada").map(\.id) == [1, 2, 3] && table.first("name:ada")?.id == 1)
        table[1]?.username = "bob"
        #expect(table.rows("name:ada").map(\.id) == [2, 3] && table.first("name:bob")?.id == 1)
        table[2] = nil
        #expect(table.rows("name:ada").map(\.id) == [3] && table.count == 2)
        #expect(table.ids == [1, 3])
        table.removeAll { $0.accountID == 1 }
        #expect(table.first("name:ada") == nil && table.first("account:1") == nil)
        #expect(table.count == 0 && table.ids.isEmpty)
    }

    @Test("hold thousands of accounts, in which a refused write of a read-only token leaves nothing")
    func large() async {
        var tenant = ThreeScaleSeed.standard(now: 0)
        ThreeScaleSeed.addAccounts(10_000, to: &tenant, now: 0)
        #expect(tenant.accounts.count == 10_002)
        #expect(tenant.account(username: "user9999").map { tenant.applications(of: $0.id).count } == 1)
        let small = Tenant3scale()
        let readOnly = "access_token=\(ThreeScaleSeed.readOnlyToken)"
        let form = "org_name=eve&username=eve&password=long-enough-password&\(readOnly)"
        #expect(await small.call(.post, "signup.json", form: form, authorization: nil).status == 403)
        #expect(small.sandbox.snapshot.account(username: "eve") == nil)
    }
}
