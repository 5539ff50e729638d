import Crypto
import EventLoop
import HTTPServer
import LoopTesting
import Telemetry
import TestSupport
import Testing

/// A loop ends while connections of TLS are in each of their states: a loop that still has a handle of libuv traps at its end.
@Suite("A loop that ends below TLS", .serialized)
struct TLSTeardownTests {
    private let trust: TLSTrust
    private let contexts: TLSContextHolder

    init() throws {
        let certificates = try TestCertificates()
        trust = try TLSTrust(bundles: [("ca", certificates.authority)])
        let pair = try certificates.issue()
        contexts = TLSContextHolder(try .server(certificateChain: pair.chain, privateKey: pair.key))
    }

    enum State: CaseIterable {
        case connected, inTheHello, afterTheHello, refused, withoutTLS
        case established, inTheHead, answered, working, notReading, ended, endedBelow, endedWhileWorking, malformed
    }

    enum Ending: CaseIterable { case atOnce, afterAWhile, withTheClients }

    @Test("in each state", arguments: State.allCases, Ending.allCases)
    func ends(_ state: State, _ ending: Ending) async throws {
        for _ in 0..<2 {
            let group = EventLoopGroup(count: 2)
            var configuration = HTTPServerConfiguration(host: "127.0.0.1", port: 0)
            configuration.tls = TLSListenerConfiguration(contexts: contexts, metrics: PrometheusRegistry())
            let logger = Logger(
                label: "test", handler: JSONLogHandler(sink: InMemoryLogSink(), level: .critical, now: { 0 }))
            let server = HTTPServer(configuration: configuration, group: group, responder: Demo(), logger: logger)
            let port = try await server.start().port
            var clients = try (0..<4).map { _ in try client(in: state, port) }
            switch ending {
            case .atOnce: await server.shutdown(deadline: .zero)
            case .afterAWhile: await server.shutdown(deadline: .milliseconds(20))
            case .withTheClients:
                for client in clients { client.socket.reset() }
                clients = []
                await server.shutdown(deadline: .zero)
            }
            await group.becomesQuiet()
            #expect(group.openHandles == 0 && group.openTasks == 0)
            group.shutdown()
            clients = []
        }
    }

    /// A client that has got there.
    private func client(in state: State, _ port: Int) throws -> TLSClient {
        let client = try TLSClient(port: port, trust: trust, protocols: [state == .refused ? "h2" : "http/1.1"])
        let ask = "HTTP/1.1\r\nHost: a\r\n\r\n"
        switch state {
        case .connected: return client
        case .inTheHello:
            client.socket.send(Array(client.takeOutput().prefix(60)))
            return client
        case .afterTheHello:
            client.socket.send(client.takeOutput())
            return client
        case .withoutTLS:
            client.socket.send("GET / \(ask)")
            #expect(client.socket.read(until: "400 ").contains("400 "))
            return client
        case .refused:
            #expect(!client.handshake())
            return client
        default: #expect(client.handshake())
        }
        switch state {
        case .inTheHead: client.send("GET / HTT")
        case .answered:
            client.send("GET / \(ask)")
            #expect(client.read(until: "now").hasSuffix("now"))
        case .working: client.send("GET /later \(ask)")
        case .notReading: client.send(String(repeating: "GET /big \(ask)", count: 8))
        case .ended: client.end()
        case .endedBelow: client.socket.finishSending()
        case .endedWhileWorking:
            client.send("GET /later \(ask)")
            client.end()
        case .malformed: client.socket.send([0x17, 0x03, 0x03, 0xFF, 0xFF] + [UInt8](repeating: 0, count: 100))
        default: break
        }
        return client
    }
}
