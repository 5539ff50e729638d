import Synchronization

/// Limits how many calls are in flight to one system and shares the slots fairly.
///
/// Calls wait in a queue of their owner and the queues take turns. One caller holds at most a quarter of the slots, background
/// work at most half. When the queues are full, the owner who waits most gives way to one who waits less.
///
/// The calls of a `CallSequence` are worth nothing one by one. So at a time only a quarter more sequences are begun than there are
/// slots, and their calls come first: then those begun end in time, rather than all of them too late.
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
        let sequence: CallSequence?
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
        /// Sequences that have begun and not ended, and how many of them each owner has.
        var begun = 0
        var begunOf: [CallOwner: Int] = [:]
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

    /// Sequences that have begun and not ended.
    package var sequences: Int { state.withLock { $0.begun } }

    /// Waits for a slot.
    /// - Parameters:
    ///   - sequence: what the call is part of; nil where it stands alone.
    ///   - sleep: waits for so long, or until its task is cancelled.
    package func enter(
        _ owner: CallOwner, of sequence: CallSequence? = nil, within limit: Duration,
        sleep: @escaping @Sendable (Duration) async -> Void
    ) async throws(Refusal) -> Slot {
        let id: UInt64? = state.withLock { state in
            if takeSlot(owner, sequence, &state) { return nil }
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
                await withCheckedContinuation {
                    self.queue(Waiter(id: id, sequence: sequence, continuation: $0), owner)
                }
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
            if takeSlot(owner, waiter.sequence, &state) {
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

    private func takeSlot(_ owner: CallOwner, _ sequence: CallSequence?, _ state: inout State) -> Bool {
        guard mayTakeSlot(owner, sequence, state) else { return false }
        state.free -= 1
        state.held[owner, default: 0] += 1
        if let sequence, mayBegin(owner, state), sequence.begin(on: self, for: owner) {
            state.begun += 1
            state.begunOf[owner, default: 0] += 1
        }
        return true
    }

    private func mayTakeSlot(_ owner: CallOwner, _ sequence: CallSequence?, _ state: State) -> Bool {
        let held = state.held[owner] ?? 0
        guard state.free > 0, held < most(owner) else { return false }
        guard let sequence, !sequence.hasBegun, !mayBegin(owner, state) else { return true }
        // The owner's sequences that have begun may wait for what this one does on behalf of all of them.
        return held < state.begunOf[owner] ?? 0
    }

    private func mayBegin(_ owner: CallOwner, _ state: State) -> Bool {
        state.begun < count + count / 4 && state.begunOf[owner] ?? 0 < most(owner)
    }

    /// A sequence is over, which makes room for another one to begin.
    fileprivate func end(_ owner: CallOwner) {
        award { state in
            let left = (state.begunOf[owner] ?? 1) - 1
            state.begunOf[owner] = left > 0 ? left : nil
            state.begun -= 1
        }
    }

    /// Frees a slot and awards it in the same step: a waiter that was awarded one has it, whatever happens to its task.
    private func giveBack(_ owner: CallOwner) {
        award { state in
            let held = (state.held[owner] ?? 1) - 1
            state.held[owner] = held > 0 ? held : nil
            state.free += 1
        }
    }

    private func award(after change: (inout State) -> Void) {
        let deliveries: [Delivery] = state.withLock { state in
            change(&state)
            var deliveries: [Delivery] = []
            while state.free > 0, let (owner, next) = next(state), takeSlot(owner, next.sequence, &state),
                let waiter = Self.remove(next.id, owner, &state)
            {
                if let turn = state.turns.firstIndex(of: owner) { state.turns.append(state.turns.remove(at: turn)) }
                deliveries.append(
                    Delivery(continuation: waiter.continuation, result: .success(Slot(self, owner))))
            }
            return deliveries
        }
        for delivery in deliveries { delivery.continuation.resume(returning: delivery.result) }
    }

    /// The waiter that the next slot is for: of a sequence that has begun if there is one, else of the owner whose turn it is.
    private func next(_ state: State) -> (owner: CallOwner, waiter: Waiter)? {
        var first: (CallOwner, Waiter)?
        for owner in state.turns where (state.held[owner] ?? 0) < most(owner) {
            for waiter in state.queues[owner] ?? [] {
                if waiter.sequence?.hasBegun == true { return (owner, waiter) }
                if first == nil, mayTakeSlot(owner, waiter.sequence, state) { first = (owner, waiter) }
            }
        }
        return first
    }
}

/// The calls of one request that only help together, such as those that make a key.
package final class CallSequence: Sendable {
    /// Set where the request's work begins; work that is spawned from there inherits it and prolongs the sequence.
    @TaskLocal package static var current: CallSequence?

    private struct Count {
        let slots: CallSlots
        let owner: CallOwner
    }

    /// The slots that count it since its first call, and for whom.
    private let begun = Mutex<Count?>(nil)

    package init() {}

    deinit {
        if let count = begun.withLock({ $0 }) { count.slots.end(count.owner) }
    }

    fileprivate var hasBegun: Bool { begun.withLock { $0 != nil } }

    /// - Returns: false when it had begun already.
    fileprivate func begin(on slots: CallSlots, for owner: CallOwner) -> Bool {
        begun.withLock { begun in
            guard begun == nil else { return false }
            begun = Count(slots: slots, owner: owner)
            return true
        }
    }
}
