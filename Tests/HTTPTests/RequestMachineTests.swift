import HTTP
import Testing

/// What a machine says of bytes that come in pieces.
func verdict(_ pieces: [[UInt8]], limits: MessageLimits = MessageLimits()) -> CorpusCase.Verdict {
    var machine = RequestMachine(limits: limits)
    var requests: [String] = []
    var isWaiting = false
    do {
        for piece in pieces {
            machine.receive { $0 += piece }
            events: while true {
                switch try machine.next() {
                case .needData:
                    isWaiting = machine.bufferedBytes > 0 || machine.waiting == .body || machine.waiting == .head
                    break events
                case .continueExpected: continue
                case .request(let head, let body):
                    let target = head.path + (head.query.map { "?\($0)" } ?? "")
                    let text = body.isEmpty ? "-" : String(decoding: body, as: UTF8.self)
                    requests.append("\(head.method.rawValue) \(target) \(text)")
                    machine.finishRequest()
                }
            }
        }
    } catch {
        return .refused(error)
    }
    return requests.isEmpty && isWaiting ? .needsMore : .requests(requests)
}

@Suite("The request machine")
struct RequestMachineTests {
    @Test("reads each case of the corpus as its section says", arguments: corpus)
    func whole(_ entry: CorpusCase) {
        #expect(verdict([Array(entry.input.utf8)]) == entry.verdict)
    }

    @Test("says the same wherever the bytes are split", arguments: corpus)
    func split(_ entry: CorpusCase) {
        let bytes = Array(entry.input.utf8)
        for position in 1..<bytes.count {
            #expect(verdict([Array(bytes[..<position]), Array(bytes[position...])]) == entry.verdict)
        }
        #expect(verdict(bytes.map { [$0] }) == entry.verdict)
    }

    static let tokenBytes = Set("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)

    @Test("allows exactly the bytes of a token in a field name (RFC 9110 §5.6.2)", arguments: UInt8.min...UInt8.max)
    func fieldName(_ byte: UInt8) {
        let bytes = Array("GET / HTTP/1.1\r\nHost: a\r\nX".utf8) + [byte] + Array("Y: z\r\n\r\n".utf8)
        // A colon ends the name, so `XY: z` is left as a value.
        let isGood = Self.tokenBytes.contains(byte) || byte == UInt8(ascii: ":")
        #expect((verdict([bytes]) == .requests(["GET / -"])) == isGood)
    }

    @Test("allows exactly the bytes of a field value (RFC 9110 §5.5)", arguments: UInt8.min...UInt8.max)
    func fieldValue(_ byte: UInt8) {
        let bytes = Array("GET / HTTP/1.1\r\nHost: a\r\nX: y".utf8) + [byte] + Array("z\r\n\r\n".utf8)
        let isGood = byte == 0x09 || (byte >= 0x20 && byte != 0x7F)
        #expect((verdict([bytes]) == .requests(["GET / -"])) == isGood)
    }

    @Test("allows exactly the bytes of a URI in a target (RFC 3986 §2)", arguments: UInt8.min...UInt8.max)
    func target(_ byte: UInt8) {
        let bytes = Array("GET /a".utf8) + [byte] + Array("b HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
        let reserved = Set("-._~:/?[]@!$&'()*+,;=".utf8)
        let isAlphanumeric =
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
        guard case .requests = verdict([bytes]) else {
            #expect(!isAlphanumeric && !reserved.contains(byte))
            return
        }
        #expect(isAlphanumeric || reserved.contains(byte))
    }

    @Test(
        "keeps or closes the connection as its options say (RFC 9112 §9.3)",
        arguments: [
            ("HTTP/1.1", "", true), ("HTTP/1.1", "Connection: close\r\n", false),
            ("HTTP/1.1", "Connection: Upgrade, Close\r\n", false), ("HTTP/1.0", "", false),
            ("HTTP/1.0", "Connection: keep-alive\r\n", true), ("HTTP/1.0", "Connection: keep-alive, close\r\n", false),
        ])
    func keepAlive(_ version: String, _ option: String, _ keeps: Bool) throws {
        var machine = RequestMachine(limits: MessageLimits())
        machine.receive { $0 += Array("GET / \(version)\r\nHost: a\r\n\(option)\r\n".utf8) }
        _ = try machine.next()
        #expect(machine.keepsAlive == keeps)
    }

    @Test("says once that a client waits for leave to send its body (RFC 9110 §10.1.1)")
    func continueExpected() throws {
        var machine = RequestMachine(limits: MessageLimits())
        machine.receive {
            $0 += Array("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\n".utf8)
        }
        guard case .continueExpected = try machine.next() else {
            Issue.record("no leave was asked for")
            return
        }
        guard case .needData = try machine.next() else {
            Issue.record("it was asked for twice")
            return
        }
        machine.receive { $0.append(0x61) }
        guard case .request(_, let body) = try machine.next() else {
            Issue.record("the body was not taken")
            return
        }
        #expect(body == [0x61])
    }

    @Test("keeps each limit at its edge and refuses one past it")
    func limits() {
        var limits = MessageLimits()
        limits.requestLineBytes = 40
        limits.headBytes = 120
        limits.fieldCount = 3
        limits.bodyBytes = 10
        func target(_ length: Int) -> [UInt8] {
            Array("GET /\(String(repeating: "a", count: length - 14)) HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
        }
        #expect(verdict([target(40)], limits: limits) != .refused(.targetTooLong))
        #expect(verdict([target(41)], limits: limits) == .refused(.targetTooLong))
        func head(_ length: Int) -> [UInt8] {
            let start = "GET / HTTP/1.1\r\nHost: a\r\nX: "
            return Array("\(start)\(String(repeating: "a", count: length - start.utf8.count - 4))\r\n\r\n".utf8)
        }
        #expect(verdict([head(120)], limits: limits) == .requests(["GET / -"]))
        #expect(verdict([head(121)], limits: limits) == .refused(.headTooLarge))
        func fields(_ count: Int) -> [UInt8] {
            Array("GET / HTTP/1.1\r\nHost: a\r\n\(String(repeating: "A: b\r\n", count: count - 1))\r\n".utf8)
        }
        #expect(verdict([fields(3)], limits: limits) == .requests(["GET / -"]))
        #expect(verdict([fields(4)], limits: limits) == .refused(.headTooLarge))
        #expect(
            verdict([Array("G".utf8) + [UInt8](repeating: 0x61, count: 100)], limits: limits)
                == .refused(.targetTooLong))
    }

    @Test("an error is final")
    func final() {
        var machine = RequestMachine(limits: MessageLimits())
        machine.receive { $0 += Array("nonsense\r\n".utf8) }
        #expect(throws: ProtocolError.requestLine) { _ = try machine.next() }
        machine.receive { $0 += Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8) }
        #expect(throws: ProtocolError.requestLine) { _ = try machine.next() }
    }
}
