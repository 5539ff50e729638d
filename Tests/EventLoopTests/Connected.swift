import EventLoop
import Glibc

/// Both ends of connections over loopback, on one loop.
enum Connected {
    static func connect(_ loop: EventLoop, _ port: Int) async -> LoopBound<Result<TCPConnection, UVError>> {
        await withCheckedContinuation { continuation in
            // Kept by its own timer and watcher until it has told the result.
            let holder = Holder<TCPConnector>()
            holder.value = TCPConnector(loop: loop, host: "127.0.0.1", port: port, timeout: .seconds(10)) { result in
                continuation.resume(returning: LoopBound(result, to: loop))
                holder.value = nil
            }
        }
    }

    /// Both ends of a connection over loopback.
    static func pair(on loop: EventLoop) async -> (ours: End, theirs: End)? {
        let sockets = await Task.detached { () -> SocketInTransit? in
            guard let socket = try? ListeningSocket(host: "127.0.0.1", port: 0) else { return nil }
            return SocketInTransit(socket)
        }.value
        guard let sockets else { return nil }
        let accepted = Holder<TCPConnection>()
        let listener = try? TCPListener(loop: loop, socket: sockets.take()) { socket in
            accepted.value = try? TCPConnection(loop: loop, socket: socket)
        } exhausted: { _ in
        }
        defer { listener?.close() }
        guard case .success(let theirs) = await connect(loop, sockets.port).value else { return nil }
        while accepted.value == nil { try? await loop.sleep(for: .milliseconds(1)) }
        guard let ours = accepted.value else { return nil }
        return (End(ours), End(theirs))
    }
}

final class Holder<Value> {
    var value: Value?
}

/// Carries a listening socket to a loop, once.
final class SocketInTransit: @unchecked Sendable {
    let port: Int
    private var socket: ListeningSocket?

    init(_ socket: consuming ListeningSocket) {
        port = socket.address.port
        self.socket = consume socket
    }

    func take() -> ListeningSocket { socket.take()! }
}

/// One end of a connection and what it has been told. Loop-confined.
final class End: ByteStreamDelegate {
    enum Word { case received, ended, flushed }

    let stream: TCPConnection
    /// Closes the stream from within that callback.
    var whenTold: (Word) -> Bool = { _ in false }
    private(set) var timesClosed = 0
    private var wasTold = false
    private var waiting: [() -> Void] = []

    init(_ stream: TCPConnection) {
        self.stream = stream
        stream.attach(self)
    }

    func received(_ bytes: Span<UInt8>) { take(.received) }
    func receivedEnd() { take(.ended) }
    func flushed() { take(.flushed) }

    func closed(_ error: (any Error)?) {
        timesClosed += 1
        wake()
    }

    private func take(_ word: Word) {
        guard whenTold(word) else { return }
        wasTold = true
        stream.close()
        wake()
    }

    private func wake() {
        let waiting = waiting
        self.waiting = []
        for resume in waiting { resume() }
    }

    func told() async { await wait { $0.wasTold } }
    func hasClosed() async { await wait { $0.timesClosed > 0 } }

    private func wait(_ condition: (End) -> Bool) async {
        while !condition(self) { await withCheckedContinuation { more in waiting.append { more.resume() } } }
    }
}
