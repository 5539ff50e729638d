import HTTP
import JSON
import Testing
import ThreeScaleSandbox

@Suite("Usage in the imitated 3scale")
struct UsageTests {
    private let tenant = Tenant3scale()

    @Test("counts usage in the hours in which it happened, and lists the most used first (section 8)")
    func traffic() async {
        let account = await tenant.signUp("new1")
        let service = tenant.service("granite_chat")
        let plan = tenant.plan("granite_chat", "Basic")
        var made: [Int] = []
        for name in ["one", "two"] {
            let reply = await tenant.call(
                .post, "accounts/\(account)/applications.json", form: "plan_id=\(plan)&name=\(name)")
            made.append(reply.json["application"]?["id"]?.int ?? 0)
        }
        // 2026-03-01T10:30:00Z
        let at = 1_772_361_000
        var known: [Bool] = []
        tenant.sandbox.change { [made] in
            known.append($0.use(application: made[0], metric: "hits", count: 3, responseCode: "200", at: at))
            known.append($0.use(application: made[1], metric: "hits", count: 5, at: at))
            known.append($0.use(application: made[1], metric: "nothing", count: 5, at: at))
        }
        #expect(known == [true, true, false])
        let day = "metric_name=hits&period=day&since=2026-03-01"
        let usage = await tenant.call(.get, "applications/\(made[0])/usage.json?\(day)", base: "/stats/")
        #expect(usage.json["total"]?.int == 3 && usage.json["values"]?.array?[10].int == 3)
        let zone = await tenant.call(
            .get, "applications/\(made[0])/usage.json?\(day)&timezone=Madrid", base: "/stats/")
        #expect(zone.json["values"]?.array?[11].int == 3)
        let all = await tenant.call(.get, "services/\(service)/usage.json?\(day)&skip_change=false", base: "/stats/")
        #expect(all.json["total"]?.int == 8 && all.json["change"]?.double == 100)
        let top = await tenant.call(.get, "services/\(service)/top_applications.json?\(day)", base: "/stats/")
        #expect(top.json["applications"]?.array?.map { $0["id"]?.int } == [made[1], made[0]])
        let codes = await tenant.call(
            .get, "applications/\(made[0])/usage_response_code.json?response_code=2XX&period=day&since=2026-03-01",
            base: "/stats/")
        #expect(codes.json["total"]?.int == 3)
    }

    @Test(
        "reads ranges in whole steps, and refuses those that are too long (section 8)",
        arguments: [
            ("granularity=day&since=2026-02-27&until=2026-03-02", 200, 4),
            ("granularity=month&since=2025-12-31&until=2026-02-01", 200, 3),
            ("granularity=hour&since=2026-03-01&until=2026-03-01%2000:59:59", 200, 1),
            ("granularity=hour&since=2025-01-01&until=2026-03-01", 400, 0),
            ("granularity=day&since=2026-03-01", 400, 0), ("granularity=day&since=yesterday&until=x", 500, 0),
            ("granularity=fortnight&since=2026-03-01&until=2026-03-02", 400, 0),
            ("period=month&since=2026-02-01", 200, 28), ("period=year&since=2026-01-01", 200, 12),
            ("period=day&timezone=Nowhere", 500, 0), ("period=eternity", 400, 0),
        ])
    func ranges(_ query: String, _ status: Int, _ count: Int) async {
        let path = "services/\(tenant.service("granite_chat"))/usage.json?metric_name=hits&\(query)"
        let reply = await tenant.call(.get, path, base: "/stats/")
        #expect(reply.status == status && (reply.json["values"]?.array?.count ?? 0) == count)
    }

    @Test("seeds usage of every live application by the seed")
    func seededTraffic() async {
        let account = await tenant.signUp("new1")
        let plan = tenant.plan("granite_chat", "Basic")
        let made = await tenant.call(.post, "accounts/\(account)/applications.json", form: "plan_id=\(plan)")
        let id = made.json["application"]?["id"]?.int ?? 0
        // 2026-03-02T00:00:00Z, the end of the day that is asked for.
        tenant.sandbox.change { $0.seedTraffic(days: 2, now: 1_772_409_600) }
        let usage = await tenant.call(
            .get, "applications/\(id)/usage.json?metric_name=hits&period=day&since=2026-03-01", base: "/stats/")
        let values = usage.json["values"]?.array?.compactMap(\.int) ?? []
        #expect(values.count == 24 && values.allSatisfy { (0...20).contains($0) })
        #expect(values.reduce(0, +) > 0 && usage.json["total"]?.int == values.reduce(0, +))
    }

    @Test("answers gateways: a key is let in and counted up to its plan's limit, which is 60 a minute")
    func gateway() async {
        let account = await tenant.signUp("new1")
        let service = tenant.service("granite_chat")
        let plan = tenant.plan("granite_chat", "Basic")
        let form = "plan_id=\(plan)&user_key=key-0001"
        let made = await tenant.call(.post, "accounts/\(account)/applications.json", form: form)
        let id = made.json["application"]?["id"]?.int ?? 0
        let config = await tenant.call(.get, "services/\(service)/proxy/configs/production/latest.json")
        let token = config.json["proxy_config"]?["content"]?["backend_authentication_value"]?.string ?? ""
        let query = "service_id=\(service)&service_token=\(token)&user_key=key-0001"
        let allowed = await tenant.call(.get, "transactions/authrep.xml?\(query)&usage[hits]=60", base: "/")
        #expect(allowed.status == 200 && allowed.text.contains("<authorized>true</authorized><plan>Basic</plan>"))
        let refused = await tenant.call(.get, "transactions/authrep.xml?\(query)&usage[hits]=10000", base: "/")
        #expect(refused.status == 409 && refused.text.contains("<reason>usage limits are exceeded</reason>"))
        let report = "service_id=\(service)&service_token=\(token)"
        let reported = await tenant.call(
            .post, "transactions.xml",
            form: "\(report)&transactions[0][user_key]=key-0001&transactions[0][usage][hits]=5", base: "/")
        #expect(reported.status == 202)
        let usage = await tenant.call(
            .get, "applications/\(id)/usage.json?metric_name=hits&period=day", base: "/stats/")
        #expect(usage.json["total"]?.int == 65)
        let unknown = await tenant.call(.get, "transactions/authorize.xml?\(report)&user_key=another", base: "/")
        #expect(unknown.status == 403 && unknown.text.contains("user_key_invalid"))
        let stranger = await tenant.call(
            .get, "transactions/authorize.xml?service_id=\(service)&service_token=x&user_key=key-0001", base: "/")
        #expect(stranger.status == 403 && stranger.text.contains("service_token_invalid"))
    }
}
