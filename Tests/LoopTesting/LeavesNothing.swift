package import EventLoop
package import Testing

/// The loops of the test that is running.
package enum TestLoops {
    @TaskLocal fileprivate static var current: EventLoopGroup?

    /// Two loops that the test's trait has started and will stop.
    package static var group: EventLoopGroup {
        guard let current else { preconditionFailure("Invalid state: the suite lacks .leavesNothing") }
        return current
    }
}

/// Gives each test loops of its own and checks at its end, failed or not, that nothing is left on them: no task, no
/// timer, no watcher, no connection.
package struct LeavesNothing: SuiteTrait, TestTrait, TestScoping {
    package var isRecursive: Bool { true }

    package func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        let group = EventLoopGroup(count: 2)
        let result = await Result.of { try await TestLoops.$current.withValue(group, operation: function) }
        await group.becomesQuiet()
        #expect(group.openTasks == 0, "tasks are left")
        #expect(group.openHandles == 0, "timers, watchers or connections are left")
        group.shutdown()
        try result.get()
    }
}

extension Trait where Self == LeavesNothing {
    /// Loops of its own for each test, on which nothing may be left at its end.
    package static var leavesNothing: Self { Self() }
}

extension EventLoopGroup {
    /// Waits until nothing is open on the loops, at most ten seconds: a handle is gone a turn after it was closed.
    package func becomesQuiet() async {
        let end = ContinuousClock.now + .seconds(10)
        while openTasks + openHandles > 0, ContinuousClock.now < end { try? await Task.sleep(for: .milliseconds(1)) }
    }
}

extension Result where Failure == any Error {
    fileprivate static func of(_ body: () async throws -> Success) async -> Self {
        do { return .success(try await body()) } catch { return .failure(error) }
    }
}

/// Remembers objects without keeping them, to see that they have gone.
package final class Remembered {
    private struct Entry {
        weak var object: AnyObject?
    }

    private var entries: [Entry] = []

    package init() {}

    package func add(_ object: AnyObject) { entries.append(Entry(object: object)) }

    /// How many are still there.
    package var alive: Int { entries.count { $0.object != nil } }
}
