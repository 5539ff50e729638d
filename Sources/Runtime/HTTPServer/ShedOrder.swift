/// In which order clients are refused when the memory for them is used up: a value, so that it can be tested without any.
enum ShedOrder {
    struct Holder {
        /// What its client counts under; nil where each connection is one client.
        let group: String?
        let bytes: Int
        /// The older, the lower.
        let number: UInt64
    }

    /// The client whose connections hold most together gives one first, and again as long as it holds most; of each its
    /// largest connection first, and among equals the oldest. So a client with many small ones keeps as much as any other.
    /// - Returns: indices of holders.
    static func rank(_ holders: [Holder]) -> [Int] {
        var totals: [String: Int] = [:]
        for holder in holders {
            if let group = holder.group { totals[group, default: 0] += holder.bytes }
        }
        let bySize = holders.indices.sorted {
            (holders[$0].bytes, holders[$1].number) > (holders[$1].bytes, holders[$0].number)
        }
        let ranked = bySize.enumerated().map { place, index in
            let holder = holders[index]
            guard let group = holder.group else { return (held: holder.bytes, place: place, index: index) }
            let held = totals[group, default: 0]
            totals[group] = held - holder.bytes
            return (held: held, place: place, index: index)
        }
        return ranked.sorted { ($0.held, $1.place) > ($1.held, $0.place) }.map(\.index)
    }
}
