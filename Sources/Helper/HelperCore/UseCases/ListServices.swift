/// The catalogue with the caller's keys.
package struct ListServices: Sendable {
    /// One service as its caller sees it.
    package struct Item: Sendable, Equatable {
        package let service: Service
        package let key: IssuedKey?

        package init(service: Service, key: IssuedKey?) {
            self.service = service
            self.key = key
        }
    }

    package struct Result: Sendable {
        package let catalog: Catalog
        /// The caller's, by service id; hidden services' among them.
        package let keys: [Int: IssuedKey]
        /// Which keys those are: with the catalogue, the caller and this the same, the list is the same.
        package let keysVersion: UInt64
        /// Which services of the catalogue the caller sees, in its order; nil when it is all of them.
        package let shown: [Bool]?
        package let accountID: Int?
        /// How old the older of catalogue and keys is, when the manager is away; else nil.
        package let staleAge: Duration?

        /// Ascending by id, without what the caller may not see.
        package var items: [Item] {
            catalog.services.enumerated().filter { shown?[$0.offset] ?? true }.map {
                Item(service: $0.element, key: keys[$0.element.id])
            }
        }
    }

    private let catalogs: CatalogStore
    private let keys: OwnedKeys
    private let policy: AccessPolicy

    package init(catalogs: CatalogStore, keys: OwnedKeys, policy: AccessPolicy) {
        self.catalogs = catalogs
        self.keys = keys
        self.policy = policy
    }

    /// The answer that needs no waiting, if there is one.
    package func cached(for caller: Caller) throws(CatalogError) -> Result? {
        let catalog = try catalogs.require()
        return keys.cached(for: caller).map { result(catalog, $0, caller) }
    }

    package func callAsFunction(for caller: Caller) async throws -> Result {
        let catalog = try catalogs.require()
        return result(catalog, try await keys.snapshot(for: caller, catalog: catalog), caller)
    }

    private func result(_ catalog: Catalog, _ snapshot: OwnedKeys.Snapshot, _ caller: Caller) -> Result {
        var staleAge = catalogs.staleAge
        if let age = snapshot.staleAge { staleAge = max(age, staleAge ?? age) }
        let shown =
            policy.hidesServices ? catalog.services.map { policy.shows($0, to: caller) } : nil
        return Result(
            catalog: catalog, keys: snapshot.keys, keysVersion: snapshot.version, shown: shown,
            accountID: snapshot.accountID, staleAge: staleAge)
    }
}
