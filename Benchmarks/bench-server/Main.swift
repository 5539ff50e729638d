import EventLoop
import HTTP
import HTTPServer
import Telemetry

/// A server of the runtime alone, for measuring it: `/small` and `/large` answered at once, `/later/small` and
/// `/later/large` after one suspension. Arguments: port, loops.
@main
enum BenchServer {
    private struct Answers: Responder {
        private let small = Response.json(
            Array(#"{"status":"success","message":"\#(String(repeating: "x", count: 62))"}"#.utf8))
        private let large = Response.json(
            Array(#"{"status":"success","message":"\#(String(repeating: "x", count: 3_030))"}"#.utf8))

        func respond(to request: Request) -> Answer {
            switch request.path {
            case "/small": .now(small)
            case "/large": .now(large)
            case "/later/small": .later { await Self.suspended(small) }
            case "/later/large": .later { await Self.suspended(large) }
            default: .now(Response(status: .notFound))
            }
        }

        /// Comes back on the loop's next round.
        private static func suspended(_ response: Response) async -> Response {
            await withCheckedContinuation { continuation in
                guard let loop = EventLoop.current else { preconditionFailure("Invalid state: off the loops") }
                loop.later { continuation.resume() }
            }
            return response
        }
    }

    static func main() async throws {
        let arguments = CommandLine.arguments.dropFirst().compactMap { Int($0) }
        guard arguments.count == 2 else {
            print("usage: bench-server PORT LOOPS")
            return
        }
        let group = EventLoopGroup(count: arguments[1])
        let configuration = HTTPServerConfiguration(
            host: "127.0.0.1", port: arguments[0],
            commonFields: HTTPFields([
                ("x-content-type-options", "nosniff"), ("x-frame-options", "DENY"),
                ("x-xss-protection", "1; mode=block"),
                ("strict-transport-security", "max-age=31536000; includeSubDomains"),
                ("content-security-policy", "default-src 'self'"), ("referrer-policy", "no-referrer"),
            ]))
        let logger = Logger(
            label: "bench", handler: JSONLogHandler(sink: InMemoryLogSink(), level: .critical, now: { 0 }))
        let server = HTTPServer(configuration: configuration, group: group, responder: Answers(), logger: logger)
        let signals = ProcessSignals(on: group.loops[0])
        _ = try await server.start()
        for await signal in signals.received where signal == .terminate { break }
        await server.shutdown(deadline: .seconds(1))
        signals.close()
        group.shutdown()
    }
}
