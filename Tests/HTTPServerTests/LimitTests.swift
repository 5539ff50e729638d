import Glibc
import HTTPServer
import LoopTesting
import Testing

@Suite("The limits of a server", .leavesNothing)
struct LimitTests {
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

    @Test("requests that overlap each have the time of a head")
    func overlappingHeads() async throws {
        try await withServer({ $0.limits.headTime = .seconds(5) }) { port, _ in
            let client = try RawClient(port: port)
            let answered = await onOwnThread {
                client.send("GET / HTTP")
                return (0..<7).count { _ in
                    usleep(1_000_000)
                    client.send("/1.1\r\nHost: a\r\n\r\nGET / HTTP")
                    return client.read(until: "\r\n\r\nnow").hasSuffix("now")
                }
            }
            #expect(answered == 7)
        }
    }

    /// Four seconds are allowed for each answer and two are taken, so that one deadline for all of them would pass.
    @Test("answers behind one another each have their time")
    func answersInARow() async throws {
        try await withServer({
            $0.limits.stallTime = .seconds(2)
            $0.limits.answerBytesPerSecond = 1 << 19
        }) { port, _ in
            let client = try RawClient(port: port, isNarrow: true)
            client.send(String(repeating: "GET /big HTTP/1.1\r\nHost: a\r\n\r\n", count: 3))
            let body = await onOwnThread {
                let began = ContinuousClock.now
                var body = 0
                while body < 3 << 20, let bytes = client.readSome(8 * 1024) {
                    body += bytes.count { $0 == 0x61 }
                    while began.duration(to: .now) < .milliseconds(body >> 9) { usleep(1_000) }
                }
                return body
            }
            #expect(body >= 3 << 20)
        }
    }

    /// Each piece of the answer takes longer than the stall time, and libuv tells of whole pieces only.
    @Test("a client that reads slowly gets its whole answer, however long that takes")
    func slowReader() async throws {
        try await withServer({ $0.limits.stallTime = .milliseconds(600) }) { port, _ in
            let client = try RawClient(port: port, isNarrow: true)
            client.send("GET /big HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            let body = await onOwnThread {
                var body = 0
                while let bytes = client.readSome(1_024) {
                    body += bytes.count { $0 == 0x61 }
                    usleep(5_000)
                }
                return body
            }
            #expect(body >= 1 << 20)
        }
    }

    @Test("a client that reads nothing is let go")
    func stalledReader() async throws {
        try await withServer({ $0.limits.stallTime = .milliseconds(200) }) { port, server in
            let client = try RawClient(port: port, isNarrow: true)
            client.send("GET /big HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(client.read(until: "200 OK").contains("200 OK"))
            let end = ContinuousClock.now + .seconds(20)
            while await server.connectionCount() > 0, ContinuousClock.now < end {
                try await Task.sleep(for: .milliseconds(5))
            }
            #expect(await server.connectionCount() == 0)
            #expect((client.readAll()?.utf8.count ?? 0) < 1 << 20)
        }
    }

    /// Each read makes room for more, so that the stall clock alone would never end it.
    @Test("a client that reads too slowly for its answer's size is let go")
    func dripReader() async throws {
        try await withServer({
            $0.limits.stallTime = .seconds(2)
            $0.limits.answerBytesPerSecond = 1 << 20
        }) { port, server in
            let client = try RawClient(port: port, isNarrow: true)
            client.send("GET /big HTTP/1.1\r\nHost: a\r\n\r\n")
            // Before, the server may not have seen the connection.
            #expect(client.read(until: "200 OK").contains("200 OK"))
            let isOver = Flag()
            async let reading: Void = onOwnThread {
                while !isOver.isRaised, client.readSome(600) != nil { usleep(100_000) }
            }
            // The whole answer would take three minutes.
            try await becomesTrue(within: .seconds(60)) { await server.connectionCount() == 0 }
            #expect(await server.connectionCount() == 0)
            isOver.raise()
            await reading
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

    @Test("the answer to the last request of a connection says so")
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
            await gate.isWaitedForAtLast()
            clients.removeSubrange(2..<6)
            gate.open()
            let texts = clients.map { $0.readAll() }
            #expect(texts.allSatisfy { $0?.hasSuffix("later") == true }, "\(texts)")
        }
    }
}
