import EventLoop

/// What a loop does when there are as many connections as there may be.
extension LoopServer {
    /// Ends a connection of this loop that is in no request, so that a new one can be taken.
    /// - Returns: whether there was one that may go for it.
    func makeRoom(for address: String) -> Bool {
        let now = loop.milliseconds
        let newGroup = census.size(ofAddress: address)
        while let (connection, time) = evictions.next(now: now, { evictables }, sizes: { census.sizes }) {
            let size = census.size(of: connection.clientGroup)
            guard EvictionOrder.mayReplace(time, ofGroupWith: size, newGroup: newGroup) else { return false }
            evictions.dropNext()
            guard connection.evict() else { continue }
            counts.countEvicted()
            return true
        }
        return false
    }
}
