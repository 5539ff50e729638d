/// Whether requests may be sent here.
package struct CheckReadiness: Sendable {
    /// What must have been loaded once.
    package enum Subject: String, Sendable { case keycloak, catalog }

    package enum Status: String, Sendable { case ok, degraded, down }

    package struct Check: Sendable, Equatable {
        package let subject: Subject
        package let status: Status
        /// Since the last success.
        package let age: Duration?
    }

    private let verifier: any TokenVerifier
    private let catalogs: CatalogStore

    package init(verifier: any TokenVerifier, catalogs: CatalogStore) {
        self.verifier = verifier
        self.catalogs = catalogs
    }

    /// What has been loaded once counts as there; a later failure makes it degraded, since stale answers beat none.
    package func callAsFunction() -> (isReady: Bool, checks: [Check]) {
        let checks = [
            Self.check(.keycloak, age: verifier.keysAge, failed: verifier.lastLoadFailed),
            Self.check(.catalog, age: catalogs.age, failed: catalogs.lastLoadFailed),
        ]
        return (checks.allSatisfy { $0.status != .down }, checks)
    }

    private static func check(_ subject: Subject, age: Duration?, failed: Bool) -> Check {
        Check(subject: subject, status: age == nil ? .down : failed ? .degraded : .ok, age: age)
    }
}
