import Synchronization

/// SplitMix64: the same choices for the same seed.
struct Choices: Sendable {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// 0..<bound.
    mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(max(1, bound))) }

    mutating func chance(_ percent: Int) -> Bool { below(100) < percent }
}

/// A world of one thread with its own time, in ticks: jobs that are ready run in an order that the seed decides, and when none
/// is, time jumps to the next thing that is due. The same seed gives the same run, without waiting for anything.
final class SimulatedTime: TaskExecutor {
    private struct Due: Sendable {
        let at: Int
        let order: Int
        let action: @Sendable () -> Void
    }

    private struct State: Sendable {
        var ready: [UnownedJob] = []
        var due: [Due] = []
        var now = 0
        var order = 0
        var choices: Choices
    }

    private let state: Mutex<State>

    init(seed: UInt64) { state = Mutex(State(choices: Choices(seed: seed))) }

    var now: Int { state.withLock { $0.now } }

    func choose<Result: Sendable>(_ body: @Sendable (inout Choices) -> Result) -> Result {
        state.withLock { body(&$0.choices) }
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        state.withLock { $0.ready.append(job) }
    }

    func spawn(_ work: @escaping @Sendable () async -> Void) { Task(executorPreference: self) { await work() } }

    func after(_ ticks: Int, _ action: @escaping @Sendable () -> Void) {
        state.withLock { state in
            state.order += 1
            state.due.append(Due(at: state.now + max(0, ticks), order: state.order, action: action))
        }
    }

    func sleep(_ ticks: Int) async {
        await withCheckedContinuation { continuation in after(ticks) { continuation.resume() } }
    }

    /// Runs until nothing is left to do.
    func run() {
        while true {
            if let job = state.withLock({ state -> UnownedJob? in
                guard !state.ready.isEmpty else { return nil }
                let index = state.choices.below(state.ready.count)
                state.ready.swapAt(index, state.ready.count - 1)
                return state.ready.removeLast()
            }) {
                job.runSynchronously(on: asUnownedTaskExecutor())
                continue
            }
            let next = state.withLock { state -> Due? in
                guard
                    let index = state.due.indices.min(by: {
                        (state.due[$0].at, state.due[$0].order) < (state.due[$1].at, state.due[$1].order)
                    })
                else { return nil }
                let next = state.due.remove(at: index)
                state.now = max(state.now, next.at)
                return next
            }
            guard let next else { return }
            next.action()
        }
    }
}
