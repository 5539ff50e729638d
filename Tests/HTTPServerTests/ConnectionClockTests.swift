import HTTP
import Testing

@testable import HTTPServer

@Suite("By when a connection must have come further")
struct ConnectionClockTests {
    /// Two seconds of standing still, and a kilobyte a second.
    private let times: ServerLimits.Clocks = {
        var limits = ServerLimits()
        limits.stallTime = .seconds(2)
        limits.answerBytesPerSecond = 1_000
        return ServerLimits.Clocks(limits)
    }()

    @Test("a reader that takes nothing has the stall time")
    func stalled() {
        var clock = ConnectionClock()
        clock.waitForReader(of: 10_000, taken: 5, times, now: 100)
        #expect(clock.deadline == 2_100)
        let goesOn = clock.readerGoesOn(taken: 5, times, now: 2_100)
        #expect(!goesOn)
    }

    @Test("a reader that takes a byte at a time has what the whole answer may take, and no more")
    func slow() {
        var clock = ConnectionClock()
        clock.waitForReader(of: 3_000, taken: 0, times, now: 0)
        var looks: [(goesOn: Bool, deadline: UInt64)] = []
        for (taken, now) in [(1, 2_000), (2, 4_000), (3, 5_000)] as [(UInt64, UInt64)] {
            let goesOn = clock.readerGoesOn(taken: taken, times, now: now)
            looks.append((goesOn, clock.deadline))
        }
        #expect(looks.map(\.goesOn) == [true, true, false] && looks.map(\.deadline) == [4_000, 5_000, 5_000])
    }

    @Test("each answer has its own time, however many pieces it has")
    func pieces() {
        var clock = ConnectionClock()
        clock.waitForReader(of: 3_000, taken: 0, times, now: 0)
        // The next piece of the same answer.
        clock.waitForReader(of: 1_000, taken: 2_000, times, now: 1_500)
        #expect(clock.deadline == 2_000)
        clock.wait(for: .request, times, now: 1_600)
        clock.waitForReader(of: 1_000, taken: 3_000, times, now: 1_700)
        #expect(clock.deadline == 3_700)
    }

    @Test(
        "each request has its own time, also where it begins with the end of the one before",
        arguments: [.head, .body] as [RequestMachine.Waiting])
    func overlapping(_ part: RequestMachine.Waiting) {
        var clock = ConnectionClock()
        clock.wait(for: part, times, now: 1_000)
        let first = clock.deadline
        clock.received(10, now: 6_000)
        clock.requestIsWhole()
        clock.wait(for: part, times, now: 6_000)
        #expect(clock.deadline == first + 5_000 && clock.progress.since == 6_000)
    }

    @Test("each answer has its own time, also where it waits the moment the one before has left")
    func answersInARow() {
        var clock = ConnectionClock()
        clock.waitForReader(of: 3_000, taken: 0, times, now: 0)
        clock.requestIsWhole()
        clock.waitForReader(of: 3_000, taken: 3_000, times, now: 4_000)
        let goesOn = clock.readerGoesOn(taken: 4_000, times, now: 6_000)
        #expect(goesOn && clock.deadline == 8_000)
    }

    @Test("a request that is worked on has no deadline here")
    func worked() {
        var clock = ConnectionClock()
        clock.wait(for: .head, times, now: 0)
        clock.requestIsWhole()
        clock.wait(for: .answer, times, now: 10)
        #expect(clock.deadline == .max)
    }

    @Test("what we ourselves send slowly has the stall time alone")
    func paced() {
        var clock = ConnectionClock()
        clock.waitForReader(of: nil, taken: 0, times, now: 0)
        for second in 1...100 as ClosedRange<UInt64> {
            let goesOn = clock.readerGoesOn(taken: second, times, now: second * 1_000)
            #expect(goesOn)
        }
    }
}

@Suite("What a loop may hold while cancelled work ends")
struct CancelledMemoryTests {
    private static let mebibyte = 1024 * 1024

    /// An account that alone has a budget of 8 MiB.
    private func makeAccount() -> MemoryAccount {
        let budget = MemoryBudget(limit: 8 * Self.mebibyte)
        let account = MemoryAccount(budget: budget)
        budget.join(account) {}
        return account
    }

    @Test("cancelled work keeps its bytes until it ends, but for an eighth")
    func allowance() {
        let account = makeAccount()
        var charge = MemoryCharge(to: account)
        _ = charge.set(6 * Self.mebibyte)
        #expect(account.allowance(now: 0) == 8 * Self.mebibyte)
        charge.cancel(now: 1_000)
        // For a moment it is taken to end at once, as far as an eighth.
        #expect(account.allowance(now: 1_050) == 3 * Self.mebibyte)
        #expect(account.allowance(now: 2_000) == 2 * Self.mebibyte)
        _ = charge.set(8 * Self.mebibyte)
        charge.cancel(now: 3_000)
        #expect(account.allowance(now: 4_000) == Self.mebibyte)
        _ = charge.set(0)
        #expect(account.cancelled == 0 && account.held == 0 && account.allowance(now: 4_000) == 8 * Self.mebibyte)
    }

    @Test("work that holds much does not begin while cancelled work holds most, work that holds little does")
    func begin() {
        let account = makeAccount()
        var charge = MemoryCharge(to: account)
        _ = charge.set(7 * Self.mebibyte)
        #expect(account.mayBegin(Self.mebibyte))
        charge.cancel(now: 0)
        #expect(!account.mayBegin(64 * 1024) && account.mayBegin(1024))
        _ = charge.set(8 * Self.mebibyte)
        charge.cancel(now: 0)
        #expect(!account.mayBegin(1024))
    }

    @Test("a charge that is dropped takes along what counts as cancelled")
    func dropped() {
        let account = makeAccount()
        do {
            var charge = MemoryCharge(to: account)
            _ = charge.set(1_000)
            charge.cancel(now: 0)
            #expect(account.cancelled == 1_000)
        }
        #expect(account.cancelled == 0 && account.held == 0)
    }
}
