import Synchronization
import Testing

@testable import HelperCore

@Suite("The lock that replicas share")
struct ReplicasTests {
    /// Gives the answers in order, the last one again and again.
    private final class Locks: SharedState {
        private let answers: Mutex<[LockOutcome]>
        let released = Mutex<[HeldLock]>([])

        init(_ answers: [LockOutcome]) { self.answers = Mutex(answers) }

        func count(_ subject: RateSubject, under policy: RatePolicy) -> Eventually<RateVerdict> {
            .now(RateVerdict(isAllowed: true, window: 0, remaining: 1, resetSeconds: 1))
        }

        func acquire(lock name: String, lifetime: Duration) async -> LockOutcome {
            answers.withLock { $0.count > 1 ? $0.removeFirst() : $0[0] }
        }

        func release(_ lock: HeldLock) async { released.withLock { $0.append(lock) } }
        func announce(_ change: CallerChange) async {}
    }

    private final class Pauses: Sendable {
        private let stored = Mutex<[Duration]>([])
        func add(_ pause: Duration) { stored.withLock { $0.append(pause) } }
        var sum: Duration { stored.withLock { $0.reduce(.zero, +) } }
    }

    private let held = HeldLock(name: "ada:7", token: "t")

    /// A replica was killed while it held the lock and never gives it back.
    @Test("is waited for 500 ms at most", arguments: [nil, Duration.seconds(3_600)])
    func longWait(_ deadline: Duration?) async throws {
        let pauses = Pauses()
        let replicas = Replicas(state: Locks([.busy])) { pauses.add($0) }
        let waited = try await Deadline.$current.withValue(deadline.map { .now + $0 }) {
            try await replicas.whileLocked("ada:7") { $0 }
        }
        #expect(waited && pauses.sum == .milliseconds(500))
    }

    @Test("is waited for a tenth of what is left of the deadline at most")
    func shortWait() async throws {
        for (left, most) in [(Duration.seconds(2), Duration.milliseconds(200)), (.seconds(-1), .zero)] {
            let pauses = Pauses()
            let replicas = Replicas(state: Locks([.busy])) { pauses.add($0) }
            try await Deadline.$current.withValue(.now + left) { try await replicas.whileLocked("ada:7") { _ in } }
            #expect(pauses.sum <= most)
        }
    }

    @Test(
        "is waited for a half of what is left, as long as it lives at most, where work beside its holder's may undo that"
    )
    func patientWait() async throws {
        for (left, most) in [(Duration.seconds(6), Duration.seconds(3)), (.seconds(3_600), .seconds(10))] {
            let pauses = Pauses()
            let replicas = Replicas(state: Locks([.busy])) { pauses.add($0) }
            try await Deadline.$current.withValue(.now + left) {
                try await replicas.whileLocked("ada:7", patience: .long) { _ in }
            }
            #expect(pauses.sum <= most && pauses.sum > most - .milliseconds(100))
        }
    }

    @Test("that the store cannot give is not waited for")
    func unavailable() async throws {
        let pauses = Pauses()
        let replicas = Replicas(state: Locks([.unavailable])) { pauses.add($0) }
        let waited = try await replicas.whileLocked("ada:7") { $0 }
        #expect(!waited && pauses.sum == .zero)
    }

    @Test("is given back, also when the work fails, and tells the work that it was waited for")
    func givenBack() async throws {
        struct Failure: Error {}
        let locks = Locks([.busy, .acquired(held)])
        let replicas = Replicas(state: locks) { _ in }
        #expect(try await replicas.whileLocked("ada:7") { $0 })
        await #expect(throws: Failure.self) { try await replicas.whileLocked("ada:7") { _ in throw Failure() } }
        #expect(locks.released.withLock { $0 } == [held, held])
    }
}
