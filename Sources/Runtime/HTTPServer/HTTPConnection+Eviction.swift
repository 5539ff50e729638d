import EventLoop
import HTTP

/// Whether a connection may go to make room for another.
extension HTTPConnection {
    func spareTime(now: UInt64) -> SpareTime? {
        guard current == nil, pacer == nil else { return nil }
        if tcp.unsentBytes > 0 { return spareTimeOfReader(now) }
        guard rest.isEmpty else { return nil }
        switch (stage, clock.waiting) {
        case (.open, .request): return SpareTime(isIdle: true, since: clock.since(server.clocks.idleTime))
        case (.open, .head), (.open, .body): return SpareTime(isIdle: false, since: clock.progress.since)
        case (.lingering, _): return SpareTime(isIdle: false, since: clock.since(server.clocks.lingerTime))
        default: return nil
        }
    }

    /// A client that takes its answer keeps its connection.
    private func spareTimeOfReader(_ now: UInt64) -> SpareTime? {
        guard stage == .open || stage == .closing else { return nil }
        let time = SpareTime(isIdle: false, since: clock.progress.since)
        return time.isStuck(now: now) ? time : nil
    }

    func evict(now: UInt64) -> Bool {
        if tcp.unsentBytes > 0 {
            let since = clock.progress.since
            clock.readerHasTaken(tcp.takenBytes, now: now)
            guard clock.progress.since == since else { return false }
            entry = nil
            // A reset: the kernel, too, drops what the client does not take.
            abort()
            return true
        }
        if stage == .open, tcp.hasUnreadBytes { return false }
        entry = nil
        close()
        return true
    }
}
