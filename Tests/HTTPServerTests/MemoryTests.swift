import HTTPServer
import LoopTesting
import Synchronization
import Testing

private let budgetBytes = 8 * 1024 * 1024

/// `/large` is 60 KiB at once, `/huge` 1 MiB, `/gate` ends when the gate opens and not before, even when its client is gone.
private final class Large: Responder {
    let gate = Gate()
    private let working = Atomic<Int>(0)

    /// Requests to `/gate` that are worked on.
    var workingCount: Int { working.load(ordering: .relaxed) }

    func respond(to request: Request) -> Answer {
        switch request.path {
        case "/large": return .now(Response(body: [UInt8](repeating: 0x61, count: 60 * 1024)))
        case "/huge": return .now(Response(body: [UInt8](repeating: 0x61, count: 1024 * 1024)))
        case "/gate":
            return .later { [self] in
                working.wrappingAdd(1, ordering: .relaxed)
                await gate.wait()
                working.wrappingSubtract(1, ordering: .relaxed)
                return .text("\(request.body.count)")
            }
        default: return .now(.text("now"))
        }
    }
}

@Suite("The memory for clients", .leavesNothing, .serialized)
struct MemoryTests {
    enum Flood: String, CaseIterable {
        /// Bodies in chunks that never end.
        case chunkedBodies
        /// Bodies that are one byte short.
        case bodies
        /// Heads that never end.
        case heads
        /// Answers that their client does not read.
        case answers
        /// One answer of a megabyte each, of which nothing is read.
        case hugeAnswers
        /// Whole requests that wait for their slot, with a large body each.
        case queued

        var bytes: String {
            let start = "POST / HTTP/1.1\r\nHost: a\r\n"
            switch self {
            case .chunkedBodies:
                return start + "Transfer-Encoding: chunked\r\n\r\nffff\r\n" + String(repeating: "x", count: 60_000)
            case .bodies: return start + "Content-Length: 60001\r\n\r\n" + String(repeating: "x", count: 60_000)
            case .heads: return start + "X: " + String(repeating: "x", count: 30_000)
            case .answers: return String(repeating: "GET /large HTTP/1.1\r\nHost: a\r\n\r\n", count: 200)
            case .hugeAnswers: return "GET /huge HTTP/1.1\r\nHost: a\r\n\r\n"
            case .queued:
                return "POST /gate HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n"
                    + String(repeating: "x", count: 60_000)
            }
        }
    }

    /// The kernel takes some of an answer, so more clients than the budget has room for.
    @Test("a flood stays within the budget, others are served, and all of it is given back", arguments: Flood.allCases)
    func flood(_ flood: Flood) async throws {
        let budget = MemoryBudget(limit: budgetBytes)
        let responder = Large()
        try await serve(responder) {
            $0.memory = budget
            $0.limits.requestsInFlight = 4
        } _: { port, server in
            var most = 0
            var clients: [RawClient] = []
            for number in 0..<400 {
                let client = try RawClient(port: port, isNarrow: flood == .answers || flood == .hugeAnswers)
                client.send(flood.bytes)
                clients.append(client)
                most = max(most, budget.reserved)
                guard number % 40 == 0 else { continue }
                // One of a few bytes on a new connection, as a probe of health is.
                let probe = try RawClient(port: port)
                probe.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                #expect(probe.readAll()?.hasSuffix("now") == true)
            }
            try await becomesTrue { server.activity.shed > 0 }
            #expect(server.activity.shed > 0)
            // Some steps of slack and, for each loop, one read or one answer that is counted when it has been made.
            let slack = (flood == .hugeAnswers ? 3 : 1) * 1024 * 1024
            #expect(most <= budgetBytes + slack, "\(most)")
            #expect(most > budgetBytes / 2, "\(most)")
            clients = []
            responder.gate.open()
            try await becomesTrue { await server.connectionCount() == 0 && budget.reserved < 256 * 1024 }
            #expect(server.activity.connections == 0 && server.activity.inFlight == 0 && server.activity.queued == 0)
            #expect(budget.reserved < 256 * 1024)
        }
        #expect(budget.reserved < 256 * 1024)
    }

    @Test("a client whose request cannot be read to its end learns so")
    func refusal() async throws {
        try await serve(Large(), { $0.memory = MemoryBudget(limit: budgetBytes) }) { port, server in
            let clients = try (0..<300).map { _ in try RawClient(port: port) }
            for client in clients { client.send(Flood.chunkedBodies.bytes) }
            try await becomesTrue { server.activity.shed > 0 }
            let refused = clients.filter { $0.hasAnswer(within: 0) }
            #expect(!refused.isEmpty)
            for client in refused.prefix(5) {
                let text = client.read(until: "\r\n\r\n")
                #expect(text.hasPrefix("HTTP/1.1 503 ") && text.contains("retry-after: 1") && text.contains("close"))
            }
        }
    }

    /// Both send from one address here; an address of many clients is not one client.
    @Test("the connections that hold most are refused, the others go on")
    func largestFirst() async throws {
        try await serve(
            Large(),
            {
                $0.memory = MemoryBudget(limit: budgetBytes)
                $0.limits.bodyTime = .seconds(600)
            }
        ) { port, server in
            let small = try RawClient(port: port)
            small.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nConnection: close\r\n\r\nab")
            let large = try (0..<300).map { _ in try RawClient(port: port) }
            for client in large { client.send(Flood.bodies.bytes) }
            try await becomesTrue { server.activity.shed > 50 }
            small.send("c")
            #expect(small.readAll()?.hasSuffix("now") == true)
        }
    }

    /// Work goes on for a while after its client has gone, and holds what was sent.
    @Test("what work holds counts until it ends, also when its client has reset the connection")
    func resetClients() async throws {
        let budget = MemoryBudget(limit: budgetBytes)
        let responder = Large()
        try await serve(responder, { $0.memory = budget }) { port, server in
            var most = 0
            for number in 0..<400 {
                let client = try RawClient(port: port)
                let before = responder.workingCount
                client.send(Flood.queued.bytes)
                // Its work begins, or it is refused.
                try await becomesTrue { responder.workingCount > before || client.hasAnswer(within: 0) }
                most = max(most, responder.workingCount)
                client.reset()
                guard number % 40 == 0 else { continue }
                let probe = try RawClient(port: port)
                probe.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                #expect(probe.readAll()?.hasSuffix("now") == true)
            }
            try await becomesTrue { await server.connectionCount() == 0 }
            // The clients are gone, their bodies are not. A quarter is the slack for work that has just been cancelled.
            #expect(most * 60_000 <= budgetBytes + budgetBytes / 4, "\(most)")
            #expect(budget.reserved >= responder.workingCount * 60_000)
            responder.gate.open()
            try await becomesTrue { responder.workingCount == 0 && budget.reserved < 256 * 1024 }
            #expect(budget.reserved < 256 * 1024)
        }
    }

    @Test("idle connections hold no buffer")
    func idle() async throws {
        let budget = MemoryBudget(limit: budgetBytes)
        try await serve(Large(), { $0.memory = budget }) { port, server in
            let clients = try (0..<100).map { _ in try RawClient(port: port) }
            for client in clients {
                client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n")
                client.send([UInt8](repeating: 0x78, count: 60_000))
                #expect(client.read(until: "now").hasSuffix("now"))
            }
            #expect(await server.connectionCount() == 100)
            // What the connections cost by themselves, and the steps of two loops.
            #expect(budget.reserved <= 100 * 2 * 1024 + 4 * 64 * 1024)
        }
    }
}
