package import EventLoop

/// Sends one answer in place of the server, which begins no further request before `finish` says that the answer has left.
/// Used on the connection's loop.
package protocol ResponseWriter: AnyObject {
    /// Bytes that it has not handed to the stream yet: they count as the connection's memory.
    var unsentBytes: Int { get }
    /// The connection ends: sends nothing more. Safe to repeat.
    func stop()
}

/// An answer as bytes, and the connection that it goes to.
package struct OutgoingResponse {
    package let bytes: [UInt8]
    /// The length of the body at the end of `bytes`.
    package let bodyBytes: Int
    package let loop: EventLoop
    package let stream: any ByteStream
    /// To be called when every byte is with the stream, and not before the writer has been returned.
    package let finish: () -> Void
}
