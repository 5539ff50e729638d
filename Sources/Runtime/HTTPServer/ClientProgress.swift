/// Tells since when a client has sent or taken next to nothing of what is under way. A value; times are milliseconds of the
/// loop's clock.
///
/// A byte now and then is no progress, so that a client cannot keep its connection with it.
struct ClientProgress {
    /// Bytes that count as progress.
    static let bytesMin: UInt64 = 1_024
    /// A client without progress for this long makes room for another when all connections are used up.
    static let patience: UInt64 = 2_000
    /// Asking the kernel what a client has taken costs a system call, so each client is asked about this seldom.
    private static let lookInterval: UInt64 = 500

    private(set) var since: UInt64 = 0
    private var position: UInt64 = 0
    private var positionAtProgress: UInt64 = 0
    private var lastLook: UInt64 = 0

    /// Begins anew.
    /// - Parameter position: bytes that the client has sent or taken so far, from any start.
    mutating func begin(at position: UInt64 = 0, now: UInt64) {
        self.position = position
        positionAtProgress = position
        since = now
        lastLook = now
    }

    /// Records that the client has come so far.
    mutating func reach(_ position: UInt64, now: UInt64) {
        lastLook = now
        self.position = position
        guard position &- positionAtProgress >= Self.bytesMin else { return }
        positionAtProgress = position
        since = now
    }

    /// Records that the client has sent so many more bytes.
    mutating func advance(by count: Int, now: UInt64) { reach(position &+ UInt64(max(0, count)), now: now) }

    func isLookDue(_ now: UInt64) -> Bool { now &- lastLook >= Self.lookInterval }
}
