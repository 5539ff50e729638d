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
    let sleeps = SharedSleeps()
    let lines = InMemoryLogSink()

    init(_ applications: [Application], rules: KeyRules = KeyRules()) async {
        manager.state.withLock { state in
            state.services = [service(7, [plan(1, published: true, approval: true), plan(2, published: true)])]
            state.everybodysAccount = Account(id: 1, state: "approved")
            state.applications = applications
            state.clock = start
        }
        let logger = Logger(label: "test", handler: JSONLogHandler(sink: lines, level: .trace, now: { 0 }))
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
            sleep: { [sleeps] time in sleeps.append(time) }, now: { start })
    }
}

private final class SharedSleeps: Sendable {
    typealias Work = @Sendable () -> Void

    private let times = Mutex<[Duration]>([])
    private let next = Mutex<Work?>(nil)

    var all: [Duration] { times.withLock { $0 } }

    func append(_ time: Duration) {
        times.withLock { $0.append(time) }
        next.withLock { $0.take() }?()
    }

    /// What happens during the next sleep.
    func meanwhile(_ work: @escaping Work) { next.withLock { $0 = work } }
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

    @Test("a key that the operator suspended is not revoked, whatever its end is made afterwards")
    func operatorsSuspension() async throws {
        let owner = await Owner([application(1, "expires=1 ok", .suspended, created: 0, updated: start - 50)])
        #expect(try await owner.find.one(1, for: ada).key.state == .suspended)
        await #expect(throws: KeyError.self) { try await owner.change.revoke(1, for: ada) }
        #expect(owner.manager.state.withLock { $0.applications.count } == 1)
    }

    @Test(
        "a revocation whose answer is lost leaves an audit line, also where nothing can be looked up",
        arguments: [true, false])
    func lostRevocation(isDeletion: Bool) async throws {
        let owner = await Owner([application(1, "ok", created: 0)])
        owner.manager.state.withLock { state in
            if isDeletion { state.deletionFailures = [.after] } else { state.suspensionFailures = [.after] }
            state.isDownAfterLoss = true
        }
        await #expect(throws: (any Error).self) { try await owner.change.revoke(1, for: ada) }
        #expect(owner.lines.lines.contains { $0.contains("key change outcome unknown") })
    }

    @Test(
        "a key is resumed once none of its seals would count for what the operator suspends after it",
        arguments: [true, false])
    func resumption(wasEnding: Bool) async throws {
        let seal = PauseSeal { [1, 2, 3] }.text(application: 1, at: start - 2)
        let owner = await Owner([
            application(
                1, "paused=\(seal)\(wasEnding ? " ended=void" : "") ok", .suspended, created: 0, updated: start - 2)
        ])
        let resumed = try await owner.change.resume(1, for: ada)
        #expect(resumed.key.state == .live && resumed.key.application.mark?.seal(for: .end) == nil)
        #expect(owner.sleeps.all == [.seconds(wasEnding ? 19 : 2)])
    }

    @Test("a resumption that waits leaves what is resumed and suspended meanwhile to the operator")
    func suspensionDuringResumption() async throws {
        let seal = PauseSeal { [1, 2, 3] }.text(application: 1, at: start - 2)
        let owner = await Owner([
            application(1, "paused=\(seal) ended=void ok", .suspended, created: 0, updated: start - 2)
        ])
        let manager = owner.manager
        // Another resumption did not have to wait for so long: the owner added `ended` after it had begun.
        owner.sleeps.meanwhile {
            manager.state.withLock { state in
                state.clock = start + 19
                state.applications[0] = state.applications[0].changed(.suspended, at: start + 10)
            }
        }
        await #expect(throws: KeyError.wrongState(.suspended, .resumed, application: 1)) {
            try await owner.change.resume(1, for: ada)
        }
        #expect(manager.state.withLock { $0.applications[0].state } == .suspended)
    }

    @Test("a key that another call resumes while a resumption waits is answered as it is")
    func resumedMeanwhile() async throws {
        let seal = PauseSeal { [1, 2, 3] }.text(application: 1, at: start - 2)
        let owner = await Owner([application(1, "paused=\(seal) ok", .suspended, created: 0, updated: start - 2)])
        let manager = owner.manager
        owner.sleeps.meanwhile {
            manager.state.withLock { $0.applications[0] = $0.applications[0].changed(.live, at: start + 2) }
        }
        #expect(try await owner.change.resume(1, for: ada).key.state == .live)
    }

    @Test("a change that another replica's change undoes, which had read the description before, is written again")
    func changesAtOnce() async throws {
        let owner = await Owner([application(1, "ok", created: 0)])
        owner.manager.state.withLock {
            $0.afterDescription = { $0.described("Nightly [mlaas owner=\(ada.ownerMark) ok]") }
        }
        let changed = try await owner.change.change(1, .init(expiry: .after(3_600)), for: ada)
        #expect(changed.key.application.mark?.expiresAt == start + 3_600)
        #expect(changed.key.application.mark?.note == "Nightly")
    }

    @Test(
        "a change that was under way during a pause, and writes its description after it, leaves the pause its owner's")
    func pauseBesideChange() async throws {
        let owner = await Owner([application(1, "ok", created: 0)])
        owner.manager.state.withLock {
            $0.afterSuspension = { $0.described("Nightly [mlaas owner=\(ada.ownerMark) ok]") }
        }
        let paused = try await owner.change.pause(1, for: ada)
        #expect(paused.key.state == .paused && paused.key.application.mark?.note == "Nightly")
    }

    @Test("a pause that loses its seal to a late write counts as the operator's, who alone can undo it")
    func pauseBeforeLateWrite() async throws {
        let owner = await Owner([
            application(1, "ok", created: 0), application(2, "gen=2 grace=60 ok", created: start - 5),
        ])
        #expect(try await owner.change.pause(2, for: ada).key.state == .paused)
        // 3scale carries out the confirmation of the key, whose answer was lost. What it leaves looks like this one as well: the
        // operator resumed the paused key, suspended it for good, and then the confirmation came.
        owner.manager.state.withLock { state in
            state.applications[1] = application(
                2, "gen=2 grace=60 ok", .suspended, created: start - 5, updated: start + 1)
            state.clock = start + 100
        }
        #expect(try await owner.find.one(2, for: ada).key.state == .suspended)
        await #expect(throws: KeyError.wrongState(.suspended, .resumed, application: 2)) {
            try await owner.change.resume(2, for: ada)
        }
        await #expect(throws: KeyError.wrongState(.suspended, .revoked, application: 2)) {
            try await owner.change.revoke(2, for: ada)
        }
        // A successor that the operator suspended retires no generation. Its owner can end the one that works on.
        #expect(try await owner.find.one(1, for: ada).key.state == .live)
        #expect(try await owner.change.pause(1, for: ada).key.state == .paused)
        _ = try await owner.manager.resume(application: 2, account: 1)
        #expect(try await owner.find.one(2, for: ada).key.state == .live)
    }

    @Test(
        "what the operator resumes and suspends again counts as ended while the seal of its end counts, and no longer",
        arguments: [20, 21])
    func suspendedAgain(after seconds: Int) async throws {
        let seal = PauseSeal { [1, 2, 3] }.text(application: 1, at: start - 100, for: .end)
        let owner = await Owner([
            application(1, "ended=\(seal) ok", .suspended, created: 0, updated: start - 100 + seconds)
        ])
        let isEnded = seconds <= PauseSeal.Purpose.end.window
        #expect(try await owner.find.one(1, for: ada).key.state == (isEnded ? .expired : .suspended))
        if isEnded {
            #expect(try await owner.change.revoke(1, for: ada))
        } else {
            await #expect(throws: KeyError.wrongState(.suspended, .revoked, application: 1)) {
                try await owner.change.revoke(1, for: ada)
            }
        }
    }
}
