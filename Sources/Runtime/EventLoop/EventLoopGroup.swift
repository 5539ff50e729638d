import CUV
import Synchronization

/// A fixed number of loops, each on a thread of its own from `init` to `shutdown`.
package final class EventLoopGroup: Sendable {
    package let loops: [EventLoop]
    private let threads: Mutex<[LoopThread]>
    private let next = Atomic<Int>(0)

    /// Starts the threads.
    /// - Parameter count: at least 1.
    package init(count: Int) {
        precondition(count > 0, "Invalid state: a group needs a loop")
        ignoreBrokenPipes()
        let loops = (0..<count).map { _ in EventLoop() }
        self.loops = loops
        threads = Mutex(loops.map { LoopThread(running: $0) })
    }

    /// Each loop in turn. From any thread.
    package func any() -> EventLoop {
        loops[Int(bitPattern: UInt(bitPattern: next.wrappingAdd(1, ordering: .relaxed).newValue) % UInt(loops.count))]
    }

    /// The caller's loop when it is one of this group, else any.
    package func currentOrAny() -> EventLoop {
        if let current = EventLoop.current, loops.contains(where: { $0 === current }) { return current }
        return any()
    }

    /// Stops the loops and waits for their threads; safe to repeat. Blocks, so not from a loop. Connections, timers and
    /// watchers must have been closed.
    package func shutdown() {
        precondition(EventLoop.current == nil, "Invalid state: a loop cannot wait for itself")
        let threads = threads.withLock { threads in
            defer { threads = [] }
            return threads
        }
        for thread in threads { thread.loop.stop() }
        for thread in threads { thread.join() }
    }

    /// Tasks that have not ended, over all loops.
    package var openTasks: Int { loops.reduce(0) { $0 + $1.openTasks } }

    /// Open sockets, watchers and timers over all loops.
    package var openHandles: Int { loops.reduce(0) { $0 + $1.openHandles } }
}

/// The thread of one loop.
///
/// `@unchecked Sendable` holds because both members are immutable, and a thread's id may be used on any thread.
@safe private struct LoopThread: @unchecked Sendable {
    let loop: EventLoop
    private let thread: pthread_t

    init(running loop: EventLoop) {
        self.loop = loop
        var thread = pthread_t()
        // Retained: the thread releases the loop when `run` has returned.
        let status = unsafe pthread_create(
            &thread, nil,
            { argument in
                let loop = unsafe Unmanaged<EventLoop>.fromOpaque(argument!).takeRetainedValue()
                loop.run()
                return nil
            }, Unmanaged.passRetained(loop).toOpaque())
        precondition(status == 0, "pthread_create: \(UVError(-status))")
        self.thread = thread
    }

    func join() { pthread_join(thread, nil) }
}
