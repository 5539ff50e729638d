import Testing

@testable import HTTPServer

/// A request that does what a test tells it to with what it is given.
private final class Client: AdmissionWaiter {
    var slot: AdmissionSlot?
    var place: QueuePlace?
    var isRefused = false

    func begin(in slot: consuming AdmissionSlot) {
        place = nil
        self.slot = consume slot
    }

    func waitedTooLong() {
        place = nil
        isRefused = true
    }

    var isWorking: Bool { slot != nil }

    /// Asks; says whether it is refused at once.
    func enter(_ admission: Admission, now: UInt64 = 0) -> Bool {
        switch admission.enter(self, now: now) {
        case .start(let slot): self.slot = consume slot
        case .wait(let place): self.place = consume place
        case .refuse: return true
        }
        return false
    }
}

@Suite("Who may begin work, and who waits")
struct AdmissionTests {
    private let counts = AdmissionCounts()

    /// The wake-ups of an admission are counted and not followed: `serve` is called by the test.
    private func make(_ inFlightMax: Int, _ queuedMax: Int, queueTime: UInt64 = 1_000) -> Admission {
        Admission(inFlightMax: inFlightMax, queuedMax: queuedMax, queueTime: queueTime, counts: counts) {}
    }

    @Test("starts, queues and refuses by its bounds")
    func bounds() {
        let admission = make(2, 2)
        let clients = (0..<5).map { _ in Client() }
        #expect(clients.map { $0.enter(admission) } == [false, false, false, false, true])
        #expect(clients.map(\.isWorking) == [true, true, false, false, false])
        #expect(counts.inFlight == 2 && counts.queued == 2)
    }

    @Test("gives a free slot to the one that has waited longest")
    func order() {
        let admission = make(1, 8)
        let clients = (0..<4).map { _ in Client() }
        for client in clients { _ = client.enter(admission) }
        for index in 0..<3 {
            clients[index].slot = nil
            admission.serve(now: 1)
            #expect(clients.map(\.isWorking) == (0..<4).map { $0 == index + 1 })
        }
        clients[3].slot = nil
        #expect(counts.inFlight == 0 && counts.queued == 0)
    }

    @Test("a newcomer does not overtake those that wait")
    func noOvertaking() {
        let admission = make(1, 8)
        let clients = (0..<3).map { _ in Client() }
        _ = clients[0].enter(admission)
        _ = clients[1].enter(admission)
        clients[0].slot = nil
        _ = clients[2].enter(admission)
        #expect(!clients[2].isWorking)
        admission.serve(now: 1)
        #expect(clients[1].isWorking)
    }

    /// A slot is free, and the one whose turn it would be goes in that moment.
    @Test("a waiter that leaves takes no slot along, and no room in the queue")
    func leaving() {
        let admission = make(1, 2)
        let clients = (0..<4).map { _ in Client() }
        for client in clients[..<3] { _ = client.enter(admission) }
        clients[0].slot = nil
        clients[1].place = nil
        #expect(counts.queued == 1 && !clients[3].enter(admission))
        admission.serve(now: 1)
        #expect(clients[2].isWorking && !clients[1].isWorking)
        clients[2].slot = nil
        admission.serve(now: 1)
        #expect(clients[3].isWorking)
        clients[3].slot = nil
        #expect(admission.inFlight == 0 && admission.queued == 0)
    }

    @Test("one that has waited too long is refused and takes no slot")
    func expiry() {
        let admission = make(1, 8, queueTime: 100)
        let clients = (0..<3).map { _ in Client() }
        _ = clients[0].enter(admission, now: 0)
        _ = clients[1].enter(admission, now: 0)
        _ = clients[2].enter(admission, now: 90)
        clients[0].slot = nil
        admission.serve(now: 100)
        #expect(clients[1].isRefused && !clients[1].isWorking)
        #expect(clients[2].isWorking)
    }

    @Test("the newest is served first once the oldest has waited for a quarter of the time")
    func newestFirst() {
        let admission = make(1, 8, queueTime: 100)
        let clients = (0..<4).map { _ in Client() }
        for (index, client) in clients.enumerated() { _ = client.enter(admission, now: UInt64(index)) }
        clients[0].slot = nil
        admission.serve(now: 26)
        #expect(clients.map(\.isWorking) == [false, false, false, true])
    }

    /// What ends without waiting frees its slot below the very call that serves the queue.
    @Test("everybody gets a turn from work that ends at once")
    func atOnce() {
        final class Quick: AdmissionWaiter {
            var place: QueuePlace?
            var turns = 0

            func begin(in slot: consuming AdmissionSlot) {
                place = nil
                turns += 1
            }

            func waitedTooLong() {}
        }
        let admission = make(1, 1_000)
        let first = Client()
        _ = first.enter(admission)
        let quick = (0..<500).map { _ in Quick() }
        for waiter in quick {
            guard case .wait(let place) = admission.enter(waiter, now: 0) else { return #expect(Bool(false)) }
            waiter.place = consume place
        }
        first.slot = nil
        // Some are served in one go, then sockets have their turn.
        for _ in 0..<500 where admission.queued > 0 { admission.serve(now: 1) }
        #expect(quick.allSatisfy { $0.turns == 1 } && counts.inFlight == 0)
    }

    /// Every step from a seeded source of chance; the model is two plain counts.
    @Test("whatever happens in whatever order, slots and places add up", arguments: 0..<20)
    func chance(_ seed: UInt64) {
        var random = Seeded(state: seed)
        let admission = make(3, 5, queueTime: 40)
        var clients: [Client] = []
        for now in 0..<UInt64(2_000) {
            switch Int.random(in: 0..<5, using: &random) {
            case 0, 1:
                let client = Client()
                if !client.enter(admission, now: now) { clients.append(client) }
            case 2: clients.randomElement(using: &random)?.slot = nil
            case 3: clients.randomElement(using: &random)?.place = nil
            default: admission.serve(now: now)
            }
            clients.removeAll { $0.slot == nil && $0.place == nil }
            let working = clients.count { $0.slot != nil }
            #expect(working <= 3 && admission.inFlight == working && counts.inFlight == working)
            let waiting = clients.count { $0.place != nil }
            #expect(waiting <= 5 && admission.queued == waiting && counts.queued == waiting)
        }
        for client in clients {
            client.slot = nil
            client.place = nil
        }
        #expect(admission.inFlight == 0 && admission.queued == 0)
    }
}

/// SplitMix64.
private struct Seeded: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

@Suite("Who counts as one client")
struct ConnectionCensusTests {
    @Test(
        "IPv4 addresses count whole, of IPv6 their first 64 bits",
        arguments: [
            ("192.0.2.1", "192.0.2.1"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("2001:db8:1:2::6", "2001:db8:1:2::/64"), ("2001:db8::1", "2001:db8::/64"), ("::1", "::/64"),
            ("1::", "1::/64"), ("fe80::1:2:3:4", "fe80::/64"), ("1:0:0:2::3", "1:0:0:2::/64"),
        ])
    func subject(_ address: String, _ subject: String) { #expect(ConnectionCensus.subject(of: address) == subject) }

    @Test("addresses of one IPv6 network share the limit, those of another have their own")
    func limit() {
        let census = ConnectionCensus(max: 100, perAddressMax: 2) { _ in false }
        var entries: [Kept] = []
        for (address, isTaken) in [
            ("2001:db8::1", true), ("2001:db8::ffff:2", true), ("2001:db8::3", false), ("2001:db8:0:1::1", true),
        ] {
            let entry = Kept(census.enter(address))
            #expect(entry.isTaken == isTaken, "\(address)")
            entries.append(entry)
        }
        #expect(census.count == 3)
        entries = []
        #expect(census.count == 0)
    }

    @Test("the reserve is for clients with few connections, and for those who replace another")
    func reserve() {
        let census = ConnectionCensus(max: 8, reserve: 2, perAddressMax: 8) { $0 == "192.0.2.9" }
        var entries = (0..<6).map { _ in Kept(census.enter("192.0.2.9")) }
        #expect(!Kept(census.enter("192.0.2.9")).isTaken)
        entries.append(Kept(census.enter("192.0.2.1")))
        // As where one of the six has made room.
        entries.removeFirst()
        entries.append(Kept(census.enter("192.0.2.2")))
        #expect(!Kept(census.enter("192.0.2.9")).isTaken)
        entries.append(Kept(census.enter("192.0.2.9", isReplacing: true)))
        let taken = entries.count { $0.isTaken }
        #expect(taken == 8 && census.count == 8)
        #expect(!Kept(census.enter("192.0.2.3")).isTaken)
    }

    @Test("that the connections are used up is reported now and then, with how many the largest client has")
    func report() {
        let census = ConnectionCensus(max: 3, perAddressMax: 8) { _ in false }
        let entries = ["192.0.2.1", "192.0.2.1", "192.0.2.2"].map { Kept(census.enter($0)) }
        let first = census.usageToReport(now: 5)
        #expect(first?.count == 3 && first?.largest == 2)
        #expect(census.usageToReport(now: 10_004) == nil)
        #expect(census.usageToReport(now: 10_005) != nil)
        let taken = entries.count { $0.isTaken }
        #expect(taken == 3)
    }

    private final class Kept {
        private let entry: CensusEntry?
        init(_ entrance: consuming ConnectionCensus.Entrance) {
            switch consume entrance {
            case .entered(let entry): self.entry = consume entry
            case .full: entry = nil
            case .addressFull: entry = nil
            }
        }
        var isTaken: Bool { entry != nil }
    }
}
