import Synchronization
package import Telemetry

/// A cache of at most so many entries; the entry that was used longest ago goes first. Expiry is the reader's business:
/// entries carry the time they were made.
package final class BoundedCache<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    package struct Entry: Sendable {
        package let value: Value
        package let madeAt: ContinuousClock.Instant
    }

    private struct Node: Sendable {
        var entry: Entry
        var key: Key
        var older: Int?
        var newer: Int?
    }

    /// A doubly linked list through an array: no allocation per use.
    private struct State: Sendable {
        var positions: [Key: Int] = [:]
        var nodes: [Node] = []
        var free: [Int] = []
        var oldest: Int?
        var newest: Int?
    }

    private let capacity: Int
    private let evictions: Counter?
    private let state = Mutex(State())

    /// - Parameters:
    ///   - capacity: entries, at least 1.
    ///   - evictions: counts what goes because the cache is full.
    package init(capacity: Int, evictions: Counter? = nil) {
        self.capacity = max(1, capacity)
        self.evictions = evictions
    }

    package var count: Int { state.withLock { $0.positions.count } }

    /// When the entry that was used longest ago was made; nil when there is none.
    package var oldestMadeAt: ContinuousClock.Instant? {
        state.withLock { state in state.oldest.map { state.nodes[$0].entry.madeAt } }
    }

    package func entry(_ key: Key) -> Entry? {
        state.withLock { state in
            guard let position = state.positions[key] else { return nil }
            Self.unlink(position, &state)
            Self.linkNewest(position, &state)
            return state.nodes[position].entry
        }
    }

    package func insert(_ value: Value, for key: Key, at now: ContinuousClock.Instant) {
        let entry = Entry(value: value, madeAt: now)
        state.withLock { state in
            if let position = state.positions[key] {
                state.nodes[position].entry = entry
                Self.unlink(position, &state)
                Self.linkNewest(position, &state)
                return
            }
            if state.positions.count >= capacity, let oldest = state.oldest {
                Self.remove(oldest, &state)
                evictions?.increment()
            }
            let node = Node(entry: entry, key: key)
            let position: Int
            if let free = state.free.popLast() {
                position = free
                state.nodes[position] = node
            } else {
                position = state.nodes.count
                state.nodes.append(node)
            }
            state.positions[key] = position
            Self.linkNewest(position, &state)
        }
    }

    package func remove(_ key: Key) {
        state.withLock { state in
            if let position = state.positions[key] { Self.remove(position, &state) }
        }
    }

    private static func remove(_ position: Int, _ state: inout State) {
        unlink(position, &state)
        state.positions[state.nodes[position].key] = nil
        state.free.append(position)
    }

    private static func unlink(_ position: Int, _ state: inout State) {
        let node = state.nodes[position]
        if let older = node.older { state.nodes[older].newer = node.newer } else { state.oldest = node.newer }
        if let newer = node.newer { state.nodes[newer].older = node.older } else { state.newest = node.older }
    }

    private static func linkNewest(_ position: Int, _ state: inout State) {
        state.nodes[position].older = state.newest
        state.nodes[position].newer = nil
        if let newest = state.newest { state.nodes[newest].newer = position } else { state.oldest = position }
        state.newest = position
    }
}
