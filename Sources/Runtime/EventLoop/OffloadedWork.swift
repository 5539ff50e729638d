import CUV
import Synchronization

extension EventLoop {
    /// Runs what may block, such as reading a file, on one of libuv's worker threads and resumes the caller with its
    /// result. There are four of them for the whole process: not for the path of a request.
    ///
    /// It is not cancelled: the caller waits until it is done, and so does a loop that stops.
    package func offload<Value: Sendable>(_ work: @escaping @Sendable () -> Value) async -> Value {
        let box = ResultBox<Value>()
        await withCheckedContinuation { continuation in
            execute { [self] in
                OffloadedWork {
                    box.value.withLock { $0 = work() }
                } done: {
                    continuation.resume()
                }.start(on: self)
            }
        }
        guard let value = box.value.withLock({ $0 }) else { preconditionFailure("Invalid state: no result") }
        return value
    }
}

/// Carries a result between threads.
private final class ResultBox<Value: Sendable>: Sendable {
    let value = Mutex<Value?>(nil)
}

/// One request to libuv's workers. It keeps itself until libuv has called back on the loop.
@safe private final class OffloadedWork: Sendable {
    nonisolated(unsafe) private let raw: UnsafeMutablePointer<uv_work_t>
    private let work: @Sendable () -> Void
    private let done: @Sendable () -> Void

    init(_ work: @escaping @Sendable () -> Void, done: @escaping @Sendable () -> Void) {
        unsafe raw = .allocate(capacity: 1)
        self.work = work
        self.done = done
    }

    deinit { unsafe raw.deallocate() }

    func start(on loop: EventLoop) {
        // Retained until the callback on the loop, which libuv makes also for a loop that stops.
        unsafe raw.pointee.data = Unmanaged.passRetained(self).toOpaque()
        let status = unsafe uv_queue_work(
            loop.raw, raw,
            { request in
                unsafe Unmanaged<OffloadedWork>.fromOpaque(request!.pointee.data).takeUnretainedValue().work()
            },
            { request, _ in
                unsafe Unmanaged<OffloadedWork>.fromOpaque(request!.pointee.data).takeRetainedValue().done()
            })
        precondition(status == 0, "uv_queue_work: \(UVError(status))")
    }
}
