import EventLoop
import HTTP

/// How a connection ends.
extension HTTPConnection {
    /// Ends the connection when it carries nothing; one that is busy ends with its answer. One whose next request has
    /// arrived is not idle, although it has not been read; one that has not carried anything yet may have its first on the
    /// way: both are waited for.
    func closeIfIdle() {
        guard !isBusy, machine.waiting == .request else { return }
        if requestsAnswered > 0, !tcp.hasUnreadBytes {
            closeAfterFlush()
        } else {
            clock.set(after: server.clocks.firstRequestTime, now: server.loop.milliseconds)
        }
    }

    /// Ends the connection when its client has reset it: what is worked on for it is cancelled. Where reading goes on, the
    /// reset shows by itself; it does not behind the client's end, nor where a client that is ahead is not read.
    func closeIfClientIsGone() {
        if current != nil, tcp.peerIsGone { close() }
    }

    func closeAfterFlush() {
        guard stage == .open || stage == .closing else { return }
        stage = .closing
        if tcp.unsentBytes == 0 { linger() }
    }

    /// Closing with unread input makes the kernel send a reset, which can destroy an answer that is still on its way:
    /// so our side is closed first and the peer's bytes are read for a while (RFC 9112 §9.6).
    func linger() {
        guard stage == .closing else { return }
        stage = .lingering
        tcp.shutdownSending()
        if peerHasEnded {
            close()
            return
        }
        clock.set(after: server.clocks.lingerTime, now: server.loop.milliseconds)
        machine.discard()
        updateCharge(received: 0, unsent: 0)
        startReading()
    }

    func close() {
        guard stage != .closed else { return }
        release()
        tcp.close()
    }

    func abort() {
        guard stage != .closed else { return }
        release()
        tcp.abort()
    }

    func closed(_ error: (any Error)?) {
        release()
        entry = nil
        server.remove(self)
    }

    /// Releases everything but the socket and what cancelled work holds.
    func release() {
        stage = .closed
        stopWork()
        machine.discard()
        _ = charge.set(work.isEnding ? ownBytes : 0)
        charge.cancel(now: server.loop.milliseconds)
    }
}
