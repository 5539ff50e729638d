import Bytes

/// Members in their order. Names are unique.
package struct JSONObject: Sendable, Equatable, ExpressibleByDictionaryLiteral {
    /// A name with its hash, equal to those of the same bytes: JSON knows no canonical equivalence (RFC 8259 §8.3).
    private struct HashedName: Hashable {
        let name: String
        let keyedHash: UInt64

        func hash(into hasher: inout Hasher) { hasher.combine(keyedHash) }
        static func == (left: HashedName, right: HashedName) -> Bool {
            left.keyedHash == right.keyedHash && left.name.hasSameBytes(as: right.name)
        }
    }

    /// Up to this many members names are compared one by one.
    private static let plainMax = 6
    /// Up to this many their hashes are; beyond it a name is looked up in a table.
    private static let linearMax = 64

    package private(set) var members: [(name: String, value: JSONValue)] = []
    /// With more than a few members, a hash for each name in the same order: it alone tells most names apart.
    private var hashes: [UInt64] = []
    private var index: [HashedName: Int] = [:]

    package init() {}

    /// An object that will have about so many members.
    init(expecting count: Int) {
        members.reserveCapacity(count)
        if count > Self.plainMax { hashes.reserveCapacity(count) }
    }

    /// The last of a repeated name wins.
    package init(_ pairs: [(String, JSONValue)]) {
        for (name, value) in pairs { self[name] = value }
    }

    package init(dictionaryLiteral elements: (String, JSONValue)...) { self.init(elements) }

    package subscript(name: String) -> JSONValue? {
        get { position(of: name, hash(of: name)).map { members[$0].value } }
        set {
            let hash = hash(of: name)
            switch (position(of: name, hash), newValue) {
            case (let position?, let value?): members[position].value = value
            case (let position?, nil):
                members.remove(at: position)
                reindex()
            case (nil, let value?): append(name, value, hash)
            case (nil, nil): break
            }
        }
    }

    /// Adds a member unless the name is there.
    /// - Returns: false when it was.
    mutating func insert(_ name: String, _ value: JSONValue) -> Bool {
        let hash = hash(of: name)
        guard position(of: name, hash) == nil else { return false }
        append(name, value, hash)
        return true
    }

    /// Nil as long as names are compared one by one.
    private func hash(of name: String) -> UInt64? { members.count < Self.plainMax ? nil : name.keyedHash }

    private mutating func append(_ name: String, _ value: JSONValue, _ hash: UInt64?) {
        members.append((name, value))
        guard let hash, members.count > Self.plainMax + 1 else {
            if members.count > Self.plainMax { reindex() }
            return
        }
        hashes.append(hash)
        if members.count == Self.linearMax + 1 {
            reindex()
        } else if members.count > Self.linearMax {
            index[HashedName(name: name, keyedHash: hash)] = members.count - 1
        }
    }

    private mutating func reindex() {
        hashes.removeAll(keepingCapacity: true)
        index.removeAll()
        guard members.count > Self.plainMax else { return }
        for member in members { hashes.append(member.name.keyedHash) }
        guard members.count > Self.linearMax else { return }
        for (position, member) in members.enumerated() {
            index[HashedName(name: member.name, keyedHash: hashes[position])] = position
        }
    }

    private func position(of name: String, _ hash: UInt64?) -> Int? {
        guard let hash, !hashes.isEmpty else { return members.firstIndex { $0.name.hasSameBytes(as: name) } }
        if members.count > Self.linearMax { return index[HashedName(name: name, keyedHash: hash)] }
        for position in hashes.indices
        where hashes[position] == hash && members[position].name.hasSameBytes(as: name) { return position }
        return nil
    }

    package static func == (left: JSONObject, right: JSONObject) -> Bool {
        left.members.count == right.members.count
            && left.members.allSatisfy { member in right[member.name] == member.value }
    }
}
