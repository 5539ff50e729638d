package import HTTP

/// Every bound of a server: what it bounds, its unit, and what happens beyond it.
package struct ServerLimits: Sendable, Equatable {
    /// Bytes of one request, by part; each beyond has a status of its own.
    package var message = MessageLimits()
    /// From the first byte of a head to its last; no byte restarts it. Beyond: 408.
    package var headTime = Duration.seconds(10)
    /// From the last byte of a head to the last of its body. Beyond: 408.
    package var bodyTime = Duration.seconds(30)
    /// Between an answer and the next request's first byte, and before the first. Beyond: closed.
    package var idleTime = Duration.seconds(60)
    /// Without the peer taking any byte of an answer. Beyond: closed.
    package var stallTime = Duration.seconds(30)
    /// How long a refused peer's bytes are read and dropped, so that it can read the refusal.
    package var lingerTime = Duration.seconds(2)
    /// Connections over all loops. Beyond: closed at once.
    package var connections = 10_000
    /// Bytes of answers that may wait in one connection before its next pipelined request is looked at.
    package var unsentBytes = 64 * 1024

    package init() {}
}
