import Synchronization
package import Telemetry

/// A cache bounded by entries and by bytes; the entry that was used longest ago goes first. Expiry is the reader's
/// business: entries carry the time they were made.
package final class BoundedCache<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    package struct Entry: Sendable {
        package let value: Value
        package let madeAt: ContinuousClock.Instant
    }

    private struct Slot: Sendable {
        var entry: Entry?
        var bytes: Int32 = 0
    }

    private struct State: Sendable {
        var index: RecencyIndex<Key>
        /// By position.
        var slots: [Slot] = []
        var bytes = 0

        /// What a slot held goes now, not when the position is used again.
        mutating func empty(_ position: Int) {
            bytes -= Int(slots[position].bytes)
            slots[position] = Slot()
        }
    }

    private let bytesMax: Int
    private let cost: @Sendable (Value) -> Int
    private let evictions: Counter?
    private let state: Mutex<State>

    /// What an entry takes beside what its value holds elsewhere: its slot, and its part of the index.
    package static var bytesPerEntry: Int { MemoryLayout<Slot>.stride + RecencyIndex<Key>.bytesPerKey }

    /// - Parameters:
    ///   - capacity: entries, at least 1.
    ///   - bytesMax: what all entries may take together; the newest stays, whatever it takes.
    ///   - cost: bytes that a value holds on the heap.
    ///   - evictions: counts what goes because there is no room.
    package init(
        capacity: Int, bytesMax: Int = .max, cost: @escaping @Sendable (Value) -> Int = { _ in 0 },
        evictions: Counter? = nil
    ) {
        state = Mutex(State(index: RecencyIndex(capacity: capacity)))
        self.bytesMax = bytesMax
        self.cost = cost
        self.evictions = evictions
    }

    package var count: Int { state.withLock { $0.index.count } }

    /// What all entries take, by the cost that was told.
    package var bytes: Int { state.withLock { $0.bytes } }

    /// When the entry that was used longest ago was made; nil for an empty cache.
    package var oldestMadeAt: ContinuousClock.Instant? {
        state.withLock { state in state.index.oldestPosition.flatMap { state.slots[$0].entry?.madeAt } }
    }

    package func entry(_ key: Key) -> Entry? {
        state.withLock { state in state.index.use(key).flatMap { state.slots[$0].entry } }
    }

    package func insert(_ value: Value, for key: Key, at now: ContinuousClock.Instant) {
        let slot = Slot(
            entry: Entry(value: value, madeAt: now), bytes: Int32(clamping: cost(value) + Self.bytesPerEntry))
        let gone = state.withLock { state -> Int in
            let place = state.index.place(key)
            if place.position == state.slots.count {
                state.slots.append(slot)
            } else {
                state.empty(place.position)
                state.slots[place.position] = slot
            }
            state.bytes += Int(slot.bytes)
            var gone = place.hasEvicted ? 1 : 0
            while state.bytes > bytesMax, state.index.count > 1, let position = state.index.removeOldest() {
                state.empty(position)
                gone += 1
            }
            return gone
        }
        if gone > 0 { evictions?.increment(by: Int64(gone)) }
    }

    package func remove(_ key: Key) {
        state.withLock { state in
            if let position = state.index.remove(key) { state.empty(position) }
        }
    }
}
