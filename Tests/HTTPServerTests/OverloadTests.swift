import EventLoop
import Glibc
import HTTP
import HTTPServer
import LoopTesting
import Synchronization
import Testing

/// `/work` takes a few milliseconds on the loop, `/gate` until the gate opens, `/quick` is later but waits for nothing,
/// `/large` is 64 KiB at once. Counts the requests that it was asked.
private final class Worker: Responder {
    let gate = Gate()
    private let asked = Atomic<Int>(0)

    var timesAsked: Int { asked.load(ordering: .relaxed) }

    func respond(to request: Request) -> Answer {
        asked.wrappingAdd(1, ordering: .relaxed)
        switch request.path {
        case "/work":
            return .later {
                try? await EventLoop.current?.sleep(for: .milliseconds(2))
                // Keeps the loop busy, so that what clients do meanwhile is seen behind the end of this work.
                usleep(500)
                return .text("done")
            }
        case "/gate":
            return .later { [gate] in
                await gate.wait()
                return .text("done")
            }
        case "/quick": return .later { .text("done") }
        case "/large": return .now(Response(body: [UInt8](repeating: 0x61, count: 64 * 1024)))
        default: return .now(.text("now"))
        }
    }
}

/// Records the paths of requests. `/block` keeps its loop until it may go on.
private final class Record: Responder {
    let isBlocked = Flag()
    let mayGoOn = Flag()
    private let seen = Mutex<[String]>([])

    var paths: [String] { seen.withLock { $0 } }

    func respond(to request: Request) -> Answer {
        if request.path == "/block" {
            isBlocked.raise()
            mayGoOn.wait()
        }
        seen.withLock { $0.append(String(request.path)) }
        return .now(.text("now"))
    }
}

private func ask(_ path: String, _ fields: String = "") -> String { "GET \(path) HTTP/1.1\r\nHost: a\r\n\(fields)\r\n" }
private let close = "Connection: close\r\n"

@Suite("Overload ends without a trace", .leavesNothing, .serialized)
struct OverloadTests {
    /// Both loops' slots are held by requests that end in the same moment in which those that wait are reset.
    @Test("a slot given to a request whose client resets in that moment is not lost")
    func slotsOfResetClients() async throws {
        for _ in 0..<10 {
            let worker = Worker()
            try await serve(worker) {
                $0.limits.requestsInFlight = 2
                $0.limits.queueTime = .seconds(2)
            } _: { port, _ in
                let first = try (0..<4).map { _ in try RawClient(port: port) }
                for client in first { client.send(ask("/gate", close)) }
                var waiting = try (0..<24).map { _ in try RawClient(port: port) }
                for client in waiting { client.send(ask("/gate")) }
                try await becomesTrue { worker.timesAsked == 28 }
                worker.gate.open()
                for client in waiting { client.reset() }
                waiting = []
                for client in first { #expect(client.readAll()?.hasSuffix("done") == true) }
                try await expectAllSlots(port, 4)
            }
        }
    }

    /// Clients that keep their connections, clients that reset, and queue deadlines, in rounds.
    @Test("rounds of overload with resets and queue deadlines leave every slot free")
    func rounds() async throws {
        let worker = Worker()
        try await serve(worker) {
            $0.limits.requestsInFlight = 3
            $0.limits.requestsQueued = 12
            $0.limits.queueTime = .milliseconds(10)
        } _: { port, _ in
            for round in 0..<50 {
                var kept = try (0..<20).map { _ in try RawClient(port: port) }
                var leaving = try (0..<20).map { _ in try RawClient(port: port) }
                for (client, other) in zip(kept, leaving) {
                    client.send(ask("/work"))
                    other.send(ask("/work"))
                }
                // At another moment of the work in each round, one by one while slots become free.
                for _ in 0..<(round % 3) { _ = kept.removeFirst().read(until: "\r\n\r\n") }
                while let client = leaving.popLast() {
                    client.reset()
                    usleep(UInt32(round % 10) * 30)
                }
                for client in kept { #expect(client.read(until: "\r\n\r\n").hasPrefix("HTTP/1.1 ")) }
            }
            try await expectAllSlots(port, 6)
        }
    }

    /// As many requests as there are slots on both loops, at once: a lost slot shows as 503.
    private func expectAllSlots(_ port: Int, _ count: Int) async throws {
        let clients = try (0..<count).map { _ in try RawClient(port: port) }
        for client in clients { client.send(ask("/work", close)) }
        let answers = clients.map { $0.readAll() ?? "" }
        #expect(answers.count { $0.hasPrefix("HTTP/1.1 200 ") } == count)
    }

    /// The request waits for its turn, with more behind it than is read ahead; its own work then ends at once.
    @Test("what a client has sent ahead of its turn is all answered")
    func sentAhead() async throws {
        let worker = Worker()
        try await serve(worker) {
            $0.limits.requestsInFlight = 1
            $0.limits.queueTime = .seconds(60)
        } _: { port, _ in
            let first = try (0..<2).map { _ in try RawClient(port: port) }
            for client in first { client.send(ask("/gate", close)) }
            try await becomesTrue { worker.timesAsked == 2 }
            let clients = try (0..<2).map { _ in try RawClient(port: port) }
            let count = 5_000
            for client in clients { client.send(ask("/quick") + String(repeating: ask("/now"), count: count)) }
            try await becomesTrue { worker.timesAsked == 4 }
            usleep(100_000)
            worker.gate.open()
            for client in clients {
                #expect(client.count(of: "HTTP/1.1 200 OK", atLeast: count + 1) == count + 1)
            }
        }
    }

    @Test("one that has sent a thousand requests at once is not answered all of them before others")
    func turns() async throws {
        let record = Record()
        try await serve(record, { _ in }) { port, _ in
            // Every other one is on the same loop.
            let clients = try (0..<5).map { _ in
                let client = try RawClient(port: port)
                client.send(ask("/now"))
                #expect(client.read(until: "now").hasSuffix("now"))
                return client
            }
            clients[0].send(ask("/block"))
            await record.isBlocked.isRaisedAtLast()
            clients[2].send(String(repeating: ask("/many"), count: 1_000))
            clients[4].send(ask("/one"))
            record.mayGoOn.raise()
            #expect(clients[4].read(until: "now").hasSuffix("now"))
            #expect(clients[2].count(of: "HTTP/1.1 200 OK", atLeast: 1_000) == 1_000)
            #expect((record.paths.firstIndex(of: "/one") ?? .max) < 200)
        }
    }

    /// Nothing is read: the kernels' buffers fill up, and behind them one answer may wait.
    @Test("no answer is made before the one in front of it has left", arguments: [1, 4])
    func answersAhead(_ clientCount: Int) async throws {
        let worker = Worker()
        try await serve(worker, { _ in }) { port, _ in
            let clients = try (0..<clientCount).map { _ in try RawClient(port: port, isNarrow: true) }
            let requests = String(repeating: ask("/large"), count: 1_000)
            for client in clients { client.send(requests) }
            try await becomesTrue { worker.timesAsked >= clientCount }
            usleep(300_000)
            // What the kernel takes depends on its settings: some megabytes at most.
            #expect(worker.timesAsked < 100 * clientCount)
        }
    }

    /// An ordinary client, whose buffers grow.
    @Test("the kernel is not given megabytes for a client that reads nothing")
    func kernelBuffers() async throws {
        let worker = Worker()
        try await serve(worker, { _ in }) { port, _ in
            let client = try RawClient(port: port)
            client.send(String(repeating: ask("/large"), count: 1_000))
            try await becomesTrue { worker.timesAsked >= 1 }
            usleep(300_000)
            // 64 KiB each: without a bound the kernels take about 4 MB.
            #expect(worker.timesAsked < 30)
        }
    }

    @Test("small answers to pipelined requests leave together")
    func batches() async throws {
        try await serve(Worker(), { _ in }) { port, _ in
            let client = try RawClient(port: port)
            let count = 3_000
            client.send(String(repeating: ask("/now"), count: count))
            #expect(client.count(of: "HTTP/1.1 200 OK", atLeast: count) == count)
        }
    }

    /// The refusal's reader has the linger time, not that of a stalled reader.
    @Test("a client that was refused for being slow is not kept")
    func refusedSlowClient() async throws {
        try await withServer({
            $0.limits.headTime = .milliseconds(100)
            $0.limits.lingerTime = .milliseconds(100)
            $0.limits.stallTime = .seconds(600)
        }) { port, server in
            let client = try RawClient(port: port)
            client.send("GET / HTT")
            #expect(client.read(until: "\r\n\r\n").hasPrefix("HTTP/1.1 408 "))
            try await becomesTrue { await server.connectionCount() == 0 }
            #expect(await server.connectionCount() == 0)
        }
    }
}

/// Waits at most ten seconds, or as long as is said.
func becomesTrue(within limit: Duration = .seconds(10), _ condition: () async -> Bool) async throws {
    let end = ContinuousClock.now + limit
    while !(await condition()), ContinuousClock.now < end { try await Task.sleep(for: .milliseconds(2)) }
}
