/// Bounds the requests that wait for an answer of Keycloak, in total and for each party: those beyond are answered at once, so
/// that a slow Keycloak leaves room for requests that need nothing of it.
struct WaiterBounds<Party: Hashable & Sendable>: Sendable {
    private let totalMax: Int
    private let eachMax: Int
    private var counts: [Party: Int] = [:]
    private(set) var total = 0

    /// - Parameters:
    ///   - totalMax: of all parties.
    ///   - eachMax: of one party.
    init(totalMax: Int, eachMax: Int) {
        self.totalMax = totalMax
        self.eachMax = eachMax
    }

    /// Whether a request may wait; one that may calls `leave` when it waits no more.
    mutating func enter(_ party: Party) -> Bool {
        let count = counts[party] ?? 0
        guard total < totalMax, count < eachMax else { return false }
        counts[party] = count + 1
        total += 1
        return true
    }

    mutating func leave(_ party: Party) {
        guard let count = counts[party] else { return }
        counts[party] = count > 1 ? count - 1 : nil
        total -= 1
    }
}
