/// How the Account Management API is reached.
package struct ThreeScaleConfiguration: Sendable {
    /// `https://tenant-admin.example.com`; with or without `/admin/api` and slashes behind it.
    package let baseURL: String
    /// An access token with scope `account_management`, read and write. Asked for each call, as it may be replaced.
    package let accessToken: @Sendable () -> String
    /// Services a page, 1...500.
    package var pageSize = 500
    /// For one call, retries included, when no request's deadline is nearer.
    package var timeout = Duration.seconds(30)
    /// How often a read is sent again.
    package var retries = 3
    /// Calls in flight at a time.
    package var concurrency = 32

    package init(url: String, accessToken: @escaping @Sendable () -> String) {
        var base = url
        while base.hasSuffix("/") { base.removeLast() }
        if base.hasSuffix("/admin/api") { base.removeLast("/admin/api".count) }
        while base.hasSuffix("/") { base.removeLast() }
        baseURL = base
        self.accessToken = accessToken
    }
}
