/// Gives at most so many keys a position each, in the order of their last use, by which their values are kept elsewhere: the one
/// bounded "least recently used" order of the product. A doubly linked list through an array, so that a use allocates nothing.
/// Inlinable, so that other modules' keys are compared and hashed without witnesses. Not thread-safe.
package struct RecencyIndex<Key: Hashable & Sendable>: Sendable {
    /// Links are positions, -1 for none: there may be many nodes.
    @usableFromInline
    struct Node: Sendable {
        @usableFromInline var key: Key
        @usableFromInline var older: Int32
        @usableFromInline var newer: Int32

        @inlinable
        init(key: Key) {
            self.key = key
            older = -1
            newer = -1
        }
    }

    /// Where a key has been put.
    package struct Place: Sendable, Equatable {
        /// 0..<capacity; positions are handed out from 0 and used again.
        package let position: Int
        package let isNew: Bool
        /// The key that was used longest ago went to make room; a new key has its position.
        package let hasEvicted: Bool

        @inlinable
        init(position: Int, isNew: Bool, hasEvicted: Bool) {
            self.position = position
            self.isNew = isNew
            self.hasEvicted = hasEvicted
        }
    }

    @usableFromInline let capacity: Int
    @usableFromInline var positions: [Key: Int32] = [:]
    @usableFromInline var nodes: [Node] = []
    @usableFromInline var free: [Int32] = []
    @usableFromInline var oldest: Int32 = -1
    @usableFromInline var newest: Int32 = -1

    /// - Parameter capacity: 1...`Int32.max`.
    @inlinable
    package init(capacity: Int) { self.capacity = min(max(1, capacity), Int(Int32.max)) }

    /// Bytes that a key takes: its node, and its place in a table that is two thirds full.
    package static var bytesPerKey: Int { MemoryLayout<Node>.stride + (MemoryLayout<Key>.stride + 4) * 3 / 2 }

    @inlinable package var count: Int { positions.count }

    /// The position of the key that was used longest ago; nil when there is none.
    @inlinable package var oldestPosition: Int? { oldest < 0 ? nil : Int(oldest) }

    /// The key's position, which counts as a use; nil when it has none.
    @inlinable
    package mutating func use(_ key: Key) -> Int? {
        guard let position = positions[key] else { return nil }
        if position != newest {
            unlink(position)
            linkNewest(position)
        }
        return Int(position)
    }

    /// The key's position, which does not count as a use.
    @inlinable
    package func position(_ key: Key) -> Int? { positions[key].map(Int.init) }

    /// The key's position, a new one when it has none.
    @inlinable
    package mutating func place(_ key: Key) -> Place {
        if let position = use(key) { return Place(position: position, isNew: false, hasEvicted: false) }
        let isFull = positions.count >= capacity
        if isFull { remove(at: oldest) }
        let position: Int32
        if let unused = free.popLast() {
            position = unused
            nodes[Int(position)].key = key
        } else {
            position = Int32(nodes.count)
            nodes.append(Node(key: key))
        }
        positions[key] = position
        linkNewest(position)
        return Place(position: Int(position), isNew: true, hasEvicted: isFull)
    }

    /// The position the key had.
    @inlinable
    package mutating func remove(_ key: Key) -> Int? {
        guard let position = positions[key] else { return nil }
        remove(at: position)
        return Int(position)
    }

    /// The position of the key that was used longest ago, which has gone; nil when there is none.
    @inlinable
    package mutating func removeOldest() -> Int? {
        guard let position = oldestPosition else { return nil }
        remove(at: oldest)
        return position
    }

    /// Every key with its position, in no order.
    package var entries: [(key: Key, position: Int)] { positions.map { ($0.key, Int($0.value)) } }

    @inlinable
    mutating func remove(at position: Int32) {
        unlink(position)
        positions[nodes[Int(position)].key] = nil
        free.append(position)
    }

    @inlinable
    mutating func unlink(_ position: Int32) {
        let older = nodes[Int(position)].older
        let newer = nodes[Int(position)].newer
        if older >= 0 { nodes[Int(older)].newer = newer } else { oldest = newer }
        if newer >= 0 { nodes[Int(newer)].older = older } else { newest = older }
    }

    @inlinable
    mutating func linkNewest(_ position: Int32) {
        nodes[Int(position)].older = newest
        nodes[Int(position)].newer = -1
        if newest >= 0 { nodes[Int(newest)].newer = position } else { oldest = position }
        newest = position
    }
}
