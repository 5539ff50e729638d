import Crypto
import EventLoop
import HTTP
import HTTPClient
import HTTPServer
import Telemetry
import TestSupport
import Testing

@Suite("The client's peers", .serialized)
struct RemoteTests {
    private let certificates: TestCertificates
    private let trust: TLSTrust

    init() throws {
        certificates = try TestCertificates()
        trust = try TLSTrust(bundles: [("ca", certificates.authority)])
    }

    /// nginx with TLS on a port, which tells protocol, connection and the fields it got.
    private func nginx(_ pair: TestCertificates.Pair, http2: Bool, port: Int) throws -> RealProgram {
        try RealProgram(
            "nginx", ["-c", "{file}", "-p", "{folder}", "-e", "/dev/null"],
            configuration: """
                daemon off; master_process off; pid {folder}/pid; error_log /dev/null;
                events { worker_connections 256; }
                http {
                    access_log off;
                    client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
                    uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
                    server {
                        listen 127.0.0.1:\(port) ssl \(http2 ? "http2" : "");
                        ssl_certificate \(pair.chainPath); ssl_certificate_key \(pair.keyPath);
                        location / { return 200 "$server_protocol $connection $http_via"; }
                    }
                }
                """, port: port)
    }

    private static let hasNginx = RealProgram.isInstalled("nginx")
    private static let hasTinyproxy = RealProgram.isInstalled("tinyproxy")

    @Test(
        "HTTP/2 is spoken where it is offered, many requests on one connection", .enabled(if: hasNginx, "needs nginx"))
    func http2() async throws {
        let port = RealProgram.freePort()
        let program = try nginx(certificates.issue(), http2: true, port: port)
        try await withClient {
            $0.trust = trust
        } _: { client, loop, registry in
            let bodies = await withTaskGroup(of: Result<String, HTTPClientError>.self) { tasks in
                for _ in 0..<100 {
                    tasks.addTask(executorPreference: loop) {
                        await client.outcome(HTTPClientRequest(patient: "https://localhost:\(port)/"))
                    }
                }
                return await tasks.reduce(into: [Result<String, HTTPClientError>]()) { $0.append($1) }
            }
            let distinct = Set(bodies.map { (try? $0.get()) ?? "\($0)" })
            #expect(distinct.count == 1 && distinct.first?.hasPrefix("HTTP/2.0 ") == true, "\(distinct)")
            #expect(registry.transfers("new") == 1)
        }
        _ = program
    }

    @Test("a peer must prove who it is", .enabled(if: hasNginx, "needs nginx"))
    func verification() async throws {
        let good = try certificates.issue()
        let expired = try certificates.issue(days: -1)
        let elsewhere = try certificates.issue(names: "DNS:other.example.com")
        let otherTrust = try TLSTrust(bundles: [("other", try TestCertificates(name: "Other").authority)])
        for (pair, trust, isGood) in [
            (good, trust, true), (good, otherTrust, false), (expired, trust, false), (elsewhere, trust, false),
        ] {
            let port = RealProgram.freePort()
            let program = try nginx(pair, http2: false, port: port)
            try await withClient {
                $0.trust = trust
            } _: { client, _, _ in
                let outcome = await client.outcome(
                    HTTPClientRequest(patient: "https://localhost:\(port)/", method: .post, body: []))
                switch outcome {
                case .success(let body): #expect(isGood && body.hasPrefix("HTTP/1.1"))
                case .failure(.tlsFailed): #expect(!isGood)
                case .failure(let error): Issue.record("\(error)")
                }
            }
            _ = program
        }
    }

    @Test(
        "new roots hold for every later request, also on hosts that were trusted before",
        .enabled(if: hasNginx, "needs nginx"))
    func replacedRoots() async throws {
        let otherTrust = try TLSTrust(bundles: [("other", try TestCertificates(name: "Other").authority)])
        let port = RealProgram.freePort()
        let program = try nginx(certificates.issue(), http2: false, port: port)
        try await withClient {
            $0.trust = trust
        } _: { client, _, _ in
            let request = HTTPClientRequest(patient: "https://localhost:\(port)/")
            let first = try await client.outcome(request).get()
            let second = try await client.outcome(request).get()
            #expect(second == first)
            client.replaceTrust(with: otherTrust)
            guard case .failure(.tlsFailed) = await client.outcome(request) else {
                Issue.record("a connection or session of before was used")
                return
            }
            client.replaceTrust(with: trust)
            let third = try await client.outcome(request).get()
            #expect(third != first)
        }
        _ = program
    }

    @Test(
        "a proxy carries http and https, and is left out where NO_PROXY says",
        .enabled(if: hasNginx && hasTinyproxy, "needs nginx and tinyproxy"))
    func proxy() async throws {
        let (port, proxyPort) = (RealProgram.freePort(), RealProgram.freePort())
        let program = try nginx(certificates.issue(), http2: false, port: port)
        let proxy = try RealProgram(
            "tinyproxy", ["-d", "-c", "{file}"],
            configuration: """
                Port \(proxyPort)
                Listen 127.0.0.1
                LogFile "{folder}/log"
                LogLevel Connect
                ViaProxyName "tiny"
                BasicAuth user secret
                """, port: proxyPort)
        let plain = try RawServer { peer in
            while let head = peer.readHead() {
                let via = head.lowercased().contains("via:") ? "proxied" : "direct"
                peer.send("HTTP/1.1 200 OK\r\nContent-Length: \(via.utf8.count)\r\n\r\n\(via)")
            }
        }
        let url = "http://user:secret@127.0.0.1:\(proxyPort)"
        try await withClient {
            $0.trust = trust
            $0.httpProxy = url
            $0.httpsProxy = url
            $0.noProxy = ProxyExceptions("localhost,.example.com")
        } _: { client, _, _ in
            #expect(
                await client.outcome(HTTPClientRequest(patient: "http://127.0.0.1:\(plain.port)/"))
                    == .success("proxied"))
            #expect(
                await client.outcome(HTTPClientRequest(patient: "http://localhost:\(plain.port)/"))
                    == .success("direct"))
            let tunnelled = try await client.outcome(HTTPClientRequest(patient: "https://127.0.0.1:\(port)/")).get()
            #expect(tunnelled.hasPrefix("HTTP/1.1"))
        }
        // A proxy that refuses: nothing has reached the peer, also for a write.
        try await withClient {
            $0.trust = trust
            $0.httpsProxy = "http://user:wrong@127.0.0.1:\(proxyPort)"
        } _: { client, _, _ in
            let outcome = await client.outcome(
                HTTPClientRequest(patient: "https://127.0.0.1:\(port)/", method: .post, body: [1]))
            guard case .failure(let error) = outcome else {
                Issue.record("\(outcome)")
                return
            }
            #expect(!error.requestMayHaveBeenProcessed, "\(error)")
            #expect(!"\(error)".contains("wrong"))
            #expect(error.advice(setting: "X").contains("The proxy"), "\(error)")
        }
        _ = (program, proxy)
    }

    @Test("what is for the peer is not told to its proxy")
    func proxySecrets() async throws {
        let heard = Heard()
        let proxy = try RawServer { peer in
            heard.add(peer.readHead() ?? "")
            peer.send("HTTP/1.1 200 Connection established\r\n\r\n")
        }
        try await withClient {
            $0.httpsProxy = "http://127.0.0.1:\(proxy.port)"
        } _: { client, _, _ in
            var request = HTTPClientRequest(patient: "https://peer.example.com/secret-path")
            request.basicCredentials = BasicCredentials(user: "", password: "secret-token")
            request.fields.append("x-secret", "secret-field")
            guard case .failure = await client.outcome(request) else {
                Issue.record("answered")
                return
            }
        }
        #expect(heard.text.hasPrefix("CONNECT peer.example.com:443 HTTP/1.1\r\n"))
        #expect(!heard.text.lowercased().contains("secret") && !heard.text.lowercased().contains("authorization"))
    }

    @Test("IPv6 peers are reached by address", arguments: ["::1", "127.0.0.1"])
    func addresses(_ host: String) async throws {
        struct Ok: Responder {
            func respond(to request: Request) -> Answer { .now(.text(request.remoteAddress)) }
        }
        let group = EventLoopGroup(count: 1)
        let logger = Logger(label: "test", handler: JSONLogHandler(sink: InMemoryLogSink(), level: .error, now: { 0 }))
        let server = HTTPServer(
            configuration: HTTPServerConfiguration(host: host, port: 0), group: group, responder: Ok(), logger: logger)
        let address = try await server.start()
        try await withClient { client, _, _ in
            #expect(await client.outcome(HTTPClientRequest(patient: "http://\(address)/")) == .success(host))
        }
        await server.shutdown(deadline: .zero)
        group.shutdown()
    }

    @Test("a name that does not exist cannot be connected to")
    func unknownName() async throws {
        try await withClient { client, _, _ in
            let outcome = await client.outcome(
                HTTPClientRequest(patient: "http://no-host.invalid/", method: .post, body: []))
            guard case .failure(let error) = outcome else {
                Issue.record("\(outcome)")
                return
            }
            #expect(!error.requestMayHaveBeenProcessed)
        }
    }
}
