package import Crypto
package import Telemetry

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
    /// Roots that a TLS peer must lead to; nil leaves libcurl the system's, which it parses again for each connection.
    package var trust: TLSTrust?
    /// Off only where `trust` holds the one certificate that the peer must show.
    package var verifiesHostName = true
    /// Proxy URLs by scheme and the hosts that need none. Given here, never read from the environment behind our back.
    package var httpsProxy: String?
    package var httpProxy: String?
    package var noProxy: ProxyExceptions?

    /// Where transfers are counted; nil counts nothing.
    package var metrics: (any MetricsFactory)?

    package init(userAgent: String) { self.userAgent = userAgent }
}
