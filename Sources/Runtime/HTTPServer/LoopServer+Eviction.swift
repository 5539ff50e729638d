import EventLoop
import Telemetry

/// What a loop does when there are as many connections as there may be.
extension LoopServer {
    /// Ends a connection of this loop whose request is not worked on, so that a new one can be taken.
    /// - Returns: whether there was one that may go for it.
    func makeRoom(for address: String) -> Bool {
        let now = loop.milliseconds
        let newGroup = census.size(ofAddress: address)
        let mayGo = { [census] (connection: any Evictable, time: SpareTime) in
            let size = census.size(of: connection.clientGroup)
            return EvictionOrder.mayReplace(time, ofGroupWith: size, newGroup: newGroup, now: now)
        }
        while let connection = evictions.takeNext(now: now, { evictables }, sizes: { census.sizes }, mayGo: mayGo) {
            guard connection.evict(now: now) else { continue }
            counts.countEvicted()
            return true
        }
        return false
    }

    /// Tells operators that there are as many connections as there may be: seldom, however many are refused.
    func reportConnectionsUsedUp() {
        guard let usage = census.usageToReport(now: EventLoop.nanoseconds() / 1_000_000) else { return }
        logger.warning(
            "connections are used up",
            metadata: [
                "limit": .integer(limits.connections), "connections": .integer(usage.count),
                "largest": .integer(usage.largest),
            ])
    }
}
