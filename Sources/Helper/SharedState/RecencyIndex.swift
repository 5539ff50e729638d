/// Gives at most so many keys a position each, in the order of their last use: whoever keeps values keeps them by position.
/// A doubly linked list through an array, so that a use allocates nothing. Not thread-safe.
package struct RecencyIndex<Key: Hashable & Sendable>: Sendable {
    private struct Node: Sendable {
        var key: Key
        var older: Int?
        var newer: Int?
    }

    /// Where a key has been put.
    package struct Place: Sendable, Equatable {
        /// 0..<capacity; positions are handed out from 0 and used again.
        package let position: Int
        package let isNew: Bool
        /// The key that was used longest ago went to make room.
        package let hasEvicted: Bool
    }

    private let capacity: Int
    private var positions: [Key: Int] = [:]
    private var nodes: [Node] = []
    private var free: [Int] = []
    /// The position used longest ago.
    package private(set) var oldest: Int?
    private var newest: Int?

    /// - Parameter capacity: at least 1.
    package init(capacity: Int) { self.capacity = max(1, capacity) }

    package var count: Int { positions.count }

    /// The key's position, which counts as a use; nil when it has none.
    package mutating func use(_ key: Key) -> Int? {
        guard let position = positions[key] else { return nil }
        if position != newest {
            unlink(position)
            linkNewest(position)
        }
        return position
    }

    /// The key's position, a new one when it has none.
    package mutating func place(_ key: Key) -> Place {
        if let position = use(key) { return Place(position: position, isNew: false, hasEvicted: false) }
        let isFull = positions.count >= capacity
        if isFull, let oldest { remove(at: oldest) }
        let position: Int
        if let unused = free.popLast() {
            position = unused
            nodes[position].key = key
        } else {
            position = nodes.count
            nodes.append(Node(key: key))
        }
        positions[key] = position
        linkNewest(position)
        return Place(position: position, isNew: true, hasEvicted: isFull)
    }

    /// The position the key had.
    package mutating func remove(_ key: Key) -> Int? {
        guard let position = positions[key] else { return nil }
        remove(at: position)
        return position
    }

    private mutating func remove(at position: Int) {
        unlink(position)
        positions[nodes[position].key] = nil
        free.append(position)
    }

    private mutating func unlink(_ position: Int) {
        let node = nodes[position]
        if let older = node.older { nodes[older].newer = node.newer } else { oldest = node.newer }
        if let newer = node.newer { nodes[newer].older = node.older } else { newest = node.older }
    }

    private mutating func linkNewest(_ position: Int) {
        nodes[position].older = newest
        nodes[position].newer = nil
        if let newest { nodes[newest].newer = position } else { oldest = position }
        newest = position
    }
}
