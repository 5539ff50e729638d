import Glibc

/// Runs what blocks on a thread of its own: the pool may have two, and other tests block those.
func onOwnThread<Value: Sendable>(_ work: @escaping @Sendable () -> Value) async -> Value {
    await withCheckedContinuation { continuation in
        let job = Unmanaged.passRetained(Job { continuation.resume(returning: work()) })
        var thread = pthread_t()
        let status = pthread_create(
            &thread, nil,
            { argument in
                Unmanaged<Job>.fromOpaque(argument!).takeRetainedValue().run()
                return nil
            }, job.toOpaque())
        precondition(status == 0, "pthread_create: \(status)")
        pthread_detach(thread)
    }
}

private final class Job {
    let run: () -> Void

    init(_ run: @escaping () -> Void) { self.run = run }
}
