import Synchronization

/// Limits how many calls are in flight to one system and shares the slots fairly.
///
/// Calls wait in a queue of their owner and the queues take turns. One caller holds at most a quarter of the slots, background
/// work at most half. When the queues are full, the owner who waits most gives way to one who waits less.
package final class CallSlots: Sendable {
    /// Why there is no slot.
    package enum Refusal: Error, Equatable {
        /// Too many calls wait already.
        case full
        /// The time was up, or the task was cancelled.
        case gaveUp
    }

    /// One call in flight. It gives its slot back exactly once: when told, or else with its last reference.
    package final class Slot: Sendable {
        private let slots: CallSlots
        private let owner: CallOwner
        private let isHeld = Atomic<Bool>(true)

        fileprivate init(_ slots: CallSlots, _ owner: CallOwner) {
            self.slots = slots
            self.owner = owner
        }

        deinit { giveBack() }

        package func giveBack() {
            if isHeld.exchange(false, ordering: .acquiringAndReleasing) { slots.giveBack(owner) }
        }
    }

    private struct Waiter: Sendable {
        let id: UInt64
        let continuation: CheckedContinuation<Result<Slot, Refusal>, Never>
    }

    /// An answer to a waiter, delivered outside the lock.
    private struct Delivery: Sendable {
        let continuation: CheckedContinuation<Result<Slot, Refusal>, Never>
        let result: Result<Slot, Refusal>
    }

    private struct State: Sendable {
        var free: Int
        var held: [CallOwner: Int] = [:]
        /// No queue is empty.
        var queues: [CallOwner: [Waiter]] = [:]
        /// The owners with a queue; the first has the next turn.
        var turns: [CallOwner] = []
        var waiting = 0
        var nextID: UInt64 = 0
        /// Calls that will queue and do not yet; true when they gave up meanwhile.
        var arriving: [UInt64: Bool] = [:]
    }

    private let count: Int
    private let waitersMax: Int
    private let state: Mutex<State>

    /// - Parameters:
    ///   - count: calls in flight, at least 1.
    ///   - waitersMax: calls that wait, of all owners.
    package init(count: Int, waitersMax: Int) {
        self.count = max(1, count)
        self.waitersMax = waitersMax
        state = Mutex(State(free: max(1, count)))
    }

    /// Calls in flight, calls that wait, and owners with either.
    package var usage: (held: Int, waiting: Int, owners: Int) {
        state.withLock { (count - $0.free, $0.waiting + $0.arriving.count, $0.held.count + $0.queues.count) }
    }

    /// Waits for a slot.
    /// - Parameter sleep: waits for so long, or until its task is cancelled.
    package func enter(
        _ owner: CallOwner, within limit: Duration, sleep: @escaping @Sendable (Duration) async -> Void
    ) async throws(Refusal) -> Slot {
        let id: UInt64? = state.withLock { state in
            if takeSlot(owner, &state) { return nil }
            state.nextID += 1
            state.arriving[state.nextID] = false
            return state.nextID
        }
        guard let id else { return Slot(self, owner) }
        let result = await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                await sleep(limit)
                self.giveUp(id, owner)
            }
            let result = await withTaskCancellationHandler {
                await withCheckedContinuation { self.queue(Waiter(id: id, continuation: $0), owner) }
            } onCancel: {
                self.giveUp(id, owner)
            }
            tasks.cancelAll()
            return result
        }
        return try result.get()
    }

    // MARK: Queueing

    private func queue(_ waiter: Waiter, _ owner: CallOwner) {
        let delivery: Delivery? = state.withLock { state in
            let gaveUp = state.arriving.removeValue(forKey: waiter.id) ?? true
            if gaveUp { return Delivery(continuation: waiter.continuation, result: .failure(.gaveUp)) }
            if takeSlot(owner, &state) {
                return Delivery(continuation: waiter.continuation, result: .success(Slot(self, owner)))
            }
            var displaced: Waiter?
            if state.waiting >= waitersMax {
                displaced = Self.displace(for: owner, &state)
                if displaced == nil {
                    return Delivery(continuation: waiter.continuation, result: .failure(.full))
                }
            }
            if state.queues[owner] == nil { state.turns.append(owner) }
            state.queues[owner, default: []].append(waiter)
            state.waiting += 1
            return displaced.map { Delivery(continuation: $0.continuation, result: .failure(.full)) }
        }
        if let delivery { delivery.continuation.resume(returning: delivery.result) }
    }

    /// Removes the latest call of the longest queue, when that queue is longer than the newcomer's would be.
    private static func displace(for owner: CallOwner, _ state: inout State) -> Waiter? {
        guard let longest = state.queues.max(by: { $0.value.count < $1.value.count }),
            longest.value.count > (state.queues[owner]?.count ?? 0) + 1, let last = longest.value.last
        else { return nil }
        return remove(last.id, longest.key, &state)
    }

    private func giveUp(_ id: UInt64, _ owner: CallOwner) {
        let waiter: Waiter? = state.withLock { state in
            if state.arriving[id] != nil {
                state.arriving[id] = true
                return nil
            }
            return Self.remove(id, owner, &state)
        }
        waiter?.continuation.resume(returning: .failure(.gaveUp))
    }

    private static func remove(_ id: UInt64, _ owner: CallOwner, _ state: inout State) -> Waiter? {
        guard let index = state.queues[owner]?.firstIndex(where: { $0.id == id }),
            let waiter = state.queues[owner]?.remove(at: index)
        else { return nil }
        state.waiting -= 1
        if state.queues[owner]?.isEmpty == true {
            state.queues[owner] = nil
            state.turns.removeAll { $0 == owner }
        }
        return waiter
    }

    // MARK: Slots

    private func most(_ owner: CallOwner) -> Int { max(1, owner == .background ? count / 2 : count / 4) }

    private func takeSlot(_ owner: CallOwner, _ state: inout State) -> Bool {
        let held = state.held[owner] ?? 0
        guard state.free > 0, held < most(owner) else { return false }
        state.free -= 1
        state.held[owner] = held + 1
        return true
    }

    /// Frees a slot and awards it in the same step: a waiter that was awarded one has it, whatever happens to its task.
    private func giveBack(_ owner: CallOwner) {
        let deliveries: [Delivery] = state.withLock { state in
            let held = (state.held[owner] ?? 1) - 1
            state.held[owner] = held > 0 ? held : nil
            state.free += 1
            var deliveries: [Delivery] = []
            while true {
                let turns = state.turns
                guard let next = turns.first(where: { takeSlot($0, &state) }),
                    let waiter = state.queues[next]?.first.flatMap({ Self.remove($0.id, next, &state) })
                else { break }
                if let turn = state.turns.firstIndex(of: next) { state.turns.append(state.turns.remove(at: turn)) }
                deliveries.append(
                    Delivery(continuation: waiter.continuation, result: .success(Slot(self, next))))
            }
            return deliveries
        }
        for delivery in deliveries { delivery.continuation.resume(returning: delivery.result) }
    }
}
