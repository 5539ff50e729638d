/// Gives at most so many keys a position each, in the order of their last use, by which their values are kept elsewhere.
/// A doubly linked list through an array, so that a use allocates nothing. Not thread-safe.
package struct RecencyIndex<Key: Hashable & Sendable>: Sendable {
    /// Links are positions, -1 for none: there may be many nodes.
    private struct Node: Sendable {
        var key: Key
        var older: Int32 = -1
        var newer: Int32 = -1
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
    private var positions: [Key: Int32] = [:]
    private var nodes: [Node] = []
    private var free: [Int32] = []
    private var oldest: Int32 = -1
    private var newest: Int32 = -1

    /// - Parameter capacity: 1...`Int32.max`.
    package init(capacity: Int) { self.capacity = min(max(1, capacity), Int(Int32.max)) }

    package var count: Int { positions.count }

    /// The key's position, which counts as a use; nil when it has none.
    package mutating func use(_ key: Key) -> Int? {
        guard let position = positions[key] else { return nil }
        if position != newest {
            unlink(position)
            linkNewest(position)
        }
        return Int(position)
    }

    /// The key's position, which does not count as a use.
    package func position(_ key: Key) -> Int? { positions[key].map(Int.init) }

    /// The key's position, a new one when it has none.
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
    package mutating func remove(_ key: Key) -> Int? {
        guard let position = positions[key] else { return nil }
        remove(at: position)
        return Int(position)
    }

    /// Every key with its position, in no order.
    package var entries: [(key: Key, position: Int)] { positions.map { ($0.key, Int($0.value)) } }

    private mutating func remove(at position: Int32) {
        unlink(position)
        positions[nodes[Int(position)].key] = nil
        free.append(position)
    }

    private mutating func unlink(_ position: Int32) {
        let node = nodes[Int(position)]
        if node.older >= 0 { nodes[Int(node.older)].newer = node.newer } else { oldest = node.newer }
        if node.newer >= 0 { nodes[Int(node.newer)].older = node.older } else { newest = node.older }
    }

    private mutating func linkNewest(_ position: Int32) {
        nodes[Int(position)].older = newest
        nodes[Int(position)].newer = -1
        if newest >= 0 { nodes[Int(newest)].newer = position } else { oldest = position }
        newest = position
    }
}
