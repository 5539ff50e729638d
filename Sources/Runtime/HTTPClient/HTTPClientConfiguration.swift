/// What all requests of a client have in common.
package struct HTTPClientConfiguration: Sendable {
    /// Sent as `User-Agent`.
    package var userAgent: String
    /// Until TCP and TLS stand.
    package var connectTimeout = Duration.seconds(5)
    /// Connections of one loop to one host.
    package var connectionsPerHost = 32
    /// Connections of one loop kept open when nothing uses them.
    package var idleConnections = 64
    /// PEM certificates that are trusted besides the system's; read once, by whoever configures.
    package var extraRoots: [UInt8]?
    /// The system's PEM bundle, to which `extraRoots` are added; nil where libcurl's own default serves.
    package var systemRoots: [UInt8]?
    /// Proxy URLs by scheme and the hosts that need none. Given here, never read from the environment behind our back.
    package var httpsProxy: String?
    package var httpProxy: String?
    package var noProxy: String?

    package init(userAgent: String) { self.userAgent = userAgent }

    /// What libcurl is told to trust; nil leaves it its default.
    var trustedRoots: [UInt8]? {
        guard let extraRoots else { return nil }
        return (systemRoots ?? []) + [0x0A] + extraRoots
    }
}
