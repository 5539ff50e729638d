/// How many requests of one loop are under way, and who waits for a turn: first come, first served, within bounds. A
/// value without clock or connection.
struct Admission<Waiter> {
    enum Verdict { case start, wait, refuse }

    private let inFlightMax: Int
    private let queuedMax: Int
    private var inFlight = 0
    private var queue: [Waiter] = []
    /// Those of `queue` before this have had their turn.
    private var first = 0

    /// - Parameters:
    ///   - inFlightMax: at least 1.
    ///   - queuedMax: at least 0.
    init(inFlightMax: Int, queuedMax: Int) {
        self.inFlightMax = inFlightMax
        self.queuedMax = queuedMax
    }

    /// Waiters that have not been given a turn, those that have gone away included.
    var waiting: Int { queue.count - first }

    /// Asks for a turn. After `start` the work counts until `ended`; after `wait` the waiter is remembered.
    mutating func enter(_ waiter: @autoclosure () -> Waiter) -> Verdict {
        if inFlight < inFlightMax {
            inFlight += 1
            return .start
        }
        guard waiting < queuedMax else { return .refuse }
        queue.append(waiter())
        return .wait
    }

    /// Some work has ended.
    /// - Parameter isWanted: whether a waiter still wants its turn.
    /// - Returns: whose turn it is now; its work counts from here on.
    mutating func ended(isWanted: (Waiter) -> Bool) -> Waiter? {
        inFlight -= 1
        while first < queue.count {
            let next = queue[first]
            first += 1
            if first == queue.count || first >= 1_024 {
                queue.removeFirst(first)
                first = 0
            }
            guard isWanted(next) else { continue }
            inFlight += 1
            return next
        }
        return nil
    }
}
