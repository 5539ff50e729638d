import Bytes

/// Members in their order. Names are unique.
package struct JSONObject: Sendable, Equatable, ExpressibleByDictionaryLiteral {
    /// A name that equals those of the same bytes: JSON knows no canonical equivalence (RFC 8259 §8.3).
    private struct ExactName: Hashable {
        let name: String

        func hash(into hasher: inout Hasher) { hasher.combine(name.keyedHash) }
        static func == (left: ExactName, right: ExactName) -> Bool { left.name.hasSameBytes(as: right.name) }
    }

    /// Up to this many members names are compared one by one; beyond it a name is looked up in a table.
    private static let linearMax = 16

    package private(set) var members: [(name: String, value: JSONValue)] = []
    /// Empty up to `linearMax` members.
    private var index: [ExactName: Int] = [:]

    package init() {}

    /// An object that will have about so many members.
    init(expecting count: Int) { members.reserveCapacity(count) }

    /// The last of a repeated name wins.
    package init(_ pairs: [(String, JSONValue)]) {
        for (name, value) in pairs { self[name] = value }
    }

    package init(dictionaryLiteral elements: (String, JSONValue)...) { self.init(elements) }

    package subscript(name: String) -> JSONValue? {
        get { position(of: name).map { members[$0].value } }
        set {
            switch (position(of: name), newValue) {
            case (let position?, let value?): members[position].value = value
            case (let position?, nil):
                members.remove(at: position)
                reindex()
            case (nil, let value?): append(name, value)
            case (nil, nil): break
            }
        }
    }

    /// Adds a member unless the name is there.
    /// - Returns: false when it was.
    mutating func insert(_ name: String, _ value: JSONValue) -> Bool {
        guard position(of: name) == nil else { return false }
        append(name, value)
        return true
    }

    private mutating func append(_ name: String, _ value: JSONValue) {
        members.append((name, value))
        if members.count == Self.linearMax + 1 {
            reindex()
        } else if members.count > Self.linearMax {
            index[ExactName(name: name)] = members.count - 1
        }
    }

    private mutating func reindex() {
        index.removeAll()
        guard members.count > Self.linearMax else { return }
        for (position, member) in members.enumerated() { index[ExactName(name: member.name)] = position }
    }

    private func position(of name: String) -> Int? {
        if members.count > Self.linearMax { return index[ExactName(name: name)] }
        return members.firstIndex { $0.name.hasSameBytes(as: name) }
    }

    package static func == (left: JSONObject, right: JSONObject) -> Bool {
        left.members.count == right.members.count
            && left.members.allSatisfy { member in right[member.name] == member.value }
    }
}
