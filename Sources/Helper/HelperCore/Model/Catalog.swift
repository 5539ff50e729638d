/// All services at one time; immutable and swapped whole.
package struct Catalog: Sendable, Equatable {
    /// Ascending by id.
    package let services: [Service]
    private let positions: [Int: Int]

    package init(services: [Service]) {
        self.services = services.sorted { $0.id < $1.id }
        positions = Dictionary(
            self.services.enumerated().map { ($0.element.id, $0.offset) }, uniquingKeysWith: { first, _ in first })
    }

    package func service(_ id: Int) -> Service? { positions[id].map { services[$0] } }
}
