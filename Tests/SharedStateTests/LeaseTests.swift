import HelperCore
import Testing

@testable import SharedState

private let second: UInt64 = 1_000_000_000

@Suite("Leases of a limit")
struct LeaseTests {
    private static let policies = [
        RatePolicy(.read, [.init(limit: 150, seconds: 60)]),
        RatePolicy(.write, [.init(limit: 40, seconds: 10), .init(limit: 100, seconds: 60)]),
        RatePolicy(.authFailure, [.init(limit: 1_000, seconds: 10)]),
    ]

    /// Bursts, steady use and silence, for about three windows.
    private func play(_ world: inout LeaseWorld, replicas: Int, steps: Int) {
        let limit = UInt64(world.policy.windows[0].limit)
        let gap = world.shortest / limit
        for _ in 0..<steps {
            switch world.below(12) {
            case 0: for _ in 0..<Int(limit) / 3 { world.request(to: Int(world.below(UInt64(replicas)))) }
            case 1: world.advance(by: world.below(world.shortest / 3))
            case 2: world.misfortune()
            case 3: for _ in 0..<Int(limit) / 4 { world.request(to: 0) }
            default:
                for _ in 0..<5 {
                    world.request(to: Int(world.below(UInt64(replicas))))
                    world.advance(by: world.below(gap * 2))
                }
            }
        }
        world.advance(by: world.shortest * 2)
    }

    @Test(
        "never allow more than the limit in any period, with crashes, pauses, lost and late answers, and Redis' clock set back",
        arguments: [2, 3])
    func neverMore(_ replicas: Int) {
        var allowed = 0
        for seed in 1...1_500 as ClosedRange<UInt64> {
            let policy = Self.policies[Int(seed) % Self.policies.count]
            var world = LeaseWorld(policy, replicas: replicas, .all, seed: seed)
            play(&world, replicas: replicas, steps: 30)
            for (window, most) in zip(policy.windows, world.most()) where most > window.limit {
                Issue.record("seed \(seed): \(most) of \(window.limit) in \(window.seconds) s")
            }
            // Says more than the limit: that nothing is ever free that was used.
            if world.undercharged > 0 { Issue.record("seed \(seed): \(world.undercharged) charged too few") }
            allowed += world.allowed.count
        }
        // Most of the limit is given all the same.
        #expect(allowed > 1_500 * 150)
    }

    @Test("refuse too early no more than a sixteenth of the limit", arguments: [2, 3])
    func tooEarly(_ replicas: Int) {
        for seed in 1...100 as ClosedRange<UInt64> {
            for policy in Self.policies {
                var world = LeaseWorld(policy, replicas: replicas, .none, seed: seed)
                // Each replica has some, then one has the rest.
                for _ in 0..<20 {
                    world.request(to: Int(world.below(UInt64(replicas))))
                    world.advance(by: world.below(20_000_000))
                }
                for _ in 0..<policy.windows[0].limit { world.request(to: 0) }
                world.advance(by: 20_000_000)
                let limit = policy.windows[0].limit
                #expect(!world.refused.isEmpty)
                #expect(world.allowed.count >= limit - limit / RateScript.leasedShare, "seed \(seed)")
                // What the others held comes back, and with it the whole limit.
                world.advance(by: 2 * LeaseTerms(policy).idleAfter + 20_000_000)
                for _ in 0..<limit { world.request(to: 0) }
                world.advance(by: 20_000_000)
                #expect(world.allowed.count == limit, "seed \(seed)")
            }
        }
    }

    @Test("spare a steady caller the wait, and Redis most messages")
    func steady() {
        let policy = RatePolicy(.read, [.init(limit: 1_000_000, seconds: 3_600)])
        for rate in [10, 50, 1_000] as [UInt64] {
            var world = LeaseWorld(policy, replicas: 2, .none, seed: rate)
            for number in 0..<4_000 {
                world.request(to: number % 2)
                world.advance(by: second / rate)
            }
            #expect(world.allowed.count == 4_000 && world.refused.isEmpty)
            #expect(world.waits <= 8, "at \(rate)/s: \(world.waits)")
            #expect(world.messages * 1_000 <= 20 * 4_000, "at \(rate)/s: \(world.messages)")
        }
    }

    @Test("are void once their time has passed, whatever their owner slept through")
    func void() throws {
        let policy = Self.policies[0]
        var ledger = LeaseLedger(policy)
        var table = LeaseTable(policy, capacity: 8)
        let terms = table.terms
        var now: UInt64 = 1_000 * second
        for _ in 0..<40 {
            now += 10_000_000
            guard case .ask = table.take("ada", at: now) else { continue }
            let asked = table.message("ada", need: 1, at: now)
            let message = try #require(asked)
            let answer = ledger.answer(message, from: "a", at: Int(now / 1_000))
            _ = table.answered("ada", message, answer, at: now)
        }
        guard case .allowed = table.take("ada", at: now) else {
            Issue.record("nothing was leased")
            return
        }
        var sleeper = table
        #expect(sleeper.take("ada", at: now + terms.lifetime) == .ask)
        #expect(terms.validity < terms.lifetime)
    }

    /// A table with a lease of a steady caller.
    private func leased(_ policy: RatePolicy, _ ledger: inout LeaseLedger, _ now: inout UInt64) throws -> LeaseTable {
        var table = LeaseTable(policy, capacity: 8)
        for _ in 0..<40 {
            now += 10_000_000
            guard case .ask = table.take("ada", at: now) else { continue }
            let asked = table.message("ada", need: 1, at: now)
            let message = try #require(asked)
            _ = table.answered("ada", message, ledger.answer(message, from: "a", at: Int(now / 1_000)), at: now)
        }
        return table
    }

    /// Requests that a table allows without asking.
    private func allowed(_ table: LeaseTable, at now: UInt64) -> Int {
        var table = table
        var count = 0
        while case .allowed = table.take("ada", at: now) { count += 1 }
        return count
    }

    @Test("go on until their end when a renewal has not left, and the next one reports their use")
    func unsent() throws {
        let policy = Self.policies[2]
        var ledger = LeaseLedger(policy)
        var now: UInt64 = 1_000 * second
        var table = try leased(policy, &ledger, &now)
        let before = allowed(table, at: now)
        try #require(before > 8)
        for _ in 0..<before / 2 + 1 { _ = table.take("ada", at: now) }
        let renewal = table.message("ada", need: 0, at: now)
        let first = try #require(renewal)
        _ = table.unsent("ada", first)
        #expect(allowed(table, at: now) == before - before / 2 - 1)
        #expect(allowed(table, at: now + table.terms.lifetime) == 0)
        _ = table.take("ada", at: now)
        let again = table.message("ada", need: 0, at: now)
        #expect(again?.used == first.used + 1 && again?.name == first.name)
    }

    @Test("that could not be given back are used further")
    func unsentReturn() throws {
        let policy = Self.policies[2]
        var ledger = LeaseLedger(policy)
        var now: UInt64 = 1_000 * second
        var table = try leased(policy, &ledger, &now)
        let before = allowed(table, at: now)
        now += table.terms.idleAfter
        guard case .message(let message) = table.giveBack("ada", at: now) else {
            Issue.record("nothing is given back")
            return
        }
        #expect(allowed(table, at: now) == 0)
        let isWatched = table.unsent("ada", message)
        #expect(isWatched && allowed(table, at: now) == before)
    }
}
