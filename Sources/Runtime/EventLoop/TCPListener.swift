import CPlatform
import Glibc

/// Accepts connections on one loop and deals them out; used on that loop's thread only.
///
/// One acceptor spreads evenly and leaves one queue to drain: a socket per loop (`SO_REUSEPORT`) spreads by hash and loses
/// what waits in the queue of the socket that closes first.
package final class TCPListener {
    /// Sockets taken in one go before other work of the loop gets its turn.
    private static let acceptsPerTurnMax = 256
    /// How long to wait when the process or the machine has run out of descriptors or memory.
    private static let backOff = Duration.milliseconds(100)

    private let loop: EventLoop
    private let descriptor: Int32
    private var watcher: DescriptorWatcher?
    private var retry: LoopTimer?
    private let accepted: (consuming AcceptedSocket) -> Void
    private let exhausted: (UVError) -> Void

    /// Starts to accept.
    /// - Parameters:
    ///   - accepted: called on the loop with each connection.
    ///   - exhausted: called when accepting must pause for want of descriptors or memory.
    /// - Throws: when the socket cannot be polled.
    package init(
        loop: EventLoop, socket: consuming ListeningSocket, accepted: @escaping (consuming AcceptedSocket) -> Void,
        exhausted: @escaping (UVError) -> Void
    ) throws(UVError) {
        loop.preconditionInLoop()
        self.loop = loop
        self.accepted = accepted
        self.exhausted = exhausted
        descriptor = socket.release()
        let watcher = try DescriptorWatcher(loop: loop, descriptor: descriptor) { [weak self] _ in
            self?.acceptSome(Self.acceptsPerTurnMax)
        }
        self.watcher = watcher
        watcher.watch(.readable)
    }

    /// How long handshakes that have begun may take to end before the port is closed.
    private static let handshakeGrace = Duration.milliseconds(250)

    /// Stops listening without losing a client: new connections are ignored, those whose handshake has begun are still
    /// accepted, then the port is closed. A client that believes itself connected has been accepted.
    package func drain() async {
        guard watcher != nil else { return }
        if cplatform_ignore_new_connections(descriptor) == 0 {
            try? await loop.sleep(for: Self.handshakeGrace)
        }
        close()
    }

    /// Takes what already waits in the kernel's queue, then stops listening; safe to repeat.
    package func close() {
        loop.preconditionInLoop()
        guard let watcher else { return }
        acceptSome(.max)
        self.watcher = nil
        watcher.close()
        retry?.close()
        retry = nil
        Glibc.close(descriptor)
    }

    private func acceptSome(_ most: Int) {
        var taken = 0
        while taken < most {
            let socket = cplatform_accept(descriptor)
            if socket >= 0 {
                taken += 1
                accepted(AcceptedSocket(descriptor: socket))
                continue
            }
            switch lastErrno() {
            case EINTR, ECONNABORTED, EPROTO: continue  // that one peer is gone
            case EMFILE, ENFILE, ENOBUFS, ENOMEM:
                pause(UVError.last)
                return
            default: return  // EAGAIN: the queue is empty
            }
        }
    }

    /// The queue stays full while descriptors are short, so polling at once would spin.
    private func pause(_ reason: UVError) {
        guard let watcher else { return }
        exhausted(reason)
        watcher.watch([])
        let timer = LoopTimer(loop: loop) { [weak self] in self?.resume() }
        retry?.close()
        retry = timer
        timer.start(after: Self.backOff)
    }

    private func resume() {
        retry?.close()
        retry = nil
        watcher?.watch(.readable)
    }
}
