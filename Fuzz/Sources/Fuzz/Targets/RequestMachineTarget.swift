import HTTP
import HTTPCorpus

/// Bytes of a connection. Whole and in pieces they mean the same; what is accepted is accepted again when it is written
/// anew; more bytes never turn a refusal into something else.
enum RequestMachineTarget: FuzzTarget {
    static let name = "request-machine"

    static func run(_ input: UnsafeBufferPointer<UInt8>) {
        check(input, prefix: [], limits: small)
    }

    /// Small limits, so that short inputs reach them.
    static let small: MessageLimits = {
        var limits = MessageLimits()
        limits.requestLineBytes = 128
        limits.headBytes = 512
        limits.fieldCount = 8
        limits.bodyBytes = 256
        limits.chunkLineBytes = 32
        limits.trailerBytes = 64
        return limits
    }()

    static func check(_ input: UnsafeBufferPointer<UInt8>, prefix: [UInt8], limits: MessageLimits) {
        let whole = MachineRun([prefix + Array(input)], limits: limits)
        var cuts = Cuts(seed: input)
        let split = MachineRun([prefix] + cuts.pieces(of: input).map { Array($0) }, limits: limits)
        require(whole.withoutContinue == split.withoutContinue, "\(whole)\n  and in pieces\n\(split)")
        let single = MachineRun([prefix] + input.map { [$0] }, limits: limits)
        require(whole.withoutContinue == single.withoutContinue, "\(whole)\n  and byte by byte\n\(single)")
        for request in whole.requests { checkAgain(request, limits) }
        if let refusal = whole.refusal {
            require(refusal.status >= 400 && refusal.status < 600, "a refusal has status \(refusal.status)")
            let more = MachineRun([prefix + Array(input) + Array("GET / HTTP/1.1\r\n\r\n".utf8)], limits: limits)
            require(more == whole, "\(whole)\n  and with more bytes\n\(more)")
        }
    }

    private static func checkAgain(_ request: ReceivedRequest, _ limits: MessageLimits) {
        require(request.body.count <= limits.bodyBytes, "a body of \(request.body.count) bytes")
        require(request.fields.count <= limits.fieldCount, "\(request.fields.count) fields")
        // The length may be a field or some bytes more than the chunks' announcement was.
        var roomier = limits
        roomier.headBytes += 32
        roomier.fieldCount += 1
        let again = MachineRun([request.serialized], limits: roomier)
        require(!again.isWaiting && again.requests.count == 1 && again.refusal == nil, "\(request)\n  became\n\(again)")
        require(again.requests.first.map(request.means) == true, "\(request)\n  became\n\(again)")
    }
}

/// The same for a chunked body alone: the head is given, so that every input reaches the chunks.
enum ChunkedBodyTarget: FuzzTarget {
    static let name = "chunked-body"

    static func run(_ input: UnsafeBufferPointer<UInt8>) {
        let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        RequestMachineTarget.check(input, prefix: Array(head.utf8), limits: RequestMachineTarget.small)
    }
}
