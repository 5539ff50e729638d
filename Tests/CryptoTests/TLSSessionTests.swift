import Glibc
import Synchronization
import TestSupport
import Testing

@testable import Crypto

/// Two sessions that hand each other their bytes.
private struct Link {
    let server: TLSSession
    let client: TLSSession
    var toServer: [UInt8] = []
    var toClient: [UInt8] = []
    var atServer: [UInt8] = []
    var atClient: [UInt8] = []
    var serverProgress = TLSSession.Progress.needsMore
    var clientProgress = TLSSession.Progress.needsMore

    init(server: TLSContext, client: TLSContext, host: String = "localhost") throws {
        self.server = try TLSSession(server: server)
        self.client = try TLSSession(client: client, host: host)
        clientProgress = self.client.start(out: &toServer)
    }

    /// Carries bytes both ways until none are left.
    /// - Parameter step: bytes carried at a time.
    mutating func run(step: Int = .max) {
        while !toServer.isEmpty || !toClient.isEmpty {
            var chunk = Array(toServer.prefix(step))
            toServer.removeFirst(chunk.count)
            if !chunk.isEmpty { serverProgress = server.receive(chunk.span, plain: &atServer, out: &toClient) }
            chunk = Array(toClient.prefix(step))
            toClient.removeFirst(chunk.count)
            if !chunk.isEmpty { clientProgress = client.receive(chunk.span, plain: &atClient, out: &toServer) }
        }
    }
}

@Suite("A TLS session")
struct TLSSessionTests {
    private let certificates: TestCertificates
    private let pair: TestCertificates.Pair
    private let trust: TLSTrust

    init() throws {
        certificates = try TestCertificates()
        pair = try certificates.issue()
        trust = try TLSTrust(bundles: [("ca", certificates.authority)])
    }

    private func serverContext(_ protocols: [String] = ["http/1.1"]) throws -> TLSContext {
        try .server(certificateChain: pair.chain, privateKey: pair.key, applicationProtocols: protocols)
    }

    @Test("carries bytes both ways, however they are split", arguments: [1, 7, 1_000, Int.max])
    func carries(_ step: Int) throws {
        var link = try Link(
            server: serverContext(), client: .client(trust: trust, applicationProtocols: ["h2", "http/1.1"]))
        link.run(step: step)
        #expect(link.server.isEstablished && link.client.isEstablished)
        #expect(link.server.agreement?.version == "TLSv1.3")
        #expect(link.client.agreement?.applicationProtocol == "http/1.1")
        let question = SecureRandom.bytes(100_000)
        let answer = SecureRandom.bytes(70_000)
        #expect(link.client.send(question, out: &link.toServer) == .needsMore)
        #expect(link.server.send(answer, out: &link.toClient) == .needsMore)
        link.run(step: step)
        #expect(link.atServer == question)
        #expect(link.atClient == answer)
    }

    @Test("ends one side at a time, and says so")
    func ends() throws {
        var link = try Link(server: serverContext(), client: .client(trust: trust))
        link.run()
        link.client.end(out: &link.toServer)
        link.run()
        #expect(link.serverProgress == .ended)
        // The other side may still answer.
        #expect(link.server.send([1, 2, 3], out: &link.toClient) == .needsMore)
        link.server.end(out: &link.toClient)
        link.run()
        #expect(link.atClient == [1, 2, 3])
        #expect(link.clientProgress == .ended)
        guard case .failed = link.client.send([1], out: &link.toServer) else {
            Issue.record("sent after its end")
            return
        }
    }

    @Test("talks only to the host it was told", arguments: ["localhost", "127.0.0.1", "::1"])
    func host(_ name: String) throws {
        var link = try Link(server: serverContext(), client: .client(trust: trust), host: name)
        link.run()
        #expect(link.client.isEstablished)
    }

    @Test("refuses another host's certificate", arguments: ["example.com", "127.0.0.2", "localhost.example.com"])
    func otherHost(_ name: String) throws {
        var link = try Link(server: serverContext(), client: .client(trust: trust), host: name)
        link.run()
        guard case .failed(.certificateRefused) = link.clientProgress else {
            Issue.record("\(link.clientProgress)")
            return
        }
        // The server hears why.
        guard case .failed(.alert) = link.serverProgress else {
            Issue.record("\(link.serverProgress)")
            return
        }
    }

    @Test("refuses an unknown authority, and a certificate that has expired")
    func unknownAuthority() throws {
        let other = try TLSTrust(bundles: [("other", try TestCertificates(name: "Other").authority)])
        let expired = try certificates.issue(days: -1)
        let expiredServer = try TLSContext.server(certificateChain: expired.chain, privateKey: expired.key)
        for (server, client) in [
            (try serverContext(), try TLSContext.client(trust: other)), (expiredServer, try .client(trust: trust)),
        ] {
            var link = try Link(server: server, client: client)
            link.run()
            guard case .failed(.certificateRefused) = link.clientProgress else {
                Issue.record("\(link.clientProgress)")
                return
            }
        }
    }

    @Test("refuses a peer that offers other application protocols only (RFC 7301 §3.2)")
    func applicationProtocol() throws {
        var link = try Link(server: serverContext(), client: .client(trust: trust, applicationProtocols: ["h2"]))
        link.run()
        guard case .failed(.nothingInCommon) = link.serverProgress, case .failed(.alert) = link.clientProgress else {
            Issue.record("\(link.serverProgress), \(link.clientProgress)")
            return
        }
    }

    @Test("names what is not TLS")
    func notTLS() throws {
        for (text, expected) in [
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", TLSError.plainHTTP), ("SSH-2.0-x\r\n\r\n", .notTLS),
        ] {
            let session = try TLSSession(server: serverContext())
            var plain: [UInt8] = []
            var out: [UInt8] = []
            #expect(session.receive(Array(text.utf8).span, plain: &plain, out: &out) == .failed(expected))
            #expect(plain.isEmpty && out.count < 100)
        }
    }

    @Test("a record that is too long or was changed on its way ends the session")
    func badRecords() throws {
        var link = try Link(server: serverContext(), client: .client(trust: trust))
        link.run()
        #expect(link.client.send([1, 2, 3], out: &link.toServer) == .needsMore)
        link.toServer[link.toServer.count - 1] ^= 1
        link.run()
        guard case .failed(.protocolViolation) = link.serverProgress else {
            Issue.record("\(link.serverProgress)")
            return
        }
        #expect(link.atServer.isEmpty)

        var second = try Link(server: serverContext(), client: .client(trust: trust))
        second.run()
        // A record of 2^14 + 257 bytes (RFC 8446 §5.2).
        second.toServer = [0x17, 0x03, 0x03, 0x41, 0x01] + [UInt8](repeating: 0, count: 0x4101)
        second.run()
        guard case .failed(.protocolViolation) = second.serverProgress else {
            Issue.record("\(second.serverProgress)")
            return
        }
    }

    @Test("every byte of a handshake can be wrong without harm", arguments: [1 as UInt8, 0x80])
    func mutatedHandshake(_ mask: UInt8) throws {
        let server = try serverContext()
        var hello: [UInt8] = []
        _ = try TLSSession(client: .client(trust: trust), host: "localhost").start(out: &hello)
        for index in hello.indices {
            var bytes = hello
            bytes[index] ^= mask
            let session = try TLSSession(server: server)
            var plain: [UInt8] = []
            var out: [UInt8] = []
            _ = session.receive(bytes.span, plain: &plain, out: &out)
            #expect(plain.isEmpty && !session.isEstablished)
        }
    }
}

@Suite("A TLS server's certificate and tickets")
struct TLSContextTests {
    @Test("what is wrong with a certificate or a key is said")
    func problems() throws {
        let certificates = try TestCertificates()
        let (one, other) = (try certificates.issue(), try certificates.issue())
        let weak = try certificates.issue(key: .rsa(bits: 1024))
        for (chain, key, words) in [
            (one.chain, other.key, "does not belong"), ([], one.key, "no PEM certificate"),
            (one.chain, [], "no private key"), (one.chain, try certificates.encrypted(one), "encrypted"),
            (weak.chain, weak.key, "too small"),
            (Array("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".utf8), one.key, "damaged"),
        ] {
            do throws(CryptoError) {
                _ = try TLSContext.server(certificateChain: chain, privateKey: key)
                Issue.record("accepted although \(words)")
            } catch {
                #expect(error.description.contains(words), "\(error)")
            }
        }
    }

    @Test("says whom its certificate is for and until when")
    func certificate() throws {
        let pair = try TestCertificates().issue(days: 10)
        let context = try TLSContext.server(certificateChain: pair.chain, privateKey: pair.key)
        #expect(context.certificateSubject == "CN=test")
        let now = time(nil)
        #expect(abs((context.certificateNotAfter ?? 0) - now - 10 * 86_400) < 3_600)
    }

    @Test("bundles that hold nothing are refused by name")
    func bundles() throws {
        do throws(CryptoError) {
            _ = try TLSTrust(bundles: [("mine.pem", Array("nothing".utf8))])
            Issue.record("accepted")
        } catch {
            #expect(error.description.contains("mine.pem"))
        }
    }

    @Test("ticket keys turn every hour, old ones stay for their tickets' life, none for ever")
    func ticketKeys() {
        let clock = Atomic<Int>(1_000)
        let keys = TLSTicketKeys { clock.load(ordering: .relaxed) }
        let first = keys.current()
        #expect(keys.find(first.name)?.isOld == false)
        clock.store(1_000 + 3_600, ordering: .relaxed)
        #expect(keys.find(first.name)?.isOld == true)
        #expect(keys.current().name != first.name)
        clock.store(1_000 + 3_600 + 7_199, ordering: .relaxed)
        #expect(keys.find(first.name) != nil)
        clock.store(1_000 + 3_600 + 7_200, ordering: .relaxed)
        #expect(keys.find(first.name) == nil)
    }
}
