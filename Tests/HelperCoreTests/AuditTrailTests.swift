import HelperCore
import Synchronization
import Telemetry
import Testing

@Suite("The audit trail")
struct AuditTrailTests {
    /// Refuses so many attempts, then takes all.
    private final class Queue: AuditQueue {
        private let state: Mutex<(refusals: Int, taken: Int)>
        private let refusal: AuditReservation

        init(refusals: Int, _ refusal: AuditReservation = .linesWait) {
            state = Mutex((refusals, 0))
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

        func reserve(for owner: OwnerMark) -> AuditReservation {
            state.withLock { state in
                guard state.refusals == 0 else {
                    state.refusals -= 1
                    return refusal
                }
                state.taken += 1
                return .made
            }
        }

        func release(for owner: OwnerMark) { state.withLock { $0.taken -= 1 } }
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
            let error = await #expect(throws: HelperError.self) {
                try await trail.withReservedLines(for: ada) { Issue.record("nothing may be done that is not recorded") }
            }
            #expect(error?.code == .overloaded && error?.retryAfter != nil)
            #expect(error?.cause?.contains("standard output") == true)
        }
        #expect(pauses.sum > .seconds(1) && pauses.sum <= .seconds(2))
    }

    @Test("says that slow acts hold the room where standard output is not the cause")
    func slowActs() async throws {
        let trail = trail(Queue(refusals: .max, .actsHoldAll))
        let error = await #expect(throws: HelperError.self) { try await trail.withReservedLines(for: ada) {} }
        #expect(error?.code == .overloaded)
        #expect(error?.cause?.contains("3scale") == true && error?.cause?.contains("standard output") == false)
    }

    @Test("lets an act that changes nothing pass the acts that hold reservations")
    func unreserved() async throws {
        let pauses = Pauses()
        try await trail(Queue(refusals: .max, .actsHoldAll), pauses).waitForRoom()
        #expect(pauses.sum == .zero)
    }

    @Test("makes an act that changes nothing wait while the lines that are there are not taken")
    func unreservedWaits() async throws {
        let pauses = Pauses()
        try await trail(Queue(refusals: 5), pauses).waitForRoom()
        #expect(pauses.sum == .milliseconds(100))
        let error = await #expect(throws: HelperError.self) { try await trail(Queue(refusals: .max)).waitForRoom() }
        #expect(error?.code == .overloaded && error?.cause?.contains("standard output") == true)
    }
}
