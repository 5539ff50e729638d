import HTTP
import Testing

@Suite("The request machine")
struct RequestMachineTests {
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

    @Test(
        "takes the host from an absolute target, else from Host (RFC 9112 §3.2.2)",
        arguments: [
            ("GET http://b.example:8080/x?y HTTP/1.1", "b.example:8080"), ("GET https://[::1]/ HTTP/1.1", "[::1]"),
            ("GET http://b.example HTTP/1.1", "b.example"), ("GET /http://b.example/ HTTP/1.1", "a.example"),
        ])
    func authority(_ line: String, _ host: String) throws {
        var machine = RequestMachine(limits: MessageLimits())
        // The head before it must leave nothing behind.
        for (line, host) in [("GET http://c.example/ HTTP/1.1", "c.example"), (line, host)] {
            machine.receive { $0 += Array("\(line)\r\nHost: a.example\r\n\r\n".utf8) }
            guard case .request(let head, _) = try machine.next() else {
                Issue.record("no request was read")
                return
            }
            #expect(head.authority == host)
            machine.finishRequest()
        }
    }

    @Test(
        "says of a refused request what is well formed of it",
        arguments: [
            ("HEAD / HTTP/1.1\r\nX-Request-ID: a-1\r\nOrigin: https://a\r\n\r\n", "HEAD", "a-1", "https://a"),
            ("\r\nHEAD /é HTTP/1.1\r\nx-request-id:a-1\r\n\r\nX-Request-ID: b\r\n", "HEAD", "a-1", nil),
            ("HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 70000\r\nX-Request-ID: a\r\n\r\n", "HEAD", "a", nil),
            ("GET / HTTP/1.1\r\nBad Name: x\r\nX-Request-ID: a\r\n\r\n", "GET", "a", nil),
            ("HEAD / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\nX-Request-ID: a\u{1}\r\n\r\n", "HEAD", nil, nil),
            (
                "POST / HTTP/1.1\r\nX-Request-ID: a\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", "POST", "a",
                nil
            ),
            ("nonsense\r\n\r\n", "GET", nil, nil), ("HEAD /\n", "HEAD", nil, nil),
        ] as [(String, String, String?, String?)])
    func refusedHead(_ text: String, _ method: String, _ id: String?, _ origin: String?) {
        var machine = RequestMachine(limits: MessageLimits())
        // A request before it must leave nothing behind.
        machine.receive { $0 += Array("GET / HTTP/1.1\r\nHost: a\r\nX-Request-ID: first\r\n\r\n".utf8) }
        _ = try? machine.next()
        machine.finishRequest()
        machine.receive { $0 += Array(text.utf8) }
        #expect(throws: ProtocolError.self) { _ = try machine.next() }
        let head = machine.refusedHead
        #expect(head.method.rawValue == method)
        #expect(head.value(of: .xRequestID) == id && head.value(of: .origin) == origin)
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
