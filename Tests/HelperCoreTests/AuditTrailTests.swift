import HelperCore
import Synchronization
import Telemetry
import Testing

@Suite("The audit trail")
struct AuditTrailTests {
    /// Refuses so many attempts, then takes all.
    private final class Queue: AuditQueue {
        private struct State {
            var refusals: Int
            var taken = 0
        }

        private let state: Mutex<State>
        private let refusal: AuditTrail.NoRoom

        init(refusals: Int, _ refusal: AuditTrail.NoRoom = .linesWait) {
            state = Mutex(State(refusals: refusals))
            self.refusal = refusal
        }

        var hasRoom: Bool {
            guard case .linesWait = refusal else { return true }
            return state.withLock { state in
                guard state.refusals > 0 else { return true }
                state.refusals -= 1
                return false
            }
        }

        func reserve(for owner: OwnerMark) throws(AuditTrail.NoRoom) {
            try state.withLock { state throws(AuditTrail.NoRoom) in
                guard state.refusals == 0 else {
                    state.refusals -= 1
                    throw refusal
                }
                state.taken += 1
            }
        }

        func release(for owner: OwnerMark) { state.withLock { $0.taken -= 1 } }
        func refuseAll() { state.withLock { $0.refusals = .max } }
        var taken: Int { state.withLock { $0.taken } }
    }

    private let ada = OwnerMark(issuer: "https://sso.example.com/realms/mlaas", subject: "1")

    private final class Pauses: Sendable {
        private let stored = Mutex(Duration.zero)
        func add(_ pause: Duration) { stored.withLock { $0 += pause } }
        var sum: Duration { stored.withLock { $0 } }
    }

    private func trail(_ queue: any AuditQueue, _ pauses: Pauses = Pauses()) -> AuditTrail {
        AuditTrail(
            logger: Logger(label: "audit", handler: SwiftLogNoOpLogHandler()), factory: PrometheusRegistry(),
            queue: queue, sleep: { pauses.add($0) })
    }

    @Test("has a place for an act's lines as long as the act takes, also when it fails")
    func reserved() async throws {
        struct Failure: Error {}
        let queue = Queue(refusals: 0)
        let trail = trail(queue)
        #expect(try await trail.withReservedLines(for: ada) { queue.taken } == 1)
        #expect(queue.taken == 0)
        await #expect(throws: Failure.self) { try await trail.withReservedLines(for: ada) { throw Failure() } }
        #expect(queue.taken == 0)
    }

    @Test("makes an act wait until there is a place")
    func waits() async throws {
        let queue = Queue(refusals: 5)
        let pauses = Pauses()
        try await trail(queue, pauses).withReservedLines(for: ada) {}
        #expect(pauses.sum == .milliseconds(100) && queue.taken == 0)
    }

    @Test("refuses an act before it begins when half of its deadline has passed without a place")
    func refuses() async throws {
        let pauses = Pauses()
        let trail = trail(Queue(refusals: .max), pauses)
        await Deadline.$current.withValue(.now + .seconds(4)) {
            await #expect(throws: AuditTrail.NoRoom.linesWait) {
                try await trail.withReservedLines(for: ada) { Issue.record("nothing may be done that is not recorded") }
            }
        }
        #expect(pauses.sum > .seconds(1) && pauses.sum <= .seconds(2))
    }

    @Test("says that slow acts hold the room where standard output is not the cause")
    func slowActs() async throws {
        let trail = trail(Queue(refusals: .max, .actsHoldAll))
        await #expect(throws: AuditTrail.NoRoom.actsHoldAll) { try await trail.withReservedLines(for: ada) {} }
    }

    @Test("lets an act that changes nothing pass the acts that hold reservations")
    func unreserved() async throws {
        let pauses = Pauses()
        try await trail(Queue(refusals: .max, .actsHoldAll), pauses).waitForRoom()
        #expect(pauses.sum == .zero)
    }

    /// Eight people's calls that waited for a slow 3scale once kept everybody else from the keys they had.
    @Test("lets a key that is there be answered while other acts hold the reservations, and no key be made")
    func knownKey() async throws {
        let manager = FakeAPIManager()
        manager.state.withLock { $0.services = [7, 8].map { service($0, [plan(1)]) } }
        let ada = Caller(
            issuer: "https://sso.example.com/realms/mlaas", subject: "1", username: "ada", email: "ada@example.com")
        _ = try await provision(manager, trail(Queue(refusals: 0)))(.init(serviceID: 7), for: ada)
        // Another process, which has nothing cached.
        let pauses = Pauses()
        let held = await provision(manager, trail(Queue(refusals: .max, .actsHoldAll), pauses))
        #expect(try await !held(.init(serviceID: 7), for: ada).isNew)
        #expect(pauses.sum == .zero)
        await #expect(throws: AuditTrail.NoRoom.actsHoldAll) { try await held(.init(serviceID: 8), for: ada) }
        #expect(manager.state.withLock { $0.creates } == 1)
    }

    @Test("lets nothing be written without a reservation, whatever the cache says")
    func staleCache() async throws {
        let manager = FakeAPIManager()
        manager.state.withLock { $0.services = [service(7, [plan(1)])] }
        let ada = Caller(
            issuer: "https://sso.example.com/realms/mlaas", subject: "1", username: "ada", email: "ada@example.com")
        let queue = Queue(refusals: 0, .actsHoldAll)
        let call = await provision(manager, trail(queue))
        _ = try await call(.init(serviceID: 7), for: ada)
        // The key is answered, and so cached, while other calls hold the reservations; then it is deleted at 3scale.
        queue.refuseAll()
        #expect(try await !call(.init(serviceID: 7), for: ada).isNew)
        manager.state.withLock { $0.applications = [] }
        await #expect(throws: AuditTrail.NoRoom.actsHoldAll) { try await call(.init(serviceID: 7), for: ada) }
        #expect(manager.state.withLock { ($0.creates, $0.applications.count) } == (1, 0))
    }

    private func provision(_ manager: FakeAPIManager, _ trail: AuditTrail) async -> ProvisionKey {
        let spawn: Spawn = { work in Task { await work() } }
        let logger = Logger(label: "test", handler: SwiftLogNoOpLogHandler())
        let catalogs = CatalogStore(manager: manager, logger: logger)
        await catalogs.refresh()
        return ProvisionKey(
            find: FindService(catalogs: catalogs, manager: manager, policy: AccessPolicy()), manager: manager,
            keys: OwnedKeys(manager: manager, spawn: spawn), defaultPlan: nil, spawn: spawn, sleep: { _ in },
            logger: logger,
            audit: trail)
    }

    @Test("makes an act that changes nothing wait while the lines that are there are not taken")
    func unreservedWaits() async throws {
        let pauses = Pauses()
        try await trail(Queue(refusals: 5), pauses).waitForRoom()
        #expect(pauses.sum == .milliseconds(100))
        await #expect(throws: AuditTrail.NoRoom.linesWait) { try await trail(Queue(refusals: .max)).waitForRoom() }
    }
}
