/// A connection that carries bytes both ways, whatever is below it: TCP itself, or TLS over it. Used on one loop's thread
/// only.
///
/// A conformer keeps itself and its delegate alive until it has told `closed`, and tells nothing after that. None of its
/// methods tells the delegate before it returns, so a delegate may call them from anywhere.
package protocol ByteStream: AnyObject {
    /// The peer's address.
    var remoteAddress: SocketAddress { get }
    /// Whether `close`, `abort` or an error has ended it.
    var isClosed: Bool { get }
    /// Bytes handed to `write` that the kernel has not taken yet.
    var unsentBytes: Int { get }
    /// Bytes that the peer's kernel has taken since the connection was made. It grows with each few that a slow reader
    /// takes, while `unsentBytes` falls in lumps. Asks the kernel.
    var takenBytes: UInt64 { get }
    /// Whether bytes of the peer wait in the kernel. Asks it.
    var hasUnreadBytes: Bool { get }
    /// Whether the peer has reset the connection, which stays unknown while nothing is read and nothing is sent: behind
    /// `receivedEnd`, or after `stopReading`. Asks the kernel.
    var peerIsGone: Bool { get }

    /// Sets the delegate; once, before reading starts.
    func attach(_ delegate: any ByteStreamDelegate)
    /// Nothing is read before the first call; safe to repeat.
    func startReading()
    /// Leaves the peer's bytes where they are, so that it must wait; safe to repeat.
    func stopReading()
    /// Sends bytes: at once as far as the kernel takes them, the rest later, in order. `flushed` follows when a rest had
    /// to wait. Does nothing on a closed connection.
    func write(_ bytes: [UInt8])
    /// Says that nothing more will be sent; the peer may still send. Call when everything has been flushed.
    func shutdownSending()
    /// Ends the connection with a reset: whatever is on its way is lost.
    func abort()
    /// Ends the connection; safe to repeat. The delegate's `closed` follows on a later turn.
    func close()
}

/// What happens to a connection, told on its loop.
package protocol ByteStreamDelegate: AnyObject {
    /// Bytes have arrived; the span is valid during the call only.
    func received(_ bytes: Span<UInt8>)
    /// The peer will send no more; it may still read.
    func receivedEnd()
    /// Everything that was waiting to be sent is with the kernel.
    func flushed()
    /// The connection is gone; the last call. `nil` when it was closed by us.
    func closed(_ error: (any Error)?)
}
