import HelperCore
import Synchronization

/// Bounds the requests that wait for an answer of Keycloak, in total and for each party: those beyond are answered at once, so
/// that a slow Keycloak leaves room for requests that need nothing of it. When the total is reached, the party with most
/// requests gives way to one with fewer.
final class BoundedWaiters<Party: Hashable & Sendable, Value: Sendable>: Sendable {
    private struct Waiter: Sendable {
        let id: UInt64
        let continuation: CheckedContinuation<Value?, Never>
    }

    private struct State: Sendable {
        /// No list is empty.
        var waiters: [Party: [Waiter]] = [:]
        var total = 0
        var nextID: UInt64 = 0

        mutating func remove(_ id: UInt64, of party: Party) -> Waiter? {
            guard let index = waiters[party]?.firstIndex(where: { $0.id == id }),
                let waiter = waiters[party]?.remove(at: index)
            else { return nil }
            if waiters[party]?.isEmpty == true { waiters[party] = nil }
            total -= 1
            return waiter
        }

        /// Removes the latest waiter of the party with most, when it would still have as many as a party with one more than `count`.
        mutating func displace(for count: Int) -> Waiter? {
            guard let largest = waiters.max(by: { $0.value.count < $1.value.count }),
                largest.value.count > count + 1, let last = largest.value.last
            else { return nil }
            return remove(last.id, of: largest.key)
        }
    }

    private let totalMax: Int
    private let eachMax: Int
    private let spawn: Spawn
    private let state = Mutex(State())

    /// - Parameters:
    ///   - totalMax: of all parties.
    ///   - eachMax: of one party.
    init(totalMax: Int, eachMax: Int, spawn: @escaping Spawn) {
        self.totalMax = totalMax
        self.eachMax = eachMax
        self.spawn = spawn
    }

    /// Waits for the work.
    /// - Returns: nil at once when the request may not wait, or when it gave way to another party's; its work goes on then.
    func wait(as party: Party, for work: @escaping @Sendable () async -> Value) async -> Value? {
        await withCheckedContinuation { continuation in
            let (id, refused) = state.withLock { enter(continuation, party, &$0) }
            refused?.resume(returning: nil)
            guard let id else { return }
            spawn { [self] in
                let value = await work()
                state.withLock { $0.remove(id, of: party) }?.continuation.resume(returning: value)
            }
        }
    }

    /// - Returns: the id of the waiter if it may wait, and who may not.
    private func enter(
        _ continuation: CheckedContinuation<Value?, Never>, _ party: Party, _ state: inout State
    ) -> (id: UInt64?, refused: CheckedContinuation<Value?, Never>?) {
        let count = state.waiters[party]?.count ?? 0
        guard count < eachMax else { return (nil, continuation) }
        var displaced: Waiter?
        if state.total >= totalMax {
            displaced = state.displace(for: count)
            if displaced == nil { return (nil, continuation) }
        }
        state.nextID += 1
        state.waiters[party, default: []].append(Waiter(id: state.nextID, continuation: continuation))
        state.total += 1
        return (state.nextID, displaced?.continuation)
    }
}
