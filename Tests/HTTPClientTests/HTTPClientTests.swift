import EventLoop
import HTTP
import HTTPClient
import HTTPServer
import LoopTesting
import SandboxSupport
import Synchronization
import Telemetry
import Testing

private struct Upstream: Responder {
    /// Requests to `/abort`.
    let aborted = Counted()

    func respond(to request: Request) -> Answer {
        switch request.path {
        case "/echo":
            var text = "\(request.method.rawValue) \(request.query ?? "-") "
            text += "\(request.head.value(of: .authorization) ?? "-") \(request.head.value(of: .expect) ?? "-") "
            return .now(.text(text + String(decoding: request.body, as: UTF8.self)))
        case "/slow":
            return .later {
                try? await EventLoop.current?.sleep(for: .seconds(30))
                return .text("late")
            }
        case "/big": return .now(Response(body: [UInt8](repeating: 0x61, count: 100_000)))
        case "/cut": return .now(Response(body: Array("abcdef".utf8)).truncated(bodyBytes: 3))
        case "/abort":
            aborted.count.wrappingAdd(1, ordering: .relaxed)
            return .now(.dropped)
        case "/redirect":
            return .now(Response(status: .found, fields: HTTPFields([("location", "/echo")])))
        default: return .now(.text("ok"))
        }
    }
}

private final class Counted: Sendable {
    let count = Atomic<Int>(0)
}

@Suite("The client", .leavesNothing)
struct HTTPClientTests {
    private func withUpstream(
        _ upstream: Upstream = Upstream(), _ work: (HTTPClient, String, EventLoopGroup) async throws -> Void
    ) async throws {
        let group = TestLoops.group
        let logger = Logger(label: "test", handler: JSONLogHandler(sink: InMemoryLogSink(), level: .error, now: { 0 }))
        let server = HTTPServer(
            configuration: HTTPServerConfiguration(host: "127.0.0.1", port: 0), group: group, responder: upstream,
            logger: logger)
        let address = try await server.start()
        let client = HTTPClient(configuration: HTTPClientConfiguration(userAgent: "test"), group: group)
        try await work(client, "http://127.0.0.1:\(address.port)", group)
        await client.shutdown()
        await server.shutdown(deadline: .zero)
    }

    private func failure(_ client: HTTPClient, _ request: HTTPClientRequest) async -> HTTPClientError? {
        do throws(HTTPClientError) {
            _ = try await client.execute(request)
            return nil
        } catch {
            return error
        }
    }

    @Test(
        "sends method, query, credentials and body as they are",
        arguments: [HTTPMethod.get, .post, .put, .delete, .patch])
    func echo(_ method: HTTPMethod) async throws {
        try await withUpstream { client, url, _ in
            var request = HTTPClientRequest(method: method, url: url + "/echo?a=%20b&c=d")
            request.basicCredentials = BasicCredentials(user: "", password: "tok")
            if method != .get { request.body = Array("hello".utf8) }
            let response = try await client.execute(request)
            let text = String(decoding: response.body, as: UTF8.self)
            #expect(text == "\(method.rawValue) a=%20b&c=d Basic OnRvaw== - \(method == .get ? "" : "hello")")
        }
    }

    @Test("keeps to its deadline, its size and its redirects")
    func bounds() async throws {
        try await withUpstream { client, url, _ in
            let began = ContinuousClock.now
            let slow = HTTPClientRequest(url: url + "/slow", timeout: .milliseconds(100))
            #expect(await failure(client, slow) == .timeout(mayHaveBeenSent: true))
            #expect(began.duration(to: .now) < .seconds(25))
            #expect(
                await failure(client, HTTPClientRequest(url: url + "/big", maxResponseBytes: 50_000))
                    == .responseTooLarge)
            let redirect = try await client.execute(HTTPClientRequest(url: url + "/redirect"))
            #expect(redirect.status.code == 302)
        }
    }

    @Test("says whether a request may have been processed")
    func uncertainty() async throws {
        try await withUpstream { client, url, _ in
            for path in ["/cut", "/abort"] {
                let error = await failure(client, HTTPClientRequest(method: .post, url: url + path, body: []))
                #expect(error?.requestMayHaveBeenProcessed == true, "\(path)")
            }
            let refused = await failure(client, HTTPClientRequest(url: "http://127.0.0.1:1/"))
            guard case .connectFailed = refused else {
                Issue.record("expected connectFailed, got \(String(describing: refused))")
                return
            }
            #expect(refused?.requestMayHaveBeenProcessed == false)
        }
    }

    @Test(
        "refuses to send what would end a line",
        arguments: [("http://a/ b", "x"), ("file:///etc/passwd", "x"), ("http://a/", "x\r\ny: z")])
    func invalid(_ url: String, _ value: String) async throws {
        try await withUpstream { client, _, _ in
            let request = HTTPClientRequest(url: url, fields: HTTPFields([("x", value)]))
            guard case .invalidRequest = await failure(client, request) else {
                Issue.record("it was sent")
                return
            }
        }
    }

    @Test("a cancelled call ends at once and leaves nothing", arguments: 0..<10)
    func cancellation(_ round: Int) async throws {
        try await withUpstream { client, url, group in
            let task = Task(executorPreference: group.loops[round % 2]) {
                await failure(client, HTTPClientRequest(url: url + "/slow"))
            }
            if round > 4 { await group.loops[round % 2].spawn {}.value }
            task.cancel()
            #expect(await task.value == .cancelled)
        }
    }

    @Test("many calls at once are all answered")
    func many() async throws {
        try await withUpstream { client, url, group in
            let good = await withTaskGroup(of: Bool.self) { tasks in
                for index in 0..<400 {
                    tasks.addTask(executorPreference: group.loops[index % 2]) {
                        await failure(client, HTTPClientRequest(url: url + "/x")) == nil
                    }
                }
                return await tasks.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(good == 400)
        }
    }

    @Test("a write is sent once, although its connection could have been an old one")
    func writesOnce() async throws {
        let upstream = Upstream()
        try await withUpstream(upstream) { client, url, group in
            await group.loops[0].spawn {
                _ = await failure(client, HTTPClientRequest(url: url + "/warm"))
                let error = await failure(client, HTTPClientRequest(method: .post, url: url + "/abort", body: [1]))
                #expect(error?.requestMayHaveBeenProcessed == true)
            }.value
            #expect(upstream.aborted.count.load(ordering: .relaxed) == 1)
        }
    }

    @Test("after its shutdown it says so")
    func shutDown() async throws {
        try await withUpstream { client, url, _ in
            await client.shutdown()
            #expect(await failure(client, HTTPClientRequest(url: url)) == .shutDown)
        }
    }
}
