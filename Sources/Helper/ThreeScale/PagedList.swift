package import HelperCore
package import JSON

/// One reading of a paginated list.
package struct PagedList {
    private let plural: String
    private let singular: String
    private let size: Int
    private var seen: Set<Int> = []
    private var pages = 0
    package private(set) var elements: [JSONValue] = []
    /// Elements by the list's own count, which stands only on lists longer than a page.
    private(set) var total: Int?
    /// Whether the list's count changed from page to page.
    private(set) var hasShifted = false
    /// Whether there is no further page to read.
    package private(set) var isRead = false

    /// - Parameters:
    ///   - plural: the member that holds the list.
    ///   - singular: the member of each element that holds the entity.
    ///   - size: elements on a page, as the request asks for.
    package init(_ plural: String, _ singular: String, size: Int) {
        self.plural = plural
        self.singular = singular
        self.size = size
    }

    /// Whether it holds as many elements as the list counts.
    package var isWhole: Bool { elements.count >= total ?? 0 }

    /// Adds a page, apart from elements that an earlier one had.
    package mutating func add(_ answer: JSONValue) throws(APIManagerError) {
        let page = try ThreeScaleEntities.list(answer, plural, singular)
        let total = answer["metadata"]?["total_entries"]?.int(in: 0 ... .max)
        if pages > 0, total != self.total { hasShifted = true }
        pages += 1
        self.total = total
        var added = 0
        for element in page where seen.insert(try ThreeScaleEntities.id(element)).inserted {
            elements.append(element)
            added += 1
        }
        // A server that ignores `page` answers the first for ever.
        isRead = added == 0 || (total.map { elements.count >= $0 } ?? (page.count < size))
    }
}
