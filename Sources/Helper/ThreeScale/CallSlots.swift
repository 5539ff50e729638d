import Synchronization

/// How many calls may be in flight, and how many may wait for their turn.
final class CallSlots: Sendable {
    private struct Waiter: Sendable {
        let id: Int
        let continuation: CheckedContinuation<Bool, Never>
    }

    private struct State: Sendable {
        var free: Int
        var waiters: [Waiter] = []
        var nextID = 0
    }

    private let waitersMax: Int
    private let state: Mutex<State>

    init(count: Int, waitersMax: Int) {
        self.waitersMax = waitersMax
        state = Mutex(State(free: max(1, count)))
    }

    /// Waits for a place, first come, first served.
    /// - Returns: false when too many wait already or the time was up; then there is nothing to leave.
    func enter(within limit: Duration, sleep: @escaping @Sendable (Duration) async -> Void) async -> Bool {
        if tryEnter() { return true }
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        return await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                await sleep(limit)
                if !Task.isCancelled { self.giveUp(id) }
            }
            let entered = await withCheckedContinuation { continuation in
                let answer: Bool? = state.withLock { state in
                    if state.free > 0 {
                        state.free -= 1
                        return true
                    }
                    guard state.waiters.count < waitersMax else { return false }
                    state.waiters.append(Waiter(id: id, continuation: continuation))
                    return nil
                }
                if let answer { continuation.resume(returning: answer) }
            }
            tasks.cancelAll()
            return entered
        }
    }

    /// Gives the place to whoever has waited longest.
    func leave() {
        let next = state.withLock { state -> Waiter? in
            guard !state.waiters.isEmpty else {
                state.free += 1
                return nil
            }
            return state.waiters.removeFirst()
        }
        next?.continuation.resume(returning: true)
    }

    private func tryEnter() -> Bool {
        state.withLock { state in
            guard state.free > 0 else { return false }
            state.free -= 1
            return true
        }
    }

    private func giveUp(_ id: Int) {
        let waiter = state.withLock { state in
            state.waiters.firstIndex { $0.id == id }.map { state.waiters.remove(at: $0) }
        }
        waiter?.continuation.resume(returning: false)
    }
}
