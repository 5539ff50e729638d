import EventLoop
import HTTPServer
import LoopTesting
import Synchronization
import Telemetry
import Testing

/// Works on each request until it is cancelled, and counts.
private final class Patient: Responder {
    private let begun = Atomic<Int>(0)
    private let cancelled = Atomic<Int>(0)

    var timesBegun: Int { begun.load(ordering: .relaxed) }
    var timesCancelled: Int { cancelled.load(ordering: .relaxed) }

    func respond(to request: Request) -> Answer {
        .later { [self] in
            begun.wrappingAdd(1, ordering: .relaxed)
            do throws(CancellationError) {
                try await EventLoop.current?.sleep(for: .seconds(600))
            } catch {
                cancelled.wrappingAdd(1, ordering: .relaxed)
            }
            return .text("late")
        }
    }
}

/// A client that is gone takes its work along, also when nothing is read from it any more: the kernel reports a reset
/// only to a process that reads, sends or asks.
@Suite("A client that resets its connection behind a request", .leavesNothing, .serialized)
struct ResetTests {
    enum State: CaseIterable {
        case working
        /// Half of them are worked on, the others wait for their turn.
        case queued
        /// So much has been sent behind the request that the connection is not read.
        case ahead
    }

    enum Goodbye: CaseIterable { case reset, halfCloseAndReset, halfCloseAndResetAtOnce }

    @Test("in each state", arguments: State.allCases, Goodbye.allCases)
    func cancels(_ state: State, _ goodbye: Goodbye) async throws {
        let responder = Patient()
        var configuration = HTTPServerConfiguration(host: "127.0.0.1", port: 0)
        if state == .queued { configuration.limits.requestsInFlight = 1 }
        configuration.limits.queueTime = .seconds(600)
        let logger = Logger(label: "test", handler: JSONLogHandler(sink: InMemoryLogSink(), level: .error, now: { 0 }))
        let server = HTTPServer(
            configuration: configuration, group: TestLoops.group, responder: responder, logger: logger)
        let port = try await server.start().port
        var clients = try (0..<4).map { _ in try RawClient(port: port) }
        for client in clients {
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            if state == .ahead {
                client.send(String(repeating: "GET / HTTP/1.1\r\nHost: a\r\n\r\n", count: 3_000))
            }
        }
        try await becomesTrue { responder.timesBegun == (state == .queued ? 2 : 4) }
        if goodbye != .reset { for client in clients { client.finishSending() } }
        // The server learns of the end first.
        if goodbye == .halfCloseAndReset { try await Task.sleep(for: .milliseconds(50)) }
        for client in clients { client.reset() }
        clients = []
        try await becomesTrue { await server.connectionCount() == 0 }
        #expect(await server.connectionCount() == 0)
        try await becomesTrue { responder.timesCancelled == responder.timesBegun }
        #expect(responder.timesBegun >= 2 && responder.timesCancelled == responder.timesBegun)
        await server.shutdown(deadline: .zero)
    }

    /// Waits at most twenty seconds.
    private func becomesTrue(_ condition: () async -> Bool) async throws {
        let end = ContinuousClock.now + .seconds(20)
        while !(await condition()), ContinuousClock.now < end { try await Task.sleep(for: .milliseconds(5)) }
    }
}
