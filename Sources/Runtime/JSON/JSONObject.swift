/// Members in their order. Names are unique.
package struct JSONObject: Sendable, Equatable, ExpressibleByDictionaryLiteral {
    /// Above this many members a name is looked up by hash.
    private static let linearMax = 16

    package private(set) var members: [(name: String, value: JSONValue)] = []
    private var index: [String: Int] = [:]

    package init() {}

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
        if members.count > Self.linearMax {
            if index.isEmpty { reindex() } else { index[name] = members.count - 1 }
        }
    }

    private mutating func reindex() {
        index.removeAll()
        guard members.count > Self.linearMax else { return }
        for (position, member) in members.enumerated() { index[member.name] = position }
    }

    /// Names are compared as code points: JSON knows no canonical equivalence (RFC 8259 §8.3).
    private func position(of name: String) -> Int? {
        if index.isEmpty { return members.firstIndex { Self.same($0.name, name) } }
        guard let position = index[name] else { return nil }
        if Self.same(members[position].name, name) { return position }
        return members.firstIndex { Self.same($0.name, name) }
    }

    private static func same(_ left: String, _ right: String) -> Bool {
        left.utf8.count == right.utf8.count && left.utf8.elementsEqual(right.utf8)
    }

    package static func == (left: JSONObject, right: JSONObject) -> Bool {
        left.members.count == right.members.count
            && left.members.allSatisfy { member in right[member.name] == member.value }
    }
}
