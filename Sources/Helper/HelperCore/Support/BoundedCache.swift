import Synchronization
package import Telemetry

/// A cache bounded by entries and by bytes; the entry that was used longest ago goes first. Expiry is the reader's
/// business: entries carry the time they were made.
package final class BoundedCache<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    package struct Entry: Sendable {
        package let value: Value
        package let madeAt: ContinuousClock.Instant
    }

    /// Links are positions in an array, -1 for none: no allocation per use, and small.
    private struct Node: Sendable {
        var entry: Entry?
        var key: Key
        var bytes: Int32
        var older: Int32
        var newer: Int32
    }

    private struct State: Sendable {
        var positions: [Key: Int32] = [:]
        var nodes: [Node] = []
        var free: [Int32] = []
        var oldest: Int32 = -1
        var newest: Int32 = -1
        var bytes = 0
    }

    private let capacity: Int
    private let bytesMax: Int
    private let cost: @Sendable (Value) -> Int
    private let evictions: Counter?
    private let state = Mutex(State())

    /// What an entry takes beside what its value holds elsewhere: its node, and its place in the index.
    package static var bytesPerEntry: Int { MemoryLayout<Node>.stride + (MemoryLayout<Key>.stride + 4) * 3 / 2 }

    /// - Parameters:
    ///   - capacity: entries, at least 1.
    ///   - bytesMax: what all entries may take together; the newest stays, whatever it takes.
    ///   - cost: bytes that a value holds on the heap.
    ///   - evictions: counts what goes because there is no room.
    package init(
        capacity: Int, bytesMax: Int = .max, cost: @escaping @Sendable (Value) -> Int = { _ in 0 },
        evictions: Counter? = nil
    ) {
        self.capacity = min(max(1, capacity), Int(Int32.max))
        self.bytesMax = bytesMax
        self.cost = cost
        self.evictions = evictions
    }

    package var count: Int { state.withLock { $0.positions.count } }

    /// What all entries take, by the cost that was told.
    package var bytes: Int { state.withLock { $0.bytes } }

    /// When the entry that was used longest ago was made; nil for an empty cache.
    package var oldestMadeAt: ContinuousClock.Instant? {
        state.withLock { $0.oldest < 0 ? nil : $0.nodes[Int($0.oldest)].entry?.madeAt }
    }

    package func entry(_ key: Key) -> Entry? {
        state.withLock { state in
            guard let position = state.positions[key] else { return nil }
            Self.use(position, &state)
            return state.nodes[Int(position)].entry
        }
    }

    package func insert(_ value: Value, for key: Key, at now: ContinuousClock.Instant) {
        let entry = Entry(value: value, madeAt: now)
        let bytes = Int32(clamping: cost(value) + Self.bytesPerEntry)
        let gone = state.withLock { state -> Int in
            Self.put(entry, key, bytes, &state)
            var gone = 0
            while state.positions.count > capacity || (state.bytes > bytesMax && state.positions.count > 1) {
                Self.remove(state.oldest, &state)
                gone += 1
            }
            return gone
        }
        if gone > 0 { evictions?.increment(by: Int64(gone)) }
    }

    package func remove(_ key: Key) {
        state.withLock { state in
            if let position = state.positions[key] { Self.remove(position, &state) }
        }
    }

    // MARK: The list, from oldest to newest

    private static func put(_ entry: Entry, _ key: Key, _ bytes: Int32, _ state: inout State) {
        if let position = state.positions[key] {
            state.bytes += Int(bytes) - Int(state.nodes[Int(position)].bytes)
            state.nodes[Int(position)].entry = entry
            state.nodes[Int(position)].bytes = bytes
            use(position, &state)
            return
        }
        let node = Node(entry: entry, key: key, bytes: bytes, older: -1, newer: -1)
        let position: Int32
        if let free = state.free.popLast() {
            position = free
            state.nodes[Int(position)] = node
        } else {
            position = Int32(state.nodes.count)
            state.nodes.append(node)
        }
        state.positions[key] = position
        state.bytes += Int(bytes)
        linkNewest(position, &state)
    }

    private static func use(_ position: Int32, _ state: inout State) {
        guard state.newest != position else { return }
        unlink(position, &state)
        linkNewest(position, &state)
    }

    private static func remove(_ position: Int32, _ state: inout State) {
        unlink(position, &state)
        state.positions[state.nodes[Int(position)].key] = nil
        state.bytes -= Int(state.nodes[Int(position)].bytes)
        // What it held goes now, not when the place is used again.
        state.nodes[Int(position)].entry = nil
        state.free.append(position)
    }

    private static func unlink(_ position: Int32, _ state: inout State) {
        let node = state.nodes[Int(position)]
        if node.older >= 0 { state.nodes[Int(node.older)].newer = node.newer } else { state.oldest = node.newer }
        if node.newer >= 0 { state.nodes[Int(node.newer)].older = node.older } else { state.newest = node.older }
    }

    private static func linkNewest(_ position: Int32, _ state: inout State) {
        state.nodes[Int(position)].older = state.newest
        state.nodes[Int(position)].newer = -1
        if state.newest >= 0 { state.nodes[Int(state.newest)].newer = position } else { state.oldest = position }
        state.newest = position
    }
}
