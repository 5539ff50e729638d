import EventLoop
import HTTP

/// Whether a connection may go to make room for another.
extension HTTPConnection {
    var spareTime: SpareTime? {
        guard !isBusy, rest.isEmpty, pacer == nil else { return nil }
        switch (stage, clock.waiting) {
        case (.open, .request): return spareTime(true, server.clocks.idleTime)
        case (.open, .head): return spareTime(false, server.clocks.headTime)
        case (.open, .body): return spareTime(false, server.clocks.bodyTime)
        case (.lingering, _): return spareTime(false, server.clocks.lingerTime)
        default: return nil
        }
    }

    private func spareTime(_ isIdle: Bool, _ allowed: UInt64) -> SpareTime {
        SpareTime(isIdle: isIdle, since: clock.since(allowed))
    }

    func evict() -> Bool {
        if clock.waiting == .request, tcp.hasUnreadBytes { return false }
        entry = nil
        close()
        return true
    }
}
