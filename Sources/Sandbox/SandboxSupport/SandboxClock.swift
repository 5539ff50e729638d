import EventLoop
import Synchronization

/// The time as the imitated servers see it: the system's, moved by an offset that can be changed.
package final class SandboxClock: Sendable {
    private let offset = Atomic<Int>(0)

    package init() {}

    /// Seconds since 1970-01-01T00:00:00Z.
    package var now: Int { wallClockSeconds() + offset.load(ordering: .relaxed) }

    /// Seconds by which the imitated servers are ahead.
    package func setOffset(_ seconds: Int) { offset.store(seconds, ordering: .relaxed) }
}
