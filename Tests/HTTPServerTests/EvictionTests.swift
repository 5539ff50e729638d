import LoopTesting
import Testing

@testable import HTTPServer

@Suite("Which connection makes room for another")
struct EvictionOrderTests {
    private func candidate(_ address: String?, idle isIdle: Bool = true, since: UInt64) -> EvictionOrder.Candidate {
        EvictionOrder.Candidate(
            group: address.map { ConnectionCensus.subject(of: $0) }, time: SpareTime(isIdle: isIdle, since: since))
    }

    @Test("the longest idle of the largest group, then again as long as it stays the largest")
    func order() {
        let candidates = [
            candidate("192.0.2.1", since: 1), candidate("192.0.2.2", since: 30), candidate("192.0.2.2", since: 20),
            candidate("192.0.2.2", since: 10), candidate("192.0.2.3", since: 5), candidate(nil, since: 0),
        ]
        let sizes = ["192.0.2.1": 1, "192.0.2.2": 3, "192.0.2.3": 2]
        #expect(EvictionOrder.choose(candidates, sizes: sizes, most: 3) == [3, 4, 2])
        #expect(EvictionOrder.choose(candidates, sizes: sizes, most: 9).first == 3)
    }

    @Test("the addresses of one IPv6 network are one group")
    func networks() {
        let candidates = [
            candidate("192.0.2.1", since: 1), candidate("2001:db8::1", since: 9), candidate("2001:db8::2", since: 8),
        ]
        #expect(
            EvictionOrder.choose(candidates, sizes: ["192.0.2.1": 1, "2001:db8:0:0::/64": 2], most: 1) == [2])
    }

    @Test("in a group idle ones go before those that have begun something")
    func idleFirst() {
        let candidates = [candidate("192.0.2.1", idle: false, since: 1), candidate("192.0.2.1", since: 9)]
        #expect(EvictionOrder.choose(candidates, sizes: ["192.0.2.1": 2], most: 2) == [1, 0])
    }

    @Test("a group gives none to one that is larger, and nothing that has begun to one that becomes as large")
    func fairness() {
        let idle = SpareTime(isIdle: true, since: 0)
        let begun = SpareTime(isIdle: false, since: 0)
        #expect(EvictionOrder.mayReplace(idle, ofGroupWith: 5, newGroup: 5))
        #expect(!EvictionOrder.mayReplace(idle, ofGroupWith: 4, newGroup: 5))
        #expect(EvictionOrder.mayReplace(begun, ofGroupWith: 5, newGroup: 3))
        #expect(!EvictionOrder.mayReplace(begun, ofGroupWith: 5, newGroup: 4))
    }
}

@Suite("Which client is refused first when the memory is used up")
struct ShedOrderTests {
    private func holder(_ address: String?, _ bytes: Int, _ number: UInt64) -> ShedOrder.Holder {
        ShedOrder.Holder(group: address.map { ConnectionCensus.subject(of: $0) }, bytes: bytes, number: number)
    }

    @Test("the group that holds most, of it the largest, among equals the oldest")
    func order() {
        let holders = [
            holder("192.0.2.1", 50, 1), holder("192.0.2.2", 30, 2), holder("192.0.2.2", 40, 3),
            holder("192.0.2.2", 40, 4), holder(nil, 60, 5),
        ]
        #expect(ShedOrder.rank(holders) == [2, 3, 1, 4, 0])
    }

    @Test("the addresses of one IPv6 network hold together what each holds")
    func networks() {
        let holders = [holder("192.0.2.1", 50, 1), holder("2001:db8::1", 30, 2), holder("2001:db8:0:0:9::2", 30, 3)]
        #expect(ShedOrder.rank(holders) == [1, 2, 0])
    }
}

@Suite("A server that has as many connections as it may", .leavesNothing, .serialized)
struct EvictionTests {
    private static let ask = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    private static let askLast = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

    /// Connections that have carried a request each.
    private func connect(_ count: Int, _ port: Int, from loopback: Int) throws -> [RawClient] {
        try (0..<count).map { _ in
            let client = try RawClient(port: port, from: loopback)
            client.send(Self.ask)
            #expect(client.read(until: "now").hasSuffix("now"))
            return client
        }
    }

    private func isAnswered(_ port: Int, from loopback: Int) throws -> Bool {
        let client = try RawClient(port: port, from: loopback)
        client.send(Self.askLast)
        return client.readAll()?.hasSuffix("now") == true
    }

    @Test("addresses with all the connections they may have do not shut out another")
    func fourAddresses() async throws {
        try await withServer({
            $0.limits.connections = 40
            $0.limits.connectionsPerAddress = 10
        }) { port, _ in
            var held: [RawClient] = []
            for loopback in 2...5 { held += try connect(10, port, from: loopback) }
            for _ in 0..<20 { #expect(try isAnswered(port, from: 6)) }
            #expect(held.count { $0.hasAnswer(within: 0) } <= 20)
        }
    }

    @Test("of the largest group a connection that has long been idle goes, and of the others none")
    func largestGroup() async throws {
        try await withServer({ $0.limits.connections = 10 }) { port, server in
            let oldest = try connect(1, port, from: 2)
            // Loops tell times of one turn not apart.
            let first = try connect(2, port, from: 3)
            try await Task.sleep(for: .milliseconds(100))
            let large = first + (try connect(6, port, from: 3))
            let recent = try connect(1, port, from: 3)
            #expect(try isAnswered(port, from: 4))
            #expect(large.count { $0.hasAnswer(within: 1_000) } == 1)
            #expect(!oldest[0].hasAnswer(within: 0) && !recent[0].hasAnswer(within: 0))
            // Of each loop the longest idle: they were dealt out in turn.
            #expect(first.contains { $0.hasAnswer(within: 0) })
        }
    }

    @Test("no connection goes that is in a request; with none to spare, new ones are closed")
    func busy() async throws {
        let gate = Gate()
        try await withServer(gate: gate, { $0.limits.connections = 8 }) { port, server in
            let working = try (0..<8).map { _ in try RawClient(port: port, from: 2) }
            for client in working { client.send("GET /gate HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n") }
            try await becomesTrue { server.activity.inFlight == 8 }
            #expect(try !isAnswered(port, from: 3))
            gate.open()
            for client in working { #expect(client.readAll()?.hasSuffix("later") == true) }
        }
    }

    @Test("connections that begin a request and do not go on do not shut out another address")
    func begun() async throws {
        try await withServer({ $0.limits.connections = 8 }) { port, server in
            let begun = try (0..<8).map { _ in try RawClient(port: port, from: 2) }
            for client in begun { client.send("GET / HTT") }
            try await becomesTrue { await server.connectionCount() == 8 }
            #expect(try isAnswered(port, from: 3))
            // Its own address has as many as it may.
            #expect(begun.count { $0.hasAnswer(within: 0) } == 1)
        }
    }
}
