import Bytes
import Synchronization

/// A moment before which nothing that was read is to be trusted any more. Asked on every request, so without a lock.
final class TrustHorizon: Sendable {
    private let start = ContinuousClock.now
    /// Nanoseconds after `start`.
    private let moment = Atomic<Int64>(.min)

    /// Now.
    func move() { moment.store(nanoseconds(.now), ordering: .relaxed) }

    func trusts(_ madeAt: ContinuousClock.Instant) -> Bool { nanoseconds(madeAt) > moment.load(ordering: .relaxed) }

    private func nanoseconds(_ instant: ContinuousClock.Instant) -> Int64 { start.duration(to: instant).nanoseconds }
}
