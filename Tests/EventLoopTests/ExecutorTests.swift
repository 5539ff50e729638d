import EventLoop
import Synchronization
import Testing

private final class Counter: Sendable {
    let loop: EventLoop
    private let stored = Mutex(0)
    var value: Int { stored.withLock { $0 } }

    init(_ loop: EventLoop) { self.loop = loop }

    /// Counts on the loop, on whatever thread it is called.
    func bump() async -> Bool {
        await withTaskExecutorPreference(loop) {
            stored.withLock { $0 += 1 }
            return loop.inLoop
        }
    }
}

@Suite("A loop as an executor")
struct ExecutorTests {
    /// Runs work on the first of two loops and checks that nothing is left of it.
    private func onLoop(_ work: @escaping @Sendable (EventLoop, EventLoop) async -> Void) async {
        let group = EventLoopGroup(count: 2)
        await group.loops[0].spawn { await work(group.loops[0], group.loops[1]) }.value
        #expect(group.openHandles == 0)
        group.shutdown()
    }

    @Test("a task, its children and what they await stay on the loop")
    func staysOnLoop() async {
        await onLoop { loop, _ in
            #expect(loop.inLoop && EventLoop.current === loop)
            async let child = loop.inLoop
            #expect(await child)
            let all = await withTaskGroup(of: Bool.self) { tasks in
                for _ in 0..<20 { tasks.addTask { loop.inLoop } }
                return await tasks.reduce(true) { $0 && $1 }
            }
            #expect(all && loop.inLoop)
        }
    }

    @Test("sleeping comes back to the loop; a cancelled sleep ends at once")
    func sleeping() async {
        await onLoop { loop, other in
            let began = ContinuousClock.now
            try? await loop.sleep(for: .milliseconds(20))
            #expect(began.duration(to: .now) >= .milliseconds(20) && loop.inLoop)
            let cancelled = Task(executorPreference: other) {
                do {
                    try await other.sleep(for: .seconds(60))
                    return false
                } catch {
                    return true
                }
            }
            cancelled.cancel()
            #expect(await cancelled.value)
        }
    }

    @Test("work from many threads is all done, in the order of each thread")
    func stress() async {
        let group = EventLoopGroup(count: 2)
        let counters = group.loops.map(Counter.init)
        await withTaskGroup(of: Void.self) { tasks in
            for index in 0..<100 {
                tasks.addTask {
                    for _ in 0..<50 { #expect(await counters[index % 2].bump()) }
                }
            }
        }
        #expect(counters[0].value == 2_500)
        #expect(counters[1].value == 2_500)
        let seen = Mutex<[Int]>([])
        await withCheckedContinuation { continuation in
            for number in 0..<100 { group.loops[0].execute { seen.withLock { $0.append(number) } } }
            group.loops[0].execute { continuation.resume() }
        }
        #expect(seen.withLock { $0 } == Array(0..<100))
        group.shutdown()
    }

    @Test("a loop that stops tells its sleepers, again and again", arguments: 0..<20)
    func teardown(_ round: Int) async {
        let group = EventLoopGroup(count: 1)
        let loop = group.loops[0]
        let sleeper = Task(executorPreference: loop) {
            do {
                try await loop.sleep(for: .seconds(3_600))
                return false
            } catch {
                return true
            }
        }
        if round % 2 == 0 { await loop.spawn {}.value }
        group.shutdown()
        if round % 2 == 0 { #expect(await sleeper.value) }
    }

    @Test("a timer fires once, or again and again until closed")
    func timers() async {
        let group = EventLoopGroup(count: 1)
        let loop = group.loops[0]
        let fired: Int = await withCheckedContinuation { continuation in
            loop.execute {
                let state = TimerState()
                state.timer = LoopTimer(loop: loop) {
                    state.count += 1
                    guard state.count == 3 else { return }
                    state.timer?.close()
                    state.timer = nil
                    continuation.resume(returning: state.count)
                }
                state.timer?.start(after: .zero, every: .milliseconds(1))
            }
        }
        #expect(fired == 3)
        await loop.spawn {}.value
        group.shutdown()
    }
}

private final class TimerState {
    var timer: LoopTimer?
    var count = 0
}
