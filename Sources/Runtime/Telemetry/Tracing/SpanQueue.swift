import Synchronization

/// Spans that wait to be sent: as many as there is room for, the rest counted.
package final class SpanQueue: SpanRecorder {
    private let capacity: Int
    private let dropped: Counter
    private let waiting = Mutex<[FinishedSpan]>([])
    /// A copy of the count, so that a question for room takes no lock.
    private let count = Atomic<Int>(0)

    /// - Parameters:
    ///   - capacity: spans.
    ///   - dropped: counts spans that found no room.
    package init(capacity: Int, dropped: Counter) {
        self.capacity = capacity
        self.dropped = dropped
    }

    package func hasRoom() -> Bool {
        if count.load(ordering: .relaxed) < capacity { return true }
        dropped.increment()
        return false
    }

    package func record(_ span: FinishedSpan) {
        let isKept = waiting.withLock { waiting in
            guard waiting.count < capacity else { return false }
            waiting.append(span)
            count.store(waiting.count, ordering: .relaxed)
            return true
        }
        if !isKept { dropped.increment() }
    }

    /// How many wait.
    package var waitingCount: Int { count.load(ordering: .relaxed) }

    /// The oldest, taken out.
    /// - Parameter max: at least 1.
    package func take(max: Int) -> [FinishedSpan] {
        waiting.withLock { waiting in
            let taken = Array(waiting.prefix(max))
            waiting.removeFirst(taken.count)
            count.store(waiting.count, ordering: .relaxed)
            return taken
        }
    }
}
