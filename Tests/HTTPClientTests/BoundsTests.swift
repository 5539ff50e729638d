import EventLoop
import HTTP
import HTTPClient
import TestSupport
import Testing

@Suite("The client's bounds", .serialized)
struct BoundsTests {
    @Test("decoded bytes count: an answer that unpacks to fifty megabytes is stopped at one", arguments: [true, false])
    func decompressionBomb(_ saysItsLength: Bool) async throws {
        let bomb = try output(ofShell: "head -c 50000000 /dev/zero | gzip -9")
        #expect(bomb.count < 100_000)
        let server = try RawServer { peer in
            _ = peer.readHead()
            let length = saysItsLength ? "Content-Length: \(bomb.count)\r\n" : "Connection: close\r\n"
            peer.send("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\(length)\r\n")
            peer.send(bomb)
        }
        try await withClient { client, _, _ in
            let url = "http://127.0.0.1:\(server.port)/"
            #expect(
                await client.outcome(HTTPClientRequest(url: url, timeout: .seconds(300), maxResponseBytes: 1 << 20))
                    == .failure(.responseTooLarge))
            // The limit is exact.
            let whole = try await client.execute(
                HTTPClientRequest(url: url, timeout: .seconds(300), maxResponseBytes: 50_000_000))
            #expect(whole.body.count == 50_000_000)
            #expect(
                await client.outcome(HTTPClientRequest(url: url, timeout: .seconds(300), maxResponseBytes: 49_999_999))
                    == .failure(.responseTooLarge))
        }
    }

    @Test("what unpacks to too much is stopped while it comes, not at its end")
    func endlessBomb() async throws {
        let bomb = try output(ofShell: "head -c 50000000 /dev/zero | gzip -9")
        let server = try RawServer { peer in
            _ = peer.readHead()
            // One byte that never comes.
            peer.send("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: \(bomb.count + 1)\r\n\r\n")
            peer.send(bomb)
            _ = peer.readHead()
        }
        try await withClient { client, _, _ in
            let request = HTTPClientRequest(
                url: "http://127.0.0.1:\(server.port)/", timeout: .seconds(300), maxResponseBytes: 1 << 20)
            #expect(await client.outcome(request) == .failure(.responseTooLarge))
        }
    }

    @Test(
        "tells an answer that is too long from one that is too short or none",
        arguments: [
            (
                "HTTP/1.1 200 OK\r\n" + String(repeating: "X: \(String(repeating: "a", count: 1_000))\r\n", count: 80),
                "the answer is too large"
            ),
            ("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", "connection lost"),
            ("220 mail.example.com ESMTP\r\n\r\n", "malformed answer"), ("", "connection lost"),
        ])
    func malformed(_ answer: String, _ words: String) async throws {
        let server = try RawServer { peer in
            _ = peer.readHead()
            peer.send(answer)
        }
        try await withClient { client, _, _ in
            let outcome = await client.outcome(HTTPClientRequest(patient: "http://127.0.0.1:\(server.port)/"))
            guard case .failure(let error) = outcome else {
                Issue.record("\(outcome)")
                return
            }
            #expect(error.description.hasPrefix(words), "\(error)")
        }
    }

    /// Where a peer stops: each is a step of a transfer's life.
    enum Step: String, CaseIterable, Sendable { case start, handshake, answer, head, body }

    private func stopping(at step: Step) throws -> RawServer {
        try RawServer { peer in
            if step != .handshake { _ = peer.readHead() }
            switch step {
            case .start, .handshake, .answer: break
            case .head: peer.send("HTTP/1.1 200 OK\r\nContent-Le")
            case .body: peer.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
            }
            peer.waitForEnd()
        }
    }

    @Test("a deadline holds at every step, and says whether the request may have arrived", arguments: Step.allCases)
    func deadline(_ step: Step) async throws {
        let server = try stopping(at: step)
        try await withClient { client, _, _ in
            let scheme = step == .handshake ? "https" : "http"
            let expected = HTTPClientError.timeout(mayHaveBeenSent: step != .handshake)
            // On a machine that is busy the step may not be reached in a short time.
            for seconds in [0.3, 3, 30] {
                let request = HTTPClientRequest(
                    url: "\(scheme)://127.0.0.1:\(server.port)/", timeout: .seconds(seconds))
                let outcome = await client.outcome(request)
                if outcome == .failure(expected) { return }
                #expect([.failure(.timeout(mayHaveBeenSent: false)), .failure(.queueTimeout)].contains(outcome))
            }
            Issue.record("the request was never sent")
        }
    }

    @Test("a call that is cancelled at any step leaves nothing", arguments: Step.allCases)
    func cancelled(_ step: Step) async throws {
        let server = try stopping(at: step)
        let scheme = step == .handshake ? "https" : "http"
        for round in 0..<10 {
            try await withClient { client, loop, _ in
                let tasks = (0..<3).map { _ in
                    Task(executorPreference: loop) {
                        await client.outcome(HTTPClientRequest(patient: "\(scheme)://127.0.0.1:\(server.port)/"))
                    }
                }
                if step != .start {
                    while server.connections <= round { try await Task.sleep(for: .milliseconds(5)) }
                    if round.isMultiple(of: 2) { try await Task.sleep(for: .milliseconds(20)) }
                }
                for task in tasks { task.cancel() }
                for task in tasks { #expect(await task.value == .failure(.cancelled)) }
            }
            // How many connections the first step has made cannot be known.
            if step == .start { break }
        }
    }

    @Test("a shutdown at any step ends every call", arguments: Step.allCases)
    func shutDown(_ step: Step) async throws {
        let server = try stopping(at: step)
        let scheme = step == .handshake ? "https" : "http"
        for round in 1...10 {
            try await withClient { client, loop, _ in
                let task = Task(executorPreference: loop) {
                    await client.outcome(HTTPClientRequest(patient: "\(scheme)://127.0.0.1:\(server.port)/"))
                }
                if step != .start {
                    while server.connections < round { try await Task.sleep(for: .milliseconds(5)) }
                }
                await client.shutdown()
                #expect(await task.value == .failure(.shutDown))
            }
            if step == .start { break }
        }
    }
}
