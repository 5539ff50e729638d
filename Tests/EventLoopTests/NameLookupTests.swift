import Glibc
import LoopTesting
import Testing

@testable import EventLoop

/// A look-up by the resolver is let go in each of its states. The resolver's thread goes on to its end; what asked must be
/// gone at once.
@Suite("A look-up of a name", .leavesNothing, .serialized)
struct NameLookupTests {
    enum Step: CaseIterable { case atOnce, twice, afterATurn, whileToldOfAnother, afterItsAnswer }

    @Test("let go at each step", arguments: Step.allCases)
    func teardown(_ step: Step) async {
        let loop = TestLoops.group.loops[0]
        for _ in 0..<50 {
            let remembered = LoopBound(Remembered(), to: loop)
            await loop.spawn {
                let told = Told()
                guard let lookup = Self.start(loop, told), let other = Self.start(loop, told) else { return }
                remembered.value.add(lookup)
                remembered.value.add(other)
                switch step {
                case .atOnce: lookup.cancel()
                case .twice:
                    lookup.cancel()
                    lookup.cancel()
                case .afterATurn:
                    try? await loop.sleep(for: .zero)
                    lookup.cancel()
                case .whileToldOfAnother: told.then = { lookup.cancel() }
                case .afterItsAnswer:
                    while told.times < 2 { try? await loop.sleep(for: .milliseconds(1)) }
                    lookup.cancel()
                }
                while told.times == 0 { try? await loop.sleep(for: .milliseconds(1)) }
                other.cancel()
                told.then = {}
            }.value
            // The resolver's thread may be about to release it.
            await becomesTrue { await loop.asks { remembered.value.alive == 0 } }
            #expect(await loop.asks { remembered.value.alive == 0 })
        }
    }

    @Test("many look-ups of one name get the same answer, each once")
    func shared() async {
        let loop = TestLoops.group.loops[0]
        let times = await loop.asks { () -> Int in
            let told = Told()
            let lookups = (0..<100).compactMap { _ in Self.start(loop, told) }
            #expect(lookups.count == 100)
            while told.times < 100 { try? await loop.sleep(for: .milliseconds(1)) }
            return told.times
        }
        #expect(times == 100)
    }

    @Test("that is under way does not keep a loop from ending", arguments: 0..<20)
    func loopEnds(_ round: Int) async {
        let group = EventLoopGroup(count: 1)
        let loop = group.loops[0]
        let told = LoopBound(Told(), to: loop)
        await loop.spawn { _ = Self.start(loop, told.value) }.value
        group.shutdown()
    }

    private static func start(_ loop: EventLoop, _ told: Told) -> NameLookup? {
        try? NameLookup.start(loop: loop, host: "localhost", port: 80) { result in
            if case .success(let addresses) = result { #expect(!addresses.isEmpty) }
            told.tell()
        }
    }
}

/// Counts the answers it gets. Loop-confined.
private final class Told {
    private(set) var times = 0
    var then: () -> Void = {}

    func tell() {
        times += 1
        then()
    }
}

/// Waits at most ten seconds.
private func becomesTrue(_ condition: () async -> Bool) async {
    let end = ContinuousClock.now + .seconds(10)
    while !(await condition()), ContinuousClock.now < end { try? await Task.sleep(for: .milliseconds(1)) }
}

extension EventLoop {
    /// What `question` finds on the loop.
    fileprivate func asks<Value: Sendable>(_ question: @escaping @Sendable () async -> Value) async -> Value {
        await withCheckedContinuation { continuation in
            spawn { continuation.resume(returning: await question()) }
        }
    }
}
