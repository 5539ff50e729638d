import HTTP
import JSON
import Testing

@testable import ThreeScaleSandbox

@Suite("The backend of the imitated gateway")
struct GatewayTests {
    private var tenant = Tenant()
    private let service: Int
    private let account: Int
    private let start = 1_772_361_000

    init() throws {
        tenant = ThreeScaleSeed.standard(now: start)
        service = try #require(tenant.services.values.first { $0.systemName == "granite_chat" }?.id)
        account = try #require(tenant.account(username: "grace")?.id)
    }

    /// What a process answers for a user key.
    private mutating func isIn(_ key: String, process: Int, after seconds: Int = 0) -> Bool {
        let verdict = tenant.authorized(
            by: key, isUserKey: true, service: service, process: process, now: start + seconds,
            milliseconds: seconds * 1_000)
        guard case .found(let application) = verdict else { return false }
        return application.isLive
    }

    private mutating func makeApplication(_ key: String) throws -> ApplicationRecord {
        let plan = try #require(tenant.plans(.application, service: service).first { $0.isPublished })
        return tenant.insertApplication(account: account, plan: plan, ApplicationFields(userKey: key), start, 0)
    }

    @Test("knows a new key in every process at once")
    mutating func newKey() throws {
        #expect(!isIn("key-0001", process: 0) && !isIn("key-0001", process: 1))
        _ = try makeApplication("key-0001")
        #expect(isIn("key-0001", process: 0) && isIn("key-0001", process: 1))
    }

    @Test("knows a suspension in one process at once, and in the other when its memory of 60 seconds ends")
    mutating func suspension() throws {
        let application = try makeApplication("key-0001")
        #expect(isIn("key-0001", process: 0) && isIn("key-0001", process: 1))
        _ = try tenant.move(application: application, "suspend", start)
        #expect(!isIn("key-0001", process: 0, after: 1) && isIn("key-0001", process: 1, after: 59))
        #expect(!isIn("key-0001", process: 1, after: 60))
    }

    @Test("takes an old user key in the other process for 60 seconds more")
    mutating func replacement() throws {
        let application = try makeApplication("key-0001")
        #expect(isIn("key-0001", process: 0) && isIn("key-0001", process: 1))
        _ = try tenant.updateApplication(application, ApplicationFields(userKey: "key-0002"), start, 0)
        #expect(isIn("key-0002", process: 0) && isIn("key-0002", process: 1))
        #expect(!isIn("key-0001", process: 0, after: 1) && isIn("key-0001", process: 1, after: 59))
        #expect(!isIn("key-0001", process: 1, after: 60))
    }

    @Test("knows a deleted application until the job in the background, and in the other process for 60 seconds")
    mutating func deletion() throws {
        let application = try makeApplication("key-0001")
        #expect(isIn("key-0001", process: 0) && isIn("key-0001", process: 1))
        tenant.deleteApplication(application.id, at: 0)
        #expect(isIn("key-0001", process: 0))
        #expect(!isIn("key-0001", process: 0, after: 1) && isIn("key-0001", process: 1, after: 59))
        #expect(!isIn("key-0001", process: 1, after: 60))
    }

    @Test("takes a removed app key for 60 seconds in every process, and any once the last one is removed")
    mutating func appKeys() throws {
        let made = try makeApplication("key-0001")
        _ = try tenant.addKey("app-key-1", to: made, start)
        let one = try #require(tenant.applications[made.id])
        _ = try tenant.addKey("app-key-2", to: one, start)
        var application = try found()
        for process in [0, 1] {
            #expect(takes("app-key-1", application, process) && !takes("nonsense", application, process))
        }
        try tenant.removeKey("app-key-1", from: try #require(tenant.applications[made.id]))
        application = try found()
        for process in [0, 1] {
            #expect(takes("app-key-1", application, process, after: 59))
            #expect(!takes("app-key-1", application, process, after: 60))
            #expect(!takes(nil, application, process))
        }
        try tenant.removeKey("app-key-2", from: try #require(tenant.applications[made.id]))
        #expect(takes(nil, application, 1, after: 60) && takes("nonsense", application, 0, after: 60))
    }

    @Test("knows a deleted service's applications, and its token, until the jobs in the background")
    mutating func serviceDeletion() throws {
        _ = try makeApplication("key-0001")
        let record = try #require(tenant.services[service])
        tenant.knobs.deletionMilliseconds = 1_000
        tenant.scheduleDeletion(of: record, at: 0)
        #expect(isIn("key-0001", process: 0) && tenant.serviceToken(service) == record.serviceToken)
        tenant.runJobs(at: 2_000)
        #expect(tenant.serviceToken(service) == record.serviceToken)
        #expect(isIn("key-0001", process: 0, after: 2) && !isIn("key-0001", process: 0, after: 3))
    }

    @Test(
        "matches mapping rules as the gateway does",
        arguments: [
            ("/v1/models", "/", true), ("/v1/models", "/v1/models$", true), ("/v1/models/", "/v1/models$", false),
            ("/v1/models/x", "/v1/models", true), ("/v1/a/completions", "/v1/{any}/completions", true),
            ("/v1//completions", "/v1/{any}/completions", false), ("/v2/models", "/v1", false),
            ("/v1", "/v1/{x}", false),
        ])
    func mappingRules(_ path: String, _ pattern: String, _ isMatch: Bool) {
        #expect(ModelCall.matches(path, pattern) == isMatch)
    }

    @Test("counts a method against the limits of its metric")
    mutating func methodLimits() throws {
        let hits = try #require(tenant.metrics.values.first { $0.serviceID == service && $0.systemName == "hits" }?.id)
        tenant.addMetric(service: service, systemName: "chat", friendlyName: "Chat", parent: hits, at: start)
        let plan = try #require(tenant.plans(.application, service: service).first { $0.isPublished })
        tenant.addLimit(plan: plan.id, metric: hits, period: "day", value: 2, at: start)
        _ = try makeApplication("key-0001")
        func question(_ count: Int) -> GatewayQuestion {
            GatewayQuestion(
                service: service, credential: "key-0001", isUserKey: true, usage: [("chat", count)], process: 0)
        }
        #expect(!tenant.decide(question(3), now: start, milliseconds: 0).isAllowed)
        #expect(tenant.decide(question(2), now: start, milliseconds: 0).isAllowed)
        #expect(!tenant.decide(question(1), now: start, milliseconds: 0).isAllowed)
    }

    private mutating func takes(
        _ key: String?, _ application: GatewayApplication, _ process: Int, after seconds: Int = 0
    ) -> Bool {
        tenant.takes(appKey: key, of: application, service: service, process: process, now: start + seconds)
    }

    private mutating func found() throws -> GatewayApplication {
        let verdict = tenant.authorized(
            by: "key-0001", isUserKey: true, service: service, process: 0, now: start, milliseconds: 0)
        guard case .found(let application) = verdict else { throw NoApplication() }
        return application
    }

    private struct NoApplication: Error {}
}
