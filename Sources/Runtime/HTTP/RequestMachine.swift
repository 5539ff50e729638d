/// The receiving side of an HTTP/1.1 server as a value: bytes in, whole requests or a refusal out (RFC 9112). It has no
/// socket and no clock, and is not copied, so that asking it costs no reference counts. An error is final. While a request is being answered no further one is taken from the bytes.
///
/// Between two requests it needs no memory and gives away what it has, see `SpareMemory`.
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

    /// Memory that no machine needs right now. Machines that work one after the other share it; loop-confined.
    package final class SpareMemory {
        fileprivate var buffer: [UInt8] = []
        fileprivate var headBytes: [UInt8] = []
        fileprivate var fields: [RequestHead.FieldSlot] = []

        package init() {}
    }

    /// How far a machine has come.
    package struct Progress {
        package let waiting: Waiting
        /// See `bufferedBytes`.
        package let bufferedBytes: Int
        /// See `heldBytes`.
        package let heldBytes: Int
    }

    /// A buffer is kept from one read to the next, and memory is lent on, up to this size.
    private static let keptBytesMax = 16 * 1024

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
    /// The head being read or answered.
    private var head = RequestHead(
        method: .get, version: .http11, bytes: [], pathRange: 0..<0, queryRange: nil, fields: [])

    package init(limits: MessageLimits) {
        self.limits = limits
        parser = HeadParser(limits: limits)
    }

    /// Bytes received and not used yet; the caller stops reading when this grows past a request's size.
    package var bufferedBytes: Int { buffer.count - offset }

    /// Bytes of memory that the machine holds, used or not.
    package var heldBytes: Int { buffer.capacity + body.capacity + head.heldBytes }

    /// Whether it waits for a request of which nothing has arrived, so that it needs no memory.
    package var isIdle: Bool {
        if case .head = stage { bufferedBytes == 0 && parser.isUntouched(by: 0) } else { false }
    }

    /// How far it has come. One that is idle gives its memory away, or frees it where there is enough already.
    package mutating func progress(_ spare: SpareMemory) -> Progress {
        guard isIdle else { return Progress(waiting: waiting, bufferedBytes: bufferedBytes, heldBytes: heldBytes) }
        if spare.buffer.capacity == 0, spare.headBytes.capacity == 0, heldBytes <= Self.keptBytesMax {
            if offset > 0 { compact() }
            swap(&buffer, &spare.buffer)
            swap(&head.bytes, &spare.headBytes)
            swap(&head.fields, &spare.fields)
        } else {
            freeMemory()
        }
        return Progress(waiting: .request, bufferedBytes: 0, heldBytes: 0)
    }

    private mutating func freeMemory() {
        buffer = []
        offset = 0
        head.bytes = []
        head.fields = []
        body = []
        hasHead = false
    }

    /// Frees everything; no further request is read.
    package mutating func discard() {
        if case .failed = stage {} else { stage = .failed(.timeout) }
        freeMemory()
    }

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
    /// - Parameters:
    ///   - spare: memory to take over by a machine that has none.
    ///   - append: appends them to the array it is given.
    package mutating func receive(_ spare: SpareMemory? = nil, _ append: (inout [UInt8]) -> Void) {
        if case .failed = stage { return }
        if offset > 0 { compact() }
        if let spare, buffer.capacity == 0, head.bytes.capacity == 0 {
            swap(&buffer, &spare.buffer)
            swap(&head.bytes, &spare.headBytes)
            swap(&head.fields, &spare.fields)
        }
        append(&buffer)
    }

    /// Removes used bytes once they are the larger part: each byte is moved a bounded number of times, however many
    /// requests were sent ahead.
    private mutating func compact() {
        guard offset > buffer.count - offset || offset == buffer.count else { return }
        if offset < buffer.count {
            buffer.removeFirst(offset)
        } else {
            // What one large read leaves behind is not kept.
            buffer.removeAll(keepingCapacity: buffer.capacity <= Self.keptBytesMax)
        }
        offset = 0
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
        if offset > 0 { compact() }
        // The head may have been handed out; its memory is only worth keeping while it is small.
        if head.bytes.capacity > Self.keptBytesMax { head.bytes = [] }
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
            compact()
            return finish()
        case .chunks(var decoder):
            guard try decoder.decode(buffer, &offset, into: &body) else {
                stage = .chunks(decoder)
                compact()
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
