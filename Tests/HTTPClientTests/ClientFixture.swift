import EventLoop
import HTTP
import HTTPClient
import Synchronization
import Telemetry
import Testing

/// A client of its own for a test, with what is left of it checked at the end.
func withClient(
    _ change: (inout HTTPClientConfiguration) -> Void = { _ in },
    _ work: (HTTPClient, EventLoop, PrometheusRegistry) async throws -> Void
) async throws {
    let group = EventLoopGroup(count: 1)
    let registry = PrometheusRegistry()
    var configuration = HTTPClientConfiguration(userAgent: "test")
    configuration.connectTimeout = .seconds(120)
    configuration.metrics = registry
    change(&configuration)
    let client = HTTPClient(configuration: configuration, group: group)
    do {
        try await work(client, group.loops[0], registry)
    } catch {
        Issue.record(error)
    }
    await client.shutdown()
    group.shutdown()
    #expect(group.openHandles == 0)
}

extension HTTPClientRequest {
    /// A request that only a test's own doing ends: machines may be slow.
    init(patient url: String, method: HTTPMethod = .get, body: [UInt8]? = nil) {
        self.init(method: method, url: url, body: body, timeout: .seconds(300))
    }
}

extension HTTPClient {
    /// What became of a request: the body, or why there is none.
    func outcome(_ request: HTTPClientRequest) async -> Result<String, HTTPClientError> {
        do throws(HTTPClientError) {
            return .success(String(decoding: try await execute(request).body, as: UTF8.self))
        } catch {
            return .failure(error)
        }
    }
}

extension PrometheusRegistry {
    /// The value of a series; 0 when it is not there.
    func value(_ series: String) -> Int {
        let line = String(decoding: exposition(), as: UTF8.self).split(separator: "\n").first {
            $0.hasPrefix(series + " ")
        }
        return line.flatMap { Int($0.dropFirst(series.count + 1)) } ?? 0
    }

    func transfers(_ connection: String) -> Int { value("http_client_transfers_total{connection=\"\(connection)\"}") }
}

let okAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

/// Text that a script has heard.
final class Heard: Sendable {
    private let stored = Mutex("")

    var text: String { stored.withLock { $0 } }

    func add(_ text: String) { stored.withLock { $0 += text } }
}
