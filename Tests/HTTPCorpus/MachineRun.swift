package import HTTP

/// What the request machine says of bytes, in words that a corpus can hold. The one place where tests and fuzz targets
/// touch the machine.
package struct MachineRun: Sendable, Equatable {
    package enum Event: Sendable, Equatable {
        case request(ReceivedRequest)
        /// The client waits for `100 Continue`.
        case continueExpected
        /// The status of the answer and the machine's word for the reason; the last event.
        case refused(status: Int, reason: String)
    }

    package private(set) var events: [Event] = []
    /// Whether a request has begun and is not whole.
    package private(set) var isWaiting = false

    /// Feeds pieces one by one, as reads from a socket would; every request is answered at once. Ends, as a connection
    /// would, with a refusal or with a request after which the connection closes.
    package init(_ pieces: some Sequence<[UInt8]>, limits: MessageLimits = MessageLimits()) {
        var machine = RequestMachine(limits: limits)
        do {
            for piece in pieces {
                machine.receive { $0.append(contentsOf: piece) }
                events: while true {
                    switch try machine.next() {
                    case .needData: break events
                    case .continueExpected: events.append(.continueExpected)
                    case .request(let head, let body):
                        let request = ReceivedRequest(head, body: body, keepsAlive: machine.keepsAlive)
                        events.append(.request(request))
                        if !request.keepsAlive { return }
                        machine.finishRequest()
                    }
                }
            }
            isWaiting = machine.waiting == .body || machine.waiting == .head
        } catch {
            events.append(.refused(status: error.status.code, reason: String(describing: error)))
        }
    }

    /// The same without the leave for a body, which depends on whether the body was there already.
    package var withoutContinue: MachineRun {
        var copy = self
        copy.events.removeAll { $0 == .continueExpected }
        return copy
    }

    package var requests: [ReceivedRequest] {
        events.compactMap { if case .request(let request) = $0 { request } else { nil } }
    }

    package var refusal: (status: Int, reason: String)? {
        guard case .refused(let status, let reason) = events.last else { return nil }
        return (status, reason)
    }
}

/// A request as the machine has read it, copied out.
package struct ReceivedRequest: Sendable, Equatable {
    package var method: String
    /// Path and query as received; of an absolute form the authority is left out.
    package var target: String
    package var isHTTP10: Bool
    /// Names in lower case, values without the blanks around them.
    package var fields: [(name: [UInt8], value: [UInt8])]
    package var body: [UInt8]
    package var keepsAlive: Bool

    init(_ head: RequestHead, body: [UInt8], keepsAlive: Bool) {
        method = head.method.rawValue
        target = head.path + (head.query.map { "?" + $0 } ?? "")
        isHTTP10 = head.version == .http10
        fields = head.fields.map { (Array(head.bytes[$0.name]), Array(head.bytes[$0.value])) }
        self.body = body
        self.keepsAlive = keepsAlive
    }

    /// The same request with the length of its body told in front of it: what the machine accepts must be accepted again
    /// when it is written anew.
    package var serialized: [UInt8] {
        var bytes = Array("\(method) \(target) HTTP/1.\(isHTTP10 ? 0 : 1)\r\n".utf8)
        let framing: [[UInt8]] = [Array("transfer-encoding".utf8), Array("content-length".utf8)]
        for field in fields where !framing.contains(field.name) {
            bytes += field.name + Array(": ".utf8) + field.value + Array("\r\n".utf8)
        }
        if !body.isEmpty { bytes += Array("content-length: \(body.count)\r\n".utf8) }
        return bytes + Array("\r\n".utf8) + body
    }

    /// Whether both mean the same, framing fields aside.
    package func means(_ other: ReceivedRequest) -> Bool {
        serialized == other.serialized && keepsAlive == other.keepsAlive
    }

    package static func == (left: ReceivedRequest, right: ReceivedRequest) -> Bool {
        left.method == right.method && left.target == right.target && left.isHTTP10 == right.isHTTP10
            && left.body == right.body && left.keepsAlive == right.keepsAlive
            && left.fields.elementsEqual(right.fields) { $0.name == $1.name && $0.value == $1.value }
    }
}
