import Bytes
import CPlatform
import CUV
import Synchronization

/// One thread that waits for sockets and timers with libuv and runs Swift jobs in between: the executor of everything
/// a request does.
///
/// Two kinds of state: the inbox is locked and any thread fills it; all the rest belongs to the loop's thread. Being a
/// task executor it keeps tasks (and the child tasks they start) on its thread. Unstructured tasks do not inherit the
/// preference: start them with `spawn`.
///
/// `@unchecked Sendable` holds because every stored variable is either immutable, guarded by `inbox`'s lock, or touched
/// on the loop's thread only, which each entry point checks; the compiler cannot see thread confinement.
@safe package final class EventLoop: TaskExecutor, @unchecked Sendable {
    private struct Inbox {
        var jobs: ContiguousArray<UnownedJob> = []
        var calls: ContiguousArray<@Sendable () -> Void> = []
        /// Whether a wake-up has been sent for what is in here.
        var signalled = false
        /// Nothing is taken any more: the thread has ended.
        var closed = false
    }

    /// Rounds of jobs that may run before sockets get their turn again.
    private static let roundsPerTurnMax = 8

    private let inbox = Mutex(Inbox())
    private let threadID = Atomic<UInt64>(0)
    private let wake: UnsafeMutablePointer<uv_async_t>

    // Loop-confined from here on.
    let raw: UnsafeMutablePointer<uv_loop_t>
    private let prepare: UnsafeMutablePointer<uv_prepare_t>
    private let check: UnsafeMutablePointer<uv_check_t>
    private let idle: UnsafeMutablePointer<uv_idle_t>
    private var isIdleRunning = false
    private var jobs: ContiguousArray<UnownedJob> = []
    private var batch: ContiguousArray<UnownedJob> = []
    /// What `later` has put off.
    private var calls: ContiguousArray<@Sendable () -> Void> = []
    private var sleepers: [ObjectIdentifier: Sleeper] = [:]
    private(set) var isStopping = false
    /// Shared by the connections of this loop: bytes are read here and handed on within one callback.
    let readBuffer: UnsafeMutableBufferPointer<UInt8>
    private let counters = Atomic<Int>(0)
    private let tasks = Atomic<Int>(0)
    /// What was begun last here, for the watchdog's words; an index of `LoopActivity`.
    private let activity = Atomic<Int>(0)
    /// The last ping that was answered.
    private let pong = Atomic<UInt64>(0)

    init() {
        unsafe raw = .allocate(capacity: 1)
        unsafe wake = .allocate(capacity: 1)
        unsafe prepare = .allocate(capacity: 1)
        unsafe check = .allocate(capacity: 1)
        unsafe idle = .allocate(capacity: 1)
        unsafe readBuffer = .allocate(capacity: 64 * 1024)
        let loopStatus = unsafe uv_loop_init(raw)
        precondition(loopStatus == 0, "uv_loop_init: \(UVError(loopStatus))")
        // Unretained: a loop's thread holds the loop until uv_run has returned for good.
        unsafe raw.pointee.data = Unmanaged.passUnretained(self).toOpaque()
        let wakeStatus = unsafe uv_async_init(raw, wake) { handle in
            unsafe EventLoop.of(handle!.pointee.loop).takeInbox()
        }
        precondition(wakeStatus == 0, "uv_async_init: \(UVError(wakeStatus))")
        unsafe uv_prepare_init(raw, prepare)
        unsafe uv_check_init(raw, check)
        unsafe uv_idle_init(raw, idle)
        unsafe uv_prepare_start(prepare) { handle in unsafe EventLoop.of(handle!.pointee.loop).runJobs() }
        unsafe uv_check_start(check) { handle in unsafe EventLoop.of(handle!.pointee.loop).runJobs() }
    }

    deinit {
        precondition(jobs.isEmpty, "Invalid state: jobs left in a loop that ends")
        unsafe readBuffer.deallocate()
        unsafe idle.deallocate()
        unsafe check.deallocate()
        unsafe prepare.deallocate()
        unsafe wake.deallocate()
        unsafe raw.deallocate()
    }

    private static func of(_ raw: UnsafeMutablePointer<uv_loop_t>) -> EventLoop {
        unsafe Unmanaged<EventLoop>.fromOpaque(raw.pointee.data).takeUnretainedValue()
    }

    // MARK: Where am I?

    /// The loop whose thread this is, if it is one's. Ask again after an `await` that may have changed threads.
    package static var current: EventLoop? {
        guard let slot = unsafe cplatform_thread_slot() else { return nil }
        return unsafe Unmanaged<EventLoop>.fromOpaque(slot).takeUnretainedValue()
    }

    /// Whether the calling thread is this loop's.
    package var inLoop: Bool { threadID.load(ordering: .relaxed) == cplatform_thread_id() }

    /// Traps when called from another thread: a defect of ours, never caused by a peer.
    package func preconditionInLoop() {
        precondition(inLoop, "Invalid state: called off the loop's thread")
    }

    /// Open sockets, watchers and timers of this loop; zero when nothing is left to do. From any thread.
    package var openHandles: Int { counters.load(ordering: .relaxed) }

    /// Tasks started by `spawn` and `spawnNow` that have not ended. From any thread.
    package var openTasks: Int { tasks.load(ordering: .relaxed) }

    func handleOpened() { counters.wrappingAdd(1, ordering: .relaxed) }

    func handleClosed() { counters.wrappingSubtract(1, ordering: .relaxed) }

    // MARK: Under watch

    /// Says what begins here now. On the loop's thread.
    package func note(_ begun: LoopActivity) { activity.store(begun.index, ordering: .relaxed) }

    /// The activity that was noted last. From any thread.
    package var lastNoted: LoopActivity { LoopActivity(index: activity.load(ordering: .relaxed)) }

    /// Asks for a sign of life, which `lastAnswered` shows once the loop has come round. From any thread.
    func ping(_ number: UInt64) { execute { [self] in pong.store(number, ordering: .relaxed) } }

    var lastAnswered: UInt64 { pong.load(ordering: .relaxed) }

    // MARK: Work from any thread

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        if inLoop {
            jobs.append(job)
        } else {
            post { $0.jobs.append(job) }
        }
    }

    /// Runs `body` on the loop: at once when already there, else on its next turn. Not run after the loop has stopped.
    package func execute(_ body: @escaping @Sendable () -> Void) {
        if inLoop {
            body()
        } else {
            post { $0.calls.append(body) }
        }
    }

    /// Starts a task whose every step runs on this loop.
    @discardableResult
    package func spawn(_ work: @escaping @Sendable () async -> Void) -> Task<Void, Never> {
        tasks.wrappingAdd(1, ordering: .relaxed)
        return Task(executorPreference: self) { [self] in
            await work()
            tasks.wrappingSubtract(1, ordering: .relaxed)
        }
    }

    /// Starts a task on this very stack, which runs until it first waits and from then on like one of `spawn`. On the
    /// loop's thread only.
    /// - Parameter work: calls `taskEnded` as the last it does: a closure around it would cost every request one more.
    package func spawnNow(_ work: @escaping @isolated(any) @Sendable () async -> Void) -> Task<Void, Never> {
        preconditionInLoop()
        tasks.wrappingAdd(1, ordering: .relaxed)
        return Task.immediate(executorPreference: self, operation: work)
    }

    /// The work of `spawnNow` is done.
    package func taskEnded() { tasks.wrappingSubtract(1, ordering: .relaxed) }

    /// Runs `body` on the loop's next round, never at once. On the loop's thread only.
    package func later(_ body: @escaping @Sendable () -> Void) {
        preconditionInLoop()
        calls.append(body)
    }

    private func post(_ add: (inout Inbox) -> Void) {
        let mustSignal = inbox.withLock { inbox in
            guard !inbox.closed else { return false }
            add(&inbox)
            defer { inbox.signalled = true }
            return !inbox.signalled
        }
        // uv_async_send is the one libuv call that any thread may make.
        if mustSignal { unsafe uv_async_send(wake) }
    }

    private func takeInbox() {
        let taken = inbox.withLock { inbox in
            let taken = inbox
            inbox.jobs = []
            inbox.calls = []
            inbox.signalled = false
            return taken
        }
        jobs.append(contentsOf: taken.jobs)
        for call in taken.calls { call() }
    }

    // MARK: The thread

    /// Runs the loop on the calling thread until `stop`, then closes it. Called once.
    func run() {
        threadID.store(cplatform_thread_id(), ordering: .relaxed)
        unsafe cplatform_set_thread_slot(Unmanaged.passUnretained(self).toOpaque())
        while !isStopping { unsafe uv_run(raw, UV_RUN_DEFAULT) }
        // Sleepers end with an error; the tasks that this wakes run to their end or to their next wait.
        for sleeper in sleepers.values { sleeper.finish(cancelled: true) }
        for _ in 0..<1_000 where unsafe uv_run(raw, UV_RUN_NOWAIT) != 0 && !(jobs.isEmpty && calls.isEmpty) {}
        inbox.withLock { $0.closed = true }
        takeInbox()
        while !jobs.isEmpty || !calls.isEmpty { runJobs() }
        unsafe uv_close(cuv_handle(wake), nil)
        unsafe uv_close(cuv_handle(prepare), nil)
        unsafe uv_close(cuv_handle(check), nil)
        unsafe uv_close(cuv_handle(idle), nil)
        unsafe uv_run(raw, UV_RUN_DEFAULT)
        let status = unsafe uv_loop_close(raw)
        assert(status == 0, "Invalid state: handles left open in a loop that ends: \(UVError(status))")
        cplatform_set_thread_slot(nil)
        threadID.store(0, ordering: .relaxed)
    }

    /// Ends `run` after the current turn. From any thread.
    func stop() {
        execute { [self] in
            isStopping = true
            unsafe uv_stop(raw)
        }
    }

    /// Runs what is queued, in a bounded number of rounds so that jobs cannot starve sockets. A job must run under the
    /// very executor it was given to, or the runtime enqueues it again: for ever, or at every return of a function.
    private func runJobs() {
        // Twice a turn, mostly for nothing.
        if jobs.isEmpty, calls.isEmpty, !isIdleRunning { return }
        runCalls()
        var rounds = 0
        while !jobs.isEmpty, rounds < Self.roundsPerTurnMax {
            swap(&jobs, &batch)
            let executor = unsafe asUnownedTaskExecutor()
            for job in batch { unsafe job.runSynchronously(on: executor) }
            batch.removeAll(keepingCapacity: true)
            rounds += 1
        }
        // An idle handle keeps the loop from sleeping while anything is left.
        let mustIdle = !jobs.isEmpty || !calls.isEmpty
        guard mustIdle != isIdleRunning else { return }
        isIdleRunning = mustIdle
        if mustIdle {
            unsafe uv_idle_start(idle) { _ in }
        } else {
            unsafe uv_idle_stop(idle)
        }
    }

    /// Runs what was put off until now, and nothing of what that puts off.
    private func runCalls() {
        guard !calls.isEmpty else { return }
        var taken: ContiguousArray<@Sendable () -> Void> = []
        swap(&calls, &taken)
        for call in taken { call() }
        // The array is kept for its memory, unless something new is in the other.
        guard calls.isEmpty else { return }
        taken.removeAll(keepingCapacity: true)
        swap(&calls, &taken)
    }

    // MARK: Time

    /// The loop's own idea of the time in milliseconds: that of the turn's beginning, from an arbitrary start, never going
    /// back. On the loop's thread only; costs nothing.
    package var milliseconds: UInt64 {
        assert(inLoop, "Invalid state: called off the loop's thread")
        return unsafe uv_now(raw)
    }

    /// The loop's clock in nanoseconds, from an arbitrary start, never going back. From any thread.
    package static func nanoseconds() -> UInt64 { uv_hrtime() }

    /// What `nanoseconds` will say in that long.
    package static func nanoseconds(after duration: Duration) -> UInt64 {
        nanoseconds() &+ UInt64(clamping: duration.nanoseconds)
    }

    /// Suspends the calling task for that long and resumes it on its own executor.
    /// - Throws: `CancellationError` when the task is cancelled or the loop stops.
    package func sleep(for duration: Duration) async throws(CancellationError) {
        let sleeper = LoopBound(Sleeper(), to: self)
        let finished = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                execute { [self] in
                    let value = sleeper.value
                    sleepers[ObjectIdentifier(value)] = value
                    value.begin(on: self, for: duration, continuation)
                }
            }
        } onCancel: {
            execute { sleeper.value.finish(cancelled: true) }
        }
        if !finished { throw CancellationError() }
    }

    fileprivate func forget(_ sleeper: Sleeper) { sleepers[ObjectIdentifier(sleeper)] = nil }
}

/// One `sleep` under way. Arming and cancelling may come from different threads, so both are decided on the loop.
private final class Sleeper {
    private var timer: LoopTimer?
    private var continuation: CheckedContinuation<Bool, Never>?
    private var isCancelled = false
    private weak var loop: EventLoop?

    func begin(on loop: EventLoop, for duration: Duration, _ continuation: CheckedContinuation<Bool, Never>) {
        self.loop = loop
        self.continuation = continuation
        if isCancelled || loop.isStopping {
            finish(cancelled: true)
            return
        }
        let timer = LoopTimer(loop: loop) { [weak self] in self?.finish(cancelled: false) }
        self.timer = timer
        timer.start(after: duration)
    }

    func finish(cancelled: Bool) {
        isCancelled = isCancelled || cancelled
        guard let continuation else { return }
        self.continuation = nil
        timer?.close()
        timer = nil
        loop?.forget(self)
        continuation.resume(returning: !cancelled)
    }
}
