/// The receiving side of an HTTP/1.1 server as a value: bytes in, whole requests or a refusal out (RFC 9112). It has no
/// socket and no clock, and is not copied, so that asking it costs no reference counts. An error is final. While a request is being answered no further one is taken from the bytes.
package struct RequestMachine: ~Copyable {
    package enum Event: Sendable {
        /// More bytes are needed.
        case needData
        /// The client waits for `100 Continue` before it sends the body (RFC 9110 §10.1.1). Said once a request.
        case continueExpected
        /// One whole request. `next` yields no other before `finishRequest`.
        case request(RequestHead, body: [UInt8])
    }

    /// What the machine is waiting for; decides which clock runs.
    package enum Waiting: Sendable, Equatable { case request, head, body, answer, nothing }

    private enum Stage: Sendable { case head, body(Int), chunks(ChunkedDecoder), answering, failed(ProtocolError) }

    private let limits: MessageLimits
    private var buffer: [UInt8] = []
    /// First byte of `buffer` that has not been used up.
    private var offset = 0
    private var parser: HeadParser
    private var stage = Stage.head
    private var body: [UInt8] = []
    private var hasSaidContinue = false
    /// `head` is the one of the request under way.
    private var hasHead = false
    /// The head being read or answered; kept between requests for its memory.
    private var head = RequestHead(
        method: .get, version: .http11, bytes: [], pathRange: 0..<0, queryRange: nil, fields: [])

    package init(limits: MessageLimits) {
        self.limits = limits
        parser = HeadParser(limits: limits)
    }

    /// Bytes received and not used yet; the caller stops reading when this grows past a request's size.
    package var bufferedBytes: Int { buffer.count - offset }

    /// Whether the connection may carry another request after this one. Valid from `.request` on.
    package var keepsAlive: Bool { parser.framing.keepsAlive }

    package var waiting: Waiting {
        switch stage {
        case .head: parser.isUntouched(by: bufferedBytes) ? .request : .head
        case .body, .chunks: .body
        case .answering: .answer
        case .failed: .nothing
        }
    }

    /// What can be told of the request that was refused: its head, or where that is not whole or malformed, its method and
    /// those fields that are well formed. Good for the form of the answer and for nothing else.
    package var refusedHead: RequestHead {
        hasHead ? head : RefusedHead.read(buffer[offset...], limits: limits)
    }

    /// Adds received bytes.
    /// - Parameter append: appends them to the array it is given.
    package mutating func receive(_ append: (inout [UInt8]) -> Void) {
        if case .failed = stage { return }
        if offset == buffer.count {
            buffer.removeAll(keepingCapacity: true)
            offset = 0
        }
        append(&buffer)
    }

    /// The next event. Call again after `.continueExpected` and, once answered and `finishRequest` was called, after
    /// `.request`.
    package mutating func next() throws(ProtocolError) -> Event {
        do throws(ProtocolError) {
            return try step()
        } catch {
            stage = .failed(error)
            throw error
        }
    }

    /// The request that `next` yielded has been answered.
    package mutating func finishRequest() {
        guard case .answering = stage else { return }
        stage = .head
        parser.reset()
        hasSaidContinue = false
        hasHead = false
        if offset > 0 {
            // What a pipelining client has sent ahead moves to the front; mostly there is nothing.
            buffer.removeFirst(offset)
            offset = 0
        }
    }

    /// The error of a machine that was given up for taking too long.
    package mutating func fail(_ error: ProtocolError) { stage = .failed(error) }

    private mutating func step() throws(ProtocolError) -> Event {
        switch stage {
        case .answering: return .needData
        case .failed(let error): throw error
        case .head:
            guard let length = try parser.parse(buffer, from: offset, into: &head) else {
                return .needData
            }
            takeHead(length)
            return try beginBody()
        case .body(let length):
            guard bufferedBytes >= length else { return try waitForBody() }
            body = Array(buffer[offset..<(offset + length)])
            offset += length
            return finish()
        case .chunks(var decoder):
            guard try decoder.decode(buffer, &offset, into: &body) else {
                stage = .chunks(decoder)
                return try waitForBody()
            }
            return finish()
        }
    }

    private mutating func takeHead(_ length: Int) {
        head.bytes.removeAll(keepingCapacity: true)
        if offset == 0, length == buffer.count {
            // Mostly a read is one whole head: it changes hands without being copied.
            swap(&head.bytes, &buffer)
        } else {
            head.bytes.append(contentsOf: buffer[offset..<(offset + length)])
            offset += length
        }
        head.lowercaseNames()
        hasHead = true
    }

    private mutating func beginBody() throws(ProtocolError) -> Event {
        switch parser.framing.body {
        case .length(0): return finish()
        case .length(let length):
            guard length <= limits.bodyBytes else { throw .bodyTooLarge }
            stage = .body(length)
        case .chunked:
            stage = .chunks(ChunkedDecoder(limits: limits))
        }
        return try step()
    }

    private mutating func waitForBody() throws(ProtocolError) -> Event {
        guard parser.framing.expectsContinue, !hasSaidContinue, bufferedBytes == 0 else { return .needData }
        hasSaidContinue = true
        return .continueExpected
    }

    private mutating func finish() -> Event {
        stage = .answering
        defer { body = [] }
        return .request(head, body: body)
    }
}
