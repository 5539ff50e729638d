import HTTP
import JSON
import Testing
import ThreeScaleSandbox

/// What real clients do (section 12), beyond single calls.
@Suite("Clients of 3scale find in the imitated one")
struct ClientHabitTests {
    private let tenant = Tenant3scale()

    @Test("wrapped attributes, as form or JSON, on every wrapped resource (sections 2, 12.3)")
    func wrappers() async {
        let json: JSONValue = ["service": ["name": "Wrapped", "backend_version": "2"]]
        let made = await tenant.call(.post, "services.json", json: json)
        let id = made.json["service"]?["id"]?.int ?? 0
        #expect(made.status == 201 && made.json["service"]?["backend_version"]?.string == "2")
        let renamed = await tenant.call(.put, "services/\(id).json", form: "service[name]=Other&name=Ignored")
        #expect(renamed.json["service"]?["name"]?.string == "Other")
        let plan = await tenant.call(
            .post, "services/\(id)/application_plans.json", json: ["application_plan": ["name": "Gold"]])
        #expect(plan.status == 201 && plan.json["application_plan"]?["name"]?.string == "Gold")
        let proxy = await tenant.call(.put, "services/\(id)/proxy.json", form: "proxy%5Bauth_user_key%5D=x-api-key")
        #expect(proxy.json["proxy"]?["auth_user_key"]?.string == "x-api-key")
        let webhook = await tenant.call(.put, "webhooks.json", json: ["web_hook": ["active": true]])
        #expect(webhook.json["webhook"]?["active"]?.bool == true)
    }

    @Test("no wrapper where 3scale has none (section 7.3)")
    func unwrapped() async {
        let account = await tenant.signUp("new1")
        let plan = tenant.plan("granite_chat", "Basic")
        let json: JSONValue = ["application": ["plan_id": .int(plan)]]
        #expect(await tenant.call(.post, "accounts/\(account)/applications.json", json: json).status == 404)
    }

    @Test("pages in XML, told by attributes (section 0.3)", arguments: ["services", "accounts", "applications"])
    func pagesInXML(_ list: String) async {
        let account = await tenant.signUp("new1")
        let plan = tenant.plan("granite_chat", "Basic")
        for _ in 1...2 {
            _ = await tenant.call(.post, "accounts/\(account)/applications.json", form: "plan_id=\(plan)")
        }
        let total = await tenant.call(.get, "\(list).json").json[list]?.array?.count ?? 0
        #expect(total > 1)
        let expected = #"<\#(list) per_page="1" total_entries="\#(total)" total_pages="\#(total)" current_page="2">"#
        let reply = await tenant.call(.get, "\(list).xml?per_page=1&page=2").text
        #expect(reply.contains(expected))
        #expect(await tenant.call(.get, "\(list).xml?page=2").text.hasSuffix("<\(list)></\(list)>"))
        #expect(await tenant.call(.get, "\(list).json?page=99999999999999999999").status == 404)
    }

    @Test("the plan an application had before it was customised (section 7.1)")
    func decustomize() async {
        let service = tenant.service("granite_chat")
        let plans = "services/\(service)/application_plans.json"
        let made = await tenant.call(.post, plans, form: "name=Basic%20Plus")
        let plan = made.json["application_plan"]?["id"]?.int ?? 0
        let account = await tenant.signUp("new1")
        let path = "accounts/\(account)/applications"
        let application = await tenant.call(.post, "\(path).json", form: "plan_id=\(plan)").json["application"]
        let id = application?["id"]?.int ?? 0
        let custom = await tenant.call(.put, "\(path)/\(id)/customize_plan.json").json["application_plan"]
        #expect(custom?["custom"]?.bool == true && custom?["id"]?.int != plan)
        let back = await tenant.call(.put, "\(path)/\(id)/decustomize_plan.json").json["application_plan"]
        #expect(back?["id"]?.int == plan)
    }

    @Test("ids above 2^31 when asked for (section 0.1)")
    func largeIDs() {
        let tenant = ThreeScaleSeed.standard(now: 0, firstID: 2_555_417_834_780)
        #expect(tenant.services.keys.allSatisfy { $0 > 1 << 31 } && tenant.accounts.keys.allSatisfy { $0 > 1 << 31 })
    }

    @Test("the last service cannot be deleted (section 2)")
    func lastService() async {
        let services = tenant.sandbox.snapshot.services.keys.sorted()
        for id in services.dropLast() {
            #expect(await tenant.call(.delete, "services/\(id).json").status == 200)
        }
        let refused = await tenant.call(.delete, "services/\(services[services.count - 1]).json")
        #expect(refused.status == 403 && refused.text == #"{"status":"Forbidden"}"#)
    }

    @Test("metrics, methods and limits that can be changed and deleted (section 4)")
    func metricsAndLimits() async {
        let service = tenant.service("granite_chat")
        let plan = tenant.plan("granite_chat", "Basic")
        let metrics = "services/\(service)/metrics"
        let made = await tenant.call(.post, "\(metrics).json", form: "friendly_name=Tokens&unit=token")
        let metric = made.json["metric"]?["id"]?.int ?? 0
        let changed = await tenant.call(.put, "\(metrics)/\(metric).json", form: "friendly_name=Words")
        #expect(changed.json["metric"]?["friendly_name"]?.string == "Words")
        let limits = "application_plans/\(plan)/metrics/\(metric)/limits"
        let limit =
            await tenant.call(.post, "\(limits).json", form: "period=day&value=5").json["limit"]?["id"]?.int ?? 0
        let raised = await tenant.call(.put, "\(limits)/\(limit).json", form: "value=6")
        #expect(raised.json["limit"]?["value"]?.int == 6)
        #expect(await tenant.call(.put, "\(limits)/\(limit).json", form: "period=fortnight").status == 422)
        #expect(await tenant.call(.delete, "\(metrics)/\(metric).json").text.isEmpty)
        #expect(await tenant.call(.get, "\(limits)/\(limit).json").status == 404)
    }
}
