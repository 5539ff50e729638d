import Synchronization

/// What one `Admission` has under way. Written on its loop, read from any thread.
final class AdmissionCounts: Sendable {
    private let queuedCount = Atomic<Int>(0)
    private let inFlightCount = Atomic<Int>(0)

    var queued: Int { queuedCount.load(ordering: .relaxed) }
    var inFlight: Int { inFlightCount.load(ordering: .relaxed) }

    func setQueued(_ count: Int) { queuedCount.store(count, ordering: .relaxed) }
    func setInFlight(_ count: Int) { inFlightCount.store(count, ordering: .relaxed) }
}

/// What one loop of a server has under way. Written on that loop, read from any thread.
final class ServerCounts: Sendable {
    let requests = AdmissionCounts()
    let operations = AdmissionCounts()
    private let shedCount = Atomic<Int>(0)
    private let evictedCount = Atomic<Int>(0)
    private let refusedCount = Atomic<Int>(0)

    var queued: Int { requests.queued + operations.queued }
    var inFlight: Int { requests.inFlight + operations.inFlight }
    var shed: Int { shedCount.load(ordering: .relaxed) }
    var evicted: Int { evictedCount.load(ordering: .relaxed) }
    var refused: Int { refusedCount.load(ordering: .relaxed) }

    func countShed() { shedCount.wrappingAdd(1, ordering: .relaxed) }
    func countEvicted() { evictedCount.wrappingAdd(1, ordering: .relaxed) }
    func countRefused() { refusedCount.wrappingAdd(1, ordering: .relaxed) }
}

/// What a server has under way, over all loops.
package struct ServerActivity: Sendable, Equatable {
    /// Requests whose work has begun and not ended.
    package var inFlight = 0
    /// Requests that wait for a slot.
    package var queued = 0
    /// Open connections, handshakes under way included.
    package var connections = 0
    /// Connections that were ended since the server began because the memory for clients was used up.
    package var shed = 0
    /// Connections that were ended since then to make room for others.
    package var evicted = 0
    /// New connections that were closed at once since then, for want of room.
    package var refused = 0
}
