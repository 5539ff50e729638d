import EventLoop
import HTTPServer
import LoopTesting
import Telemetry
import Testing

@Suite("A server that ends", .leavesNothing)
struct ShutdownTests {
    @Test("requests that came before a shutdown are all answered, the last of them with the connection's end")
    func pipelinedShutdown() async throws {
        let gate = Gate()
        try await withServer(gate: gate) { port, server in
            let client = try RawClient(port: port)
            client.send("GET /gate HTTP/1.1\r\nHost: a\r\n\r\nGET /now HTTP/1.1\r\nHost: a\r\n\r\n")
            await gate.isWaitedForAtLast()
            server.beginDraining()
            gate.open()
            let text = client.readAll() ?? ""
            #expect(text.components(of: "HTTP/1.1 200 OK") == 2 && text.hasSuffix("now"))
            #expect(text.components(of: "connection: close") == 1)
        }
    }

    /// Each client connects, asks and reads to the end while the server stops: one that was let in must be answered.
    @Test("a shutdown leaves no client with a connection without an answer")
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
            await gate.isWaitedForAtLast()
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
            try await closes(port)
            fresh.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            let text = fresh.readAll() ?? ""
            #expect(text.hasSuffix("now") && text.contains("connection: close"))
            #expect(await cutOff == 0)
        }
    }

    /// Which of two idle connections is on the second loop shows when the first loop has closed its own.
    private func withUnreadBytes(
        _ bytes: String, _ change: (inout HTTPServerConfiguration) -> Void = { _ in },
        expect: (String) -> Void
    ) async throws {
        try await withServer(change) { port, server in
            let clients = try (0..<2).map { _ in try RawClient(port: port) }
            for client in clients {
                client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(client.read(until: "now").hasSuffix("now"))
            }
            // The second loop stands still until it has been told to end, and again, with that in its hands, until the
            // bytes have arrived.
            let (told, holds, arrived) = (Flag(), Flag(), Flag())
            defer { for flag in [told, arrived] { flag.raise() } }
            let loop = TestLoops.group.loops[1]
            loop.execute {
                holds.raise()
                told.wait()
            }
            await holds.isRaisedAtLast()
            let holdsAgain = Flag()
            loop.execute {
                holdsAgain.raise()
                arrived.wait()
            }
            async let cutOff = server.shutdown(deadline: .seconds(60))
            try await closes(port)
            while !clients.contains(where: { $0.hasAnswer(within: 0) }) {
                try await Task.sleep(for: .milliseconds(5))
            }
            let client = try #require(clients.first { !$0.hasAnswer(within: 0) })
            try await Task.sleep(for: .milliseconds(50))
            told.raise()
            await holdsAgain.isRaisedAtLast()
            client.send(bytes)
            arrived.raise()
            expect(client.readAll() ?? "reset")
            #expect(await cutOff == 0)
        }
    }

    @Test(
        "a request that has arrived when a connection is closed as idle is answered, although the server has not read it yet"
    )
    func shutdownBeforeReading() async throws {
        try await withUnreadBytes("GET / HTTP/1.1\r\nHost: a\r\n\r\n") { text in
            #expect(text.hasSuffix("now") && text.contains("connection: close"))
        }
    }

    @Test("stray bytes do not keep an idle connection open in a shutdown")
    func shutdownWithStrayBytes() async throws {
        try await withUnreadBytes("\r\n") { #expect($0 == "") }
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

    /// Waits until no socket listens on the port any more.
    private func closes(_ port: Int) async throws {
        while let early = try? RawClient(port: port) {
            early.finishSending()
            // The shutdown needs a thread, too.
            try await Task.sleep(for: .milliseconds(5))
        }
    }
}
