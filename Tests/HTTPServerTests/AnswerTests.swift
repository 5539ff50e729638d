import HTTP
import HTTPServer
import LoopTesting
import Testing

@Suite("What a server answers", .leavesNothing)
struct AnswerTests {
    @Test("answers at once and after a pause, in the order of the requests")
    func pipelining() async throws {
        try await withServer { port, _ in
            let client = try RawClient(port: port)
            let ask = "HTTP/1.1\r\nHost: a\r\n\r\n"
            client.send("GET /later \(ask)GET /now \(ask)GET /now HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            let text = client.readAll() ?? ""
            #expect(text.components(of: "HTTP/1.1 200 OK") == 3)
            let order = text.split(separator: "\r\n\r\n").map(String.init)
            #expect(order[1].hasPrefix("later") && order[2].hasPrefix("now"))
            #expect(text.components(of: "connection: close") == 1)
        }
    }

    @Test("puts its common fields, a date and a request id on every answer, refusals included")
    func commonFields() async throws {
        try await withServer { port, _ in
            for request in ["GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "nonsense\r\n\r\n"] {
                let client = try RawClient(port: port)
                client.send(request)
                let text = client.readAll() ?? ""
                for field in ["x-common: yes", "date: ", "x-request-id: ", "content-length: "] {
                    #expect(text.contains(field), "\(field) in answer to \(request)")
                }
            }
        }
    }

    @Test(
        "sends no body to a refused HEAD, and keeps its request id (RFC 9110 §9.3.2)",
        arguments: [
            ("HEAD / HTTP/1.1\r\nHost: a\r\nX-Request-ID: mine\r\nContent-Length: 70000\r\n\r\n", 413),
            ("HEAD / HTTP/1.1\r\nHost: a\r\nX-Request-ID: mine\r\nExpect: tea\r\n\r\n", 417),
            ("HEAD / HTTP/1.1\r\nHost: a\r\nX-Request-ID: mine\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
            ("HEAD / HTTP/1.1\r\nX-Request-ID: mine\r\n\r\n", 400),
            ("HEAD / HTTP/2.0\r\nHost: a\r\nX-Request-ID: mine\r\n\r\n", 505),
            ("HEAD /a[b] HTTP/1.1\r\nHost: a\r\nX-Request-ID: mine\r\n\r\n", 400),
            ("HEAD / HTTP/1.1\r\nHost: a\r\nX-Request-ID: mine\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", 400),
            ("HEAD /\(String(repeating: "a", count: 9_000)) HTTP/1.1\r\nHost: a\r\nX-Request-ID: mine\r\n\r\n", 414),
        ])
    func refusedHead(_ request: String, _ status: Int) async throws {
        try await withServer { port, _ in
            let client = try RawClient(port: port)
            client.send(request)
            let text = client.readAll() ?? ""
            #expect(text.hasPrefix("HTTP/1.1 \(status) ") && text.hasSuffix("\r\n\r\n"), "\(text)")
            #expect(text.contains("x-request-id: mine\r\n"), "\(text)")
            #expect(!text.contains("content-length: 0\r\n"))
        }
    }

    @Test("leaves its words about caching off an answer that has its own, and off no other")
    func caching() async throws {
        try await withServer {
            $0.uncachedFields = HTTPFields([("cache-control", "no-store")])
        } _: { port, _ in
            for (path, own) in [("/cacheable", "no-cache"), ("/now", "no-store")] {
                let client = try RawClient(port: port)
                client.send("GET \(path) HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                let text = client.readAll() ?? ""
                #expect(text.contains("cache-control: \(own)\r\n") && text.components(of: "cache-control") == 1)
            }
        }
    }

    @Test(
        "keeps a request id that is well formed and replaces any other",
        arguments: [("abc-1.2_3", true), ("a b", false), (String(repeating: "a", count: 129), false), ("é", false)])
    func requestIDs(_ id: String, _ isKept: Bool) async throws {
        try await withServer { port, _ in
            let client = try RawClient(port: port)
            client.send("GET / HTTP/1.1\r\nHost: a\r\nX-Request-ID: \(id)\r\nConnection: close\r\n\r\n")
            #expect((client.readAll() ?? "").contains("x-request-id: \(id)\r\n") == isKept)
        }
    }

    @Test("speaks HTTP/1.0 with and without keep-alive")
    func http10() async throws {
        try await withServer { port, _ in
            let closing = try RawClient(port: port)
            closing.send("GET / HTTP/1.0\r\n\r\n")
            #expect(closing.readAll()?.contains("connection: close") == true)
            let keeping = try RawClient(port: port)
            keeping.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            #expect(keeping.read(until: "now").contains("connection: keep-alive"))
        }
    }

    @Test("gives leave to send a body, then takes it")
    func continues() async throws {
        try await withServer { port, _ in
            let client = try RawClient(port: port)
            client.send("POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
            #expect(client.read(until: "\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n")
            client.send("abc")
            #expect(client.read(until: "abc").hasSuffix("abc"))
        }
    }

    @Test("an empty line behind a request does not begin another")
    func strayLine() async throws {
        try await withServer({
            $0.limits.headTime = .milliseconds(100)
            $0.limits.idleTime = .milliseconds(300)
        }) { port, _ in
            let client = try RawClient(port: port)
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n\r\n")
            let text = client.readAll() ?? ""
            #expect(text.hasSuffix("now") && text.components(of: "HTTP/1.1") == 1)
        }
    }

    @Test("a field that would split the response becomes a bare 500")
    func splitting() async throws {
        try await withServer { port, _ in
            let client = try RawClient(port: port)
            client.send("GET /split HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            let text = client.readAll() ?? ""
            #expect(text.hasPrefix("HTTP/1.1 500 ") && !text.contains("b: c"))
        }
    }

    @Test("imitates failures when told to")
    func failures() async throws {
        try await withServer { port, _ in
            let aborted = try RawClient(port: port)
            aborted.send("GET /abort HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(aborted.readAll() == nil)
            let paced = try RawClient(port: port)
            paced.send("GET /paced HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            #expect(paced.readAll()?.hasSuffix("abcdef") == true)
        }
    }

    @Test("sends a megabyte to a client that reads late")
    func bigAnswer() async throws {
        try await withServer { port, _ in
            let client = try RawClient(port: port)
            client.send("GET /big HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            #expect((client.readAll()?.utf8.count ?? 0) > 1 << 20)
        }
    }

    @Test("sends a body much larger than any buffer whole, and the answer to the next request after it")
    func largeBody() async throws {
        try await withServer { port, server in
            let slow = try RawClient(port: port)
            slow.send("GET /big HTTP/1.1\r\nHost: a\r\n\r\n")
            let client = try RawClient(port: port)
            client.send("HEAD /big HTTP/1.1\r\nHost: a\r\n\r\nGET /big HTTP/1.1\r\nHost: a\r\n\r\n")
            client.send("GET /now HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            let text = Array((client.readAll() ?? "").utf8)
            let heads = text.filter { $0 != 0x61 }.count
            #expect(text.count { $0 == 0x61 } >= 1 << 20 && heads < 2_000)
            #expect(text.suffix(3).elementsEqual("now".utf8))
            // One that never reads must not keep the others waiting, nor the server from ending.
            #expect(await server.connectionCount() >= 1)
        }
    }
}
