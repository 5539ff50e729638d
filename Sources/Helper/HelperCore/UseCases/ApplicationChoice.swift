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

    /// The caller's application on a service. Of marked ones, which only a race makes several of, it is the one with the
    /// lowest id, so that every call answers the same whatever the states; one that the operator has suspended comes last.
    /// Without any, of the unmarked: live before pending before suspended, then the lowest id. On an account that somebody
    /// else has marked, what is unmarked is taken for theirs.
    package func application(on service: Int) -> Application? {
        let marked = marked(on: service)
        if let mine = marked.first(where: { $0.state != .suspended }) ?? marked.first { return mine }
        guard !hasForeignOwner else { return nil }
        return applications.filter { $0.serviceID == service && $0.owner == nil }.min { left, right in
            (left.state.rank, left.id) < (right.state.rank, right.id)
        }
    }

    /// What a race left over on a service: the marked applications above the one that is answered. Those that the operator
    /// has suspended are the operator's business.
    package func surplus(on service: Int) -> [Application] {
        guard let mine = application(on: service), mine.owner == owner else { return [] }
        return marked(on: service).filter { $0.id > mine.id && $0.state != .suspended }
    }

    /// Ascending by id.
    private func marked(on service: Int) -> [Application] {
        applications.filter { $0.serviceID == service && $0.owner == owner }.sorted { $0.id < $1.id }
    }
}
