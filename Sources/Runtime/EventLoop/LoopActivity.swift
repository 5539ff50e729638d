import Synchronization

/// The name of something a loop may be doing, as a number that costs nothing to note. Names come from a closed set and are
/// kept for the life of the process.
package struct LoopActivity: Sendable, Hashable {
    private static let names = Mutex<[String]>([""])

    let index: Int

    init(index: Int) { self.index = index }

    /// - Parameter name: such as a route's template. The same name is the same activity.
    package init(_ name: String) {
        index = Self.names.withLock { names in
            if let known = names.firstIndex(of: name) { return known }
            names.append(name)
            return names.count - 1
        }
    }

    /// Empty when none was noted.
    package var name: String { Self.names.withLock { $0[index] } }
}
