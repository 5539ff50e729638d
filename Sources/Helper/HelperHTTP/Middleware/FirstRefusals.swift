import HelperCore
import Synchronization

/// Tells a subject's first refusal by a limit from those that follow, so that the log has one line for all of them.
final class FirstRefusals: Sendable {
    /// Subjects that are remembered; beyond it all are forgotten, and each has one more line.
    private static let subjectsMax = 4_096

    private let last = Mutex<[RateSubject: ContinuousClock.Instant]>([:])

    /// Notes a refusal.
    /// - Parameter quiet: without a refusal for that long, the next one is a first again.
    /// - Returns: whether it is the subject's first.
    func note(
        _ subject: RateSubject, quiet: Duration, now: ContinuousClock.Instant = .now
    ) -> Bool {
        last.withLock { last in
            let before = last[subject]
            if before == nil, last.count >= Self.subjectsMax { last.removeAll(keepingCapacity: true) }
            last[subject] = now
            return before.map { $0.duration(to: now) > quiet } ?? true
        }
    }
}
