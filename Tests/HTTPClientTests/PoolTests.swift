import EventLoop
import HTTP
import HTTPClient
import Synchronization
import TestSupport
import Testing

/// Counts the requests of a script's connections.
private final class Seen: Sendable {
    let requests = Atomic<Int>(0)
}

@Suite("The client's pool")
struct PoolTests {
    @Test("serves reads and writes alike on one connection", arguments: [HTTPMethod.get, .post, .put, .delete])
    func reuse(_ method: HTTPMethod) async throws {
        let server = try RawServer { peer in
            while peer.readHead() != nil { peer.send(okAnswer) }
        }
        try await withClient { client, _, registry in
            for _ in 0..<20 {
                let request = HTTPClientRequest(
                    patient: "http://127.0.0.1:\(server.port)/", method: method, body: method == .get ? nil : [])
                #expect(await client.outcome(request) == .success("ok"))
            }
            #expect(server.connections == 1)
            #expect(registry.transfers("new") == 1)
            #expect(registry.transfers("reused") == 19)
        }
    }

    /// Waits for a script's thread to have counted.
    private func wait(for seen: Seen, toReach wanted: Int) async throws {
        for _ in 0..<3_000 where seen.requests.load(ordering: .relaxed) < wanted {
            try await Task.sleep(for: .milliseconds(20))
        }
        #expect(seen.requests.load(ordering: .relaxed) == wanted)
    }

    /// Answers the first request of each connection and closes on the second, as if it had been idle for too long.
    private func forgetful(_ seen: Seen) throws -> RawServer {
        try RawServer { peer in
            guard peer.readHead() != nil else { return }
            seen.requests.wrappingAdd(1, ordering: .relaxed)
            peer.send(okAnswer)
            if peer.readHead() != nil { seen.requests.wrappingAdd(1, ordering: .relaxed) }
        }
    }

    @Test("sends a read again when its pooled connection dies, and never a write")
    func staleConnection() async throws {
        let seen = Seen()
        let server = try forgetful(seen)
        try await withClient { client, _, registry in
            let url = "http://127.0.0.1:\(server.port)/"
            #expect(await client.outcome(HTTPClientRequest(patient: url)) == .success("ok"))
            #expect(await client.outcome(HTTPClientRequest(patient: url)) == .success("ok"))
            try await wait(for: seen, toReach: 3)
            #expect(registry.value("http_client_retries_total") == 1)
            for body: [UInt8] in [[], Array("a=b".utf8)] {
                // The connection of the read before is pooled again.
                let outcome = await client.outcome(HTTPClientRequest(patient: url, method: .post, body: body))
                guard case .failure(let error) = outcome else {
                    Issue.record("\(outcome)")
                    return
                }
                #expect(error.requestMayHaveBeenProcessed)
                #expect(await client.outcome(HTTPClientRequest(patient: url)) == .success("ok"))
            }
        }
        try await wait(for: seen, toReach: 3 + 2 * 2)
    }

    @Test("sends a read no more than twice")
    func onceOnly() async throws {
        let seen = Seen()
        let server = try RawServer { peer in
            guard peer.readHead() != nil else { return }
            if seen.requests.wrappingAdd(1, ordering: .relaxed).newValue > 1 { return }
            peer.send(okAnswer)
            if peer.readHead() != nil { seen.requests.wrappingAdd(1, ordering: .relaxed) }
        }
        try await withClient { client, _, _ in
            let url = "http://127.0.0.1:\(server.port)/"
            #expect(await client.outcome(HTTPClientRequest(patient: url)) == .success("ok"))
            guard case .failure = await client.outcome(HTTPClientRequest(patient: url)) else {
                Issue.record("it was answered")
                return
            }
        }
        try await wait(for: seen, toReach: 3)
    }

    @Test("is bounded, and a request that waits for a connection keeps its deadline")
    func bounded() async throws {
        let server = try RawServer { peer in
            _ = peer.readHead()
            peer.waitForEnd()
        }
        try await withClient {
            $0.connectionsPerHost = 1
        } _: { client, loop, _ in
            let url = "http://127.0.0.1:\(server.port)/"
            let first = Task(executorPreference: loop) {
                await client.outcome(HTTPClientRequest(patient: url))
            }
            while server.connections == 0 { try await Task.sleep(for: .milliseconds(10)) }
            let second = await client.outcome(HTTPClientRequest(method: .post, url: url, timeout: .milliseconds(200)))
            #expect(second == .failure(.queueTimeout))
            #expect(server.connections == 1)
            first.cancel()
            #expect(await first.value == .failure(.cancelled))
        }
    }

    @Test("a pooled connection that the peer has closed is noticed before a write is sent")
    func closedMeanwhile() async throws {
        let server = try RawServer { peer in
            _ = peer.readHead()
            peer.send(okAnswer)
        }
        try await withClient { client, _, _ in
            let url = "http://127.0.0.1:\(server.port)/"
            for round in 1...5 {
                #expect(
                    await client.outcome(HTTPClientRequest(patient: url, method: .post, body: [])) == .success("ok"))
                while server.connections < round { try await Task.sleep(for: .milliseconds(10)) }
                try await Task.sleep(for: .milliseconds(100))
            }
            #expect(server.connections == 5)
        }
    }
}
