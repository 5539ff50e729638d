import HTTP
import JSON
import Testing

@testable import ThreeScaleSandbox

/// What a real 3scale does when calls overlap.
@Suite("The imitated 3scale under concurrency")
struct ConcurrencyTests {
    private let tenant = Tenant3scale()

    /// The path of an account's applications, and two of one `application_id` and `user_key` below it.
    private func twins(_ service: String = "granite_chat", _ plan: String = "Basic") async -> (String, Int, Int) {
        let account = await tenant.signUp("new1")
        tenant.sandbox.change { $0.knobs.uniquenessRaceMilliseconds = 60_000 }
        let form = "plan_id=\(tenant.plan(service, plan))&application_id=the-same&user_key=the-same"
        var ids: [Int] = []
        for _ in 1...2 {
            let made = await tenant.call(.post, "accounts/\(account)/applications.json", form: form)
            ids.append(made.json["application"]?["id"]?.int ?? 0)
        }
        return ("accounts/\(account)/applications", ids[0], ids[1])
    }

    @Test("commits an application after its id was given, so that a higher id can be seen first (section 7.4)")
    func lateCommit() throws {
        var store = tenant.sandbox.snapshot
        let plan = store.plans[tenant.plan("granite_chat", "Basic")]!
        let account = store.account(username: "grace")!.id
        store.knobs.commitMilliseconds = 1_000
        let first = store.insertApplication(account: account, plan: plan, ApplicationFields(), 0, 0)
        let withheld = store.withhold(application: first.id)
        let late = try #require(withheld)
        let second = store.insertApplication(account: account, plan: plan, ApplicationFields(), 0, 0)
        #expect(late.milliseconds > 0 && first.id < second.id)
        #expect(store.applications(of: account).map(\.id) == [second.id])
        try store.commit(late)
        #expect(store.applications(of: account).map(\.id) == [first.id, second.id])
    }

    @Test("gives the same delays for the same seed, and none where the knob is 0")
    func seededDelays() {
        func delays(_ most: Int) -> [Int?] {
            var store = tenant.sandbox.snapshot
            store.knobs.commitMilliseconds = most
            let plan = store.plans[tenant.plan("granite_chat", "Basic")]!
            let account = store.account(username: "grace")!.id
            return (1...20).map { _ in
                let made = store.insertApplication(account: account, plan: plan, ApplicationFields(), 0, 0)
                return store.withhold(application: made.id)?.milliseconds
            }
        }
        #expect(delays(50) == delays(50) && Set(delays(50)).count > 5)
        #expect(delays(0).allSatisfy { $0 == nil })
        let byDefault = Set(delays(Knobs().commitMilliseconds))
        #expect(byDefault.count > 1 && byDefault.allSatisfy { ($0 ?? 0) <= 3 })
    }

    @Test("refuses later writes of twins until one is deleted (section 7.4)")
    func revalidation() async {
        let (path, first, second) = await twins()
        for write in ["\(first).json", "\(second).json", "\(first)/suspend.json"] {
            let reply = await tenant.call(.put, "\(path)/\(write)", form: "description=x")
            #expect(reply.status == 422)
            #expect(reply.json["errors"]?["application_id"]?.array?.first?.string == "has already been taken")
        }
        #expect(await tenant.call(.post, "\(path)/\(first)/keys.json", form: "key=another-key").status == 500)
        let plan = tenant.plan("granite_chat", "Basic")
        #expect(await tenant.call(.put, "\(path)/\(first)/change_plan.json", form: "plan_id=\(plan)").status == 200)
        #expect(await tenant.call(.delete, "\(path)/\(second).json").status == 200)
        #expect(await tenant.call(.put, "\(path)/\(first).json", form: "description=x").status == 200)
    }

    @Test("closes the race of signups by a password (section 5.3)", arguments: [true, false])
    func signupRace(_ hasPassword: Bool) async {
        tenant.sandbox.change {
            $0.knobs.uniquenessRaceMilliseconds = 60_000
            $0.knobs.passwordClosesRace = true
        }
        let form = "org_name=X&username=new1" + (hasPassword ? "&password=long-enough-password" : "")
        #expect(await tenant.call(.post, "signup.json", form: form).status == 201)
        let second = await tenant.call(.post, "signup.json", form: form)
        #expect(second.status == (hasPassword ? 422 : 201))
        if hasPassword {
            #expect(second.text == #"{"errors":{"username":["has already been taken"]}}"#)
        }
    }

    @Test("answers now one account and now the other for a shared username, and refuses writes to its users")
    func findVaries() async {
        let first = await tenant.signUp("new1")
        tenant.sandbox.change { $0.knobs.uniquenessRaceMilliseconds = 60_000 }
        let second = await tenant.signUp("new1")
        var answered: Set<Int> = []
        for _ in 1...40 {
            answered.insert(
                await tenant.call(.get, "accounts/find.json?username=new1").json["account"]?["id"]?.int ?? 0)
        }
        #expect(answered == [first, second])
        let users = await tenant.call(.get, "accounts/\(second)/users.json").json["users"]?.array ?? []
        let user = users.first?["user"]?["id"]?.int ?? 0
        let path = "accounts/\(second)/users/\(user)"
        #expect(await tenant.call(.put, "\(path).json", form: "username=new1").status == 422)
        tenant.sandbox.change { $0.knobs.validatesLaterWrites = false }
        #expect(await tenant.call(.put, "\(path).json", form: "username=new1").status == 200)
        tenant.sandbox.change { $0.knobs.validatesLaterWrites = true }
        let activated = await tenant.call(.put, "\(path)/activate.json")
        #expect(activated.status == 422)
        #expect(activated.json["error"]?["error"]?.string == "Username has already been taken")
        #expect(await tenant.call(.put, "\(path).json", form: "username=new2").status == 200)
    }

    @Test("applies a state of the body, and disables applications of an account that will be deleted (section 5.1)")
    func accountStates() async {
        let account = await tenant.signUp("new1")
        let form = "plan_id=\(tenant.plan("granite_chat", "Basic"))&description=mine"
        _ = await tenant.call(.post, "accounts/\(account)/applications.json", form: form)
        for state in ["rejected", "suspended", "scheduled_for_deletion"] {
            let reply = await tenant.call(.put, "accounts/\(account).json", form: "state=\(state)")
            #expect(reply.json["account"]?["state"]?.string == state)
        }
        tenant.sandbox.change {
            $0.knobs.hasApplicationDescription = false
            $0.knobs.hidesCredentials = true
        }
        let list = await tenant.call(.get, "accounts/\(account)/applications.json")
        let application = list.json["applications"]?.array?.first?["application"]
        #expect(application?["enabled"]?.bool == false && application?["description"] == nil)
        #expect(application?["user_key"] == .null)
    }

    @Test("keeps a deleted service's applications until the job has run")
    func backgroundDeletion() async {
        let account = await tenant.signUp("new1")
        let form = "plan_id=\(tenant.plan("granite_chat", "Basic"))"
        _ = await tenant.call(.post, "accounts/\(account)/applications.json", form: form)
        tenant.sandbox.change { $0.knobs.deletionMilliseconds = 60_000 }
        let service = tenant.service("granite_chat")
        #expect(await tenant.call(.delete, "services/\(service).json").status == 200)
        #expect(await tenant.call(.get, "services/\(service).json").status == 404)
        let left = await tenant.call(.get, "accounts/\(account)/applications.json").json["applications"]?.array
        #expect(left?.first?["application"]?["user_key"]?.string != nil)
        tenant.sandbox.change { $0.runJobs(at: .max) }
        let gone = await tenant.call(.get, "accounts/\(account)/applications.json").json["applications"]?.array
        #expect(gone?.isEmpty == true)
    }

    @Test("finds names that differ in case where the knob says so")
    func looseFind() async {
        #expect(await tenant.call(.get, "accounts/find.json?username=GRACE").status == 404)
        tenant.sandbox.change { $0.knobs.findIgnoresCase = true }
        #expect(await tenant.call(.get, "accounts/find.json?username=GRACE").status == 200)
    }
}
