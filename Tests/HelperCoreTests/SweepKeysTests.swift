import HelperCore
import Synchronization
import Telemetry
import Testing

private let owner = OwnerMark(issuer: "i", subject: "s")
private let day = 86_400
private let start = 1_000_000

private func application(
    _ id: Int, _ members: String? = "ok", _ state: Application.State = .live, created: Int = start - 1_000,
    updated: Int? = nil
) -> Application {
    Application(
        id: id, serviceID: 7, accountID: 1, plan: PlanReference(id: 1, name: "Basic"), state: state,
        description: members.map { "[mlaas owner=\(owner) \($0)]" }, credentials: .userKey("key-\(id)"),
        createdAt: created, updatedAt: updated ?? created)
}

/// A replica that sweeps a fake 3scale, in a time of its own.
private struct Replica {
    let manager: FakeAPIManager
    let sweep: SweepKeys
    let deadlines: KeyDeadlines
    let lines = InMemoryLogSink()

    init(_ manager: FakeAPIManager, clockDifference: Int = 0, rules: KeyRules = KeyRules()) async {
        self.manager = manager
        let logger = Logger(label: "test", handler: JSONLogHandler(sink: lines, level: .trace, now: { 0 }))
        let catalogs = CatalogStore(manager: manager, logger: logger)
        await catalogs.refresh()
        deadlines = KeyDeadlines(now: { (manager.state.withLock { $0.clock } ?? 0) - clockDifference })
        var limits = SweepKeys.Limits()
        limits.pageSize = 2
        sweep = SweepKeys(
            deadlines: deadlines, manager: manager, catalogs: catalogs,
            keys: OwnedKeys(manager: manager, spawn: { work in Task { await work() } }),
            audit: AuditTrail(logger: logger, factory: PrometheusRegistry()), rules: rules,
            seal: PauseSeal { [1, 2, 3] }, limits: limits, logger: logger)
    }

    /// Until there is nothing to do.
    func settle() async { for _ in 1...100 where await sweep.step() != .seconds(1) {} }

    func outcomes() -> [String] {
        lines.lines.compactMap { line in
            line.split(separator: "\"outcome\":\"").dropFirst().first?.prefix { $0 != "\"" }.description
        }
    }

    func states() -> [Int: Application.State] {
        manager.state.withLock { state in
            Dictionary(uniqueKeysWithValues: state.applications.map { ($0.id, $0.state) })
        }
    }

    func state(of id: Int) -> KeyState? {
        let (applications, now) = manager.state.withLock { ($0.applications, $0.clock ?? 0) }
        return NamedKeys(applications, owner: owner, rules: KeyRules(), seal: PauseSeal { [1, 2, 3] }, now: now).key(
            id)?.state
    }

    func wait(_ seconds: Int) { manager.state.withLock { $0.clock = ($0.clock ?? 0) + seconds } }
}

@Suite("The sweep of ended keys")
struct SweepKeysTests {
    private func manager(_ applications: [Application]) -> FakeAPIManager {
        let manager = FakeAPIManager()
        manager.state.withLock { state in
            state.services = [service(7, [plan(1)])]
            state.applications = applications
            state.clock = start
        }
        return manager
    }

    @Test("a key that expires is suspended, and deleted a day later; others are left alone")
    func expiry() async {
        let others = [
            application(2, "key=b expires=\(start + 99_999_999) ok"), application(3, nil),
            application(4, "key=c expires=\(start + 10) ok", .suspended), application(5, "key=d attempt=0f expires=1"),
        ]
        let replica = await Replica(manager([application(1, "expires=\(start + 10) ok")] + others))
        await replica.settle()
        #expect(replica.states()[1] == .live && replica.outcomes().isEmpty)
        replica.wait(10)
        await replica.settle()
        #expect(replica.states() == [1: .suspended, 2: .live, 3: .live, 4: .suspended, 5: .live])
        #expect(replica.outcomes() == ["expired"])
        replica.wait(day - 1)
        await replica.settle()
        #expect(replica.states()[1] == .suspended)
        replica.wait(1)
        await replica.settle()
        #expect(replica.states() == [2: .live, 3: .live, 4: .suspended, 5: .live])
        #expect(replica.outcomes() == ["expired", "removed"])
        #expect(replica.deadlines.status.keys[.suspended] == 1)
    }

    @Test("a key whose mark was edited to be unconfirmed ends with the longest life all the same")
    func unconfirmedPastLifetime() async {
        var rules = KeyRules()
        rules.lifetimeMax = 1_010
        let replica = await Replica(
            manager([application(1, "attempt=0f expires=\(start + day)"), application(2, "attempt=0f", .suspended)]),
            rules: rules)
        await replica.settle()
        #expect(replica.states() == [1: .live, 2: .suspended] && replica.outcomes().isEmpty)
        replica.wait(10)
        await replica.settle()
        #expect(replica.states() == [2: .suspended] && replica.outcomes() == ["removed"])
    }

    @Test("a key is ended whose twin a call that died has left on another account; what another call answered stays")
    func twins() async {
        func twin(_ members: String) -> Application {
            let left = application(2, members)
            return Application(
                id: 2, serviceID: 7, accountID: 2, plan: left.plan, state: .live, description: left.description,
                credentials: left.credentials, createdAt: left.createdAt, updatedAt: left.updatedAt)
        }
        let key = application(1, "expires=\(start) ok")
        let left = await Replica(manager([key, twin("attempt=0f")]))
        await left.settle()
        #expect(left.states() == [1: .suspended] && left.outcomes() == ["expired"])
        let answered = await Replica(manager([key, twin("attempt=0f ok")]))
        await answered.settle()
        #expect(answered.states() == [1: .live, 2: .live] && answered.outcomes() == ["failed"])
    }

    @Test("a generation that was replaced is suspended after its grace and deleted a day later, its successor is not")
    func retirement() async {
        let replica = await Replica(
            manager([application(1), application(2, "gen=2 grace=100 ok", created: start)]))
        await replica.settle()
        replica.wait(99)
        await replica.settle()
        #expect(replica.states() == [1: .live, 2: .live])
        replica.wait(1)
        await replica.settle()
        #expect(replica.states() == [1: .suspended, 2: .live] && replica.outcomes() == ["retired"])
        replica.wait(day)
        await replica.settle()
        #expect(replica.states() == [2: .live])
    }

    @Test("a key whose end is long over is suspended, and deleted a day after that")
    func longOver() async {
        let replica = await Replica(manager([application(1, "expires=\(start - 2 * day) ok", created: 0)]))
        await replica.settle()
        #expect(replica.states() == [1: .suspended])
        for wait in [5, 3_600, day - 3_606] {
            replica.wait(wait)
            await replica.settle()
            #expect(replica.states() == [1: .suspended])
        }
        replica.wait(1)
        await replica.settle()
        #expect(replica.states().isEmpty && replica.outcomes() == ["expired", "removed"])
    }

    @Test("a key whose end was moved is not suspended")
    func movedEnd() async {
        let replica = await Replica(manager([application(1, "expires=\(start + 10) ok")]))
        await replica.settle()
        replica.wait(10)
        let later = application(1, "expires=\(start + 1_000) ok")
        replica.manager.state.withLock { $0.applications = [later] }
        await replica.settle()
        #expect(replica.states() == [1: .live] && replica.outcomes().isEmpty)
    }

    @Test("a key whose end is moved while it is being suspended is its owner's to resume")
    func movedMeanwhile() async throws {
        let replica = await Replica(manager([application(1, "expires=\(start + 10) ok")]))
        await replica.settle()
        replica.wait(10)
        replica.manager.state.withLock {
            $0.beforeSuspension = { $0.described("[mlaas owner=\(owner) expires=\(start + 1_000) ok]") }
        }
        await replica.settle()
        #expect(replica.states() == [1: .suspended] && replica.outcomes() == ["paused"])
        #expect(try #require(replica.state(of: 1)) == .paused)
        replica.wait(900)
        await replica.settle()
        #expect(try #require(replica.state(of: 1)) == .paused)
    }

    @Test(
        "a suspension after which 3scale fails is finished by the next look, whatever became of the end",
        arguments: [5, 1_000])
    func unfinished(movedTo end: Int) async throws {
        let replica = await Replica(manager([application(1, "expires=\(start + 5) ok")]))
        await replica.settle()
        replica.wait(10)
        replica.manager.state.withLock {
            $0.beforeSuspension = { $0.described("[mlaas owner=\(owner) expires=\(start + end) ok]") }
            $0.descriptionFailures = [false, true]
        }
        await replica.settle()
        #expect(replica.states() == [1: .suspended] && replica.outcomes() == ["failed"])
        replica.wait(60)
        await replica.settle()
        #expect(try #require(replica.state(of: 1)) == (end == 5 ? .expired : .paused))
        #expect(replica.outcomes() == ["failed", end == 5 ? "expired" : "paused"])
    }

    @Test("a key whose owner moved the end while it was suspended is not deleted by the look that settles it")
    func settledLate() async throws {
        let replica = await Replica(manager([application(1, "expires=\(start + 5) ok")]))
        await replica.settle()
        replica.wait(10)
        replica.manager.state.withLock {
            $0.beforeSuspension = { sealed in
                let end = "expires=\(start + 5)"
                return sealed.described((sealed.description ?? "").replacing(end, with: "expires=\(start + 9 * day)"))
            }
            $0.descriptionFailures = [false, true]
        }
        await replica.settle()
        #expect(replica.states() == [1: .suspended] && replica.outcomes() == ["failed"])
        replica.wait(day + 60)
        await replica.settle()
        #expect(try #require(replica.state(of: 1)) == .paused)
        #expect(replica.outcomes() == ["failed", "paused"])
    }

    @Test("a key whose description takes no seal is suspended all the same, and stays")
    func descriptionTooLong() async {
        let replica = await Replica(manager([application(1, "expires=\(start + 5) ok")]))
        await replica.settle()
        replica.wait(10)
        replica.manager.state.withLock { $0.descriptionFailures = Array(repeating: true, count: 9) }
        await replica.settle()
        #expect(replica.states() == [1: .suspended] && replica.outcomes() == ["expired"])
        replica.wait(2 * day)
        await replica.settle()
        #expect(replica.states() == [1: .suspended])
    }

    @Test("a sweep that dies after its suspension leaves a key that has ended, one that dies before it one that works")
    func death() async throws {
        let first = await Replica(manager([application(1, "expires=\(start + 10) ok")]))
        await first.settle()
        first.wait(10)
        first.manager.state.withLock { $0.suspensionFailures = [.before] }
        await first.settle()
        #expect(first.states() == [1: .live])
        first.wait(60)
        first.manager.state.withLock { $0.suspensionFailures = [.after] }
        await first.settle()
        #expect(first.states() == [1: .suspended])
        // Another process, which knows nothing of it.
        let second = await Replica(first.manager)
        await second.settle()
        #expect(try #require(second.state(of: 1)) == .expired)
        second.wait(day)
        await second.settle()
        #expect(second.states().isEmpty && second.outcomes() == ["removed"])
    }

    @Test("a key that the operator suspended is not deleted when its end is moved into the past")
    func operatorsSuspension() async {
        let held = application(1, "ok", .suspended, updated: start - 500)
        let replica = await Replica(manager([held]))
        await replica.settle()
        replica.manager.state.withLock { state in
            state.applications = [held.described("[mlaas owner=\(owner) expires=1 ok]").changed(.suspended, at: start)]
        }
        for _ in 1...3 {
            replica.wait(day)
            await replica.settle()
        }
        #expect(replica.states() == [1: .suspended] && replica.outcomes().isEmpty)
    }

    @Test("while the clocks differ no key is suspended, and the log says so once", arguments: [-601, 601])
    func clocks(difference: Int) async {
        let replica = await Replica(
            manager([application(1, "expires=\(start) ok")]), clockDifference: difference)
        for _ in 1...5 {
            await replica.settle()
            replica.wait(60)
        }
        #expect(replica.states() == [1: .live])
        #expect(replica.lines.lines.filter { $0.contains("key sweep stopped: clocks differ") }.count == 1)
        #expect(replica.deadlines.status.clockDifference == difference)
    }

    @Test("an application that a machine of 3scale with another clock changed ends no key early")
    func skewedChange() async {
        let ahead = application(2, "key=b ok", updated: start + 300)
        let replica = await Replica(manager([application(1, "expires=\(start + 100) ok"), ahead]))
        await replica.settle()
        replica.deadlines.note(.deadline(account: 1, at: start))
        await replica.settle()
        #expect(replica.states() == [1: .live, 2: .live] && replica.outcomes().isEmpty)
        #expect(replica.deadlines.status.clockDifference == 0)
    }

    @Test("an outage of 3scale delays what is due, and adds no line to the log of its failures")
    func outage() async {
        let replica = await Replica(manager([application(1, "expires=\(start + 10) ok")]))
        await replica.settle()
        replica.manager.state.withLock { $0.isDown = true }
        replica.wait(600)
        await replica.settle()
        #expect(replica.deadlines.status.overdue == 590 && replica.lines.lines.count <= 1)
        replica.manager.state.withLock { $0.isDown = false }
        await replica.settle()
        #expect(replica.states() == [1: .suspended] && replica.deadlines.status.overdue == 0)
    }

    @Test("an account that 3scale cannot list holds up no other, and is tried again")
    func brokenAccount() async {
        let other = Application(
            id: 2, serviceID: 7, accountID: 2, plan: PlanReference(id: 1, name: "Basic"), state: .live,
            description: "[mlaas owner=\(owner) key=b expires=\(start + 10) ok]", credentials: .userKey("key-2"),
            createdAt: start, updatedAt: start)
        let replica = await Replica(manager([application(1, "expires=\(start + 10) ok"), other]))
        await replica.settle()
        replica.manager.state.withLock { $0.brokenAccounts = [1] }
        replica.wait(10)
        await replica.settle()
        #expect(replica.states() == [1: .live, 2: .suspended])
        replica.manager.state.withLock { $0.brokenAccounts = [] }
        replica.wait(60)
        await replica.settle()
        #expect(replica.states() == [1: .suspended, 2: .suspended])
    }

    @Test("a key that 3scale refuses to suspend holds up no other of its account")
    func refusedSuspension() async {
        let stranger = OwnerMark(issuer: "i", subject: "t")
        let foreign = application(3).described("[mlaas owner=\(stranger) expires=\(start + 10) ok]")
        let replica = await Replica(
            manager([
                application(1, "expires=\(start + 10) ok"), application(2, "key=z expires=\(start + 10) ok"), foreign,
            ]))
        await replica.settle()
        replica.manager.state.withLock { $0.unsuspendable = [1] }
        replica.wait(10)
        await replica.settle()
        #expect(replica.states() == [1: .live, 2: .suspended, 3: .suspended])
        #expect(replica.lines.lines.filter { $0.contains("key sweep act failed") }.count == 1)
        replica.manager.state.withLock { $0.unsuspendable = [] }
        replica.wait(60)
        await replica.settle()
        #expect(replica.states() == [1: .suspended, 2: .suspended, 3: .suspended])
    }

    @Test("two replicas that share nothing end a key once")
    func replicas() async {
        let shared = manager([application(1, "expires=\(start + 10) ok")])
        let replicas = [await Replica(shared), await Replica(shared)]
        for replica in replicas { await replica.settle() }
        replicas[0].wait(10)
        await withTaskGroup(of: Void.self) { tasks in
            for replica in replicas { tasks.addTask { await replica.settle() } }
        }
        #expect(shared.state.withLock { $0.suspended } == [1])
        #expect(replicas.flatMap { $0.outcomes() } == ["expired"])
    }
}
