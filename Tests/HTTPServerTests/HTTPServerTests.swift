import EventLoop
import HTTP
import HTTPServer
import LoopTesting
import Synchronization
import Telemetry
import Testing

/// Holds requests until a test lets them go.
private final class Gate: Sendable {
    private let state = Mutex<(isOpen: Bool, waiting: [CheckedContinuation<Void, Never>])>((false, []))

    func wait() async {
        await withCheckedContinuation { continuation in
            let isOpen = state.withLock { state in
                if !state.isOpen { state.waiting.append(continuation) }
                return state.isOpen
            }
            if isOpen { continuation.resume() }
        }
    }

    var isWaitedFor: Bool { state.withLock { !$0.waiting.isEmpty } }

    func open() {
        let waiting = state.withLock { state in
            state.isOpen = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }
}

/// Raised once, seen by everybody.
private final class Flag: Sendable {
    private let value = Atomic<Bool>(false)

    var isRaised: Bool { value.load(ordering: .relaxed) }
    func raise() { value.store(true, ordering: .relaxed) }
}

/// `/now` at once, `/later` after a pause on the loop, `/gate` when the gate opens, `/echo` the body, `/big` a megabyte, faults by their names.
private struct Demo: Responder {
    var gate = Gate()

    func respond(to request: Request) -> Answer {
        switch request.path {
        case "/gate":
            return .later {
                await gate.wait()
                return .text("later")
            }
        case "/later":
            return .later {
                try? await EventLoop.current?.sleep(for: .milliseconds(30))
                return .text("later")
            }
        case "/echo": return .now(.text(String(decoding: request.body, as: UTF8.self)))
        case "/big": return .now(Response(body: [UInt8](repeating: 0x61, count: 1 << 20)))
        case "/abort": return .now(Response(delivery: .abort))
        case "/paced":
            return .now(Response(body: Array("abcdef".utf8), delivery: .paced(chunk: 50, every: .milliseconds(1))))
        case "/split": return .now(Response(fields: HTTPFields([("x", "a\r\nb: c")])))
        case "/cacheable":
            var response = Response(fields: HTTPFields([("cache-control", "no-cache")]))
            response.isCacheable = true
            return .now(response)
        default: return .now(.text("now"))
        }
    }
}

@Suite("The server", .leavesNothing)
struct HTTPServerTests {
    /// A server of its own for each test, with what is left of it checked at the end.
    private func withServer(
        gate: Gate = Gate(), _ change: (inout HTTPServerConfiguration) -> Void = { _ in },
        _ work: (Int, HTTPServer) async throws -> Void
    ) async throws {
        var configuration = HTTPServerConfiguration(
            host: "127.0.0.1", port: 0, commonFields: HTTPFields([("x-common", "yes")]))
        change(&configuration)
        let logger = Logger(label: "test", handler: JSONLogHandler(sink: InMemoryLogSink(), level: .trace, now: { 0 }))
        let server = HTTPServer(
            configuration: configuration, group: TestLoops.group, responder: Demo(gate: gate), logger: logger)
        let address = try await server.start()
        try await work(address.port, server)
        await server.shutdown(deadline: .seconds(2))
        #expect(await server.connectionCount() == 0)
    }

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

    @Test("requests that came before a shutdown are all answered, the last of them with the connection's end")
    func pipelinedShutdown() async throws {
        let gate = Gate()
        try await withServer(gate: gate) { port, server in
            let client = try RawClient(port: port)
            client.send("GET /gate HTTP/1.1\r\nHost: a\r\n\r\nGET /now HTTP/1.1\r\nHost: a\r\n\r\n")
            while !gate.isWaitedFor { await Task.yield() }
            server.beginDraining()
            gate.open()
            let text = client.readAll() ?? ""
            #expect(text.components(of: "HTTP/1.1 200 OK") == 2 && text.hasSuffix("now"))
            #expect(text.components(of: "connection: close") == 1)
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

    @Test("sends a megabyte to a client that reads late")
    func bigAnswer() async throws {
        try await withServer { port, _ in
            let client = try RawClient(port: port)
            client.send("GET /big HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            #expect((client.readAll()?.utf8.count ?? 0) > 1 << 20)
        }
    }

    @Test("a slow head and a slow body are refused on time, an idle connection is closed")
    func clocks() async throws {
        try await withServer({
            $0.limits.headTime = .milliseconds(100)
            $0.limits.bodyTime = .milliseconds(100)
            $0.limits.idleTime = .milliseconds(100)
        }) { port, _ in
            for start in ["GET / HTT", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab"] {
                let client = try RawClient(port: port)
                client.send(start)
                #expect(client.readAll()?.hasPrefix("HTTP/1.1 408 ") == true)
            }
            let idle = try RawClient(port: port)
            #expect(idle.readAll() == "")
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

    @Test("no more connections are taken than there may be")
    func connectionLimit() async throws {
        try await withServer({ $0.limits.connections = 2 }) { port, _ in
            let kept = try (0..<2).map { _ in try RawClient(port: port) }
            for client in kept {
                client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(client.read(until: "now").hasSuffix("now"))
            }
            let refused = try RawClient(port: port)
            refused.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect((refused.readAll() ?? "").isEmpty)
        }
    }

    @Test(
        "one address gets no more connections than its share, unless it is a trusted proxy's", arguments: [true, false])
    func connectionsPerAddress(_ isTrusted: Bool) async throws {
        try await withServer {
            $0.limits.connectionsPerAddress = 2
            $0.isTrustedProxy = { _ in isTrusted }
        } _: { port, _ in
            let kept = try (0..<2).map { _ in try RawClient(port: port) }
            for client in kept {
                client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(client.read(until: "now").hasSuffix("now"))
            }
            let third = try RawClient(port: port)
            third.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            #expect((third.readAll() ?? "").hasSuffix("now") == isTrusted)
        }
    }

    @Test("the last request that a connection may carry is told so")
    func requestsPerConnection() async throws {
        try await withServer({ $0.limits.requestsPerConnection = 2 }) { port, _ in
            let client = try RawClient(port: port)
            client.send(String(repeating: "GET / HTTP/1.1\r\nHost: a\r\n\r\n", count: 3))
            let text = client.readAll() ?? ""
            #expect(text.components(of: "HTTP/1.1 200 OK") == 2 && text.components(of: "connection: close") == 1)
        }
    }

    /// One request is under way on each of two loops, one waits on each; those beyond are refused, and what is answered at
    /// once is not held up.
    @Test("more requests than may wait are refused, and those that wait get their turn")
    func overload() async throws {
        let gate = Gate()
        try await withServer(gate: gate) {
            $0.limits.requestsInFlight = 1
            $0.limits.requestsQueued = 1
            $0.limits.queueTime = .seconds(60)
        } _: { port, _ in
            let clients = try (0..<6).map { _ in try RawClient(port: port) }
            for client in clients { client.send("GET /gate HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n") }
            let direct = try RawClient(port: port)
            direct.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            #expect(direct.readAll()?.hasSuffix("now") == true)
            // The refused ones can be read while the gate is shut: which they are depends on how connections were dealt.
            let refused = clients.filter { $0.hasAnswer(within: 2_000) }
            #expect(refused.count == 2)
            gate.open()
            let texts = clients.map { $0.readAll() ?? "" }
            #expect(texts.count { $0.hasPrefix("HTTP/1.1 503 ") && $0.contains("retry-after: 1") } == 2)
            #expect(texts.count { $0.hasSuffix("later") } == 4)
        }
    }

    @Test("a request that waits too long for its turn is refused")
    func queueTime() async throws {
        let gate = Gate()
        try await withServer(gate: gate) {
            $0.limits.requestsInFlight = 1
            $0.limits.queueTime = .milliseconds(100)
        } _: { port, _ in
            let clients = try (0..<4).map { _ in try RawClient(port: port) }
            for client in clients { client.send("GET /gate HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n") }
            #expect(clients.count { $0.hasAnswer(within: 2_000) } == 2)
            gate.open()
            #expect(clients.map { $0.readAll() ?? "" }.count { $0.hasPrefix("HTTP/1.1 503 ") } == 2)
        }
    }

    @Test("a waiting request whose client goes away gives its turn to the next")
    func abandonedTurns() async throws {
        let gate = Gate()
        try await withServer(gate: gate) {
            $0.limits.requestsInFlight = 1
            $0.limits.queueTime = .seconds(60)
        } _: { port, server in
            var clients = try (0..<8).map { _ in try RawClient(port: port) }
            for client in clients { client.send("GET /gate HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n") }
            while !gate.isWaitedFor { await Task.yield() }
            clients.removeSubrange(2..<6)
            gate.open()
            let texts = clients.map { $0.readAll() }
            #expect(texts.allSatisfy { $0?.hasSuffix("later") == true }, "\(texts)")
        }
    }

    /// Each client connects, asks and reads to the end while the server stops: one that was let in must be answered.
    @Test("nobody who got a connection is left without an answer by a shutdown")
    func nobodyIsLost() async throws {
        for _ in 0..<5 {
            let stop = Flag()
            try await withServer { port, server in
                try await withThrowingTaskGroup(of: Int.self) { tasks in
                    for _ in 0..<4 {
                        tasks.addTask {
                            var lost = 0
                            while !stop.isRaised {
                                guard let client = try? RawClient(port: port) else { break }
                                client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                                if client.readAll()?.hasSuffix("now") != true { lost += 1 }
                                // The client blocks its thread; others need one, too.
                                await Task.yield()
                            }
                            return lost
                        }
                    }
                    try await Task.sleep(for: .milliseconds(50))
                    await server.shutdown(deadline: .seconds(5))
                    stop.raise()
                    #expect(try await tasks.reduce(0, +) == 0)
                }
            }
        }
    }

    @Test("a shutdown lets requests under way finish and says that the connection ends")
    func shutdown() async throws {
        let gate = Gate()
        try await withServer(gate: gate) { port, server in
            let busy = try RawClient(port: port)
            let idle = try RawClient(port: port)
            idle.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            _ = idle.read(until: "now")
            busy.send("GET /gate HTTP/1.1\r\nHost: a\r\n\r\n")
            while !gate.isWaitedFor { await Task.yield() }
            server.beginDraining()
            // Each loop has been told when it has answered this.
            _ = await server.connectionCount()
            gate.open()
            let cutOff = await server.shutdown(deadline: .seconds(5))
            let text = busy.readAll() ?? ""
            #expect(cutOff == 0 && text.hasSuffix("later") && text.contains("connection: close"))
            #expect(idle.readAll() == "")
            #expect(throws: RawClient.SocketError.self) { _ = try RawClient(port: port) }
        }
    }

    @Test("a first request on its way when a shutdown begins is answered")
    func shutdownBeforeFirstRequest() async throws {
        try await withServer({ $0.limits.firstRequestTime = .seconds(60) }) { port, server in
            let fresh = try RawClient(port: port)
            while await server.connectionCount() < 1 { await Task.yield() }
            server.beginDraining()
            // Each loop has been told when it has answered this.
            _ = await server.connectionCount()
            async let cutOff = server.shutdown(deadline: .seconds(60))
            // The listener closes first.
            while let early = try? RawClient(port: port) { early.finishSending() }
            fresh.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            let text = fresh.readAll() ?? ""
            #expect(text.hasSuffix("now") && text.contains("connection: close"))
            #expect(await cutOff == 0)
        }
    }

    @Test("a connection that stays silent does not hold up a shutdown")
    func shutdownWithSilentConnection() async throws {
        try await withServer({ $0.limits.firstRequestTime = .milliseconds(50) }) { port, server in
            let silent = try RawClient(port: port)
            while await server.connectionCount() < 1 { await Task.yield() }
            #expect(await server.shutdown(deadline: .seconds(600)) == 0)
            #expect(silent.readAll() == "")
        }
    }

    @Test("a port in use is said with its name")
    func portInUse() async throws {
        try await withServer { port, _ in
            let group = EventLoopGroup(count: 1)
            let logger = Logger(
                label: "test", handler: JSONLogHandler(sink: InMemoryLogSink(), level: .trace, now: { 0 }))
            let second = HTTPServer(
                configuration: HTTPServerConfiguration(host: "127.0.0.1", port: port), group: group, responder: Demo(),
                logger: logger)
            await #expect(throws: UVError.addressInUse) { _ = try await second.start() }
            await second.shutdown(deadline: .zero)
            group.shutdown()
        }
    }
}
