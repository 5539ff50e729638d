import HelperCore

/// Changes that could not be announced when they happened. Ends of sessions are kept one by one: `everything` makes replicas read
/// keys again, but tells them of no end.
struct UnannouncedChanges: Sendable {
    /// Of these, the latest are kept.
    static let endsMax = 1_000

    private var ends: [OwnerMark] = []
    private var other: CallerChange?

    mutating func keep(_ change: CallerChange) {
        guard case .sessions(let mark) = change else {
            other = other == nil || other == change ? change : .everything
            return
        }
        if ends.contains(mark) { return }
        if ends.count >= Self.endsMax { ends.removeFirst() }
        ends.append(mark)
    }

    /// Returns all of them, and keeps none.
    mutating func take() -> [CallerChange] {
        let changes = ends.map { CallerChange.sessions($0) } + (other.map { [$0] } ?? [])
        self = UnannouncedChanges()
        return changes
    }
}
