/// Rows under headings, for people.
struct Table: Sendable {
    private static let gap = 2

    private let headings: [String]
    private var rows: [[String]] = []

    init(_ headings: String...) { self.headings = headings }
    init(headings: [String]) { self.headings = headings.map(Console.printable) }

    /// Adds a row. What servers wrote is made printable.
    mutating func add(_ cells: String?...) { add(cells: cells) }

    /// - Parameter cells: one for each heading.
    mutating func add(cells: [String?]) { rows.append(cells.map { Console.printable($0 ?? "-") }) }

    var isEmpty: Bool { rows.isEmpty }

    /// - Parameter columns: cuts the last cell of a row that is longer; nil cuts nothing.
    func text(columns: Int?, usesColor: Bool) -> String {
        let widths = headings.indices.map { index in
            ([headings] + rows).map { $0[index].count }.max() ?? 0
        }
        let lines = ([headings] + rows).map { row in
            var line = ""
            for (index, cell) in row.enumerated() {
                let isLast = index == row.count - 1
                line += cell + (isLast ? "" : String(repeating: " ", count: widths[index] - cell.count + Self.gap))
            }
            guard let columns, line.count > columns, columns > 1 else { return line }
            return String(line.prefix(columns - 1)) + "…"
        }
        let head = usesColor ? "\u{1B}[1m\(lines[0])\u{1B}[0m" : lines[0]
        return ([head] + lines.dropFirst()).joined(separator: "\n")
    }
}
