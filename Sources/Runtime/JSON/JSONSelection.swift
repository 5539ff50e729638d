import Bytes

/// Which members of the outermost object are wanted. The others are read as strictly, but their values are not kept.
package struct JSONSelection: Sendable {
    private let hashes: [UInt64]

    package init(_ names: [String]) { hashes = names.map(\.keyedHash) }

    /// Never false for a wanted name.
    func includes(_ name: String) -> Bool {
        let hash = name.keyedHash
        for wanted in hashes where wanted == hash { return true }
        return false
    }
}
