/// How much of one request is read before it is refused. Scope: each request by itself.
package struct MessageLimits: Sendable, Equatable {
    /// Bytes of the request line without its CRLF; beyond it 414.
    package var requestLineBytes = 8 * 1024
    /// Bytes of the whole head with its line ends; beyond it 431.
    package var headBytes = 32 * 1024
    /// Field lines of the head; beyond it 431.
    package var fieldCount = 100
    /// Bytes of the decoded body; beyond it 413.
    package var bodyBytes = 64 * 1024
    /// Bytes of a chunk's size line, extensions included; beyond it 400.
    package var chunkLineBytes = 256
    /// Bytes of the trailer section; beyond it 400.
    package var trailerBytes = 8 * 1024

    package init() {}
}
