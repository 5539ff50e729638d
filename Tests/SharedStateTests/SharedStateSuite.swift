import EventLoop
import Glibc
import HelperCore
import LoopTesting
import SharedState
import Testing

/// What the port promises, held against each of its conformers.
@Suite("State that replicas share", .leavesNothing)
struct SharedStateSuite {
    @Test("is tested in Redis too", .enabled(if: Conformer.hasRedis || isCI, "needs redis-server"))
    func redisIsThere() { #expect(Conformer.hasRedis, "install redis-server: with CI=true it must be there") }

    private static var isCI: Bool { getenv("CI").map { String(cString: $0) } == "true" }

    // MARK: Limits

    @Test("admits the limit and no more, and says what is left and when there is more", arguments: Conformer.available)
    func limit(_ conformer: Conformer) async throws {
        let policy = RatePolicy(.read, [.init(limit: 3, seconds: 3_600)])
        try await withReplicas(conformer, [policy]) { one, other in
            var verdicts: [RateVerdict] = []
            for replica in [one, other, one, other, one] { verdicts.append(await replica.count("ada", policy)) }
            #expect(verdicts.map(\.isAllowed) == [true, true, true, false, false])
            #expect(verdicts.map(\.remaining) == [2, 1, 0, 0, 0])
            // An hour and at most a piece of it, less what the test has taken.
            #expect(verdicts.allSatisfy { $0.window == 0 && (3_500...3_781).contains($0.resetSeconds) })
            let bob = await other.count("bob", policy)
            #expect(bob.isAllowed && bob.remaining == 2)
        }
    }

    @Test("is exact under concurrent requests", arguments: Conformer.available)
    func concurrent(_ conformer: Conformer) async throws {
        let policy = RatePolicy(.write, [.init(limit: 40, seconds: 3_600)])
        try await withReplicas(conformer, [policy]) { one, other in
            let verdicts = await withTaskGroup(of: RateVerdict.self) { tasks in
                for index in 0..<120 { tasks.addTask { await (index % 2 == 0 ? one : other).count("ada", policy) } }
                return await tasks.reduce(into: [RateVerdict]()) { $0.append($1) }
            }
            let allowed = verdicts.filter(\.isAllowed)
            #expect(allowed.count == 40)
            // With leases a replica does not know what the others have used since it last asked.
            #expect(allowed.allSatisfy { (0..<40).contains($0.remaining) })
            if conformer == .inMemory { #expect(Set(allowed.map(\.remaining)) == Set(0..<40)) }
        }
    }

    @Test("of several windows names the one that binds, and counts policies apart", arguments: Conformer.available)
    func windows(_ conformer: Conformer) async throws {
        let write = RatePolicy(.write, [.init(limit: 5, seconds: 3_600), .init(limit: 2, seconds: 86_400)])
        let read = RatePolicy(.read, [.init(limit: 9, seconds: 3_600)])
        try await withReplicas(conformer, [write, read]) { one, other in
            let verdicts = [
                await one.count("ada", write), await other.count("ada", write), await one.count("ada", write),
            ]
            #expect(verdicts.map(\.isAllowed) == [true, true, false])
            #expect(verdicts.map(\.window) == [1, 1, 1] && verdicts.map(\.remaining) == [1, 0, 0])
            #expect(verdicts[2].resetSeconds > 80_000)
            #expect(await other.count("ada", read).remaining == 8)
        }
    }

    @Test("gives room back when the window has passed, and not before", arguments: Conformer.available)
    func room(_ conformer: Conformer) async throws {
        let policy = RatePolicy(.read, [.init(limit: 1, seconds: 2)])
        try await withReplicas(conformer, [policy]) { one, other in
            let began = ContinuousClock.now
            #expect(await one.count("ada", policy).isAllowed)
            var isAllowed = false
            // Refused requests do not count, or this would never end.
            await becomesTrue {
                isAllowed = await other.count("ada", policy).isAllowed
                return isAllowed
            }
            #expect(isAllowed && ContinuousClock.now - began >= .seconds(2) - clockTolerance)
        }
    }

    /// Between Redis' clock, which may be corrected, and ours.
    private let clockTolerance = Duration.milliseconds(20)

    // MARK: Locks

    @Test("a lock is had by one, and by the next when it was given back", arguments: Conformer.available)
    func lock(_ conformer: Conformer) async throws {
        try await withReplicas(conformer) { one, other in
            let first = await one.state.acquire(lock: "ada:1", lifetime: .seconds(300))
            guard case .acquired(let held) = first else {
                Issue.record("\(first)")
                return
            }
            #expect(await other.state.acquire(lock: "ada:1", lifetime: .seconds(300)) == .busy)
            #expect(await one.state.acquire(lock: "ada:1", lifetime: .seconds(300)) == .busy)
            guard case .acquired = await other.state.acquire(lock: "ada:2", lifetime: .seconds(300)) else {
                Issue.record("another name is another lock")
                return
            }
            // Only its owner's token opens it.
            await other.state.release(HeldLock(name: held.name, token: "guess"))
            #expect(await other.state.acquire(lock: "ada:1", lifetime: .seconds(300)) == .busy)
            await one.state.release(held)
            guard case .acquired(let next) = await other.state.acquire(lock: "ada:1", lifetime: .seconds(300)) else {
                Issue.record("it was given back")
                return
            }
            // Giving it back again must not take it from the next.
            await one.state.release(held)
            #expect(await one.state.acquire(lock: "ada:1", lifetime: .seconds(300)) == .busy)
            await other.state.release(next)
        }
    }

    @Test("one of many that ask at once gets a lock", arguments: Conformer.available)
    func race(_ conformer: Conformer) async throws {
        try await withReplicas(conformer) { one, other in
            let winners = await withTaskGroup(of: Bool.self) { tasks in
                for index in 0..<50 {
                    tasks.addTask {
                        let state = (index % 2 == 0 ? one : other).state
                        return await state.acquire(lock: "race", lifetime: .seconds(300)) != .busy
                    }
                }
                return await tasks.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(winners == 1)
        }
    }

    @Test(
        "a lock that is never given back comes free after its lifetime, and not before", arguments: Conformer.available)
    func expiry(_ conformer: Conformer) async throws {
        try await withReplicas(conformer) { one, other in
            let began = ContinuousClock.now
            guard case .acquired(let late) = await one.state.acquire(lock: "ada", lifetime: .milliseconds(400)) else {
                Issue.record("the lock is free, and was refused")
                return
            }
            var next: LockOutcome = .busy
            await becomesTrue {
                next = await other.state.acquire(lock: "ada", lifetime: .seconds(300))
                return next != .busy
            }
            #expect(ContinuousClock.now - began >= .milliseconds(400) - clockTolerance)
            guard case .acquired = next else {
                Issue.record("\(next)")
                return
            }
            // A holder that was too late must not open a lock that is another's by now.
            await one.state.release(late)
            #expect(await one.state.acquire(lock: "ada", lifetime: .seconds(300)) == .busy)
        }
    }

    // MARK: News

    @Test(
        "an announcement reaches the other replica once and in order, and not its sender",
        arguments: Conformer.available)
    func news(_ conformer: Conformer) async throws {
        try await withReplicas(conformer) { one, other in
            // Before a subscription stands anything may have been missed.
            #expect(one.news.all == other.news.all)
            let before = other.news.all.count
            let marks = (0..<20).map { OwnerMark(issuer: "https://sso.example.com", subject: "\($0)") }
            for mark in marks { await one.state.announce(.keys(of: mark)) }
            await one.state.announce(.sessions(marks[0]))
            await one.state.announce(.everything)
            // A process alone has no replica to tell.
            let expected: [CallerChange] =
                conformer == .inMemory ? [] : marks.map { .keys(of: $0) } + [.sessions(marks[0]), .everything]
            await becomesTrue { other.news.all.count >= before + expected.count }
            #expect(Array(other.news.all.dropFirst(before)) == expected)
            await other.state.announce(.keys(of: marks[0]))
            await becomesTrue { one.news.all.count > before || conformer == .inMemory }
            // What it has told itself never comes back, although it was sent first.
            #expect(Array(one.news.all.dropFirst(before)) == (conformer == .inMemory ? [] : [.keys(of: marks[0])]))
        }
    }
}
