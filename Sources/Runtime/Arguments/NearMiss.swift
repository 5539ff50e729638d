/// Finds what a person meant who wrote a name not quite as it is.
package enum NearMiss {
    /// Longer names are not compared: the work grows with the product of both lengths.
    private static let lengthMax = 64

    /// Returns the candidate that is nearest to the text, where one is near enough for a slip of the pen.
    package static func best(for text: String, among candidates: [String]) -> String? {
        let plain = normal(text)
        guard !plain.isEmpty, plain.count <= lengthMax else { return nil }
        var best: (name: String, distance: Int)?
        for candidate in candidates {
            let other = normal(candidate)
            guard !other.isEmpty, other.count <= lengthMax else { continue }
            var found = distance(plain, other)
            if found > 1, plain.count >= 3, other.starts(with: plain) { found = 1 }
            if found <= max(1, plain.count / 3), found < best?.distance ?? .max { best = (candidate, found) }
        }
        return best?.name
    }

    /// Returns a name in lower case with `_` for each of blank, hyphen and underscore, since people mix them up.
    package static func normal(_ text: String) -> [Character] {
        text.lowercased().map { $0 == "-" || $0 == " " ? "_" : $0 }
    }

    /// Insertions, deletions, replacements and exchanges of neighbours from one to the other.
    private static func distance(_ left: [Character], _ right: [Character]) -> Int {
        var before: [Int] = []
        var last: [Int] = []
        var row = Array(0...right.count)
        for (position, character) in left.enumerated() {
            before = last
            last = row
            row[0] = position + 1
            for (index, other) in right.enumerated() {
                var best = min(last[index] + (character == other ? 0 : 1), row[index] + 1, last[index + 1] + 1)
                if position > 0, index > 0, character == right[index - 1], other == left[position - 1] {
                    best = min(best, before[index - 1] + 1)
                }
                row[index + 1] = best
            }
        }
        return row[right.count]
    }
}
