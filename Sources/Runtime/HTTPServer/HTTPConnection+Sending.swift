import EventLoop
import HTTP

/// Answers on their way out, no further ahead than the kernel takes them.
extension HTTPConnection {
    func send(_ response: Response) {
        guard let current else { return }
        requestsAnswered += 1
        // What has been received is answered, also when the server is to end or the client will send no more.
        let mayEnd = (server.isDraining || peerHasEnded) && machine.bufferedBytes == 0
        let keepsAlive =
            machine.keepsAlive && !mayEnd && requestsAnswered < server.limits.requestsPerConnection
        let connection: ResponseEncoder.Connection =
            !keepsAlive ? .close : current.version == .http10 ? .keepAlive : .unsaid
        self.current = nil
        machine.finishRequest()
        // What was answered before leaves first, as long as the connection is open.
        if response.makeWriter != nil { flush() }
        if !keepsAlive { stage = .closing }
        if let makeWriter = response.makeWriter {
            server.encode(response, id: current.id, isHead: current.isHead, connection: connection)
            let bytes = server.out
            server.out = []
            writer = makeWriter(
                OutgoingResponse(
                    bytes: bytes, bodyBytes: current.isHead ? 0 : min(response.body.count, bytes.count),
                    loop: server.loop, stream: tcp, finish: { [weak self] in self?.written() }))
            if tcp.isClosed { close() }
        } else if response.body.count > Self.pieceBytes, !current.isHead {
            server.encode(response, id: current.id, isHead: true, connection: connection)
            rest = response.body[...]
            flush()
        } else {
            server.encode(response, id: current.id, isHead: current.isHead, connection: connection)
        }
    }

    /// The writer has handed over its last bytes.
    private func written() {
        writer = nil
        if stage == .closing { closeAfterFlush() } else { process() }
    }

    func flush() {
        if !server.out.isEmpty {
            tcp.write(server.out)
            server.out.removeAll(keepingCapacity: server.out.capacity <= Self.keptBytesMax)
        }
        sendRest()
        if stage == .closing, writer == nil, tcp.unsentBytes == 0 { linger() }
    }

    /// Bytes of a body that are copied for the socket at a time.
    private static let pieceBytes = 64 * 1024
    /// The loop's buffer for answers is kept up to this size.
    private static let keptBytesMax = 256 * 1024

    /// Sends the next pieces of a large body, as long as the kernel takes them at once.
    func sendRest() {
        while !rest.isEmpty, tcp.unsentBytes == 0 {
            let piece = Array(rest.prefix(Self.pieceBytes))
            rest = rest.count > Self.pieceBytes ? rest.dropFirst(Self.pieceBytes) : []
            tcp.write(piece)
        }
    }

    func flushed() {
        if !rest.isEmpty {
            sendRest()
            let unsent = tcp.unsentBytes
            if unsent > 0 {
                restartClock(machine.waiting, unsent: unsent)
                updateCharge(received: machine.heldBytes, unsent: unsent)
                return
            }
        }
        switch stage {
        case .closing where writer == nil: linger()
        case .open: process()
        default: break
        }
    }
}
