/// What the sweep of ended API keys needs of the system that manages the APIs.
package protocol KeyScan: KeyManager {
    /// A page of the applications of the whole tenant, ascending by id.
    /// - Parameters:
    ///   - page: from 1; empty after the last.
    ///   - size: applications on a page, at most 500.
    func scan(page: Int, size: Int) async throws(APIManagerError) -> ScannedPage
}

/// A page of the tenant's applications.
package struct ScannedPage: Sendable {
    package let applications: [Application]
    /// At least 1.
    package let pages: Int
    /// When it was answered by 3scale's clock, in seconds since 1970.
    package let answeredAt: Int

    package init(applications: [Application], pages: Int, answeredAt: Int) {
        self.applications = applications
        self.pages = pages
        self.answeredAt = answeredAt
    }
}
