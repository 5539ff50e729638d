import EventLoop
import HTTP
import HTTPServer
import LoopTesting
import SandboxSupport
import Telemetry
import Testing

/// `/never` until it is cancelled, `/huge` more than any socket takes, `/slow` in small pieces.
private struct Patience: Responder {
    func respond(to request: Request) -> Answer {
        switch request.path {
        case "/never":
            return .later {
                try? await EventLoop.current?.sleep(for: .seconds(600))
                return .text("never")
            }
        case "/huge": return .now(Response(body: [UInt8](repeating: 0x61, count: 32 << 20)))
        case "/slow":
            return .now(
                Response(body: [UInt8](repeating: 0x61, count: 10_000)).paced(chunk: 1, every: .milliseconds(50)))
        default: return .now(.text("now"))
        }
    }
}

/// A server and its connections end in each state, by the client and by us, and leave nothing behind.
@Suite("A server that ends, and clients that go", .leavesNothing, .serialized)
struct ServerTeardownTests {
    enum Step: String, CaseIterable {
        case connected, inTheHead, inTheBody, inTheChunks, waitingForLeave, answered, working, workingAndMoreSent
        case notReading, readingSlowly, refused

        /// What a client has sent to get there.
        var bytes: String {
            switch self {
            case .connected: ""
            case .inTheHead: "GET / HTTP/1.1\r\nHo"
            case .inTheBody: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab"
            case .inTheChunks: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"
            case .waitingForLeave: "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
            case .answered: "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
            case .working: "GET /never HTTP/1.1\r\nHost: a\r\n\r\n"
            case .workingAndMoreSent: "GET /never HTTP/1.1\r\nHost: a\r\n\r\nGET /never HTTP/1.1\r\nHost: a\r\n\r\n"
            case .notReading: "GET /huge HTTP/1.1\r\nHost: a\r\n\r\n"
            case .readingSlowly: "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n"
            case .refused: "nonsense\r\n\r\n"
            }
        }

        var isWorking: Bool { self == .working || self == .workingAndMoreSent }

        /// What it reads first, so that the server is known to be there.
        var marker: String? {
            switch self {
            case .waitingForLeave: "100 Continue"
            case .answered: "now"
            case .notReading, .readingSlowly: "200 OK"
            case .refused: "400 "
            default: nil
            }
        }
    }

    enum Goodbye: CaseIterable { case close, reset, halfClose, serverEnds, serverEndsAtOnce }

    @Test("in each state", arguments: Step.allCases, Goodbye.allCases)
    func ends(_ step: Step, _ goodbye: Goodbye) async throws {
        for _ in 0..<2 {
            let logger = Logger(
                label: "test", handler: JSONLogHandler(sink: InMemoryLogSink(), level: .error, now: { 0 }))
            var configuration = HTTPServerConfiguration(host: "127.0.0.1", port: 0)
            configuration.limits.lingerTime = .milliseconds(200)
            let server = HTTPServer(
                configuration: configuration, group: TestLoops.group, responder: Patience(), logger: logger)
            let port = try await server.start().port
            var clients = try (0..<3).map { _ in try RawClient(port: port) }
            for client in clients {
                client.send(step.bytes)
                if let marker = step.marker { #expect(client.read(until: marker).contains(marker)) }
            }
            switch goodbye {
            case .close: clients = []
            case .reset: for client in clients { client.reset() }
            case .halfClose: for client in clients { client.finishSending() }
            case .serverEnds: await server.shutdown(deadline: .milliseconds(20))
            case .serverEndsAtOnce: await server.shutdown(deadline: .zero)
            }
            clients = []
            // A client that has gone takes its connection along; while an answer is worked on it might still read it.
            let end = ContinuousClock.now + .seconds(10)
            while !step.isWorking, await server.connectionCount() > 0, ContinuousClock.now < end {
                try await Task.sleep(for: .milliseconds(2))
            }
            let left = await server.connectionCount()
            #expect(step.isWorking || left == 0)
            await server.shutdown(deadline: .zero)
            await TestLoops.group.becomesQuiet()
            #expect(TestLoops.group.openHandles == 0 && TestLoops.group.openTasks == 0)
        }
    }

    @Test("a server that ends before it has begun, and one that ends twice")
    func early() async throws {
        for begins in [false, true] {
            let logger = Logger(
                label: "test", handler: JSONLogHandler(sink: InMemoryLogSink(), level: .error, now: { 0 }))
            let server = HTTPServer(
                configuration: HTTPServerConfiguration(host: "127.0.0.1", port: 0), group: TestLoops.group,
                responder: Patience(), logger: logger)
            if begins { _ = try await server.start() }
            await server.shutdown(deadline: .zero)
            await server.shutdown(deadline: .zero)
        }
    }
}
