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
}
