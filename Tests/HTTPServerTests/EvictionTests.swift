import HTTP
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
            EvictionOrder.choose(candidates, sizes: ["192.0.2.1": 1, "2001:db8::/64": 2], most: 1) == [2])
    }

    @Test("in a group idle ones go before those that have begun something")
    func idleFirst() {
        let candidates = [candidate("192.0.2.1", idle: false, since: 1), candidate("192.0.2.1", since: 9)]
        #expect(EvictionOrder.choose(candidates, sizes: ["192.0.2.1": 2], most: 2) == [1, 0])
    }

    @Test("a group gives none to one that is larger, and nothing that makes progress to one that becomes as large")
    func fairness() {
        let idle = SpareTime(isIdle: true, since: 0)
        let begun = SpareTime(isIdle: false, since: 0)
        #expect(EvictionOrder.mayReplace(idle, ofGroupWith: 5, newGroup: 5, now: 9_000))
        #expect(!EvictionOrder.mayReplace(idle, ofGroupWith: 4, newGroup: 5, now: 9_000))
        #expect(EvictionOrder.mayReplace(begun, ofGroupWith: 5, newGroup: 3, now: 1_999))
        #expect(!EvictionOrder.mayReplace(begun, ofGroupWith: 5, newGroup: 4, now: 1_999))
    }

    @Test("what has begun and makes no progress may go, whatever the size of its group")
    func stuck() {
        let begun = SpareTime(isIdle: false, since: 1_000)
        for size in [1, 5] {
            #expect(!EvictionOrder.mayReplace(begun, ofGroupWith: size, newGroup: 9, now: 2_999))
            #expect(EvictionOrder.mayReplace(begun, ofGroupWith: size, newGroup: 9, now: 3_000))
        }
    }
}

/// A connection that has begun a request and cannot be ended.
private final class Lasting: Evictable {
    let clientGroup: String? = "192.0.2.1"

    func spareTime(now: UInt64) -> SpareTime? { SpareTime(isIdle: false, since: 0) }
    func evict(now: UInt64) -> Bool { false }
}

@Suite("The connections that go next")
struct EvictionListTests {
    @Test("looking for them takes a bounded part of the time, however often it is in vain", arguments: [false, true])
    func looks(_ mayGo: Bool) {
        let connections = (0..<5_000).map { _ in Lasting() as any Evictable }
        var list = EvictionList()
        var looks = 0
        for now in 1_000..<2_000 as Range<UInt64> {
            let look = {
                looks += 1
                return connections
            }
            while list.takeNext(now: now, look, sizes: { [:] }, mayGo: { _, _ in mayGo }) != nil {}
        }
        #expect(looks <= 20)
    }
}

@Suite("Since when a client has made no progress")
struct ClientProgressTests {
    @Test("a byte now and then is none, a kilobyte is")
    func bytes() {
        var progress = ClientProgress()
        progress.begin(now: 100)
        progress.advance(by: 1_023, now: 200)
        #expect(progress.since == 100)
        progress.advance(by: 1, now: 300)
        #expect(progress.since == 300)
        progress.advance(by: 1, now: 400)
        #expect(progress.since == 300)
    }

    @Test("of an answer counts what has been taken since it had to wait")
    func answer() {
        var progress = ClientProgress()
        progress.begin(at: 50_000, now: 100)
        progress.reach(50_000, now: 700)
        #expect(progress.since == 100)
        progress.reach(60_000, now: 1_300)
        #expect(progress.since == 1_300)
    }

    @Test("a request's bytes count on its clock, and so does what is taken of an answer")
    func clock() {
        let times = ServerLimits.Clocks(ServerLimits())
        var clock = ConnectionClock()
        clock.begin(times, now: 0)
        clock.wait(for: .body, times, now: 1_000)
        clock.received(2_000, now: 5_000)
        #expect(clock.progress.since == 5_000)
        clock.waitForReader(of: 9_000, taken: 10_000, times, now: 6_000)
        clock.waitForReader(of: 9_000, taken: 10_000, times, now: 7_000)
        #expect(clock.progress.since == 6_000)
        clock.readerHasTaken(12_000, now: 8_000)
        #expect(clock.progress.since == 8_000)
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
        #expect(ShedOrder.rank(holders) == [2, 3, 4, 0, 1])
    }

    @Test("a client with many small ones gives up no more than what it holds beyond others")
    func manySmall() {
        let office = (0..<100).map { holder("192.0.2.1", 10, UInt64($0)) }
        let strangers = (0..<20).map { holder("198.51.100.\($0)", 200, UInt64(1_000 + $0)) }
        let firstHundred = ShedOrder.rank(office + strangers).prefix(100)
        #expect(firstHundred.count { $0 < 100 } == 80 && firstHundred.count { $0 >= 100 } == 20)
    }

    @Test("the addresses of one IPv6 network hold together what each holds")
    func networks() {
        let holders = [holder("192.0.2.1", 50, 1), holder("2001:db8::1", 30, 2), holder("2001:db8:0:0:9::2", 30, 3)]
        #expect(ShedOrder.rank(holders) == [1, 0, 2])
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
            // None goes whose bytes have come and are not read yet.
            let isIn = try await becomesAnswered(port, from: 3, tries: 5)
            #expect(isIn)
            // Its own address has as many as it may.
            #expect(begun.count { $0.hasAnswer(within: 0) } == 1)
        }
    }

    /// Whether another client is answered within what clients may stand still, and a wide margin.
    private func becomesAnswered(_ port: Int, from loopback: Int, tries: Int = 60) async throws -> Bool {
        for _ in 0..<tries {
            if try isAnswered(port, from: loopback) { return true }
            try await Task.sleep(for: .milliseconds(200))
        }
        return false
    }

    @Test("requests that as many addresses have begun do not shut out another")
    func begunByMany() async throws {
        try await withServer({ $0.limits.connections = 8 }) { port, server in
            let begun = try (2...9).map { try RawClient(port: port, from: $0) }
            for client in begun { client.send("GET / HTT") }
            try await becomesTrue { await server.connectionCount() == 8 }
            let isIn = try await becomesAnswered(port, from: 10)
            #expect(isIn)
            #expect(begun.count { $0.hasAnswer(within: 0) } == 1)
        }
    }

    @Test("answers that are not taken shut out no other address, and a client that takes its answer stays")
    func unread() async throws {
        try await withServer({ $0.limits.connections = 8 }) { port, server in
            let reader = try RawClient(port: port, isNarrow: true, from: 2)
            let unread = try (0..<7).map { _ in try RawClient(port: port, isNarrow: true, from: 3) }
            for client in unread + [reader] { client.send("GET /big HTTP/1.1\r\nHost: a\r\n\r\n") }
            try await becomesTrue { await server.connectionCount() == 8 }
            var isIn = false
            for _ in 0..<200 where !isIn {
                _ = reader.readSome(8 * 1024)
                try await Task.sleep(for: .milliseconds(50))
                isIn = try isAnswered(port, from: 4)
            }
            #expect(isIn)
            #expect(server.activity.evicted == 1)
            #expect(reader.readSome(8 * 1024) != nil)
        }
    }

    @Test("an address that takes its answers on every connection, slowly, shuts out no other")
    func slowReaders() async throws {
        try await withServer({ $0.limits.connections = 8 }) { port, server in
            let readers = try (0..<8).map { _ in try RawClient(port: port, isNarrow: true, from: 2) }
            for client in readers { client.send("GET /big HTTP/1.1\r\nHost: a\r\n\r\n") }
            try await becomesTrue { await server.connectionCount() == 8 }
            // More than what counts as standing still.
            for _ in 0..<30 {
                for client in readers { _ = client.readSome(2 * 1024) }
                try await Task.sleep(for: .milliseconds(100))
            }
            #expect(try isAnswered(port, from: 3))
            #expect(server.activity.evicted == 1)
        }
    }

    @Test("addresses with few connections get in although every other connection is in a request")
    func reserve() async throws {
        let gate = Gate()
        try await withServer(gate: gate, { $0.limits.connections = 32 }) { port, server in
            let working = try (0..<30).map { _ in try RawClient(port: port, from: 2) }
            for client in working { client.send("GET /gate HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n") }
            try await becomesTrue { server.activity.inFlight == 30 }
            #expect(try !isAnswered(port, from: 2))
            for _ in 0..<5 { #expect(try isAnswered(port, from: 3)) }
            gate.open()
            for client in working { #expect(client.readAll()?.hasSuffix("later") == true) }
        }
    }
}
