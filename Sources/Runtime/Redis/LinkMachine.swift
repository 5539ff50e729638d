import Bytes

/// The life of one connection, decided without doing anything: events in, what to do next out. Times are arguments.
///
///     idle ─▶ connecting ─▶ greeting ─▶ ready ─▶ stalled ─▶ resting ─▶ probing ─▶ ready
///                 ▲            │          │         │                     │
///                 └── waiting ◀┴──────────┴─────────┴─────────────────────┘   (any loss)
package struct LinkMachine: Sendable {
    package enum Phase: Sendable, Equatable {
        case idle
        case connecting
        /// Connected; the first replies are awaited.
        case greeting
        /// Commands are taken.
        case ready
        /// A reply is late: nothing new is sent until all that were asked for have come.
        case stalled
        /// All replies came, late; no commands are sent for a while.
        case resting
        /// One command finds out whether the peer is quick again.
        case probing
        /// Between two attempts to connect.
        case waiting
        case shutDown
    }

    package private(set) var phase = Phase.idle
    private let timing: RedisConfiguration.Timing
    private var losses = 0
    private var stalls = 0
    private var readySince: UInt64?

    /// A connection that was good for that long starts its pauses from the shortest again.
    private static let goodAfter = Duration.seconds(5)
    /// The same for rests.
    private static let quickAfter = Duration.seconds(60)

    package init(timing: RedisConfiguration.Timing) { self.timing = timing }

    /// Whether commands may be sent.
    package var takesCommands: Bool { phase == .ready }

    /// A connection is wanted. True when one must be started.
    package mutating func connect() -> Bool {
        guard phase == .idle || phase == .waiting else { return false }
        phase = .connecting
        return true
    }

    /// The stream stands.
    package mutating func connected() { if phase == .connecting { phase = .greeting } }

    /// Every reply of the greeting was as it should be.
    package mutating func greeted(at now: UInt64) {
        guard phase == .greeting else { return }
        phase = .ready
        readySince = now
    }

    /// A reply is overdue. True when this is news.
    package mutating func replyIsLate(at now: UInt64) -> Bool {
        guard phase == .ready || phase == .probing else { return false }
        if let since = readySince, now &- since > UInt64(Self.quickAfter.nanoseconds) { stalls = 0 }
        readySince = nil
        phase = .stalled
        return true
    }

    /// Every reply that was asked for has come.
    /// - Returns: how long to leave the peer alone; nil when there is nothing to do.
    package mutating func drained() -> Duration? {
        guard phase == .stalled else { return nil }
        phase = .resting
        stalls += 1
        return Self.doubled(timing.rest, times: stalls - 1)
    }

    /// The rest is over. True when a probe must be sent.
    package mutating func rested() -> Bool {
        guard phase == .resting else { return false }
        phase = .probing
        return true
    }

    /// The probe was answered in time.
    package mutating func probed(at now: UInt64) {
        guard phase == .probing else { return }
        phase = .ready
        readySince = now
    }

    /// The connection is gone or could not be made.
    /// - Parameter jitter: 0..<1, so that replicas do not come back all at once.
    /// - Returns: how long to wait before `connect`; nil when nothing is wanted any more.
    package mutating func lost(at now: UInt64, jitter: Double) -> Duration? {
        guard phase != .shutDown, phase != .waiting else { return nil }
        if let since = readySince, now &- since > UInt64(Self.goodAfter.nanoseconds) { losses = 0 }
        readySince = nil
        phase = .waiting
        losses += 1
        return Self.doubled(timing.backOff, times: losses - 1) * (0.5 + jitter / 2)
    }

    package mutating func shutDown() { phase = .shutDown }

    private static func doubled(_ range: ClosedRange<Duration>, times: Int) -> Duration {
        min(range.upperBound, range.lowerBound * (1 << min(times, 20)))
    }
}
