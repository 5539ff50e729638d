import HelperCore
import Synchronization
import Telemetry
import Testing

@Suite("The audit trail")
struct AuditTrailTests {
    /// Refuses so many reservations, then takes all.
    private final class Queue: AuditQueue {
        private let state: Mutex<(refusals: Int, taken: Int)>

        init(refusals: Int) { state = Mutex((refusals, 0)) }

        func reserve() -> Bool {
            state.withLock { state in
                guard state.refusals == 0 else {
                    state.refusals -= 1
                    return false
                }
                state.taken += 1
                return true
            }
        }

        func release() { state.withLock { $0.taken -= 1 } }
        var taken: Int { state.withLock { $0.taken } }
    }

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
        #expect(try await trail.withReservedLines { queue.taken } == 1)
        #expect(queue.taken == 0)
        await #expect(throws: Failure.self) { try await trail.withReservedLines { throw Failure() } }
        #expect(queue.taken == 0)
    }

    @Test("makes an act wait until there is a place")
    func waits() async throws {
        let queue = Queue(refusals: 5)
        let pauses = Pauses()
        try await trail(queue, pauses).withReservedLines {}
        #expect(pauses.sum == .milliseconds(100) && queue.taken == 0)
    }

    @Test("refuses an act before it begins when half of its deadline has passed without a place")
    func refuses() async throws {
        let pauses = Pauses()
        let trail = trail(Queue(refusals: .max), pauses)
        await Deadline.$current.withValue(.now + .seconds(4)) {
            let error = await #expect(throws: HelperError.self) {
                try await trail.withReservedLines { Issue.record("nothing may be done that is not recorded") }
            }
            #expect(error?.code == .overloaded && error?.retryAfter != nil)
        }
        #expect(pauses.sum > .seconds(1) && pauses.sum <= .seconds(2))
    }
}
