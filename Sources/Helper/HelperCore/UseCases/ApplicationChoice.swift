/// Which of an account's applications are the caller's, for one of the caller's key names.
package struct ApplicationChoice: Sendable {
    private let applications: [Application]
    private let owner: OwnerMark
    private let name: KeyName
    private let generation: Int?
    private let adoptsUnmarked: Bool

    /// - Parameters:
    ///   - applications: all of the account that has the caller's name.
    ///   - name: the key that is looked for. Applications without a mark belong to the one named `default`.
    ///   - generation: the one generation that counts; nil for any. Applications without a mark belong to the first.
    ///   - adoptsUnmarked: those without a mark belong to the account's name.
    package init(
        _ applications: [Application], owner: OwnerMark, name: KeyName = .standard, generation: Int? = nil,
        adoptsUnmarked: Bool = true
    ) {
        self.applications = applications
        self.owner = owner
        self.name = name
        self.generation = generation
        self.adoptsUnmarked = adoptsUnmarked
    }

    /// The name was another person's before: the account holds an application marked for another owner.
    package var hasForeignOwner: Bool { applications.contains { $0.owner != nil && $0.owner != owner } }

    /// The caller's application on a service, of those whose key may be answered: owner mark first, then unmarked.
    package func application(on service: Int) -> Application? {
        confirmed(on: service) ?? Self.first(marked(on: service).filter { !$0.isProvisional }) ?? unmarked(on: service)
    }

    /// Of those that 3scale confirmed: live before pending before suspended, then the newest generation, then the lowest id.
    package func confirmed(on service: Int) -> Application? {
        Self.first(marked(on: service).filter { $0.mark?.isConfirmed == true })
    }

    /// Nil on an account that another owner has marked: what is unmarked there is theirs.
    package func unmarked(on service: Int) -> Application? {
        guard adoptsUnmarked, !hasForeignOwner, name == .standard, generation ?? 1 == 1 else { return nil }
        return Self.first(applications.filter { $0.serviceID == service && $0.owner == nil })
    }

    /// All of the name that carry the caller's mark, ascending by id.
    package func marked(on service: Int) -> [Application] {
        applications.filter {
            $0.serviceID == service && $0.owner == owner && $0.mark?.name == name
                && generation ?? $0.generation == $0.generation
        }.sorted { $0.id < $1.id }
    }

    private static func first(_ applications: [Application]) -> Application? {
        applications.min { left, right in
            (left.state.rank, -left.generation, left.id) < (right.state.rank, -right.generation, right.id)
        }
    }
}
