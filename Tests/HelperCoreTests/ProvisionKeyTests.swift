import HelperCore
import Synchronization
import Telemetry
import Testing

private let ada = Caller(
    issuer: "https://sso.example.com/realms/mlaas", subject: "1", username: "ada", email: "ada@example.com")
private let newAda = Caller(issuer: "https://sso.example.com/realms/mlaas", subject: "2", username: "ada", email: nil)

/// Each lock is another replica's, which never gives it back.
private final class BusyLocks: SharedState {
    let asked = Atomic<Int>(0)
    let pauses = Atomic<Int>(0)

    func count(_ subject: RateSubject, under policy: RatePolicy) -> Eventually<RateVerdict> {
        .now(RateVerdict(isAllowed: true, window: 0, remaining: 1, resetSeconds: 1))
    }

    func acquire(lock name: String, lifetime: Duration) async -> LockOutcome {
        asked.add(1, ordering: .relaxed)
        return .busy
    }

    func release(_ lock: HeldLock) async {}
    func announce(_ change: CallerChange) async {}
}

/// One replica: caches and flights of its own over a shared manager.
private struct Replica {
    let provision: ProvisionKey
    let list: ListServices
    let lines = InMemoryLogSink()

    init(
        _ manager: FakeAPIManager, policy: AccessPolicy = AccessPolicy(), replicas: Replicas = .none
    ) async {
        let spawn: Spawn = { work in Task { await work() } }
        let logger = Logger(label: "test", handler: JSONLogHandler(sink: lines, level: .trace, now: { 0 }))
        let catalogs = CatalogStore(manager: manager, logger: logger)
        await catalogs.refresh()
        let keys = OwnedKeys(manager: manager, spawn: spawn)
        let find = FindService(catalogs: catalogs, manager: manager, policy: policy)
        provision = ProvisionKey(
            find: find, manager: manager, keys: keys, replicas: replicas, defaultPlan: nil, spawn: spawn,
            sleep: { try? await Task.sleep(for: $0) },
            // The clock stands still, so that a busy machine does not end an author's time.
            milliseconds: { 0 }, logger: logger,
            audit: AuditTrail(logger: logger, factory: PrometheusRegistry()))
        list = ListServices(catalogs: catalogs, keys: keys, policy: policy)
    }
}

@Suite("Getting a key")
struct ProvisionKeyTests {
    private func manager(_ plans: [Plan] = [plan(1)]) -> FakeAPIManager {
        let manager = FakeAPIManager()
        manager.state.withLock { $0.services = [service(7, plans), service(8, [plan(20)])] }
        return manager
    }

    private func refusal(_ work: () async throws -> Void) async -> Refusal? {
        do {
            try await work()
            return nil
        } catch {
            return Refusal(error)
        }
    }

    @Test("the first call makes an account and an application, the second nothing")
    func firstAndSecond() async throws {
        let manager = manager()
        let replica = await Replica(manager)
        let first = try await replica.provision(.init(serviceID: 7), for: ada)
        let second = try await replica.provision(.init(serviceID: 7, planID: 99), for: ada)
        #expect(first.isNew && !second.isNew && first.key.key == second.key.key)
        #expect(manager.state.withLock { ($0.accounts.count, $0.applications.count, $0.creates) } == (1, 1, 1))
    }

    /// A replica that was killed leaves its lock behind.
    @Test("an existing key is answered without the lock")
    func existingNeedsNoLock() async throws {
        let manager = manager()
        _ = try await Replica(manager).provision(.init(serviceID: 7), for: ada)
        let busy = BusyLocks()
        let replicas = Replicas(state: busy) { _ in busy.pauses.add(1, ordering: .relaxed) }
        let other = await Replica(manager, replicas: replicas)
        #expect(try await !other.provision(.init(serviceID: 7), for: ada).isNew)
        #expect(busy.asked.load(ordering: .relaxed) == 0)
        #expect(try await other.provision(.init(serviceID: 8), for: ada).isNew)
        #expect(busy.pauses.load(ordering: .relaxed) > 0)
    }

    @Test("many calls at once over replicas make one application", arguments: [false, true])
    func concurrency(_ isRacing: Bool) async throws {
        let manager = manager()
        manager.state.withLock { $0.isRacing = isRacing }
        let replicas = [await Replica(manager), await Replica(manager), await Replica(manager)]
        // The account is there, so that the race is about the application.
        _ = try await replicas[0].provision(.init(serviceID: 8), for: ada)
        let results = try await withThrowingTaskGroup(of: ProvisionKey.Result.self) { tasks in
            for index in 0..<90 {
                tasks.addTask { try await replicas[index % 3].provision(.init(serviceID: 7), for: ada) }
            }
            return try await tasks.reduce(into: []) { $0.append($1) }
        }
        let left = manager.state.withLock { $0.applications.filter { $0.serviceID == 7 } }
        #expect(left.count == 1)
        #expect(results.filter(\.isNew).count <= 1)
        // An application that was answered is the one that stays.
        #expect(Set(results.map(\.key.applicationID)) == [left[0].id])
        // One that waited longer for a slot could meet what another call has confirmed.
        #expect(manager.state.withLock { $0.longestDeletion } <= .milliseconds(500))
        #expect(!isRacing || manager.state.withLock { !$0.deleted.isEmpty })
    }

    @Test("a create whose outcome is unknown is looked up", arguments: [FakeAPIManager.Trouble.afterCommit])
    func unknownOutcome(_ trouble: FakeAPIManager.Trouble) async throws {
        let manager = manager()
        manager.state.withLock { $0.createTroubles = [trouble] }
        let result = try await Replica(manager).provision(.init(serviceID: 7), for: ada)
        #expect(result.isNew && manager.state.withLock { ($0.creates, $0.applications.count) } == (1, 1))
    }

    @Test("a create that failed is an error, and the next call makes it")
    func failedCreate() async throws {
        let manager = manager()
        manager.state.withLock { $0.createTroubles = [.beforeCommit] }
        let replica = await Replica(manager)
        #expect(await refusal { _ = try await replica.provision(.init(serviceID: 7), for: ada) } == .unavailable)
        #expect(try await replica.provision(.init(serviceID: 7), for: ada).isNew)
        #expect(manager.state.withLock { $0.applications.count } == 1)
    }

    @Test(
        "each refusal of 3scale has its own error",
        arguments: [
            (FakeAPIManager.Trouble.denied, Refusal.accessDenied),
            (.rejected, .creation),
        ])
    func refusals(_ trouble: FakeAPIManager.Trouble, _ expected: Refusal) async {
        let manager = manager()
        manager.state.withLock { $0.createTroubles = [trouble] }
        let replica = await Replica(manager)
        #expect(await refusal { _ = try await replica.provision(.init(serviceID: 7), for: ada) } == expected)
    }

    @Test("a signup whose answer was lost is looked up", arguments: [FakeAPIManager.Trouble.afterCommit])
    func lostSignup(_ trouble: FakeAPIManager.Trouble) async throws {
        let manager = manager()
        manager.state.withLock { $0.signupTroubles = [trouble] }
        let result = try await Replica(manager).provision(.init(serviceID: 7), for: ada)
        #expect(result.isNew && manager.state.withLock { ($0.accounts.count, $0.signups) } == (1, 1))
    }

    @Test("an application that signup made is the caller's, and new")
    func signupApplication() async throws {
        let manager = manager([plan(1, isDefault: true)])
        manager.state.withLock { $0.signupApplications = [7] }
        let result = try await Replica(manager).provision(.init(serviceID: 7), for: ada)
        #expect(result.isNew && manager.state.withLock { ($0.creates, $0.applications.count) } == (0, 1))
    }

    @Test("a person who takes over a user name sees nothing of its former owner")
    func recycledName() async throws {
        let manager = manager()
        let replica = await Replica(manager)
        _ = try await replica.provision(.init(serviceID: 7), for: ada)
        #expect(try await replica.list(for: newAda).items.allSatisfy { $0.key == nil })
        #expect(
            await refusal { _ = try await replica.provision(.init(serviceID: 7), for: newAda) } == .identityConflict)
        #expect(
            await refusal { _ = try await replica.provision(.init(serviceID: 8), for: newAda) } == .identityConflict)
        #expect(manager.state.withLock { $0.applications.count } == 1)
    }

    @Test("twins that another tool left are a conflict, and neither is deleted")
    func twins() async throws {
        let manager = manager()
        manager.state.withLock { state in
            state.accounts["ada"] = Account(id: 1, state: "approved")
            state.applications = [30, 10].map { FakeAPIManager.application($0, 7, 1, "x \(ada.ownerMark.suffix)") }
        }
        let replica = await Replica(manager)
        #expect(await refusal { _ = try await replica.provision(.init(serviceID: 7), for: ada) } == .keyHasTwin)
        #expect(manager.state.withLock { $0.deleted.isEmpty })
    }

    @Test("an application without a mark is marked in the call that answers it")
    func adoption() async throws {
        let manager = manager()
        manager.state.withLock { state in
            state.accounts["ada"] = Account(id: 1, state: "approved")
            state.applications = [FakeAPIManager.application(10, 7, 1, "made in the portal")]
        }
        let replica = await Replica(manager)
        #expect(try await replica.provision(.init(serviceID: 7), for: ada).key.applicationID == 10)
        #expect(manager.state.withLock { $0.applications[0].owner } == ada.ownerMark)
        #expect(
            await refusal { _ = try await replica.provision(.init(serviceID: 7), for: newAda) } == .identityConflict)
    }

    @Test("what signup created is marked in the same call, and a second owner of the name does not get it")
    func signupIsMarked() async throws {
        let manager = manager([plan(1, isDefault: true)])
        manager.state.withLock { $0.signupApplications = [7, 8] }
        let replica = await Replica(manager)
        _ = try await replica.provision(.init(serviceID: 7), for: ada)
        #expect(manager.state.withLock { $0.applications.map(\.owner) } == [ada.ownerMark, ada.ownerMark])
        #expect(
            await refusal { _ = try await replica.provision(.init(serviceID: 7), for: newAda) } == .identityConflict)
    }

    @Test("a blocked account gets no key", arguments: ["rejected", "suspended", "scheduled_for_deletion"])
    func blocked(_ accountState: String) async throws {
        let manager = manager()
        manager.state.withLock { $0.accounts["ada"] = Account(id: 1, state: accountState) }
        let replica = await Replica(manager)
        #expect(await refusal { _ = try await replica.provision(.init(serviceID: 7), for: ada) } == .accountBlocked)
        #expect(manager.state.withLock { $0.creates } == 0)
    }

    @Test("a member removed from an account creates nothing on it, though another replica cached it")
    func removedMember() async throws {
        let manager = manager()
        let replica = await Replica(manager)
        let old = try await replica.provision(.init(serviceID: 7), for: ada).accountID
        manager.state.withLock { $0.accounts["ada"] = Account(id: 1, state: "approved") }
        #expect(try await replica.provision(.init(serviceID: 8), for: ada).accountID == 1)
        #expect(manager.state.withLock { $0.applications.filter { $0.accountID == old }.count } == 1)
    }

    @Test("a call without a plan does not share the refusal of another call's plan")
    func planErrorsStayApart() async throws {
        let manager = manager()
        let replica = await Replica(manager)
        async let wrong = refusal { _ = try await replica.provision(.init(serviceID: 7, planID: 999), for: ada) }
        async let right = refusal { _ = try await replica.provision(.init(serviceID: 7), for: ada) }
        let (first, second) = await (wrong, right)
        #expect(first == nil || first == .noSuchPlan)
        #expect(second == nil)
    }

    @Test(
        "a name that 3scale cannot hold gets a key under a name made of it",
        arguments: ["zoë", "ab", String(repeating: "a", count: 41), "-ada", "a b", "corp\\ada"])
    func names(_ name: String) async throws {
        let caller = Caller(issuer: "i", subject: "s", username: name, email: nil)
        let manager = manager()
        let replica = await Replica(manager)
        let made = try await replica.provision(.init(serviceID: 7), for: caller)
        #expect(made.isNew)
        #expect(manager.state.withLock { Array($0.accounts.keys) } == [caller.accountName])
        #expect(try await replica.list(for: caller).items.count == 2)
        let again = try await Replica(manager).provision(.init(serviceID: 7), for: caller)
        #expect(!again.isNew && again.key.applicationID == made.key.applicationID)
    }

    @Test("services are hidden from who lacks their role")
    func hiddenServices() async throws {
        let policy = AccessPolicy(serviceRoles: ["chat_7": ["ml-users"]])
        let replica = await Replica(manager(), policy: policy)
        let user = Caller(issuer: "i", subject: "s", username: "bob", email: nil, roles: ["ml-users"])
        #expect(try await replica.list(for: ada).items.map(\.service.id) == [8])
        #expect(try await replica.list(for: user).items.map(\.service.id) == [7, 8])
        #expect(await refusal { _ = try await replica.provision(.init(serviceID: 7), for: ada) } == .noSuchService)
    }

    @Test("services without a rule are hidden when access is denied by default, and unknown names are found")
    func deniedByDefault() async throws {
        let policy = AccessPolicy(serviceRoles: ["chat_7": ["ml-users"], "chat-7": ["x"]], defaultAccess: .deny)
        let replica = await Replica(manager(), policy: policy)
        let user = Caller(issuer: "i", subject: "s", username: "bob", email: nil, roles: ["ml-users"])
        #expect(try await replica.list(for: user).items.map(\.service.id) == [7])
        #expect(try await replica.list(for: ada).items.isEmpty)
        #expect(await refusal { _ = try await replica.provision(.init(serviceID: 8), for: user) } == .noSuchService)
        #expect(policy.unknownServices(in: Catalog(services: [service(7, [])])) == ["chat-7"])
    }

    @Test("known keys outlive the manager, and say how old they are")
    func stale() async throws {
        let manager = manager()
        let spawn: Spawn = { work in Task { await work() } }
        var limits = OwnedKeys.Limits()
        limits.keysLifetime = .zero
        let keys = OwnedKeys(manager: manager, limits: limits, spawn: spawn)
        let catalog = Catalog(services: manager.state.withLock { $0.services })
        _ = try await Replica(manager).provision(.init(serviceID: 7), for: ada)
        #expect(try await keys.snapshot(for: ada, catalog: catalog).staleAge == nil)
        manager.state.withLock { $0.isDown = true }
        let snapshot = try await keys.snapshot(for: ada, catalog: catalog)
        #expect(snapshot.staleAge != nil && snapshot.keys[7] != nil)
        #expect(await refusal { _ = try await keys.snapshot(for: newAda, catalog: catalog) } == .unavailable)
    }

    @Test("every act leaves an audit line without the key")
    func audit() async throws {
        let replica = await Replica(manager())
        let result = try await replica.provision(.init(serviceID: 7), for: ada)
        let text = replica.lines.lines.joined(separator: "\n")
        #expect(text.contains("\"outcome\":\"created\"") && text.contains("key_fingerprint"))
        #expect(!text.contains(try #require(result.key.key)))
    }

    @Test("a key that may be there leaves an audit line, also where nothing can be looked up")
    func unknownOutcome() async throws {
        let manager = manager()
        manager.state.withLock {
            $0.createTroubles = [.afterCommit]
            $0.isDownAfterLoss = true
        }
        let replica = await Replica(manager)
        #expect(await refusal { _ = try await replica.provision(.init(serviceID: 7), for: ada) } != nil)
        #expect(manager.state.withLock { $0.applications.count } == 1)
        let line = replica.lines.lines.first { $0.contains("key creation outcome unknown") }
        #expect(line?.contains("\"outcome\":\"failed\"") == true)
    }

    @Test("a key whose credential is not there yet is recorded as created")
    func lateCredential() async throws {
        let manager = manager()
        manager.state.withLock { $0.makesCredentialsLate = true }
        let replica = await Replica(manager)
        await #expect(throws: CredentialMissing.self) { _ = try await replica.provision(.init(serviceID: 7), for: ada) }
        let outcomes = replica.lines.lines.filter { $0.contains("\"outcome\"") }
        #expect(outcomes.count == 1 && outcomes[0].contains("key created"))
    }

    @Test("a refused signup leaves an audit line")
    func refusedSignup() async throws {
        let manager = manager()
        manager.state.withLock { $0.signupTroubles = [.rejected] }
        let replica = await Replica(manager)
        #expect(await refusal { _ = try await replica.provision(.init(serviceID: 7), for: ada) } != nil)
        #expect(
            replica.lines.lines.contains {
                $0.contains("account creation failed") && $0.contains("\"outcome\":\"failed\"")
            })
    }
}

@Suite("Choosing a plan")
struct PlanChoiceTests {
    @Test(
        "goes by default, the operator's name, then what needs no approval",
        arguments: [
            ([plan(1), plan(2, isDefault: true)], nil, 2),
            ([plan(1), plan(2, published: false, isDefault: true)], nil, 2),
            ([plan(1), plan(2, "Gold")], "gold", 2), ([plan(1, approval: true), plan(2)], nil, 2),
            ([plan(2, approval: true), plan(1, approval: true)], nil, 1), ([plan(1, custom: true), plan(2)], nil, 2),
            ([plan(1, published: false), plan(2)], nil, 2), ([plan(1, isDefault: true), plan(2, "Gold")], "gold", 1),
        ] as [([Plan], String?, Int)])
    func choice(_ plans: [Plan], _ name: String?, _ id: Int) throws {
        #expect(try PlanChoice.choose(from: plans, wanted: nil, defaultSystemName: name)?.id == id)
    }

    @Test("a wanted plan must be one that the service offers")
    func wanted() throws {
        let plans = [
            plan(1), plan(2, published: false), plan(3, custom: true), plan(4, published: false, isDefault: true),
        ]
        #expect(try PlanChoice.choose(from: plans, wanted: 1, defaultSystemName: nil)?.id == 1)
        #expect(try PlanChoice.choose(from: plans, wanted: 4, defaultSystemName: nil)?.id == 4)
        for id in [2, 3, 9] {
            #expect(throws: CatalogError.noSuchPlan(id, wasDeleted: false)) {
                try PlanChoice.choose(from: plans, wanted: id, defaultSystemName: nil)
            }
        }
        #expect(try PlanChoice.choose(from: [], wanted: nil, defaultSystemName: nil) == nil)
    }
}

@Suite("Ownership")
struct OwnershipTests {
    @Test("a mark is 24 digits of SHA-256 over issuer, zero byte and subject, and is read from a description's end")
    func mark() {
        let mark = ada.ownerMark
        #expect(mark.description.count == 24 && mark != newAda.ownerMark)
        #expect(OwnerMark(readingFrom: "anything \(mark.suffix)") == mark)
        #expect(OwnerMark(readingFrom: "\(newAda.ownerMark.suffix) \(mark.suffix)") == mark)
        for text in ["", "x", "[mlaas owner=]", "[mlaas owner=zz]", "\(mark.suffix) ", "[mlaas owner=\(mark)"] {
            #expect(OwnerMark(readingFrom: text) == nil)
        }
        #expect(mark.applicationID(service: 7).hasPrefix("mlaas-") && mark.applicationID(service: 7).count == 30)
        #expect(mark.applicationID(service: 7) != mark.applicationID(service: 8))
    }

    @Test("marked before unmarked; then live before pending before suspended; then the lowest id")
    func order() {
        func choose(_ applications: [Application]) -> Int? {
            ApplicationChoice(applications, owner: ada.ownerMark).application(on: 7)?.id
        }
        let marked = "x \(ada.ownerMark.suffix)"
        #expect(choose([FakeAPIManager.application(1, 7, 1, nil), FakeAPIManager.application(2, 7, 1, marked)]) == 2)
        #expect(
            choose([
                FakeAPIManager.application(1, 7, 1, marked, .suspended),
                FakeAPIManager.application(2, 7, 1, marked, .pending),
                FakeAPIManager.application(3, 7, 1, marked),
            ]) == 3)
        #expect(choose([FakeAPIManager.application(2, 7, 1, nil), FakeAPIManager.application(1, 7, 1, nil)]) == 1)
        #expect(choose([FakeAPIManager.application(1, 8, 1, nil)]) == nil)
        #expect(choose([FakeAPIManager.application(1, 7, 1, "x \(newAda.ownerMark.suffix)")]) == nil)
    }

    @Test("every role that decides anything is listed, and lets in")
    func roles() {
        let policy = AccessPolicy(requiredRole: "admin", serviceRoles: ["chat_7": ["a", "b"], "vision_8": ["b"]])
        #expect(policy.roles == ["admin", "a", "b"] && AccessPolicy().roles.isEmpty)
        func caller(_ role: ExactName) -> Caller {
            Caller(issuer: "i", subject: "s", username: "u", email: nil, roles: [role])
        }
        #expect(policy.admits(caller("admin")) && !policy.admits(caller("a")))
    }

    @Test("a cache holds no more than it may and drops the entry used longest ago")
    func cache() {
        let cache = BoundedCache<Int, Int>(capacity: 3)
        for key in 0..<3 { cache.insert(key, for: key, at: .now) }
        _ = cache.entry(0)
        cache.insert(3, for: 3, at: .now)
        #expect(cache.count == 3 && cache.entry(1) == nil && cache.entry(0)?.value == 0)
        cache.remove(0)
        #expect(cache.count == 2 && cache.entry(0) == nil)
        for key in 0..<10_000 { cache.insert(key, for: key, at: .now) }
        #expect(cache.count == 3)
    }
}
