import EventLoop
import HTTP
import HTTPClient
import HTTPServer
import LoopTesting
import SandboxSupport
import Synchronization
import Telemetry
import Testing

/// `/never` answers when it is cancelled, `/slow` in small pieces; each request is counted.
private struct SlowUpstream: Responder {
    let seen = Seen()

    func respond(to request: Request) -> Answer {
        seen.count.wrappingAdd(1, ordering: .relaxed)
        guard request.path == "/slow" else {
            return .later {
                try? await EventLoop.current?.sleep(for: .seconds(600))
                return .text("never")
            }
        }
        return .now(
            Response(body: [UInt8](repeating: 0x61, count: 100_000)).paced(chunk: 100, every: .milliseconds(20)))
    }
}

private final class Seen: Sendable {
    let count = Atomic<Int>(0)
}

/// Calls are cancelled and the client is shut down at each step of a call; the caller learns it once and nothing is left.
@Suite("A client whose calls are given up", .leavesNothing, .serialized)
struct ClientTeardownTests {
    enum Step: CaseIterable { case atOnce, afterATurn, resolving, connecting, sent, inTheBody }
    enum Goodbye: CaseIterable { case cancel, shutDown, both }

    @Test("at each step", arguments: Step.allCases, Goodbye.allCases)
    func ends(_ step: Step, _ goodbye: Goodbye) async throws {
        let upstream = SlowUpstream()
        let logger = Logger(label: "test", handler: JSONLogHandler(sink: InMemoryLogSink(), level: .error, now: { 0 }))
        let server = HTTPServer(
            configuration: HTTPServerConfiguration(host: "127.0.0.1", port: 0), group: TestLoops.group,
            responder: upstream, logger: logger)
        let port = try await server.start().port
        for _ in 0..<3 {
            let client = HTTPClient(configuration: HTTPClientConfiguration(userAgent: "test"), group: TestLoops.group)
            let url =
                switch step {
                case .resolving: "http://a-name-that-no-host-has.invalid/"
                // An address of documentation (RFC 5737): no host answers, or the kernel knows no way.
                case .connecting: "http://192.0.2.1:9/"
                case .inTheBody: "http://127.0.0.1:\(port)/slow"
                default: "http://127.0.0.1:\(port)/never"
                }
            let before = upstream.seen.count.load(ordering: .relaxed)
            let calls = TestLoops.group.loops.map { loop in
                Task(executorPreference: loop) { () -> Bool in
                    do throws(HTTPClientError) {
                        _ = try await client.execute(HTTPClientRequest(url: url, timeout: .seconds(60)))
                        return false
                    } catch {
                        return true
                    }
                }
            }
            switch step {
            case .atOnce: break
            case .afterATurn: for loop in TestLoops.group.loops { await loop.spawn {}.value }
            case .resolving, .connecting: try await Task.sleep(for: .milliseconds(5))
            case .sent, .inTheBody:
                while upstream.seen.count.load(ordering: .relaxed) < before + 2 {
                    try await Task.sleep(for: .milliseconds(1))
                }
                if step == .inTheBody { try await Task.sleep(for: .milliseconds(30)) }
            }
            if goodbye != .shutDown { for call in calls { call.cancel() } }
            if goodbye != .cancel { await client.shutdown() }
            for call in calls { #expect(await call.value) }
            await client.shutdown()
        }
        await server.shutdown(deadline: .zero)
    }
}
