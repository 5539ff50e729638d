import Synchronization

/// Lets concurrent calls for the same key share one piece of work. A caller that gives up does not stop the work: others
/// may wait for it, and a write must not be abandoned half way.
package final class SingleFlight<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private typealias Outcome = (result: Result<Value, any Error>, joined: Bool)

    private struct Waiter: Sendable {
        let continuation: CheckedContinuation<Outcome, Never>
        let joined: Bool
    }

    private let flights = Mutex<[Key: [Waiter]]>([:])
    private let spawn: Spawn

    package init(spawn: @escaping Spawn) { self.spawn = spawn }

    /// The work's result, and whether this call joined a flight that was under way.
    package func run(
        _ key: Key, _ work: @escaping @Sendable () async throws -> Value
    ) async throws -> (value: Value, joined: Bool) {
        let outcome: Outcome = await withCheckedContinuation { continuation in
            let isFirst = flights.withLock { flights in
                let isFirst = flights[key] == nil
                flights[key, default: []].append(Waiter(continuation: continuation, joined: !isFirst))
                return isFirst
            }
            if isFirst { begin(key, work) }
        }
        return (try outcome.result.get(), outcome.joined)
    }

    private func begin(_ key: Key, _ work: @escaping @Sendable () async throws -> Value) {
        spawn { [self] in
            let result = await outcome(of: work)
            let waiters = flights.withLock { $0.removeValue(forKey: key) ?? [] }
            for waiter in waiters { waiter.continuation.resume(returning: (result, waiter.joined)) }
        }
    }
}

/// Does work to its end, also when the caller is cancelled meanwhile: writes that only help together are not abandoned half way.
func uninterrupted<Value: Sendable>(
    _ spawn: Spawn, _ work: @escaping @Sendable () async throws -> Value
) async throws -> Value {
    let result: Result<Value, any Error> = await withCheckedContinuation { continuation in
        spawn { continuation.resume(returning: await outcome(of: work)) }
    }
    return try result.get()
}

private func outcome<Value: Sendable>(
    of work: @Sendable () async throws -> Value
) async -> Result<Value, any Error> {
    do { return .success(try await work()) } catch { return .failure(error) }
}

/// Starts work that outlives its starter, on the executor the starter runs on.
package typealias Spawn = @Sendable (@escaping @Sendable () async -> Void) -> Void
