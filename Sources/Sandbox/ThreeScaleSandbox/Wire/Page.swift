import JSON

/// One page of a list, clamped as 3scale does, with metadata only when the list does not fit one page.
struct Page<Row> {
    let rows: [Row]
    private let metadata: [(name: String, value: Int)]

    /// - Parameters:
    ///   - number: from 1; anything below is 1.
    ///   - size: 1...500; anything else is 500.
    ///   - short: a fault: the page holds at most that many, and says nothing of it; 0 for none.
    init(_ all: [Row], number: Int?, size: Int?, shortenedTo short: Int = 0) {
        let size = size.flatMap { (1...500).contains($0) ? $0 : nil } ?? 500
        let number = max(1, number ?? 1)
        let (start, overflow) = (number - 1).multipliedReportingOverflow(by: size)
        let page = overflow ? [] : Array(all.dropFirst(start).prefix(size))
        rows = short > 0 ? Array(page.prefix(short)) : page
        metadata =
            size < all.count
            ? [
                ("per_page", size), ("total_entries", all.count), ("total_pages", (all.count + size - 1) / size),
                ("current_page", number),
            ] : []
    }

    /// The list, with metadata beside it.
    func json(_ plural: String, _ singular: String, _ form: (Row) -> JSONValue) -> JSONValue {
        var object = JSONObject([(plural, .array(rows.map { .object(JSONObject([(singular, form($0))])) }))])
        if !metadata.isEmpty { object["metadata"] = .object(JSONObject(metadata.map { ($0.name, .int($0.value)) })) }
        return .object(object)
    }

    /// The list, with metadata as attributes.
    func xml(_ plural: String, _ form: (Row) -> String) -> String {
        let attributes = metadata.map { " \($0.name)=\"\($0.value)\"" }.joined()
        return "<\(plural)\(attributes)>\(rows.map(form).joined())</\(plural)>"
    }
}
