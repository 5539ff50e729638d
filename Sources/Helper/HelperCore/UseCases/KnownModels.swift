import Synchronization

/// The ids of each service's models, as its gateway listed them in the last test of an API key that this process made. They are the
/// service's: every caller's keys reach the same models.
package final class KnownModels: Sendable {
    /// Services beyond these are not kept, nor are more ids of one: pages show a few.
    private static let servicesMax = 1_000
    private static let idsMax = 20
    private static let idBytesMax = 200

    private let ids = Mutex<[Int: [String]]>([:])

    package init() {}

    /// Keeps what a gateway listed. An answer without a list leaves what was kept.
    func note(_ models: [String]?, of service: Int) {
        let kept = (models ?? []).filter { !$0.isEmpty && $0.utf8.count <= Self.idBytesMax }.prefix(Self.idsMax)
        guard !kept.isEmpty else { return }
        ids.withLock { ids in
            guard ids[service] != nil || ids.count < Self.servicesMax else { return }
            ids[service] = Array(kept)
        }
    }

    /// The ids of a service's models; none before a test has listed them.
    package func known(of service: Int) -> [String] { ids.withLock { $0[service] ?? [] } }
}
