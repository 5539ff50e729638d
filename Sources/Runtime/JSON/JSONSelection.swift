/// Which members of the outermost object are wanted. The others are read as strictly, but their values are not kept.
package struct JSONSelection: Sendable {
    private let marks: [UInt32]

    package init(_ names: [String]) { marks = names.map(JSONObject.mark) }

    /// Never false for a wanted name; true for one in a hundred million others, too.
    func includes(_ name: String) -> Bool {
        let mark = JSONObject.mark(name)
        for wanted in marks where wanted == mark { return true }
        return false
    }
}
