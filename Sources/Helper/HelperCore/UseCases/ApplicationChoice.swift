/// Which of an account's applications are the caller's.
package struct ApplicationChoice: Sendable {
    private let applications: [Application]
    private let owner: OwnerMark

    /// - Parameter applications: all of the account that has the caller's name.
    package init(_ applications: [Application], owner: OwnerMark) {
        self.applications = applications
        self.owner = owner
    }

    /// The name was somebody else's before: the account holds an application marked for another owner.
    package var hasForeignOwner: Bool { applications.contains { $0.owner != nil && $0.owner != owner } }

    /// The caller's application on a service: marked before unmarked, live before pending before suspended, then the
    /// lowest id. On an account that somebody else has marked, what is unmarked is taken for theirs.
    package func application(on service: Int) -> Application? {
        let mine = applications.filter {
            $0.serviceID == service && ($0.owner == owner || ($0.owner == nil && !hasForeignOwner))
        }
        return mine.min { left, right in
            (left.owner == nil ? 1 : 0, left.state.rank, left.id) < (
                right.owner == nil ? 1 : 0, right.state.rank, right.id
            )
        }
    }

    /// What a race left over on a service: the marked applications above the lowest, when the lowest is the one that is
    /// answered. One that the operator has suspended does not make the others surplus.
    package func surplus(on service: Int) -> [Application] {
        let marked = applications.filter { $0.serviceID == service && $0.owner == owner }.sorted { $0.id < $1.id }
        guard let lowest = marked.first, application(on: service)?.id == lowest.id else { return [] }
        return Array(marked.dropFirst())
    }
}
