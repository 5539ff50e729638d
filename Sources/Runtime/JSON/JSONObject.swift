import Bytes

/// Members in their order. Names are unique.
package struct JSONObject: Sendable, Equatable, ExpressibleByDictionaryLiteral {
    /// Above this many members names are compared by their numbers first.
    private static let plainMax = 6
    /// Above this many a name is looked up by hash.
    private static let linearMax = 64

    package private(set) var members: [(name: String, value: JSONValue)] = []
    /// With more than a few members, a number for each name in the same order: most names are told apart by it alone.
    private var marks: [UInt32] = []
    private var index: [String: Int] = [:]

    package init() {}

    /// An object that will have about so many members.
    init(expecting count: Int) {
        members.reserveCapacity(count)
        if count > Self.plainMax { marks.reserveCapacity(count) }
    }

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
        if members.count == Self.plainMax + 1 {
            for member in members { marks.append(Self.mark(member.name)) }
        } else if members.count > Self.plainMax {
            marks.append(Self.mark(name))
        }
        if members.count > Self.linearMax {
            if index.isEmpty { reindex() } else { index[name] = members.count - 1 }
        }
    }

    private mutating func reindex() {
        marks = members.count > Self.plainMax ? members.map { Self.mark($0.name) } : []
        index.removeAll()
        guard members.count > Self.linearMax else { return }
        for (position, member) in members.enumerated() { index[member.name] = position }
    }

    /// Names are compared as code points: JSON knows no canonical equivalence (RFC 8259 §8.3).
    private func position(of name: String) -> Int? {
        if let position = index[name], members[position].name.hasSameBytes(as: name) { return position }
        if marks.isEmpty { return members.firstIndex { $0.name.hasSameBytes(as: name) } }
        // A hash takes equivalent names for one: the other may be there, too.
        let mark = Self.mark(name)
        for position in marks.indices where marks[position] == mark && members[position].name.hasSameBytes(as: name) {
            return position
        }
        return nil
    }

    static func mark(_ name: String) -> UInt32 { UInt32(truncatingIfNeeded: name.fnv1a) }

    package static func == (left: JSONObject, right: JSONObject) -> Bool {
        left.members.count == right.members.count
            && left.members.allSatisfy { member in right[member.name] == member.value }
    }
}
