import HTTP
import JSON
import Testing
import ThreeScaleSandbox

@Suite("The imitated 3scale")
struct ThreeScaleSandboxTests {
    private let tenant = Tenant3scale()

    @Test(
        "takes its token from either half of Basic, the query, a form or a JSON member (section 1.1)",
        arguments: [
            ("Basic OnNhbmRib3gtYWRtaW4tdG9rZW4=", "services.json", nil),
            ("Basic c2FuZGJveC1hZG1pbi10b2tlbjo=", "services.json", nil),
            (nil, "services.json?access_token=sandbox-admin-token", nil),
            (nil, "services.json", "access_token=sandbox-admin-token"),
            (nil, "services.json?access_token=bad&provider_key=sandbox-provider-key", nil),
        ] as [(String?, String, String?)])
    func credentials(_ authorization: String?, _ path: String, _ form: String?) async {
        #expect(await tenant.call(.get, path, form: form, authorization: authorization).status == 200)
        let json: JSONValue = ["access_token": "sandbox-admin-token"]
        #expect(await tenant.call(.get, "services.json", json: json, authorization: nil).status == 200)
    }

    @Test("answers 403, never 401, with the words of the table (section 1.3)")
    func refusals() async {
        let bearer = await tenant.call(.get, "services.json", authorization: "Bearer sandbox-admin-token")
        #expect(bearer.status == 500 && bearer.text == #"{"status":500,"error":"Internal Server Error"}"#)
        let stats = await tenant.call(.get, "services/1/usage.json", authorization: nil, base: "/stats/")
        #expect(stats.status == 403 && stats.text == #"{"status":"Forbidden"}"#)
        for authorization in [nil, "Basic OmJhZA==", "Basic OnNhbmRib3gtZXhwaXJlZC10b2tlbg=="] {
            let reply = await tenant.call(.get, "services.json", authorization: authorization)
            #expect(reply.status == 403 && reply.text == #"{"error":"Access denied"}"#)
        }
        let readOnly = "Basic OnNhbmRib3gtcmVhZC1vbmx5LXRva2Vu"
        #expect(await tenant.call(.get, "services.json", authorization: readOnly).status == 200)
        #expect(await tenant.call(.put, "services/0.json", authorization: readOnly).status == 404)
        #expect(await tenant.call(.post, "services.json", form: "name=", authorization: readOnly).status == 422)
        let refused = await tenant.call(.post, "services.json", form: "name=X", authorization: readOnly)
        #expect(
            refused.status == 403
                && refused.text == #"{"error":"Your access token does not have the correct permissions"}"#)
        tenant.sandbox.change { $0.knobs.isSuspended = true }
        let suspended = await tenant.call(.get, "services.json")
        #expect(suspended.status == 403 && suspended.text.isEmpty)
    }

    @Test("goes by the extension alone (section 0.1)")
    func formats() async {
        #expect(await tenant.call(.get, "services.json").fields["content-type"] == "application/json; charset=utf-8")
        #expect(await tenant.call(.get, "services").text.hasPrefix("<?xml"))
        let unknown = await tenant.call(.get, "services.php")
        #expect(unknown.status == 406 && unknown.text == "The server does not understand \"php\" request.")
        #expect(await tenant.call(.get, "accounts/find.xml?username=nobody").text.isEmpty)
        #expect(await tenant.call(.get, "accounts/find.json?username=nobody").text == #"{"status":"Not found"}"#)
    }

    @Test(
        "clamps pages and tells of them only when there are several (section 0.3)",
        arguments: [
            ("", 6, false), ("?per_page=2", 2, true), ("?per_page=2&page=3", 2, true), ("?per_page=2&page=9", 0, true),
            ("?per_page=0", 6, false), ("?per_page=501", 6, false), ("?per_page=x&page=-1", 6, false),
            ("?per_page=6", 6, false),
        ])
    func pages(_ query: String, _ count: Int, _ hasMetadata: Bool) async {
        let reply = await tenant.call(.get, "services.json\(query)")
        #expect(reply.json["services"]?.array?.count == count && (reply.json["metadata"] != nil) == hasMetadata)
    }

    @Test("shows a service's mode on the service and never on the proxy (sections 2, 3)")
    func modes() async {
        for (name, mode) in [("granite_chat", "1"), ("embeddings", "2"), ("vision", "oidc")] {
            let id = tenant.service(name)
            let service = await tenant.call(.get, "services/\(id).json").json["service"]
            #expect(service?["backend_version"]?.string == mode && service?["endpoint"] == nil)
            let proxy = await tenant.call(.get, "services/\(id)/proxy.json").json["proxy"]
            #expect(proxy?["authentication_method"] == nil && proxy?["endpoint"] != nil)
        }
        let reply = await tenant.call(.put, "services/\(tenant.service("vision")).json", form: "backend_version=9")
        #expect(reply.text == #"{"errors":{"backend_version":["is not included in the list"]}}"#)
    }

    @Test("lists custom plans beside the others, ascending, the default marked (section 4)")
    func plans() async {
        let reply = await tenant.call(.get, "services/\(tenant.service("code_assist"))/application_plans.json")
        let plans = reply.json["plans"]?.array?.compactMap { $0["application_plan"] } ?? []
        #expect(plans.map { $0["name"]?.string } == ["Staff", "Public"])
        #expect(plans[0]["default"]?.bool == true && plans[0]["state"]?.string == "hidden")
        #expect(plans[0]["setup_fee"]?.double == 0 && plans[0]["custom"]?.bool == false)
    }

    @Test(
        "validates a signup with 3scale's words (section 5.3)",
        arguments: [
            (
                "username=abc",
                #"{"errors":{"org_name":["can't be blank","must contain at least one alphanumeric character"]}}"#
            ),
            (
                "org_name=X&username=ab",
                #"{"errors":{"users":["invalid"],"username":["is too short (minimum is 3 characters)"]}}"#
            ),
            (
                "org_name=X&username=a%20b",
                #"{"errors":{"users":["invalid"],"username":["use only letters, numbers, and .-_@+ please."]}}"#
            ),
            ("org_name=X&username=grace", #"{"errors":{"users":["invalid"],"username":["has already been taken"]}}"#),
            (
                "org_name=X&username=new1&email=a@b",
                #"{"errors":{"users":["invalid"],"email":["is too short (minimum is 6 characters)"]}}"#
            ),
            (
                "org_name=X&username=new1&email=grace@example.com",
                #"{"errors":{"users":["invalid"],"email":["has already been taken"]}}"#
            ),
            (
                "org_name=X&username=new1&password=short",
                #"{"errors":{"users":["invalid"],"password":["is too short (minimum is 15 characters)"]}}"#
            ),
        ])
    func signupValidation(_ form: String, _ expected: String) async {
        tenant.sandbox.change { $0.knobs.passwordMinimum = 15 }
        let reply = await tenant.call(.post, "signup.json", form: form)
        #expect(reply.status == 422 && reply.text == expected)
    }

    @Test(
        "leaves an account approved or created by the table (section 5.3)",
        arguments: [(true, false, "approved"), (false, false, "created"), (true, true, "created")])
    func signupStates(_ hasPassword: Bool, _ needsApproval: Bool, _ state: String) async {
        tenant.sandbox.change { $0.knobs.accountsNeedApproval = needsApproval }
        let password = hasPassword ? "&password=long-enough-password" : ""
        let reply = await tenant.call(.post, "signup.json", form: "org_name=X&username=new1\(password)")
        #expect(reply.status == 201 && reply.json["account"]?["state"]?.string == state)
    }

    @Test("makes an application at signup where a service has default plans (section 5.3)")
    func signupApplications() async {
        let id = tenant.plan("granite_chat", "Basic")
        _ = await tenant.call(.put, "services/\(tenant.service("granite_chat"))/application_plans/\(id)/default.json")
        let account = await tenant.signUp("new1")
        let applications =
            await tenant.call(.get, "accounts/\(account)/applications.json").json["applications"]?.array ?? []
        #expect(applications.map { $0["application"]?["name"]?.string } == ["API signup"])
    }

    @Test("shows what the mode has (section 7.2)")
    func applicationFields() async {
        let account = await tenant.signUp("new1")
        for (service, plan, present, absent) in [
            ("granite_chat", "Basic", "user_key", "application_id"),
            ("embeddings", "Standard", "application_id", "user_key"),
            ("vision", "Standard", "client_secret", "user_key"),
        ] {
            let form = "plan_id=\(tenant.plan(service, plan))&application_id=mine-\(service)"
            let reply = await tenant.call(.post, "accounts/\(account)/applications.json", form: form)
            let application = reply.json["application"]
            #expect(reply.status == 201 && application?[present]?.string != nil && application?[absent] == nil)
            #expect(application?["first_traffic_at"] == .null && application?["state"]?.string == "live")
        }
    }

    @Test(
        "refuses the same application id twice in a service, in every mode (section 7.4)",
        arguments: ["granite_chat", "embeddings", "vision"])
    func uniqueness(_ service: String) async {
        let account = await tenant.signUp("new1")
        let plan = tenant.plan(service, service == "granite_chat" ? "Basic" : "Standard")
        let form = "plan_id=\(plan)&application_id=the-same"
        #expect(await tenant.call(.post, "accounts/\(account)/applications.json", form: form).status == 201)
        let second = await tenant.call(.post, "accounts/\(account)/applications.json", form: form)
        #expect(second.status == 422 && second.text == #"{"errors":{"application_id":["has already been taken"]}}"#)
        tenant.sandbox.change { $0.knobs.uniquenessRaceMilliseconds = 60_000 }
        #expect(await tenant.call(.post, "accounts/\(account)/applications.json", form: form).status == 201)
    }

    @Test("answers 404 without a plan, 422 for a bad key or an illegal change (sections 7.3, 7.4)")
    func applicationErrors() async {
        let account = await tenant.signUp("new1")
        let path = "accounts/\(account)/applications"
        #expect(await tenant.call(.post, "\(path).json", form: "name=x").text == #"{"status":"Not found"}"#)
        let plan = tenant.plan("speech_to_text", "On request")
        for (key, message) in [("%20", "invalid"), ("a%2Fb%3D", "invalid"), ("", "invalid")] {
            let reply = await tenant.call(.post, "\(path).json", form: "plan_id=\(plan)&user_key=\(key)")
            #expect(reply.status == 422 && reply.json["errors"]?["user_key"]?.array?.first?.string == message)
        }
        let made = await tenant.call(.post, "\(path).json", form: "plan_id=\(plan)").json["application"]
        let id = made?["id"]?.int ?? 0
        #expect(made?["state"]?.string == "pending")
        #expect(
            await tenant.call(.put, "\(path)/\(id)/suspend.json").text
                == #"{"errors":{"state":["cannot transition via \"suspend\""]}}"#)
        #expect(await tenant.call(.put, "\(path)/\(id)/accept.json").json["application"]?["state"]?.string == "live")
        #expect(await tenant.call(.delete, "\(path)/\(id).json").text.isEmpty)
        #expect(await tenant.call(.get, "\(path)/\(id).json").status == 404)
    }

    @Test("keeps keys as section 7.7 says")
    func keys() async {
        let account = await tenant.signUp("new1")
        let plan = tenant.plan("embeddings", "Standard")
        let made = await tenant.call(.post, "accounts/\(account)/applications.json", form: "plan_id=\(plan)")
        let path = "accounts/\(account)/applications/\(made.json["application"]?["id"]?.int ?? 0)/keys"
        #expect(await tenant.call(.get, "\(path).json").json["keys"]?.array?.count == 1)
        for index in 2...5 {
            let reply = await tenant.call(.post, "\(path).json", form: "key=number-\(index)")
            #expect(reply.status == 201 && reply.json["application"] != nil)
        }
        #expect(
            await tenant.call(.post, "\(path).json", form: "key=one-too-many").text
                == #"{"errors":{"base":["Limit reached"]}}"#)
        #expect(await tenant.call(.delete, "\(path)/number-2.json").status == 200)
        #expect(await tenant.call(.delete, "\(path)/number-2.json").status == 404)
        #expect(await tenant.call(.delete, "\(path)/any.json?key=number-3").status == 200)
    }

    @Test("escapes what could stand in a page (section 10.3) and honours a matching validator (0.4)")
    func transport() async {
        _ = await tenant.call(.post, "services.json", form: "name=%3Cb%3E%26")
        let reply = await tenant.call(.get, "services.json")
        #expect(reply.text.contains(#"\u003cb\u003e\u0026"#) && reply.fields["etag"] != nil)
    }

    @Test("writes times in the tenant's zone (section 0.1)")
    func zones() async {
        tenant.sandbox.change { $0.knobs.timeZoneOffset = 3_600 }
        let reply = await tenant.call(.get, "services/\(tenant.service("vision")).json")
        #expect(reply.json["service"]?["created_at"]?.string == "2026-03-02T10:15:00+01:00")
    }

    @Test("users raise where accounts validate (section 10.2)")
    func userStates() async {
        let account = await tenant.signUp("new1")
        let users = await tenant.call(.get, "accounts/\(account)/users.json").json["users"]?.array ?? []
        let id = users.first?["user"]?["id"]?.int ?? 0
        let reply = await tenant.call(.put, "accounts/\(account)/users/\(id)/unsuspend.json")
        #expect(reply.status == 422 && reply.json["error"]?["event"]?.string == "unsuspend")
        #expect(await tenant.call(.put, "accounts/\(account)/approve.json").json["errors"]?["state"] != nil)
        #expect(await tenant.call(.delete, "accounts/\(account)/users/\(id).json").status == 403)
    }

    @Test("has analytics in the documented shape (section 8)")
    func stats() async {
        let path = "services/\(tenant.service("granite_chat"))/usage.json"
        let missing = await tenant.call(.get, path, base: "/stats/")
        #expect(missing.status == 400 && missing.text == "Required parameter missing: metric_name")
        // The hours of a day that ends now, the one under way included.
        let reply = await tenant.call(.get, "\(path)?metric_name=hits&period=day", base: "/stats/")
        #expect(reply.json["values"]?.array?.count == 25 && reply.json["total"]?.int == 0)
        let day = "metric_name=hits&period=day&since=2026-03-01"
        let aligned = await tenant.call(.get, "\(path)?\(day)", base: "/stats/")
        #expect(aligned.json["values"]?.array?.count == 24)
    }

    @Test("serves one host alone where the tenant has one, and keeps members from what admins do (section 1.3)")
    func hostsAndMembers() async {
        let account = await tenant.signUp("new1")
        tenant.sandbox.change {
            $0.add(AccessTokenRecord(value: "member-token", isMember: true))
        }
        let member = "Basic Om1lbWJlci10b2tlbg=="
        let approval = await tenant.call(.put, "accounts/\(account)/approve.json", authorization: member)
        #expect(approval.status == 403 && approval.text == #"{"status":"Forbidden"}"#)
        #expect(await tenant.call(.delete, "accounts/\(account).json", authorization: member).status == 403)
        #expect(await tenant.call(.get, "accounts/\(account).json", authorization: member).status == 200)
        tenant.sandbox.change { $0.adminHost = "another-admin.example.com" }
        #expect(await tenant.call(.get, "services.json").text == #"{"status":"Not found"}"#)
        #expect(await tenant.call(.get, "services.json", authorization: nil).status == 403)
    }

    @Test(
        "makes system names from names as 3scale does (section 2)",
        arguments: [
            ("<b>Chat & Co</b> Übung 模型", "b_chat_co_b_ubung"), ("Granite Chat", "granite_chat"), ("A  -- b", "a_--_b"),
        ])
    func systemNames(_ name: String, _ systemName: String) async {
        let made = await tenant.call(.post, "services.json", json: ["name": .string("\(name) 2")])
        #expect(made.json["service"]?["system_name"]?.string == "\(systemName)_2")
    }

    @Test("reads ids as far as they are numbers, and answers HEAD, plain HTTP and creates as 3scale does (section 10)")
    func idsAndVerbs() async {
        let service = tenant.service("granite_chat")
        #expect(await tenant.call(.get, "services/\(service)abc.json").json["service"]?["id"]?.int == service)
        #expect(await tenant.call(.get, "services/abc.json").status == 404)
        let head = await tenant.call(.head, "services.json")
        #expect(head.status == 204 && head.text.isEmpty)
        let made = await tenant.call(
            .post, "signup.json?org_name=X&username=new1&provider_key=sandbox-provider-key", authorization: nil)
        let id = made.json["account"]?["id"]?.int ?? 0
        let query = "id=\(id)&org_name=X&provider_key=sandbox-provider-key&username=new1"
        #expect(made.fields["location"] == "https://tenant-admin.example.com/admin/api/signup?\(query)")
        let eternity = await tenant.call(
            .get, "services/\(service)/usage.json?metric_name=hits&period=eternity", base: "/stats/")
        #expect(eternity.status == 400)
    }

    @Test("has the tenant's switches and faults (section 13, items 11 and 12)")
    func knobs() async {
        let account = await tenant.signUp("new1")
        tenant.sandbox.change {
            $0.knobs.hasMultipleUsers = false
            $0.knobs.hasWebhooks = false
            $0.knobs.shortPage = 2
        }
        let users = await tenant.call(.get, "accounts/\(account)/users.json")
        #expect(users.status == 403 && users.text == #"{"status":"Forbidden"}"#)
        #expect(await tenant.call(.get, "webhooks/failures.json").status == 403)
        #expect(await tenant.call(.get, "services.json").json["services"]?.array?.count == 2)
    }
}
