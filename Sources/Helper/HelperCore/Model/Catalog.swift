import Synchronization

/// All services at one time; immutable and swapped whole.
package struct Catalog: Sendable, Equatable {
    /// Ascending by id.
    package let services: [Service]
    /// Different for every catalogue that was made: what was derived from one is good for as long as this is the same.
    package let version: UInt64
    /// What of it could not be read.
    package let problems: [CatalogProblem]
    private let positions: [Int: Int]
    /// Whether each plan needs an approval.
    private let approvals: [Int: Bool]

    private static let versions = Atomic<UInt64>(0)

    package init(services: [Service], problems: [CatalogProblem] = []) {
        self.problems = problems
        self.services = services.sorted { $0.id < $1.id }
        version = Self.versions.wrappingAdd(1, ordering: .relaxed).newValue
        positions = Dictionary(
            self.services.enumerated().map { ($0.element.id, $0.offset) }, uniquingKeysWith: { first, _ in first })
        approvals = Dictionary(
            services.lazy.flatMap(\.plans).map { ($0.id, $0.needsApproval) }, uniquingKeysWith: { $0 || $1 })
    }

    /// Which plans of applications need an approval. One that the catalogue does not know, as a customised one, counts as such: then
    /// the generation before retires late rather than early.
    package func approvalPlans(of applications: [Application]) -> Set<Int> {
        Set(applications.lazy.map(\.plan.id).filter { approvals[$0] ?? true })
    }

    /// Where the service of that id stands in `services`.
    package func position(of id: Int) -> Int? { positions[id] }

    package func service(_ id: Int) -> Service? { positions[id].map { services[$0] } }

    /// Of the same services, whenever they were made.
    package static func == (left: Catalog, right: Catalog) -> Bool { left.services == right.services }
}

/// A document of the catalogue that could not be read, while the rest could.
package struct CatalogProblem: Sendable, Hashable {
    /// Nil when it concerns more than one service.
    package let serviceID: Int?
    /// The call that failed.
    package let operation: String
    /// For the log.
    package let cause: String

    package init(serviceID: Int?, operation: String, cause: String) {
        self.serviceID = serviceID
        self.operation = operation
        self.cause = cause
    }
}
