/// A row of a table: an id, and the texts under which it is looked up.
protocol Row: Sendable {
    var id: Int { get }
    /// Like `account:12`; the same text may lead to many rows.
    var lookups: [String] { get }
}

/// Rows by id with look-ups beside them, so that a tenant of a hundred thousand accounts answers as fast as an empty one.
package struct Table<Element: Sendable>: Sendable {
    private var rows: [Int: Element] = [:]
    /// Ids of all rows, ascending.
    private(set) var ids: [Int] = []
    /// Ids by look-up text, ascending.
    private var index: [String: [Int]] = [:]
    private let lookups: @Sendable (Element) -> [String]

    init(of type: Element.Type = Element.self) where Element: Row { lookups = { $0.lookups } }

    package var count: Int { rows.count }
    package var keys: Dictionary<Int, Element>.Keys { rows.keys }
    package var values: Dictionary<Int, Element>.Values { rows.values }

    package subscript(id: Int) -> Element? {
        get { rows[id] }
        set {
            if (rows[id] == nil) != (newValue == nil) { Self.put(id, in: &ids, newValue != nil) }
            let old = rows[id].map(lookups) ?? []
            let new = newValue.map(lookups) ?? []
            rows[id] = newValue
            guard old != new else { return }
            for text in old { remove(id, from: text) }
            for text in new { insert(id, under: text) }
        }
    }

    /// The rows of a look-up text, ascending by id.
    func rows(_ text: String) -> [Element] { (index[text] ?? []).compactMap { rows[$0] } }

    /// The row of a look-up text with the lowest id.
    func first(_ text: String) -> Element? { index[text]?.first.flatMap { rows[$0] } }

    mutating func removeAll(where isGone: (Element) -> Bool) {
        for (id, row) in rows where isGone(row) { self[id] = nil }
    }

    /// Puts an id in its place, or takes it out. New rows have the highest id: nearly always an append.
    private static func put(_ id: Int, in ids: inout [Int], _ isPresent: Bool) {
        let place = ids.lastIndex { $0 <= id }
        if isPresent {
            ids.insert(id, at: place.map { $0 + 1 } ?? 0)
        } else if let place {
            ids.remove(at: place)
        }
    }

    private mutating func insert(_ id: Int, under text: String) {
        var ids = index.removeValue(forKey: text) ?? []
        Self.put(id, in: &ids, true)
        index[text] = ids
    }

    private mutating func remove(_ id: Int, from text: String) {
        index[text]?.removeAll { $0 == id }
        if index[text]?.isEmpty == true { index[text] = nil }
    }
}

extension UserRecord: Row {
    var lookups: [String] { ["name:\(username)", "account:\(accountID)"] + (email.map { ["email:\($0)"] } ?? []) }
}

extension SubscriptionRecord: Row {
    var lookups: [String] { ["account:\(accountID)"] }
}

extension ApplicationRecord: Row {
    var lookups: [String] { ["account:\(accountID)", "id:\(applicationID)", "key:\(userKey)"] }
}

extension PlanRecord: Row {
    var lookups: [String] {
        let owner = serviceID.map { "\(kind.rawValue):\($0)" } ?? kind.rawValue
        return [owner] + (isDefault ? ["default:\(kind.rawValue)"] : [])
    }
}
