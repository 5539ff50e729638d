import Glibc
import Synchronization

/// Writes lines to a descriptor from a thread of its own, so that a reader who has stopped reading blocks that thread and
/// no loop. What does not fit into the queue is dropped and counted. Its thread keeps it until `close`.
package final class LineWriter: Sendable {
    private struct State: Sendable {
        var queue: [UInt8] = []
        var dropped = 0
        var isWriting = false
        var isClosed = false
    }

    private static let queueBytesMax = 1024 * 1024

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

    /// Lines that found no room, since the start.
    package var droppedLines: Int { dropped.load(ordering: .relaxed) }

    /// Queues a line; never waits.
    package func write(_ line: [UInt8]) {
        state.withLock { state in
            guard !state.isClosed, state.queue.count + line.count <= Self.queueBytesMax else {
                state.dropped += 1
                dropped.wrappingAdd(1, ordering: .relaxed)
                return
            }
            if state.dropped > 0 {
                state.queue.append(contentsOf: Self.notice(of: state.dropped))
                state.dropped = 0
            }
            // Under the lock, or `close` could give the descriptor's number away first.
            if state.queue.isEmpty, !state.isWriting { signal() }
            state.queue.append(contentsOf: line)
        }
    }

    /// Waits until what is queued has been written, at most that long. Blocks: for the end of a process.
    package func flush(within limit: Duration = .seconds(2)) {
        let end = ContinuousClock.now + limit
        while ContinuousClock.now < end {
            if state.withLock({ $0.queue.isEmpty && !$0.isWriting }) { return }
            usleep(1_000)
        }
    }

    /// Takes no more lines. The thread writes what it has, as long as there is a reader, and ends; nobody waits for it. Safe
    /// to repeat.
    package func close() {
        state.withLock { state in
            guard !state.isClosed else { return }
            state.isClosed = true
            Glibc.close(wake)
        }
    }

    private static func notice(of dropped: Int) -> [UInt8] {
        Array(#"{"level":"warning","logger":"log","message":"log lines were dropped","lines":\#(dropped)}"#.utf8) + [
            0x0A
        ]
    }

    private func signal() {
        var byte: UInt8 = 1
        _ = unsafe Glibc.write(wake, &byte, 1)
    }

    private func run() {
        var byte: UInt8 = 0
        var isOver = false
        while !isOver {
            let count = unsafe read(wakeReader, &byte, 1)
            if count < 0, lastErrno() == EINTR { continue }
            isOver = count <= 0
            while let batch = takeBatch() { writeAll(batch) }
        }
        Glibc.close(wakeReader)
    }

    /// What is queued; nil when nothing is.
    private func takeBatch() -> [UInt8]? {
        state.withLock { state in
            let batch = state.queue
            state.queue = []
            state.isWriting = !batch.isEmpty
            return batch.isEmpty ? nil : batch
        }
    }

    private func writeAll(_ bytes: [UInt8]) {
        var offset = 0
        while offset < bytes.count {
            let count = unsafe bytes.withUnsafeBufferPointer { buffer in
                unsafe Glibc.write(descriptor, buffer.baseAddress! + offset, bytes.count - offset)
            }
            if count > 0 {
                offset += count
            } else if lastErrno() == EAGAIN {
                // Somebody made the descriptor non-blocking; this thread has nothing else to do.
                var poller = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                _ = unsafe poll(&poller, 1, 1_000)
            } else if lastErrno() != EINTR {
                return  // the reader is gone
            }
        }
    }
}
