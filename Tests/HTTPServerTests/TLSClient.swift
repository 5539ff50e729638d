import Crypto

/// A blocking TLS client for tests: the other side of our own session over a raw socket, so that a test can stop, split
/// or end anywhere.
final class TLSClient {
    let socket: RawClient
    let session: TLSSession
    private(set) var progress: TLSSession.Progress
    private var plain: [UInt8] = []
    private var out: [UInt8] = []

    init(port: Int, trust: TLSTrust, protocols: [String] = ["http/1.1"]) throws {
        socket = try RawClient(port: port)
        session = try TLSSession(
            client: .client(trust: trust, applicationProtocols: protocols), host: "localhost")
        progress = session.start(out: &out)
    }

    /// The bytes that should be sent next.
    func takeOutput() -> [UInt8] {
        defer { out = [] }
        return out
    }

    private func flush() { socket.send(takeOutput()) }

    /// Reads once. False when the server has closed the connection.
    private func readOnce() -> Bool {
        guard let bytes = socket.readSome() else { return false }
        progress = session.receive(bytes.span, plain: &plain, out: &out)
        flush()
        return true
    }

    /// - Returns: whether it succeeded.
    @discardableResult
    func handshake() -> Bool {
        flush()
        while !session.isEstablished, case .needsMore = progress, readOnce() {}
        return session.isEstablished
    }

    func send(_ text: String) {
        progress = session.send(Array(text.utf8), out: &out)
        flush()
    }

    /// Says close_notify.
    func end() {
        session.end(out: &out)
        flush()
    }

    /// Everything until the server ends.
    func readAll() -> String {
        while case .needsMore = progress, readOnce() {}
        defer { plain = [] }
        return String(decoding: plain, as: UTF8.self)
    }

    func read(until marker: String) -> String {
        while !String(decoding: plain, as: UTF8.self).contains(marker), case .needsMore = progress, readOnce() {}
        defer { plain = [] }
        return String(decoding: plain, as: UTF8.self)
    }
}
