package import Crypto
package import EventLoop

/// A stream of bytes through TLS over another stream. Used on one loop's thread only.
///
/// It is made over a connected stream, does the handshake, and tells once how that went. Then it carries bytes as any
/// stream does: `close` and `shutdownSending` say so to the peer (close_notify), whose own end of sending is reported as
/// `receivedEnd`, whether it was said in TLS or by TCP alone. A peer that is cut off is thus not told from one that has
/// finished: what HTTP and RESP send ends itself, so a missing end is noticed there.
package final class TLSConnection: ByteStream, ByteStreamDelegate {
    /// How the handshake ended. On success the receiver attaches a delegate, or closes the connection, before it returns.
    package typealias Handshake = Result<TLSSession.Agreement, TLSError>

    /// Reading waits while so many bytes of ours wait for the peer: it could make us answer without ever reading.
    private static let unsentBytesMax = 256 * 1024

    private enum Phase { case handshaking, open, failed, closed }

    private let lower: any ByteStream
    private let session: TLSSession
    private let buffers: TLSBuffers
    private var phase = Phase.handshaking
    private var delegate: (any ByteStreamDelegate)?
    private var finished: ((Handshake) -> Void)?
    private var wantsToRead = false
    private var mustEndSending = false
    private var hasToldEnd = false
    private var failure: TLSError?

    package var remoteAddress: SocketAddress { lower.remoteAddress }
    package var isClosed: Bool { lower.isClosed }
    package var unsentBytes: Int { lower.unsentBytes }
    package var takenBytes: UInt64 { lower.takenBytes }
    package var hasUnreadBytes: Bool { lower.hasUnreadBytes }
    package var peerIsGone: Bool { lower.peerIsGone }

    /// - Parameters:
    ///   - lower: connected, without a delegate. It keeps this object alive from `start` to its end.
    ///   - buffers: shared by the connections of a loop.
    ///   - finished: told once, on the loop, also when the connection is closed before.
    package init(
        over lower: any ByteStream, session: TLSSession, buffers: TLSBuffers,
        finished: @escaping (Handshake) -> Void
    ) {
        self.lower = lower
        self.session = session
        self.buffers = buffers
        self.finished = finished
    }

    /// Begins the handshake.
    package func start() {
        lower.attach(self)
        let progress = buffers.fillOutput { session.start(out: &$0) }
        flushOutput()
        if case .failed(let error) = progress { fail(error) }
        lower.startReading()
    }

    package func attach(_ delegate: any ByteStreamDelegate) { self.delegate = delegate }

    // MARK: Reading

    package func startReading() {
        wantsToRead = true
        if lower.unsentBytes <= Self.unsentBytesMax { lower.startReading() }
    }

    package func stopReading() {
        wantsToRead = false
        // A handshake goes on whether or not a listener is set yet.
        if phase == .open { lower.stopReading() }
    }

    package func received(_ bytes: Span<UInt8>) {
        // A peer that has been refused may go on; what it says is dropped.
        guard phase == .handshaking || phase == .open else { return }
        var plain = buffers.takePlain()
        let progress = buffers.fillOutput { session.receive(bytes, plain: &plain, out: &$0) }
        flushOutput()
        if phase == .handshaking, let agreement = session.agreement { establish(agreement) }
        if phase == .open, !plain.isEmpty { delegate?.received(plain.span) }
        buffers.putBack(plain)
        switch progress {
        case .needsMore: break
        case .ended: tellEnd()
        case .failed(let error): fail(error)
        }
        if lower.unsentBytes > Self.unsentBytesMax { lower.stopReading() }
    }

    package func receivedEnd() {
        switch phase {
        case .handshaking: fail(.closedEarly)
        case .open: tellEnd()
        case .failed: lower.close()
        case .closed: break
        }
    }

    private func establish(_ agreement: TLSSession.Agreement) {
        phase = .open
        let finished = finished
        self.finished = nil
        finished?(.success(agreement))
        // Without a listener the peer's bytes stay where they are.
        if !wantsToRead { lower.stopReading() }
    }

    private func tellEnd() {
        guard phase == .open, !hasToldEnd else { return }
        hasToldEnd = true
        delegate?.receivedEnd()
    }

    // MARK: Writing

    package func write(_ bytes: [UInt8]) {
        guard phase == .open, !isClosed, !mustEndSending else { return }
        let progress = buffers.fillOutput { session.send(bytes, out: &$0) }
        flushOutput()
        // Told from a later turn, as `write` must not call back.
        if case .failed(let error) = progress {
            failure = error
            lower.close()
        }
    }

    package func flushed() {
        if mustEndSending || phase == .failed { lower.shutdownSending() }
        guard phase == .open else { return }
        if wantsToRead { lower.startReading() }
        delegate?.flushed()
    }

    private func flushOutput() { buffers.drainOutput { lower.write($0) } }

    // MARK: Ending

    package func shutdownSending() {
        guard phase == .open, !mustEndSending else { return }
        mustEndSending = true
        sayEnd()
        if lower.unsentBytes == 0 { lower.shutdownSending() }
    }

    package func abort() { lower.abort() }

    package func close() {
        if phase == .open { sayEnd() }
        lower.close()
    }

    private func sayEnd() {
        buffers.fillOutput { session.end(out: &$0) }
        flushOutput()
    }

    /// The alert is on its way. A handshake's peer gets the chance to read it: closing at once, with bytes of its
    /// unread, would send a reset that destroys the alert.
    private func fail(_ error: TLSError) {
        guard phase == .handshaking || phase == .open else { return }
        failure = error
        let wasOpen = phase == .open
        phase = .failed
        if wasOpen {
            lower.close()
        } else {
            tellFinished(.failure(error))
            if lower.unsentBytes == 0 { lower.shutdownSending() }
        }
    }

    private func tellFinished(_ handshake: Handshake) {
        let finished = finished
        self.finished = nil
        finished?(handshake)
    }

    package func closed(_ error: (any Error)?) {
        phase = .closed
        tellFinished(.failure(failure ?? .closedEarly))
        let delegate = delegate
        self.delegate = nil
        delegate?.closed(failure ?? error)
    }
}

extension TLSConnection {
    /// Whether the peer has sent a HEAD request without TLS, to which no answer has a body (RFC 9110 §9.3.2).
    package var beginsWithPlainHead: Bool { session.beginsWithPlainHead }

    /// Sends bytes below TLS to a peer that does not speak it; while the failure of the handshake is reported, only.
    package func writePlain(_ bytes: [UInt8]) {
        guard phase == .failed else { return }
        lower.write(bytes)
    }
}
