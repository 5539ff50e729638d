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

    @Test("an error is final")
    func final() {
        var machine = RequestMachine(limits: MessageLimits())
        machine.receive { $0 += Array("nonsense\r\n".utf8) }
        #expect(throws: ProtocolError.requestLine) { _ = try machine.next() }
        machine.receive { $0 += Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8) }
        #expect(throws: ProtocolError.requestLine) { _ = try machine.next() }
    }
}
