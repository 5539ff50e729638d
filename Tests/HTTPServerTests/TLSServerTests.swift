import Crypto
import EventLoop
import HTTP
import HTTPServer
import LoopTesting
import Synchronization
import Telemetry
import TestSupport
import Testing

/// Requests to `/held` wait until a test lets them go.
private final class Hold: Sendable {
    let waiting = Atomic<Int>(0)
    let isOver = Atomic<Bool>(false)
}

private struct Hello: Responder {
    let hold: Hold

    func respond(to request: Request) -> Answer {
        switch request.path {
        case "/later":
            return .later {
                try? await EventLoop.current?.sleep(for: .milliseconds(30))
                return .text("later")
            }
        case "/held":
            return .later {
                hold.waiting.wrappingAdd(1, ordering: .relaxed)
                while !hold.isOver.load(ordering: .relaxed) {
                    try? await EventLoop.current?.sleep(for: .milliseconds(10))
                }
                return .text("held")
            }
        case "/echo": return .now(Response(body: request.body))
        case "/big": return .now(Response(body: [UInt8](repeating: 0x61, count: 1 << 20)))
        default: return .now(.text("now"))
        }
    }
}

@Suite("A server that speaks TLS", .leavesNothing)
struct TLSServerTests {
    private let certificates: TestCertificates
    private let trust: TLSTrust
    private let registry = PrometheusRegistry()
    private let contexts: TLSContextHolder
    private let hold = Hold()

    init() throws {
        certificates = try TestCertificates()
        trust = try TLSTrust(bundles: [("ca", certificates.authority)])
        let pair = try certificates.issue()
        contexts = TLSContextHolder(try .server(certificateChain: pair.chain, privateKey: pair.key))
    }

    private func withServer(
        _ change: (inout HTTPServerConfiguration) -> Void = { _ in }, _ work: (Int, HTTPServer) async throws -> Void
    ) async throws {
        let tls = TLSListenerConfiguration(contexts: contexts, metrics: registry)
        try await serve(
            Hello(hold: hold),
            {
                $0.tls = tls
                change(&$0)
            }, work)
    }

    private func count(_ outcome: String, _ version: String = "none") -> Int {
        let start = "http_server_tls_handshakes_total{outcome=\"\(outcome)\",version=\"\(version)\"} "
        let line = String(decoding: registry.exposition(), as: UTF8.self).split(separator: "\n").first {
            $0.hasPrefix(start)
        }
        return line.flatMap { Int($0.dropFirst(start.count)) } ?? -1
    }

    /// Waits for a number that another thread brings about.
    private func wait(for outcome: String, toReach wanted: Int = 1) async throws {
        for _ in 0..<500 where count(outcome) < wanted { try await Task.sleep(for: .milliseconds(20)) }
        #expect(count(outcome) == wanted, "\(outcome)")
    }

    private static let ask = "HTTP/1.1\r\nHost: a\r\n\r\n"
    private static let askLast = "HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

    @Test("answers at once, later, pipelined and at length")
    func answers() async throws {
        try await withServer { port, _ in
            let client = try TLSClient(port: port, trust: trust)
            #expect(client.handshake())
            client.send("GET /later \(Self.ask)GET /now \(Self.ask)GET /big \(Self.askLast)")
            let text = client.readAll()
            #expect(text.components(of: "HTTP/1.1 200 OK") == 3)
            #expect(text.hasSuffix(String(repeating: "a", count: 1 << 20)))
            // The end was said in TLS, not by cutting the connection.
            #expect(client.progress == .ended)
        }
        #expect(count("completed", "TLSv1.3") == 1)
    }

    /// Each handshake that has begun costs as much as a large request.
    @Test("handshakes that are never finished stay within the memory for clients, and others still get through")
    func unfinishedHandshakes() async throws {
        let budget = MemoryBudget(limit: 4 * 1024 * 1024)
        try await withServer {
            $0.memory = budget
        } _: { port, server in
            var most = 0
            var clients: [RawClient] = []
            for _ in 0..<200 {
                let client = try RawClient(port: port)
                // A record that says it is longer than what follows.
                client.send([0x16, 0x03, 0x01, 0x02, 0x00, 0x01])
                clients.append(client)
                most = max(most, budget.reserved)
            }
            try await becomesTrue { server.activity.shed > 0 }
            // A loop may be beyond its share until it gets its processor time, while the other fills its own.
            #expect(server.activity.shed > 0 && most <= budget.limit + budget.limit / 2, "\(most)")
            let client = try TLSClient(port: port, trust: trust)
            #expect(client.handshake())
            client.send("GET /now \(Self.askLast)")
            #expect(client.readAll().hasSuffix("now"))
            clients = []
            try await becomesTrue { await server.connectionCount() == 0 && budget.reserved < 256 * 1024 }
            #expect(budget.reserved < 256 * 1024 && server.activity.connections == 0)
        }
    }

    @Test("takes a handshake and a request split at every byte")
    func split() async throws {
        try await withServer { port, _ in
            let client = try TLSClient(port: port, trust: trust)
            for byte in client.takeOutput() { client.socket.send([byte]) }
            #expect(client.handshake())
            for character in "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc" {
                client.send(String(character))
            }
            #expect(client.readAll().hasSuffix("\r\n\r\nabc"))
        }
    }

    @Test("still answers a client that has ended its side", arguments: ["close_notify", "FIN alone"])
    func halfClosed(_ how: String) async throws {
        try await withServer { port, _ in
            let client = try TLSClient(port: port, trust: trust)
            client.handshake()
            client.send("GET /later \(Self.ask)")
            if how == "close_notify" { client.end() } else { client.socket.finishSending() }
            #expect(client.readAll().hasSuffix("later"))
            #expect(client.progress == .ended)
        }
    }

    @Test("answers a request without TLS with a refusal that can be read")
    func plainHTTP() async throws {
        try await withServer { port, _ in
            let client = try RawClient(port: port)
            client.send("GET / \(Self.ask)")
            let text = client.readAll() ?? "reset"
            #expect(text.hasPrefix("HTTP/1.1 400 Bad Request\r\n"))
            #expect(text.contains("x-common: yes\r\n") && text.contains("HTTPS"))
        }
        #expect(count("plain_http") == 1)
    }

    @Test("answers a HEAD request without TLS without a body")
    func plainHead() async throws {
        try await withServer { port, _ in
            let client = try RawClient(port: port)
            client.send("HEAD / \(Self.ask)")
            let text = client.readAll() ?? "reset"
            #expect(text.hasPrefix("HTTP/1.1 400 Bad Request\r\n"))
            #expect(text.contains("content-length: ") && text.hasSuffix("\r\n\r\n"))
        }
    }

    @Test("ends what is no TLS, without a word or with an alert")
    func garbage() async throws {
        try await withServer { port, _ in
            for bytes in [
                Array("SSH-2.0-x\r\n".utf8), [0x16, 0x03, 0x01, 0xFF, 0xFF] + [UInt8](repeating: 1, count: 99),
            ] {
                let client = try RawClient(port: port)
                client.send(bytes)
                client.finishSending()
                #expect((client.readAll() ?? "").utf8.count < 32)
            }
            // A record longer than any may be, after a good handshake.
            let client = try TLSClient(port: port, trust: trust)
            client.handshake()
            client.send("GET / \(Self.ask)")
            #expect(client.read(until: "now").hasSuffix("now"))
            client.socket.send([0x17, 0x03, 0x03, 0xFF, 0xFF] + [UInt8](repeating: 0, count: 0xFFFF))
            #expect(client.readAll() == "")
        }
        #expect(count("not_tls") + count("protocol_violation") == 2)
    }

    @Test("refuses a client that speaks another protocol only")
    func applicationProtocol() async throws {
        try await withServer { port, _ in
            let client = try TLSClient(port: port, trust: trust, protocols: ["h2"])
            #expect(!client.handshake())
            guard case .failed(.alert) = client.progress else {
                Issue.record("\(client.progress)")
                return
            }
        }
        #expect(count("nothing_in_common") == 1)
    }

    @Test("a handshake has one deadline, which no byte extends")
    func slowHandshake() async throws {
        try await withServer {
            $0.limits.headTime = .milliseconds(400)
        } _: { port, server in
            let silent = try RawClient(port: port)
            let slow = try TLSClient(port: port, trust: trust)
            let hello = slow.takeOutput()
            let dripping = Task {
                for byte in hello {
                    slow.socket.send([byte])
                    try await Task.sleep(for: .milliseconds(100))
                }
            }
            try await wait(for: "timed_out", toReach: 2)
            dripping.cancel()
            #expect(silent.readAll() == "")
            for _ in 0..<500 where await server.connectionCount() > 0 { try await Task.sleep(for: .milliseconds(20)) }
            #expect(await server.connectionCount() == 0)
        }
    }

    @Test("a handshake that is cut off anywhere leaves nothing")
    func cutOff() async throws {
        try await withServer { port, server in
            let hello = try TLSClient(port: port, trust: trust).takeOutput()
            for length in stride(from: 0, through: hello.count, by: 16) {
                let client = try RawClient(port: port)
                client.send(Array(hello.prefix(length)))
            }
            for _ in 0..<500 where await server.connectionCount() > 0 { try await Task.sleep(for: .milliseconds(20)) }
            #expect(await server.connectionCount() == 0)
        }
        #expect(count("closed_early") > 10)
    }

    @Test("new connections get a new certificate, old ones live on")
    func replacedCertificate() async throws {
        let other = try TestCertificates(name: "Other")
        let otherTrust = try TLSTrust(bundles: [("other", other.authority)])
        let pair = try other.issue()
        try await withServer { port, _ in
            let old = try TLSClient(port: port, trust: trust)
            #expect(old.handshake())
            contexts.replace(with: try .server(certificateChain: pair.chain, privateKey: pair.key))
            #expect(try TLSClient(port: port, trust: otherTrust).handshake())
            #expect(try !TLSClient(port: port, trust: trust).handshake())
            old.send("GET / \(Self.askLast)")
            #expect(old.readAll().hasSuffix("now"))
        }
    }

    @Test("a shutdown does not wait for handshakes, and ends TLS properly")
    func shutdown() async throws {
        try await withServer { port, server in
            let silent = try RawClient(port: port)
            let idle = try TLSClient(port: port, trust: trust)
            idle.handshake()
            let busy = try TLSClient(port: port, trust: trust)
            busy.handshake()
            busy.send("GET /held \(Self.ask)")
            while hold.waiting.load(ordering: .relaxed) == 0 { try await Task.sleep(for: .milliseconds(10)) }
            // On a busy machine the silent one may have had its time already.
            #expect(await server.connectionCount() >= 2)
            server.beginDraining()
            // Asked of every loop, and so after the draining has begun.
            _ = await server.connectionCount()
            hold.isOver.store(true, ordering: .relaxed)
            #expect(await server.shutdown(deadline: .seconds(5)) == 0)
            #expect(busy.readAll().contains("connection: close"))
            #expect(busy.progress == .ended)
            #expect(silent.readAll() == "")
            #expect(idle.readAll() == "" && idle.progress == .ended)
        }
    }
}
