import EventLoop
import HTTPClient
import HelperCore
import Synchronization
import Telemetry
import TestSupport
import Testing

@testable import ThreeScale

/// A 3scale that answers by a script, an API manager that asks it, and what was asked and logged.
final class Upstream: Sendable {
    struct Reply: Sendable {
        var status = 200
        var body = "{}"
        var type = "application/json"
        var fields = ""
        /// Close the connection without an answer.
        var isSilent = false
        /// Keep the connection open without an answer.
        var isHanging = false
    }

    let calls = Mutex<[String]>([])
    let log = LogRecorder()
    let registry = PrometheusRegistry(descriptions: [
        "mlaas_upstream_requests_total": .init(help: "", seriesMax: 800)
    ])
    let breaker: CircuitBreaker

    init(_ breaker: BreakerState.Settings = .init()) { self.breaker = CircuitBreaker(breaker) }

    func count(_ text: String) -> Int { calls.withLock { $0.filter { $0.contains(text) }.count } }

    func run(
        _ reply: @escaping @Sendable (_ line: String, _ isReused: Bool) -> Reply, concurrency: Int = 8,
        retries: Int = 3, connections: Int = 32, timeout: Duration = .seconds(60),
        _ work: (ThreeScaleAPIManager) async throws -> Void
    ) async throws {
        let server = try RawServer { [self] peer in
            var isReused = false
            while let head = peer.readHead() {
                let line = head.split(separator: "\r\n")[0].split(separator: " ").prefix(2).joined(separator: " ")
                calls.withLock { $0.append(line) }
                let answer = reply(line, isReused)
                if answer.isSilent { return }
                if answer.isHanging { return peer.waitForEnd() }
                peer.send(
                    "HTTP/1.1 \(answer.status) X\r\nContent-Type: \(answer.type)\r\n\(answer.fields)"
                        + "Content-Length: \(answer.body.utf8.count)\r\n\r\n\(answer.body)")
                isReused = true
            }
        }
        let group = EventLoopGroup(count: 1)
        var clientConfiguration = HTTPClientConfiguration(userAgent: "test")
        clientConfiguration.connectionsPerHost = connections
        let client = HTTPClient(configuration: clientConfiguration, group: group)
        var configuration = ThreeScaleConfiguration(url: "http://127.0.0.1:\(server.port)") { "token" }
        configuration.timeout = timeout
        configuration.concurrency = concurrency
        configuration.retries = retries
        let manager = ThreeScaleAPIManager(
            configuration: configuration, client: client,
            metrics: UpstreamMetrics(factory: registry),
            tracer: Tracer(recorder: nil, ratio: 0, threads: 1, now: { 0 }), breaker: breaker,
            logger: Logger(label: "3scale", handler: log), wallClock: { 1_000_000_000 },
            sleep: { try? await Task.sleep(for: $0) })
        do { try await work(manager) } catch { Issue.record(error) }
        await client.shutdown()
        group.shutdown()
    }
}

/// Keeps every line.
struct LogRecorder: LogHandler {
    private final class Lines: Sendable {
        let stored = Mutex<[String]>([])
    }

    private let kept = Lines()
    var logLevel = Logger.Level.debug
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?

    var lines: [String] { kept.stored.withLock { $0 } }

    func log(event: LogEvent) {
        let fields = (event.metadata ?? [:]).sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        kept.stored.withLock { $0.append(([event.level.rawValue, event.message] + fields).joined(separator: " ")) }
    }
}
