/// In which order clients are refused when the memory for them is used up: a value, so that it can be tested without any.
enum ShedOrder {
    struct Holder {
        /// What its client counts under; nil where each connection is one client.
        let group: String?
        let bytes: Int
        /// The older, the lower.
        let number: UInt64
    }

    /// First the clients whose connections hold most together, of each its largest connection first, and among equals the
    /// oldest.
    /// - Returns: indices of holders.
    static func rank(_ holders: [Holder]) -> [Int] {
        var totals: [String: Int] = [:]
        for holder in holders {
            if let group = holder.group { totals[group, default: 0] += holder.bytes }
        }
        return holders.enumerated().map { index, holder in
            (total: holder.group.flatMap { totals[$0] } ?? holder.bytes, holder: holder, index: index)
        }.sorted {
            ($0.total, $0.holder.bytes, $1.holder.number) > ($1.total, $1.holder.bytes, $0.holder.number)
        }.map(\.index)
    }
}
