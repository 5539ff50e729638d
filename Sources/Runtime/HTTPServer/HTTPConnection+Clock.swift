import EventLoop
import HTTP

/// What happens when a connection has taken too long.
extension HTTPConnection {
    /// Starts the clock of what the machine waits for now, unless it is running already.
    func restartClock(_ waiting: RequestMachine.Waiting, unsent: Int) {
        guard stage == .open || stage == .closing else { return }
        let now = server.loop.milliseconds
        if unsent > 0 {
            clock.waitForReader(
                of: writer == nil ? unsent + rest.count : nil, taken: tcp.takenBytes, server.clocks, now: now)
        } else {
            clock.wait(for: waiting, server.clocks, now: now)
        }
    }

    /// Asks now and then how far the client has come with its answer, so that it is known when there is no room left.
    func lookAtReader() {
        let now = server.loop.milliseconds
        guard tcp.unsentBytes > 0, clock.progress.isLookDue(now) else { return }
        clock.readerHasTaken(tcp.takenBytes, now: now)
    }

    /// The deadline has passed: refuses a slow request, ends anything else that makes no progress.
    func expire() {
        if stage == .open, clock.waiting == .request, tcp.hasUnreadBytes {
            // A request has come in time and is about to be read.
            return
        } else if stage == .open, clock.waiting == .head || clock.waiting == .body {
            machine.fail(.timeout)
            refuse(.timeout)
            flush()
            settle(needsData: false)
        } else if tcp.unsentBytes > 0 {
            // A reset: the kernel, too, drops what the client does not take.
            if !clock.readerGoesOn(taken: tcp.takenBytes, server.clocks, now: server.loop.milliseconds) { abort() }
        } else {
            close()
        }
    }
}
