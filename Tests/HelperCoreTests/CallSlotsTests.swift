import HelperCore
import TestSupport
import Testing

@Suite("Slots for calls")
struct CallSlotsTests {
    private static let forever: @Sendable (Duration) async -> Void = { _ in
        try? await Task.sleep(for: .seconds(300))
    }

    private static func owner(_ number: Int) -> CallOwner {
        .caller(OwnerMark(issuer: "https://issuer", subject: String(number)))
    }

    private func wait(until condition: () -> Bool) async throws {
        for _ in 0..<30_000 where !condition() { try await Task.sleep(for: .milliseconds(1)) }
        try #require(condition())
    }

    @Test("one caller holds a quarter of them, background work half")
    func shares() async throws {
        let slots = CallSlots(count: 8, waitersMax: 10)
        var held: [CallSlots.Slot] = []
        for _ in 0..<2 { held.append(try await slots.enter(Self.owner(1), within: .zero, sleep: { _ in })) }
        for _ in 0..<4 { held.append(try await slots.enter(.background, within: .zero, sleep: { _ in })) }
        await #expect(throws: CallSlots.Refusal.gaveUp) {
            _ = try await slots.enter(Self.owner(1), within: .zero, sleep: { _ in })
        }
        await #expect(throws: CallSlots.Refusal.gaveUp) {
            _ = try await slots.enter(.background, within: .zero, sleep: { _ in })
        }
        // A newcomer finds a free slot although others wait for their own share.
        held.append(try await slots.enter(Self.owner(2), within: .zero, sleep: { _ in }))
        for slot in held { slot.giveBack() }
        #expect(slots.usage == (0, 0, 0))
    }

    @Test("the queues of callers take turns")
    func turns() async throws {
        let slots = CallSlots(count: 1, waitersMax: 100)
        let first = try await slots.enter(.background, within: .zero, sleep: { _ in })
        let order = Shared<[Int]>([])
        await withTaskGroup(of: Void.self) { tasks in
            var waiting = 0
            // Caller 1 comes with twenty calls before callers 2 and 3 come with one each.
            for (caller, calls) in [(1, 20), (2, 1), (3, 1)] {
                for _ in 0..<calls {
                    tasks.addTask {
                        guard
                            let slot = try? await slots.enter(
                                Self.owner(caller), within: .seconds(300), sleep: Self.forever)
                        else { return }
                        order.withLock { $0.append(caller) }
                        slot.giveBack()
                    }
                    waiting += 1
                    try? await wait { slots.usage.waiting == waiting }
                }
            }
            first.giveBack()
        }
        #expect(Set(order.withLock { $0 }.prefix(3)) == [1, 2, 3])
        #expect(slots.usage == (0, 0, 0))
    }

    @Test("a full queue refuses the caller who waits most")
    func full() async throws {
        let slots = CallSlots(count: 1, waitersMax: 4)
        let first = try await slots.enter(.background, within: .zero, sleep: { _ in })
        let outcomes = Shared<[Int: [Bool]]>([:])
        await withTaskGroup(of: Void.self) { tasks in
            for (index, caller) in [1, 1, 1, 1, 2, 1].enumerated() {
                tasks.addTask {
                    let slot = try? await slots.enter(
                        Self.owner(caller), within: .seconds(300), sleep: Self.forever)
                    outcomes.withLock { $0[caller, default: []].append(slot != nil) }
                    slot?.giveBack()
                }
                try? await wait {
                    slots.usage.waiting + outcomes.withLock { $0.values.joined().count } == index + 1
                }
            }
            first.giveBack()
        }
        #expect(outcomes.withLock { $0[2] } == [true])
        #expect(outcomes.withLock { $0[1]?.filter { !$0 }.count } == 2)
        #expect(slots.usage == (0, 0, 0))
    }

    private func hold(
        _ slots: CallSlots, _ number: Int, _ sequence: CallSequence
    ) async throws -> CallSlots.Slot {
        try await slots.enter(Self.owner(number), of: sequence, within: .seconds(300), sleep: Self.forever)
    }

    @Test("no more sequences of calls begin than there are slots, and those begun come first")
    func sequences() async throws {
        let slots = CallSlots(count: 2, waitersMax: 10)
        var first: CallSequence? = CallSequence()
        let second = CallSequence()
        var firstSlot: CallSlots.Slot? = try await hold(slots, 1, #require(first))
        let secondSlot = try await hold(slots, 2, second)
        let order = Shared<[String]>([])
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for number in 3...4 {
                tasks.addTask {
                    let slot = try await hold(slots, number, CallSequence())
                    order.withLock { $0.append("newcomer") }
                    slot.giveBack()
                }
            }
            try await wait { slots.usage.waiting == 2 }
            // Between its calls the first sequence holds no slot, and yet no other takes its place.
            for _ in 0..<3 {
                firstSlot?.giveBack()
                #expect(slots.usage.held == 1 && slots.usage.waiting == 2)
                firstSlot = try await hold(slots, 1, #require(first))
            }
            // A call of its own that waits comes before those of newcomers, though it came later.
            do {
                let again = first
                tasks.addTask {
                    let slot = try await hold(slots, 1, #require(again))
                    order.withLock { $0.append("first") }
                    slot.giveBack()
                }
            }
            try await wait { slots.usage.waiting == 3 }
            firstSlot?.giveBack()
            try await wait { order.withLock { $0 } == ["first"] }
            #expect(slots.usage.waiting == 2 && slots.sequences == 2)
            first = nil
            try await tasks.next()
        }
        secondSlot.giveBack()
        _ = second
        #expect(slots.usage == (0, 0, 0))
    }

    @Test("a caller's second sequence may go on where the first waits for it")
    func sequencesOfOneCaller() async throws {
        let slots = CallSlots(count: 4, waitersMax: 10)
        let first = CallSequence()
        try await hold(slots, 1, first).giveBack()
        let second = CallSequence()
        let slot = try await hold(slots, 1, second)
        #expect(slots.usage.held == 1 && slots.sequences == 1)
        slot.giveBack()
        withExtendedLifetime((first, second)) {}
        // Calls that stand alone do not count.
        try await slots.enter(Self.owner(2), within: .zero, sleep: { _ in }).giveBack()
        #expect(slots.usage == (0, 0, 0))
    }

    @Test("come back on every way out, whatever is cancelled or late, and when", arguments: 0..<40)
    func interleavings(_ seed: UInt64) async throws {
        let slots = CallSlots(count: 4, waitersMax: 12)
        let most = Shared((now: 0, most: 0))
        var random = Choices(seed: seed)
        var calls: [Task<Void, Never>] = []
        for _ in 0..<250 {
            let owner = Self.owner(Int(random.next() % 5))
            let steps = random.next() % 6
            let timeout = random.next() % 8
            let isForgotten = random.next() % 4 == 0
            calls.append(
                Task {
                    let slot = try? await slots.enter(
                        owner, within: .zero,
                        sleep: { _ in for _ in 0..<timeout where !Task.isCancelled { await Task.yield() } })
                    guard let slot else { return }
                    most.withLock { count in
                        count.now += 1
                        count.most = max(count.most, count.now)
                    }
                    for _ in 0..<steps { await Task.yield() }
                    most.withLock { $0.now -= 1 }
                    if !isForgotten { slot.giveBack() }
                })
            if random.next() % 3 == 0 { calls[Int(random.next() % UInt64(calls.count))].cancel() }
            if random.next() % 4 == 0 { await Task.yield() }
        }
        for call in calls { await call.value }
        #expect(slots.usage == (0, 0, 0))
        #expect(most.withLock { $0.most } <= 4)
    }
}
