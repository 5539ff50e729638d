import HelperCore
import Synchronization
import Telemetry
import Testing

private let ada = Caller(issuer: "i", subject: "s", username: "ada", email: nil)
private let start = 1_000_000

private func application(
    _ id: Int, _ members: String, _ state: Application.State = .live, created: Int, updated: Int? = nil
) -> Application {
    Application(
        id: id, serviceID: 7, accountID: 1, plan: PlanReference(id: 1, name: "Basic"), state: state,
        description: "[mlaas owner=\(ada.ownerMark) \(members)]", credentials: .userKey("key-\(id)"),
        createdAt: created, updatedAt: updated ?? created)
}

/// What an owner does with keys on a fake 3scale whose clock says `start`. Plan 1 needs an approval, plan 2 does not.
private struct Owner {
    let manager = FakeAPIManager()
    let find: FindKeys
    let change: ChangeKeys

    init(_ applications: [Application], rules: KeyRules = KeyRules()) async {
        manager.state.withLock { state in
            state.services = [service(7, [plan(1, published: true, approval: true), plan(2, published: true)])]
            state.everybodysAccount = Account(id: 1, state: "approved")
            state.applications = applications
            state.clock = start
        }
        let logger = Logger(label: "test", handler: JSONLogHandler(sink: InMemoryLogSink(), level: .trace, now: { 0 }))
        let catalogs = CatalogStore(manager: manager, logger: logger)
        await catalogs.refresh()
        let spawn: Spawn = { work in Task { await work() } }
        let keys = OwnedKeys(manager: manager, spawn: spawn)
        let seal = PauseSeal { [1, 2, 3] }
        find = FindKeys(
            catalogs: catalogs, keys: keys, policy: AccessPolicy(), rules: rules, seal: seal, now: { start })
        change = ChangeKeys(
            find: find, manager: manager, keys: keys,
            audit: AuditTrail(logger: logger, factory: PrometheusRegistry()), rules: rules, seal: seal, spawn: spawn,
            now: { start })
    }
}

@Suite("What an owner does with a key")
struct ChangeKeysTests {
    @Test("another plan of a new key, which needs no approval, leaves the old key the grace that it was promised")
    func planKeepsGrace() async throws {
        let owner = await Owner([
            application(1, "ok", created: 0),
            application(2, "gen=2 grace=1000 ok", created: start - 5_000, updated: start - 100),
        ])
        #expect(try await owner.find.one(1, for: ada).key.retiresAt == start + 900)
        let changed = try await owner.change.changePlan(of: 2, to: 2, for: ada)
        #expect(changed.key.application.plan.id == 2)
        let old = try await owner.find.one(1, for: ada).key
        #expect(old.retiresAt == start + 900 && old.state == .retiring)
    }
}
