import EventLoop
import Glibc
import HTTP
import HTTPServer
import LoopTesting
import SandboxSupport
import Synchronization
import Telemetry
import Testing

/// Holds requests until a test lets them go.
final class Gate: Sendable {
    private struct State {
        var isOpen = false
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    func wait() async {
        await withCheckedContinuation { continuation in
            let isOpen = state.withLock { state in
                if !state.isOpen { state.waiting.append(continuation) }
                return state.isOpen
            }
            if isOpen { continuation.resume() }
        }
    }

    /// Returns once a request waits.
    func isWaitedForAtLast() async { while state.withLock({ $0.waiting.isEmpty }) { await Task.yield() } }

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
final class Flag: Sendable {
    private let value = Atomic<Bool>(false)

    var isRaised: Bool { value.load(ordering: .relaxed) }
    func raise() { value.store(true, ordering: .relaxed) }
    /// Blocks the thread, as a handler never must.
    func wait() { while !isRaised { usleep(1_000) } }
    func isRaisedAtLast() async { while !isRaised { await Task.yield() } }
}

/// `/now` at once, `/later` after a pause on the loop, `/gate` when the gate opens, `/echo` the body, `/big` a megabyte, faults by their names.
struct Demo: Responder {
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
        case "/abort": return .now(.dropped)
        case "/paced":
            return .now(Response(body: Array("abcdef".utf8)).paced(chunk: 50, every: .milliseconds(1)))
        case "/split": return .now(Response(fields: HTTPFields([("x", "a\r\nb: c")])))
        case "/cacheable":
            var response = Response(fields: HTTPFields([("cache-control", "no-cache")]))
            response.isCacheable = true
            return .now(response)
        default: return .now(.text("now"))
        }
    }
}

func withServer(
    gate: Gate = Gate(), _ change: (inout HTTPServerConfiguration) -> Void = { _ in },
    _ work: (Int, HTTPServer) async throws -> Void
) async throws {
    try await serve(Demo(gate: gate), change, work)
}

/// A server of its own for each test, with what is left of it checked at the end.
func serve(
    _ responder: any Responder, _ change: (inout HTTPServerConfiguration) -> Void,
    _ work: (Int, HTTPServer) async throws -> Void
) async throws {
    var configuration = HTTPServerConfiguration(
        host: "127.0.0.1", port: 0, commonFields: HTTPFields([("x-common", "yes")]))
    change(&configuration)
    let logger = Logger(label: "test", handler: JSONLogHandler(sink: InMemoryLogSink(), level: .trace, now: { 0 }))
    let server = HTTPServer(
        configuration: configuration, group: TestLoops.group, responder: responder, logger: logger)
    let address = try await server.start()
    try await work(address.port, server)
    await server.shutdown(deadline: .seconds(2))
    #expect(await server.connectionCount() == 0)
}
