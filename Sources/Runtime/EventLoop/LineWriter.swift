import Glibc
import Synchronization

/// Writes lines to a descriptor from a thread of its own, so that a reader who has stopped reading blocks that thread and
/// no loop.
///
/// Ordinary lines that do not fit into their queue are dropped and counted. Reserved lines have a queue of their own and are
/// never dropped: who is going to write some reserves first, and waits while that is refused. They leave before ordinary
/// ones, and when a write fails they are tried again every second. The thread keeps the writer until `close`.
package final class LineWriter: Sendable {
    private struct State: Sendable {
        var queues = LineQueues()
        var isWriting = false
        var isClosed = false
    }

    private static let retryMicroseconds: UInt32 = 1_000_000

    private let descriptor: Int32
    private let state = Mutex(State())
    private let dropped = Atomic<Int>(0)
    private let wake: Int32
    private let wakeReader: Int32

    /// - Parameter descriptor: stays the caller's.
    package init(descriptor: Int32) {
        self.descriptor = descriptor
        var ends: [Int32] = [0, 0]
        let status = unsafe pipe(&ends)
        precondition(status == 0, "pipe: \(UVError.last)")
        wakeReader = ends[0]
        wake = ends[1]
        let unowned = unsafe Unmanaged.passRetained(self).toOpaque()
        var thread = pthread_t()
        let created = unsafe pthread_create(
            &thread, nil,
            { argument in
                let writer = unsafe Unmanaged<LineWriter>.fromOpaque(argument!).takeRetainedValue()
                writer.run()
                return nil
            }, unowned)
        precondition(created == 0, "pthread_create: \(UVError(-created))")
        pthread_detach(thread)
    }

    /// Ordinary lines that were dropped since the start.
    package var droppedLines: Int { dropped.load(ordering: .relaxed) }

    /// Reserved lines that are not written yet.
    package var reservedLinesLeft: Int { state.withLock { $0.queues.reservedLinesLeft } }

    /// Queues an ordinary line, or drops it; never waits.
    package func write(_ line: [UInt8]) {
        let isTaken = state.withLock { state in
            guard !state.isClosed else { return false }
            let wasEmpty = state.queues.isEmpty
            guard state.queues.append(line) else { return false }
            // Under the lock, or `close` could give the descriptor's number away first.
            if wasEmpty, !state.isWriting { signal() }
            return true
        }
        if !isTaken { dropped.wrappingAdd(1, ordering: .relaxed) }
    }

    /// Whether few enough reserved lines wait that an act may write one without a reservation.
    package var hasReservedRoom: Bool { state.withLock { $0.queues.hasReservedRoom } }

    /// Reserves room in the queue that drops nothing, for an act that is going to write lines there. `release` follows where it
    /// was made; else wait and try again.
    /// - Parameter owner: for whom the act is done. Owners share the reservations.
    package func reserve(for owner: String) -> LineReservation {
        state.withLock { $0.queues.reserve(for: owner) }
    }

    /// The act is over: its lines were written or will not be.
    package func release(for owner: String) { state.withLock { $0.queues.release(for: owner) } }

    /// Queues a line that is never dropped; never waits. Only between `reserve` and `release`, or after a
    /// look at `hasReservedRoom`: they bound the queue.
    package func writeReserved(_ line: [UInt8]) {
        state.withLock { state in
            let wasEmpty = state.queues.isEmpty
            state.queues.appendReserved(line)
            if wasEmpty, !state.isWriting, !state.isClosed { signal() }
        }
    }

    /// Waits until what is queued has been written, at most that long, and for reserved lines that much longer. Blocks: for
    /// the end of a process.
    /// - Returns: the reserved lines that could not be written.
    @discardableResult
    package func flush(within limit: Duration = .seconds(2), reserved: Duration = .zero) -> [UInt8] {
        let start = ContinuousClock.now
        while true {
            let (isDone, hasReserved) = state.withLock {
                ($0.queues.isEmpty && !$0.isWriting, $0.queues.reservedLinesLeft > 0)
            }
            let time = start.duration(to: .now)
            if isDone { return [] }
            if time >= limit, !hasReserved { return [] }
            if time >= limit + reserved { return state.withLock { $0.queues.reservedLeft } }
            usleep(1_000)
        }
    }

    /// Takes no more lines. The thread writes what it has, as long as there is a reader, and ends; no thread waits for it. Safe
    /// to repeat.
    package func close() {
        state.withLock { state in
            guard !state.isClosed else { return }
            state.isClosed = true
            Glibc.close(wake)
        }
    }

    private func signal() {
        var byte: UInt8 = 1
        _ = unsafe Glibc.write(wake, &byte, 1)
    }

    // MARK: The thread

    private func run() {
        var byte: UInt8 = 0
        var isOver = false
        while !isOver {
            let count = unsafe read(wakeReader, &byte, 1)
            if count < 0, lastErrno() == EINTR { continue }
            isOver = count <= 0
            while let batch = takeBatch() {
                let written = deliver(batch.bytes)
                guard written < batch.bytes.count else {
                    state.withLock { $0.queues.written(batch) }
                    continue
                }
                let lost = state.withLock { $0.queues.failed(batch, rest: batch.bytes[written...]) }
                dropped.wrappingAdd(lost, ordering: .relaxed)
                if batch.isReserved, isOver || pauseIsTheEnd() {
                    isOver = true
                    break
                }
            }
        }
        Glibc.close(wakeReader)
    }

    /// Waits before another attempt.
    /// - Returns: true when the writer was closed meanwhile.
    private func pauseIsTheEnd() -> Bool {
        usleep(Self.retryMicroseconds)
        return state.withLock { $0.isClosed }
    }

    /// The queued lines; nil when there are none.
    private func takeBatch() -> LineQueues.Batch? {
        state.withLock { state in
            let batch = state.queues.takeBatch()
            state.isWriting = batch != nil
            return batch
        }
    }

    /// - Returns: how many bytes the reader got; fewer than all when it is gone or its disk is full.
    private func deliver(_ bytes: [UInt8]) -> Int {
        var offset = 0
        while writeAll(bytes, from: &offset, to: descriptor) == EAGAIN {
            // Another process made the descriptor non-blocking; this thread has nothing else to do.
            var poller = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            _ = unsafe poll(&poller, 1, 1_000)
        }
        return offset
    }
}
