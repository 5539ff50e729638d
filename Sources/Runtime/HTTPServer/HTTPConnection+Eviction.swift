import EventLoop
import HTTP

/// Whether a connection may go to make room for another.
extension HTTPConnection {
    func spareTime(now: UInt64) -> SpareTime? {
        guard current == nil, !isPutOff, writer == nil else { return nil }
        if tcp.unsentBytes > 0 {
            return stage == .open || stage == .closing ? SpareTime(isIdle: false, since: clock.progress.since) : nil
        }
        guard rest.isEmpty else { return nil }
        switch (stage, clock.waiting) {
        case (.open, .request): return SpareTime(isIdle: true, since: clock.since(server.clocks.idleTime))
        case (.open, .head), (.open, .body): return SpareTime(isIdle: false, since: clock.progress.since)
        case (.lingering, _): return SpareTime(isIdle: false, since: clock.since(server.clocks.lingerTime))
        default: return nil
        }
    }

    func evict(now: UInt64) -> Bool {
        if tcp.unsentBytes > 0 {
            // One that was thought to be stuck may have gone on since the kernel was last asked.
            let time = SpareTime(isIdle: false, since: clock.progress.since)
            if time.isStuck(now: now) {
                clock.readerHasTaken(tcp.takenBytes, now: now)
                guard clock.progress.since == time.since else { return false }
            }
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
