import Bytes
import EventLoop
package import HTTP

/// Every bound of a server: what it bounds, its unit, and what happens beyond it. One value, so that nothing is bounded
/// where no reader of the settings looks.
package struct ServerLimits: Sendable, Equatable {
    /// Bytes of one request, by part; each beyond has a status of its own.
    package var message = MessageLimits()

    // Clocks. Each is looked at every 250 ms.

    /// From the first byte of a head to its last; no byte restarts it. Beyond: 408.
    package var headTime = Duration.seconds(10)
    /// From the last byte of a head to the last of its body. Beyond: 408.
    package var bodyTime = Duration.seconds(30)
    /// Between an answer and the next request's first byte, and before the first. Beyond: closed.
    package var idleTime = Duration.seconds(60)
    /// For the first byte on a connection that was made before a shutdown and has carried nothing yet. Beyond: closed.
    package var firstRequestTime = Duration.seconds(1)
    /// Without the peer taking any byte of an answer. Beyond: reset.
    package var stallTime = Duration.seconds(30)
    /// What the peer must take of an answer, in bytes per second, at least 1. One that the kernel does not take at once has
    /// `stallTime` and what its bytes take at this rate until the kernel has it all. Beyond: reset.
    package var answerBytesPerSecond = 4_096
    /// How long a refused peer's bytes are read and dropped, so that it can read the refusal.
    package var lingerTime = Duration.seconds(2)

    // Connections.

    /// Connections over all loops. Beyond: one whose request is not worked on makes room, see `EvictionOrder`; without one, closed
    /// at once.
    package var connections = 10_000
    /// How many of them are kept for client addresses with fewer than 4, so that a probe gets in.
    package var reservedConnections: Int { min(32, connections / 16) }
    /// Connections of one client address over all loops, at least 1. Beyond: closed at once.
    package var connectionsPerAddress = 2_500
    /// Requests answered on one connection, at least 1; the last answer says that it closes.
    package var requestsPerConnection = 100_000
    // Requests whose answer has to be waited for; those answered at once are never held up.

    /// Requests under way on one loop, at least 1, not counting operational ones. Beyond: they wait for a slot.
    package var requestsInFlight = 1_024
    /// Requests that may wait for a slot on one loop. Beyond: 503.
    package var requestsQueued = 1_024
    /// How long one may wait for a slot. Beyond: 503. See `Admission` for who is served first.
    package var queueTime = Duration.seconds(5)

    /// Operational requests under way on one loop, at least 1, see `Answer`. As many may wait; beyond: 503.
    package var operationalRequestsInFlight = 16

    package init() {}

    /// The clocks in milliseconds, as each request needs them.
    struct Clocks: Sendable {
        let headTime: UInt64
        let bodyTime: UInt64
        let idleTime: UInt64
        let firstRequestTime: UInt64
        let stallTime: UInt64
        private let answerBytesPerSecond: UInt64
        let lingerTime: UInt64

        init(_ limits: ServerLimits) {
            headTime = limits.headTime.millisecondsUp
            bodyTime = limits.bodyTime.millisecondsUp
            idleTime = limits.idleTime.millisecondsUp
            firstRequestTime = limits.firstRequestTime.millisecondsUp
            stallTime = limits.stallTime.millisecondsUp
            answerBytesPerSecond = UInt64(max(1, limits.answerBytesPerSecond))
            lingerTime = limits.lingerTime.millisecondsUp
        }

        /// How long the rest of an answer may take.
        /// - Parameter bytes: what the kernel has not taken.
        func answerTime(_ bytes: Int) -> UInt64 {
            stallTime &+ UInt64(max(0, bytes)) &* 1_000 / answerBytesPerSecond
        }
    }
}
