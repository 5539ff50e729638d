import Bytes
import CPlatform
import Glibc
import Synchronization

/// Finds loops that do not come round: something on them computes or blocks for longer than it should. A thread of its own
/// asks each loop for a sign of life, since a blocked loop cannot tell on itself.
///
/// `@unchecked Sendable` holds because all members are immutable but `thread`, which only `stop` touches, under its lock.
@safe package final class LoopWatchdog: @unchecked Sendable {
    package enum Report: Sendable {
        /// The loop has not come round for that long.
        case blocked(loop: Int, for: Duration, lastBegun: String)
        /// It does again.
        case recovered(loop: Int, after: Duration, lastBegun: String)
    }

    private let loops: [EventLoop]
    private let threshold: Duration
    private let interval: Duration
    private let report: @Sendable (Report) -> Void
    /// Readable once the watch is over.
    private let bell: Int32
    private let thread = Mutex<pthread_t?>(nil)

    /// Starts to watch.
    /// - Parameters:
    ///   - threshold: how long a loop may take to answer.
    ///   - interval: between looks, at least 1 ms; a block is noticed within `threshold` and two of these.
    ///   - report: called on the watchdog's thread, once when a loop is found blocked and once when it comes round.
    package init(
        group: EventLoopGroup, threshold: Duration = .seconds(1), interval: Duration = .milliseconds(200),
        report: @escaping @Sendable (Report) -> Void
    ) {
        loops = group.loops
        self.threshold = threshold
        self.interval = interval
        self.report = report
        bell = cplatform_bell()
        precondition(bell >= 0, "eventfd: \(UVError.last)")
        var started = pthread_t()
        // Retained: the thread releases the watchdog when it ends.
        let status = unsafe pthread_create(
            &started, nil,
            { argument in
                unsafe Unmanaged<LoopWatchdog>.fromOpaque(argument!).takeRetainedValue().watch()
                return nil
            }, Unmanaged.passRetained(self).toOpaque())
        precondition(status == 0, "pthread_create: \(UVError(-status))")
        thread.withLock { $0 = started }
    }

    deinit { close(bell) }

    /// Ends the watch and waits for its thread; safe to repeat. Blocks for an instant.
    package func stop() {
        let started = thread.withLock { $0.take() }
        guard let started else { return }
        cplatform_ring(bell)
        pthread_join(started, nil)
    }

    /// One loop as the watchdog sees it.
    private struct Watch {
        var asked: UInt64 = 0
        var askedAt = ContinuousClock.now
        var isBlocked = false
    }

    private func watch() {
        var watches = loops.map { _ in Watch() }
        while cplatform_wait_readable(bell, Int32(clamping: interval.millisecondsUp)) == 0 {
            for index in loops.indices { look(index, &watches[index]) }
        }
    }

    private func look(_ index: Int, _ watch: inout Watch) {
        let loop = loops[index]
        let waited = watch.askedAt.duration(to: .now)
        if loop.lastAnswered == watch.asked {
            if watch.isBlocked { report(.recovered(loop: index, after: waited, lastBegun: loop.lastNoted.name)) }
            watch = Watch(asked: watch.asked + 1)
            loop.ping(watch.asked)
        } else if !watch.isBlocked, waited >= threshold {
            watch.isBlocked = true
            report(.blocked(loop: index, for: waited, lastBegun: loop.lastNoted.name))
        }
    }
}
