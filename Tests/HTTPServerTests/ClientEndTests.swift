import HTTPServer
import LoopTesting
import Testing

@Suite("A client that ends, or does not wait", .leavesNothing)
struct ClientEndTests {
    @Test("a refusal can be read although the rest of the request was not")
    func lingering() async throws {
        try await withServer { port, _ in
            let client = try RawClient(port: port)
            client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n")
            client.send(String(repeating: "x", count: 200_000))
            client.finishSending()
            let text = client.readAll()
            #expect(text?.hasPrefix("HTTP/1.1 413 ") == true)
        }
    }

    @Test("a client that has closed its sending side still gets its answer")
    func halfClose() async throws {
        try await withServer { port, _ in
            let client = try RawClient(port: port)
            client.send("GET /later HTTP/1.1\r\nHost: a\r\n\r\n")
            client.finishSending()
            #expect(client.readAll()?.hasSuffix("later") == true)
        }
    }

    @Test("requests that came before the client's end are all answered")
    func halfCloseBehindTwo() async throws {
        try await withServer { port, _ in
            let client = try RawClient(port: port)
            client.send("GET /later HTTP/1.1\r\nHost: a\r\n\r\nGET /now HTTP/1.1\r\nHost: a\r\n\r\n")
            client.finishSending()
            let text = client.readAll() ?? ""
            #expect(text.components(of: "HTTP/1.1 200 OK") == 2 && text.hasSuffix("now"))
        }
    }

    /// Longer than the server looks at its connections.
    @Test("a client that has closed its sending side is waited for")
    func halfCloseAndPatience() async throws {
        let gate = Gate()
        try await withServer(gate: gate) { port, server in
            let client = try RawClient(port: port)
            client.send("GET /gate HTTP/1.1\r\nHost: a\r\n\r\n")
            await gate.isWaitedForAtLast()
            client.finishSending()
            try await Task.sleep(for: .milliseconds(700))
            #expect(await server.connectionCount() == 1)
            gate.open()
            #expect(client.readAll()?.hasSuffix("later") == true)
        }
    }
}
